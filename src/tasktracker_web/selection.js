// The tasks that are selected in the list that is shown.

import { signal } from "./vendor/preact-signals-core.js";

/** The ids of the selected tasks. @type {import("@preact/signals-core").Signal<ReadonlySet<string>>} */
export const selected = signal(new Set());

/** Whether boxes to select tasks are shown without pointing at a task. */
export const isSelecting = signal(false);

/** The task from which a range is selected. */
let anchor = "";

/** Select a task, or end its selection. @param {string} id @param {boolean} [isSelected] */
export function select(id, isSelected = !selected.value.has(id)) {
  const next = new Set(selected.value);
  if (isSelected) next.add(id);
  else next.delete(id);
  anchor = id;
  selected.value = next;
}

/** Select all tasks from the one that was selected last to another. @param {string[]} ids of the list, in its order @param {string} id */
export function selectTo(ids, id) {
  const [from, to] = [ids.indexOf(anchor), ids.indexOf(id)].sort((a, b) => a - b);
  if (from === -1) select(id, true);
  else selected.value = new Set([...selected.value, ...ids.slice(from, to + 1)]);
}

/** @param {Iterable<string>} ids */
export function selectAll(ids) {
  selected.value = new Set(ids);
}

/** End the selection of tasks that are not shown, because an action on them would surprise the user. @param {{ id: string }[]} shown */
export function selectShown(shown) {
  const before = selected.peek();
  if (before.size === 0) return;
  const kept = shown.filter(({ id }) => before.has(id));
  if (kept.length === 0) selectNothing();
  else if (kept.length < before.size) selected.value = new Set(kept.map(({ id }) => id));
}

export function selectNothing() {
  anchor = "";
  isSelecting.value = false;
  selected.value = new Set();
}
