// The tasks of a copy in the orders of the lists. A change moves only the changed tasks, because sorting ten thousand
// takes longer than a frame.

import { now } from "./clock.js";
import { dueBefore, inOrder, isDue, isOpen, lastDoneFirst, ORDERS, STATES } from "./tasks.js";
import { startOfDay } from "./texts/texts.js";
import { computed, signal } from "./vendor/preact-signals-core.js";

/** @typedef {import("./sync/items.js").Task} Task */
/** @template T @typedef {import("@preact/signals-core").ReadonlySignal<T>} Signal */
/** @typedef {import("./sync/collection.js").Collection<Task>} Tasks */
/** @typedef {(a: Task, b: Task) => number} Order */

/** For more changes than this, sorting everything is faster. */
const MANY = 100;

export class Lists {
  /** The open tasks. Tasks with a due date come first, by its time. @type {Signal<Task[]>} */
  open;
  /** The open tasks that are overdue or due today. @type {Signal<Task[]>} */
  today;
  /** The open tasks that are due after today. @type {Signal<Task[]>} */
  upcoming;
  /** The tasks that are done or cancelled. @type {Signal<Task[]>} */
  done;
  /** The number of open tasks in each category. @type {Signal<Map<string | null, number>>} */
  counts;
  /** The number of tasks directly below each task, and of those that are not open. @type {Signal<Map<string | null, number>>} */
  below;
  /** @type {Signal<Map<string | null, number>>} */
  doneBelow;
  /** The tasks directly below each task. @type {Signal<Map<string, Task[]>>} */
  children;
  /** The tasks in each state. @type {Record<Task["state"], Signal<Task[]>>} */
  byState;
  /** The open tasks that others share with the user, by the id of their owner. @type {Signal<Map<string, Task[]>>} */
  shared;
  /** The ids of the tasks of which the user will be reminded. @type {Signal<Set<string>>} */
  reminded;
  /** By one of `ORDERS`. @type {(order: string) => Signal<Task[]>} */
  openBy;

  /** @param {Tasks} tasks @param {string} user @param {import("./sync/collection.js").Collection<import("./sync/items.js").Reminder>} reminders */
  constructor(tasks, user, reminders) {
    this.open = sorted(tasks, isOpen, inOrder);
    /** @type {Record<string, Signal<Task[]>>} */
    const orders = { due: this.open };
    this.openBy = (order) => (orders[order] ??= sorted(tasks, isOpen, ORDERS[order]));
    this.done = sorted(tasks, (task) => !isOpen(task), lastDoneFirst);
    const tomorrow = computed(() => position(this.open.value, (task) => !dueBefore(task, startOfDay(now.value, 1))));
    const never = computed(() => position(this.open.value, (task) => !isDue(task)));
    this.today = computed(() => this.open.value.slice(0, tomorrow.value));
    this.upcoming = computed(() => this.open.value.slice(tomorrow.value, never.value));
    this.counts = counted(tasks, isOpen, ({ category }) => category);
    this.below = counted(tasks, isSubtask, parentOf);
    this.doneBelow = counted(tasks, (task) => isSubtask(task) && !isOpen(task), parentOf);
    const subtasks = sorted(tasks, isSubtask, inOrder);
    this.children = computed(() => grouped(subtasks.value, ({ parent }) => String(parent)));
    const others = sorted(tasks, (task) => isOpen(task) && task.owner !== null && task.owner !== user, inOrder);
    this.shared = computed(() => grouped(others.value, ({ owner }) => String(owner)));
    const waiting = computed(() => [...reminders.value.values()].flatMap(({ task, pending, fires_at }) => (pending || new Date(fires_at ?? 0) > now.value ? task : [])).join());
    this.reminded = computed(() => new Set(waiting.value.split(","))); // the same one while nothing changes
    const inState = (/** @type {Task["state"]} */ state) =>
      computed(() => (isOpen({ state }) ? this.open : this.done).value.filter((task) => task.state === state));
    this.byState = /** @type {any} */ (Object.fromEntries(STATES.map((state) => [state, inState(state)])));
  }
}

/** Return the tasks by a key. @param {Task[]} tasks @param {(task: Task) => string} keyOf */
function grouped(tasks, keyOf) {
  /** @type {Map<string, Task[]>} */
  const groups = new Map();
  for (const task of tasks) {
    const group = groups.get(keyOf(task));
    if (group) group.push(task);
    else groups.set(keyOf(task), [task]);
  }
  return groups;
}

/** @param {Task} task */
const parentOf = ({ parent }) => parent;
/** @param {Task} task */
const isSubtask = ({ parent }) => parent !== null;

/** Return the number of some of the tasks by a key, such as their category. @param {Tasks} tasks @param {(task: Task) => boolean} includes @param {(task: Task) => string | null} keyOf @returns {Signal<Map<string | null, number>>} */
function counted(tasks, includes, keyOf) {
  /** @type {Map<string | null, number>} */
  const counts = new Map();
  const counting = (/** @type {Task | undefined} */ task) => (task && includes(task) ? keyOf(task) : undefined);
  const add = (/** @type {string | null | undefined} */ key, /** @type {number} */ number) => {
    if (key !== undefined) counts.set(key, (counts.get(key) ?? 0) + number);
  };
  for (const task of tasks.peek().values()) add(counting(task), 1);
  const shown = signal(new Map(counts));
  tasks.listen((changes) => {
    const moves = changes.map(([before, after]) => [counting(before), counting(after)]).filter(([from, to]) => from !== to);
    if (moves.length === 0) return;
    for (const [from, to] of moves) {
      add(from, -1);
      add(to, 1);
    }
    shown.value = new Map(counts);
  });
  return shown;
}

/**
 * Return some of the tasks, in an order that is kept when tasks change. No two tasks are equal in that order.
 * @param {Tasks} tasks @param {(task: Task) => boolean} includes @param {Order} order
 * @returns {Signal<Task[]>}
 */
export function sorted(tasks, includes, order) {
  const all = () => [...tasks.peek().values()].filter(includes).sort(order);
  const list = signal(all());
  tasks.listen((changes) => {
    if (changes.length > MANY) return void (list.value = all());
    const gone = changes.flatMap(([before]) => (before && includes(before) ? [before] : []));
    const added = changes.flatMap(([, after]) => (after && includes(after) ? [after] : []));
    if (gone.length + added.length === 0) return;
    const rows = [...list.peek()];
    const at = (/** @type {Task} */ task) => position(rows, (each) => order(each, task) >= 0);
    for (const task of gone) rows.splice(at(task), 1);
    for (const task of added) rows.splice(at(task), 0, task);
    list.value = rows;
  });
  return list;
}

/** Return the position of the first task for which something is true. It is true for all tasks after that. @param {Task[]} rows @param {(task: Task) => boolean} isTrue */
function position(rows, isTrue) {
  let [low, high] = [0, rows.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (isTrue(rows[middle])) high = middle;
    else low = middle + 1;
  }
  return low;
}
