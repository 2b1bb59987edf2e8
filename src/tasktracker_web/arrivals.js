// What others have just changed, for a moment, so that views can mark it.

import { EDITABLE, isSame } from "./sync/items.js";
import { t } from "./texts/texts.js";
import { toast } from "./toasts.js";
import { effect, signal } from "./vendor/preact-signals-core.js";

/** @typedef {import("./sync/items.js").Task} Task */

const SHOWN_MS = 2500;

/** If more tasks arrive at once, for example after some days offline, marks would not help. */
const MANY = 50;

/** The fields that have arrived, by the id of their task. @type {import("@preact/signals-core").Signal<ReadonlyMap<string, ReadonlySet<string>>>} */
export const arrived = signal(new Map());

/**
 * Mark from now on fields that arrive by sync. Changes on this device are pending at first, and equal when they are
 * received again, so they are never marked. The rule moves to the next occurrence as a task is completed.
 * @param {{ tasks: import("./sync/collection.js").Collection<Task>, isComplete: { peek(): boolean } }} copy
 */
export function markArrivals({ tasks, isComplete }) {
  tasks.listen((changes) => {
    if (!isComplete.peek()) return;
    /** @type {Map<string, Set<string>>} */
    const found = new Map();
    for (const [before, after] of changes) {
      if (!after || after.pending) continue;
      const names = EDITABLE.task.filter((name) => !(name === "recurrence" && after.next) && !isSame(before?.[/** @type {keyof Task} */ (name)], after[/** @type {keyof Task} */ (name)]));
      if (names.length > 0) found.set(after.id, new Set(names));
    }
    if (found.size === 0 || found.size > MANY) return;
    arrived.value = new Map([...arrived.value, ...found]);
    setTimeout(() => (arrived.value = new Map([...arrived.value].filter(([id, names]) => found.get(id) !== names))), SHOWN_MS);
  });
}

/** The ids of tasks and categories that the user has left on this device. @type {Set<string>} */
export const left = new Set();

/**
 * Say from now on which categories of others pass to the user, and which of them are gone.
 * @param {{ categories: import("./sync/collection.js").Collection<import("./sync/items.js").Category>, isComplete: { peek(): boolean } }} copy @param {string} me
 */
export function sayWhatPasses({ categories, isComplete }, me) {
  categories.listen((changes) => {
    if (!isComplete.peek()) return;
    const ofOthers = changes.filter(([before]) => before && before.owner !== null && before.owner !== me);
    const names = (/** @type {typeof changes} */ some) => some.map(([before]) => t("quoted", { text: before?.name ?? "" })).join(", ");
    const [mine, gone] = [ofOthers.filter(([, after]) => after?.owner === me), ofOthers.filter(([before, after]) => !after && !left.has(before?.id ?? ""))];
    const texts = [mine.length > 0 && t("list.yours", { names: names(mine) }), gone.length > 0 && t("list.gone", { names: names(gone) })];
    if (texts.some(Boolean)) toast(texts.filter(Boolean).join(" "));
  });
}

/**
 * Say from now on which edits need a decision: until then, a message says that they are made.
 * @param {Pick<import("./sync/copy.js").Copy, "issues" | "isRead" | "tasks">} copy @param {(issue: import("./sync/store.js").Issue) => void} show
 */
export function sayWhatNeedsDecision({ issues, isRead, tasks }, show) {
  /** @type {Set<string> | null} */
  let known = null;
  return effect(() => {
    const all = issues.value;
    if (!isRead.value) return;
    const issue = known && all.find(({ mutation }) => !known?.has(mutation));
    known = new Set([...(known ?? []), ...all.map(({ mutation }) => mutation)]);
    if (!issue) return;
    const { item, data } = issue;
    const title = item.title ?? item.name ?? data.title ?? data.name ?? tasks.peek().get(data.task)?.title ?? "";
    toast(t("issue.new", { title }), { label: t("issue.show"), act: async () => show(issue) });
  });
}

/** Return the class of an element that shows a task, or a field of it. @param {string} id @param {string} [name] */
export function arrival(id, name) {
  const names = arrived.value.get(id);
  return names && (name === undefined || names.has(name)) ? "arrived" : "";
}
