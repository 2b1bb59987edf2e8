// What views ask about tasks.

/** @typedef {import("./sync/items.js").Task} Task */

/** @param {Task} task */
export function isOpen({ state }) {
  return state !== "done" && state !== "cancelled";
}

/** Whether a task is due before a moment. @param {Task} task @param {Date} moment */
export function dueBefore({ due_date }, moment) {
  return due_date !== null && new Date(due_date) < moment;
}

/** The order of lists: what is due first, then what is urgent, then what is new. @param {Task} a @param {Task} b */
export function inOrder(a, b) {
  const due = (a.due_date ? Date.parse(a.due_date) : Infinity) - (b.due_date ? Date.parse(b.due_date) : Infinity);
  if (due) return due; // not if neither is due: the difference is not a number
  return b.priority - a.priority || (b.created_at ?? "~").localeCompare(a.created_at ?? "~") || b.id.localeCompare(a.id);
}
