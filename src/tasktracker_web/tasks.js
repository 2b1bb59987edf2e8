// What views ask about tasks.

import { canOrganise } from "./sync/items.js";
import { dateFrom, dayFrom, language } from "./texts/texts.js";

export { canOrganise };

/** @typedef {import("./sync/items.js").Task} Task */
/** @typedef {import("./sync/items.js").Category} Category */

/** The states, in their usual order. @type {Task["state"][]} */
export const STATES = ["open", "in_progress", "done", "cancelled"];

/** @param {Pick<Task, "state">} task */
export function isOpen({ state }) {
  return state !== "done" && state !== "cancelled";
}

/** The fields of a task that is due on a day, or at a moment, or never. @param {string | null} day @returns {Pick<Task, "due_on" | "due_date">} */
export function onDay(day) {
  return { due_on: day, due_date: null };
}

/** @param {Date} moment @returns {Pick<Task, "due_on" | "due_date">} */
export function atMoment(moment) {
  return { due_on: null, due_date: moment.toISOString() };
}

/** Whether a task is due at all. @param {Pick<Task, "due_on" | "due_date">} task */
export function isDue({ due_on, due_date }) {
  return !!(due_on || due_date);
}

/** Whether a task is due before a moment: whether its day is over then. @param {Task} task @param {Date} moment */
export function dueBefore({ due_on, due_date }, moment) {
  return due_on ? due_on < dayFrom(moment) : !!due_date && new Date(due_date) < moment;
}

/** Return the day on which a task is due, in the time zone of the browser, as a date. It must be due. @param {Pick<Task, "due_on" | "due_date">} task */
export function dayDue({ due_on, due_date }) {
  return due_on ? dateFrom(due_on) : new Date(/** @type {string} */ (due_date));
}

/** What tasks are ordered by: moments as text, and days after all moments of their last second. @param {Task} task */
function dueKey({ due_on, due_date }) {
  if (!due_on) return due_date ?? LAST;
  let end = ends.get(due_on);
  if (!end) {
    const date = dateFrom(due_on);
    date.setDate(date.getDate() + 1);
    ends.set(due_on, (end = `${new Date(date.getTime() - 1).toISOString().slice(0, -5)}~`));
  }
  return end;
}

/** The keys of days: of ten thousand tasks, many are due on the same. @type {Map<string, string>} */
const ends = new Map();

/** The most levels of a tree of tasks, including the topmost task. */
export const MAX_DEPTH = 5;

/** Return the tasks above a task, the topmost first. @param {ReadonlyMap<string, Task>} tasks @param {Task} task */
export function above(tasks, task) {
  /** @type {Task[]} */
  const found = [];
  for (let next; (next = task.parent ? tasks.get(task.parent) : undefined) && !found.includes(next); task = next) found.unshift(next);
  return found;
}

/** Return the newest occurrence of a series after a task: the task itself if there is none. @param {ReadonlyMap<string, Task>} tasks @param {Task} task */
export function newest(tasks, task) {
  const seen = new Set();
  for (let next; (next = tasks.get(task.next ?? "")) && !seen.has(next); task = next) seen.add(next);
  return task;
}

/** Return those of these ids whose tasks are below no other of these tasks. @param {ReadonlyMap<string, Task>} tasks @param {Set<string>} ids */
export function topmost(tasks, ids) {
  return [...ids].filter((id) => {
    const task = tasks.get(id);
    return task && !above(tasks, task).some((each) => ids.has(each.id));
  });
}

/** Whether a user may change a task. @param {Task} task @param {string} user @param {ReadonlyMap<string, Category>} categories */
export function canEdit(task, user, categories) {
  return task.owners.includes(user) || canOrganise(task, user, categories);
}

/** Whether a user may file tasks in a category. @param {Category} category */
export function canFileIn({ role }) {
  return role !== "viewer";
}

/**
 * Whether a user may file a task in a category, or in none (docs/api.md, "Sharing categories").
 * @param {Task} task @param {string | null} to @param {string} user
 * @param {{ tasks: ReadonlyMap<string, Task>, categories: ReadonlyMap<string, Category>, children: ReadonlyMap<string, Task[]> }} copy
 */
export function canFile(task, to, user, { tasks, categories, children }) {
  if (!canOrganise(task, user, categories)) return false;
  if (to === task.category) return true;
  const [from, target, top] = [task.category, to, above(tasks, task)[0]?.category].map((id) => categories.get(id ?? ""));
  if (target && !canFileIn(target)) return false;
  if (task.parent) return ![target, top].some((each) => each && (each.role !== "owner" || each.members.length > 0));
  if (!from || from.role === "owner") return true;
  const tree = new Set([task]);
  for (const each of tree) for (const child of children.get(each.id) ?? []) tree.add(child); // grows meanwhile
  return [...tree].every(({ created_by, version }) => created_by === user || version === null);
}

/** The order of lists: by due date, then by priority, then the newest first. @param {Task} a @param {Task} b */
export function inOrder(a, b) {
  return compared(dueKey(a), dueKey(b)) || b.priority - a.priority || newestFirst(a, b);
}

/** @param {Task} a @param {Task} b */
function newestFirst(a, b) {
  return compared(b.created_at ?? LAST, a.created_at ?? LAST) || (b.made ?? 0) - (a.made ?? 0) || compared(b.id, a.id);
}

const { compare } = new Intl.Collator(language, { numeric: true });

/** The orders of all tasks. @type {Record<string, (a: Task, b: Task) => number>} */
export const ORDERS = {
  due: inOrder,
  priority: (a, b) => b.priority - a.priority || inOrder(a, b),
  newest: newestFirst,
  title: (a, b) => compare(a.title, b.title) || newestFirst(a, b),
};

/** The order in which tasks were added, the first one first. @param {Task} a @param {Task} b */
export function firstAddedFirst(a, b) {
  return compared(a.created_at ?? LAST, b.created_at ?? LAST) || (a.made ?? 0) - (b.made ?? 0) || compared(a.id, b.id);
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

/** After all times. They are compared as text, because all are in UTC. */
const LAST = "~";

/** @param {string} a @param {string} b */
function compared(a, b) {
  return a < b ? -1 : a > b ? 1 : 0;
}
