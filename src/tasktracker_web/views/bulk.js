// What can be done with all selected tasks at once.

import { useCopy, useFiling, useMe } from "../account.js";
import { h, html } from "../html.js";
import { selected, selectNothing } from "../selection.js";
import { canEdit, canOrganise, onDay, isOpen, topmost } from "../tasks.js";
import { dayFrom, startOfDay, t } from "../texts/texts.js";
import { undoable } from "../toasts.js";
import { useRef, useState } from "../vendor/preact-hooks.js";
import "../vendor/preact-signals.js";
import { Icon } from "./icon.js";
import { byName } from "./sidebar.js";

/** @typedef {import("../sync/items.js").Task} Task */

/** The days of the menu, from today. */
const DAYS = { today: 0, tomorrow: 1, week: 7 };
/** The deletion of more tasks than this can be undone for more seconds. */
const [MANY, LONG] = [20, 30];

export function Bulk() {
  const copy = useCopy();
  const me = useMe();
  const [asksDay, askDay] = useState(false);
  const toolbar = useRef(/** @type {HTMLElement | null} */ (null));
  const mayFile = useFiling();
  const tasks = [...selected.value].flatMap((id) => copy.tasks.value.get(id) ?? []);
  if (tasks.length === 0) return null;
  const categories = copy.categories.value;
  const ids = (/** @type {typeof canEdit} */ isAllowed) => tasks.filter((task) => isAllowed(task, me, categories)).map(({ id }) => id);
  const canMove = (/** @type {string | null} */ category) => (/** @type {Task} */ task) => task.category !== category && mayFile(task, category);
  /** The tasks stay selected while they are shown. The message says how many of the selected tasks the user may not change, and how many end their series. @param {string[]} changed @param {(ids: string[]) => Promise<import("../sync/copy.js").Undo>} change @param {string} text @param {number} [seconds] @param {boolean} [isEnd] whether tasks do not recur after it */
  const act = (changed, change, text, seconds, isEnd = false) => {
    askDay(false);
    toolbar.current?.focus(); // a menu or a field would get the next key
    const count = tasks.length - changed.length;
    const ended = isEnd ? tasks.filter(({ id, recurrence }) => recurrence && changed.includes(id)).length : 0;
    const texts = [t(text, { count: changed.length }), ...(ended > 0 ? [t("bulk.ended", { count: ended })] : []), ...(count > 0 ? [t("bulk.left", { count })] : [])];
    if (changed.length > 0) void undoable(change(changed), texts.join(". "), seconds);
  };
  const [canChange, canTrash] = [ids(canEdit).length > 0, ids(canOrganise).length > 0];
  const moves = [{ id: null, name: t("task.category.none") }, ...byName(categories)].filter(({ id }) => tasks.some(canMove(id)));
  const edit = (/** @type {Partial<Task>} */ fields, isAllowed = canEdit, text = "bulk.edited") =>
    act(ids(isAllowed), (changed) => copy.editAll("task", changed, fields), text, undefined, fields.due_on === null && !fields.due_date);
  const due = (/** @type {string} */ day) => {
    if (day === "other") askDay(true);
    else edit(onDay(day === "none" ? null : dayFrom(startOfDay(new Date(), DAYS[/** @type {keyof DAYS} */ (day)]))));
  };
  /** Subtasks of selected tasks are deleted with them, and count, too. */
  const trash = () => {
    const trashed = ids(canOrganise);
    act(trashed, () => copy.trashAll(topmost(copy.tasks.value, new Set(trashed))), "bulk.trashed", trashed.length > MANY ? LONG : undefined, true);
  };
  const isDone = tasks.every((task) => !isOpen(task));
  /** A menu that begins with its own name. @param {string} label @param {[value: string | number, text: string][]} options @param {(value: string) => void} choose */
  const menu = (label, options, choose) => html`<select aria-label=${label} onChange=${(/** @type {any} */ { target }) => {
      const { value } = target;
      target.selectedIndex = 0;
      choose(value);
    }}>
    <option value="" selected disabled>${label}</option>
    ${options.map(([value, text]) => html`<option value=${value}>${text}</option>`)}
  </select>`;
  return html`<div class="bulk" role="toolbar" aria-label=${t("bulk")} tabindex="-1" ref=${toolbar}>
    <button class="quiet" aria-label=${t("bulk.clear")} onClick=${selectNothing}>${h(Icon, { name: "close" })}</button>
    <span role="status">${t("bulk.count", { count: tasks.length })}</span>
    ${!canChange && html`<span class="hint">${t("bulk.read-only")}</span>`}
    ${canChange &&
    html`<button class="complete" onClick=${() => (isDone ? edit({ state: "open" }, canEdit, "bulk.reopened") : edit({ state: "done" }, canEdit, "bulk.completed"))}>${t(isDone ? "bulk.reopen" : "bulk.complete")}</button>
      ${asksDay
        ? html`<input type="date" autofocus aria-label=${t("task.due")} onChange=${(/** @type {any} */ event) => event.target.value && edit(onDay(event.target.value))} />`
        : menu(t("task.due"), [...Object.keys(DAYS), "none", "other"].map((day) => [day, t(`bulk.due.${day}`)]), due)}
      ${menu(t("task.priority"), [4, 3, 2, 1].map((each) => [each, t(`priority.${each}`)]), (value) => edit({ priority: /** @type {Task["priority"]} */ (Number(value)) }))}`}
    ${moves.length > 0 &&
    menu(
      t("task.category"),
      moves.map(({ id, name }) => [id ?? "none", name]),
      (value) => {
        const category = value === "none" ? null : value;
        edit({ category }, canMove(category));
      },
    )}
    ${canTrash && html`<button class="negative trash" onClick=${trash}>${t("bulk.trash")}</button>`}
  </div>`;
}
