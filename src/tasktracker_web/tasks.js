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
  const due = compared(a.due_date ?? LAST, b.due_date ?? LAST);
  return due || b.priority - a.priority || compared(b.created_at ?? LAST, a.created_at ?? LAST) || compared(b.id, a.id);
}

/** After all times, which are compared as text: all are in UTC. */
const LAST = "~";

/** @param {string} a @param {string} b */
function compared(a, b) {
  return a < b ? -1 : a > b ? 1 : 0;
}
