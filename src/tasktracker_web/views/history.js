// What was changed in a task, by whom, with what undoes each change.

import { useCopy, useFiling, useMe } from "../account.js";
import { now } from "../clock.js";
import { h, html } from "../html.js";
import { DUE, dueAsOne, editable, historyOf, isSame } from "../sync/items.js";
import { onDay } from "../tasks.js";
import { dayAndTime, t } from "../texts/texts.js";
import { undoable } from "../toasts.js";
import { useState } from "../vendor/preact-hooks.js";
import "../vendor/preact-signals.js";
import { useAnswer } from "./answer.js";
import { Value } from "./value.js";

/** @typedef {import("../sync/items.js").Task} Task */
/** @typedef {import("../sync/items.js").Schemas["ChangeView"]} Change */

/** Values that are too long for a line: how much of them is shown, and how much before the first difference. */
const LONG = ["description"];
const [MAX_SHOWN, MAX_BEFORE] = [60, 20];
const RESET = ["edit", "undo", "decide"];
/** For how long the edit of a decision may grow. */
const GROWS_MS = 60_000;

/** @param {{ task: Task, canEdit: boolean }} props */
export function History({ task, canEdit }) {
  const [isOpen, open] = useState(false);
  return html`<details class="history" onToggle=${(/** @type {any} */ event) => open(event.currentTarget.open)}>
    <summary>${t("history")}</summary>
    ${isOpen && h(Changes, { task, canEdit })}
  </details>`;
}

/**
 * Return the history with the decisions on conflicts of this device: those that the server has as edits are marked there.
 * @param {Change[]} changes the last one first @param {import("../sync/copy.js").Decision[]} decisions @param {string} me @returns {(Change & { isDecided?: boolean })[]}
 */
export function withDecisions(changes, decisions, me) {
  /** @type {any[]} */
  const all = [...changes];
  for (const { id, at, fields } of decisions) {
    const isOf = (/** @type {any} */ { actor, made_at, fields: edited }) => {
      const age = Date.parse(made_at) - Date.parse(at);
      return actor?.id === me && age >= 0 && age < GROWS_MS && Object.entries(fields).some(([name, { after }]) => name in edited && isSame(edited[name].after, after));
    };
    const index = all.findIndex(isOf);
    if (index >= 0) all[index] = { ...all[index], isDecided: true };
    else {
      const before = all.findIndex((each) => Date.parse(each.at) < Date.parse(at));
      all.splice(before < 0 ? all.length : before, 0, { id, action: "decide", actor: { id: me }, at, made_at: null, fields, isDecided: true });
    }
  }
  return all;
}

/** @param {{ task: Task, canEdit: boolean }} props */
function Changes({ task, canEdit }) {
  const decisions = useCopy().decisions.value.filter((each) => each.task === task.id);
  const me = useMe();
  const { answer, isOffline } = useAnswer(task.version ? historyOf(task.id) : "", task.version, 1);
  if (!answer) return html`<p class="hint" role="status">${t(isOffline || !task.version ? "history.unknown" : "history.loading")}</p>`;
  return html`${isOffline && html`<p class="hint">${t("history.old", { time: dayAndTime(new Date(answer.at), now.value) })}</p>`}
    <ol>
      ${withDecisions(answer.results, decisions, me).map((change) => h(Line, { key: change.id, task, change, canEdit }))}
    </ol>`;
}

/** @param {{ task: Task, change: Change & { isDecided?: boolean }, canEdit: boolean, key?: string }} props */
function Line({ task, change, canEdit }) {
  const copy = useCopy();
  const me = useMe();
  const { action, actor, fields, at, made_at } = change;
  // The rule moves together with the state to the next occurrence, and back.
  const changes = Object.entries(fields).filter(([name]) => name in editable("task", fields) && !("next" in fields && name === "recurrence"));
  /** The values of the fields then. Of the due day and the due date, the one that was not changed was empty. @param {"before" | "after"} when */
  const values = (when) => {
    const found = Object.fromEntries(changes.map(([name, change]) => [name, change[when]]));
    return DUE.some((name) => name in found) ? { due_on: null, due_date: null, ...found } : found;
  };
  const isCurrent = Object.entries(values("after")).every(([name, after]) => isSame(task[/** @type {keyof Task} */ (name)], after));
  const mayFile = useFiling();
  const isAllowed = changes.every(([name, { before }]) => name !== "category" || mayFile(task, /** @type {string | null} */ (before)));
  const canUndo = canEdit && isAllowed && isCurrent && changes.length > 0 && RESET.includes(action);
  const undo = (/** @type {any} */ event) => {
    event.target.closest("details").querySelector("summary").focus(); // the button disappears
    void undoable(copy.edit("task", task.id, values("before")), t("did.undo"));
  };
  const name = actor?.id === me ? t("history.you") : (actor?.username ?? t("history.deletedAccount"));
  return html`<li>
    <p class="head"><strong dir="auto">${name}</strong> <time datetime=${at}>${dayAndTime(new Date(made_at ?? at), now.value)}</time></p>
    ${RESET.includes(action) && changes.length > 0
      ? Object.entries(dueAsOne(Object.fromEntries(changes))).map(
          ([name, { before, after }]) => html`<p>
              ${t(`field.${name}`)}: ${differing(name, before, after).map((value, index) => html`${index > 0 && " → "}${h(Value, { name, value })}`)}
            </p>
            ${isLong(name, before, after) &&
            html`<details class="whole">
              <summary>${t("history.whole")}</summary>
              <dl><dt>${t("issue.base")}</dt><dd>${h(Value, { name, value: before })}</dd><dt>${t("history.after")}</dt><dd>${h(Value, { name, value: after })}</dd></dl>
            </details>`}`,
        )
      : html`<p>${t(`action.${action}`)}</p>`}
    ${change.isDecided && html`<p class="hint">${t("history.decided")}</p>`}
    ${canUndo && html`<button class="plain" onClick=${undo}>${t("undo")}</button>`}
    ${canEdit && !isCurrent && changes.length > 0 && RESET.includes(action) && html`<p class="hint">${t("history.since")}</p>`}
  </li>`;
}

/** @param {string} name @param {unknown[]} values */
function isLong(name, ...values) {
  return LONG.includes(name) && values.some((value) => String(value ?? "").length > MAX_SHOWN);
}

/** Return two values of a field; of long texts, what is around the first difference, and of a rule that only starts at another time, when. @param {string} name @param {any} before @param {any} after */
function differing(name, before, after) {
  if (name === "recurrence" && before && isSame({ ...before, start: 0 }, { ...after, start: 0 })) return [before, after].map(({ start }) => (start.includes("T") ? { due_date: start } : onDay(start)));
  if (!isLong(name, before, after)) return [before, after];
  const texts = [before, after].map((value) => [...String(value ?? "")]); // whole characters
  let same = 0;
  while (same < texts[0].length && texts[0][same] === texts[1][same]) same++;
  const start = Math.max(0, same - MAX_BEFORE);
  return texts.map((text) => `${start && text.length ? "…" : ""}${text.slice(start, start + MAX_SHOWN).join("")}${text.length > start + MAX_SHOWN ? "…" : ""}`);
}
