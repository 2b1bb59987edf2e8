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

/** The order of tasks that are not open: the last completed first. @param {Task} a @param {Task} b */
export function lastDoneFirst(a, b) {
  return compared(b.completed_at ?? b.updated_at ?? LAST, a.completed_at ?? a.updated_at ?? LAST) || compared(b.id, a.id);
}

/** Return a test whether a task contains all words of a text, in its title or notes. @param {string} text @returns {(task: Task) => boolean} */
export function containing(text) {
  const words = text.toLowerCase().split(/\s+/);
  return ({ title, description }) => {
    const all = `${title}\n${description}`.toLowerCase();
    return words.every((word) => all.includes(word));
  };
}

/** After all times, which are compared as text: all are in UTC. */
const LAST = "~";

/** @param {string} a @param {string} b */
function compared(a, b) {
  return a < b ? -1 : a > b ? 1 : 0;
}
