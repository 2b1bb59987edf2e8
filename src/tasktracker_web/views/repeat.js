// The rule by which a task recurs: how it is chosen, in words, and its next dates.

import { useCopy, useMe } from "../account.js";
import { arrival } from "../arrivals.js";
import { now } from "../clock.js";
import { h, html } from "../html.js";
import { changed, formOf, moved, newForm, numbersFor, SAME, textFrom, usualRules } from "../recurrence/form.js";
import { MAX_COUNT, MAX_INTERVAL, parse } from "../recurrence/rule.js";
import { dueOf, firstSlot, hasSlot, hasStart, localDue, nextDates, slotOf } from "../recurrence/slots.js";
import { inWords, monthName, nth, weekdayName } from "../recurrence/words.js";
import { url } from "../router.js";
import { asReturned } from "../sync/items.js";
import { canEdit, isDue, isOpen, newest } from "../tasks.js";
import { dayFrom, dueText, dueWithin, locale, t } from "../texts/texts.js";
import { useEffect, useRef, useState } from "../vendor/preact-hooks.js";
import "../vendor/preact-signals.js";
import { skip } from "./acts.js";
import { loadStyle } from "./panel/panel.js";

await loadStyle("repeat");

/** @typedef {import("../sync/items.js").Task} Task */
/** @typedef {import("../recurrence/rule.js").Recurrence} Recurrence */
/** @typedef {import("../recurrence/form.js").Form} Form */

const FREQUENCIES = /** @type {const} */ (["DAILY", "WEEKLY", "MONTHLY", "YEARLY"]);
const WEEKDAYS = [0, 1, 2, 3, 4, 5, 6];
const MONTHS = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
const COUNT = 5;
/** The choices of the menu that are no rules. */
const [CURRENT, OTHER] = ["current", "other"];
const inYear = new Intl.DateTimeFormat(locale, { weekday: "short", day: "numeric", month: "short", year: "numeric" });

/** @param {{ task: Task, save: (fields: Partial<Task>, news?: string) => void }} props */
export function Repeat({ task, save }) {
  const copy = useCopy();
  const menu = useRef(/** @type {HTMLElement | null} */ (null));
  const [form, setForm] = useState(/** @type {Form | null} */ (null));
  /** A rule that was chosen in a decision has no start until it is received. @type {Recurrence | null} */
  const recurrence = task.recurrence && { ...task.recurrence, start: task.recurrence.start ?? dueOf(task) ?? dayFrom(now.value) };
  useEffect(() => setForm(null), [task.id, recurrence === null]);
  if (copy.tasks.value.has(task.next ?? "") || task.parent || !isOpen(task)) return null;
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const today = dayFrom(now.value);
  const dayOf = (/** @type {string} */ due) => localDue(due, zone).day;
  const due = dueOf(/** @type {Task} */ (asReturned(task)));
  const day = dayOf(due ?? today);
  const slot = recurrence && due ? slotOf(task, recurrence) : due;
  const usual = usualRules(day);
  const current = recurrence && formOf(recurrence);
  /** A changed rule starts with this one, so it counts those that are left. @type {Form | null} */
  const opened = current?.ends === "count" ? { ...current, count: leftOf(task, /** @type {Recurrence} */ (recurrence)) + 1 } : current;
  /** The rule as it is in the menu, in which the days are named. */
  const rule = recurrence?.from === "due" ? (current && textFrom(current)) : null;
  const chosen = form ? OTHER : !recurrence ? "" : rule && usual.includes(rule) ? rule : CURRENT;
  const close = () => {
    setForm(null);
    menu.current?.focus();
  };
  /** Return the fields of the task with a rule, which makes it due if it is not. @param {string} rule @param {Recurrence["from"]} from @returns {Partial<Task> | null} null if the rule has no day */
  const fieldsWith = (rule, from) => {
    const given = { rule, time_zone: zone, from, start: due ?? today };
    if (due) return { recurrence: given };
    const first = firstSlot(given, now.value);
    return first ? { recurrence: { ...given, start: String(dueOf(first)) }, ...first } : null;
  };
  const choose = (/** @type {any} */ { target }) => {
    if (target.value === OTHER) return setForm(opened ?? newForm(day));
    setForm(null);
    if (target.value === CURRENT) return;
    const fields = target.value ? fieldsWith(target.value, "due") : { recurrence: null };
    if (fields) save(fields, newsOf(task, fields, now.value));
  };
  const text = form && textFrom(form);
  let made = form && text ? fieldsWith(text, form.from) : null;
  if (form?.ends === "count" && made?.recurrence && !hasStart(made.recurrence)) {
    const rest = textFrom({ ...form, count: form.count - 1 }); // COUNT does not count a start that is no day of the rule
    made = rest ? fieldsWith(rest, form.from) : null;
  }
  /** What is shown: what is being chosen, or what the task has. */
  const shown = form ? made : recurrence && { recurrence };
  const after = { ...task, ...shown, ...(form && { slot: null }) };
  const dates = shown?.recurrence ? nextDates(after, shown.recurrence, now.value, COUNT) : [];
  const left = shown?.recurrence && parse(shown.recurrence.rule).count ? leftOf(after, shown.recurrence) : 0;
  const isNever = form && text && !(made?.recurrence && hasSlot(made.recurrence));
  const accept = () => {
    if (!made || isNever) return;
    const isSame = slot === due && JSON.stringify(form) === JSON.stringify(opened);
    if (!isSame) save(made, newsOf(task, made, now.value));
    close();
  };
  const isEditable = canEdit(task, useMe(), copy.categories.value);
  return html`<label for="repeat">${t("field.recurrence")}</label>
    <select id="repeat" ref=${menu} class=${arrival(task.id, "recurrence")} value=${chosen} onChange=${choose}>
      <option value="">${t("repeat.never")}</option>
      ${chosen === CURRENT && recurrence && html`<option value=${CURRENT}>${t("repeat.own")}</option>`}
      ${usual.map((rule) => html`<option key=${rule} value=${rule}>${inWords({ rule, from: "due" })}</option>`)}
      <option value=${OTHER}>${t("repeat.custom")}</option>
    </select>
    ${(form || recurrence) &&
    html`<div class="repeat">
      ${form && h(Fields, { form, change: (change) => setForm(changed(form, change)), onClose: close, onDone: accept })}
      <div class="rule" role="status">
        ${shown?.recurrence && (form || chosen === CURRENT) && html`<p>${inWords(form && text ? { ...shown.recurrence, rule: text } : shown.recurrence)}</p>`}
        ${shown?.recurrence && task.due_date && shown.recurrence.time_zone !== zone && html`<p class="hint">${t("repeat.zone", { zone: shown.recurrence.time_zone })}</p>`}
        ${isNever && html`<p class="error">${t(form.ends === "until" ? "repeat.none.until" : "repeat.none")}</p>`}
        ${dates.length > 0 && html`<p class="hint" id="repeat-next">${t("repeat.next")}</p><ol aria-labelledby="repeat-next">${dates.map((due) => html`<li>${dueText(due, now.value, inYear)}</li>`)}</ol>`}
        ${shown?.recurrence && !isNever && (left > 0 || dates.length === 0) && html`<p class="hint">${left > 0 ? t("repeat.left", { count: left }) : t("repeat.left.none")}</p>`}
      </div>
      ${form
        ? html`<div class="buttons"><button class="main" disabled=${!made || isNever} onClick=${accept}>${t("repeat.save")}</button><button onClick=${close}>${t("cancel")}</button></div>`
        : isEditable && html`<div class="buttons">${opened && html`<button class="plain" onClick=${() => setForm(opened)}>${t("repeat.edit")}</button>`}${opened && slot && slot !== due && html`<button class="plain" onClick=${() => setForm(moved(opened, dayOf(slot), day))}>${t("repeat.move")}</button>`}<button class="plain" onClick=${() => skip(task)}>${t("task.skip")}</button></div>`}
    </div>`}`;
}

/** Return how many occurrences come after a task. @param {Task} task @param {Recurrence} recurrence */
function leftOf(task, recurrence) {
  return nextDates(task, recurrence, now.value, MAX_COUNT).length;
}

/** Return what a changed rule means for this one: when it is due now, or that it stays on a day that is none of the rule. @param {Task} task @param {Partial<Task>} fields @param {Date} now */
function newsOf(task, fields, now) {
  const { recurrence } = fields;
  if (!recurrence) return "";
  if (!isDue(task)) return t("repeat.due", { due: dueWithin({ ...task, ...fields }, now) });
  const [next] = nextDates({ ...task, slot: null }, recurrence, now, 1);
  if (recurrence.from === "completion" || !next || hasStart(recurrence)) return "";
  return t("repeat.stays", { due: dueWithin(task, now), next: dueWithin(next, now) });
}

/** What has become of an occurrence, with a link to the open one. @param {{ task: Task }} props */
export function Occurrence({ task }) {
  const last = newest(useCopy().tasks.value, task);
  if (!task.series || (last === task && isOpen(task))) return null;
  const state = isOpen(task) ? "" : `${t(task.state === "done" ? "state.done" : "state.skipped")}. `;
  const link = () => html`<a href=${url(`/task/${last.id}`)}>${isDue(last) ? t("repeat.later", { due: dueWithin(last, now.value) }) : last.title}</a>`;
  return html`<p class="hint">${state}${isOpen(last) ? link() : !last.next && !last.pending && t("did.ended")}</p>`;
}

/** @param {{ form: Form, change: (change: Partial<Form>) => void, onClose: () => void, onDone: () => void }} props */
function Fields({ form, change, onClose, onDone }) {
  const group = useRef(/** @type {HTMLElement | null} */ (null));
  useEffect(() => group.current?.querySelector("input")?.focus(), []);
  const { frequency, interval, weekdays, kind, month, ends, until, count, from } = form;
  const isSame = form.nth === SAME && kind === "day";
  const hasDay = frequency === "MONTHLY" || frequency === "YEARLY";
  const keys = (/** @type {KeyboardEvent} */ event) => {
    if (!["Escape", "Enter"].includes(event.key) || event.isComposing) return;
    if (event.key === "Enter" && !(event.target instanceof HTMLInputElement)) return;
    event.preventDefault();
    event.stopPropagation(); // the task stays open
    if (event.key === "Enter") onDone();
    else onClose();
  };
  /** @param {string} id @param {string} label @param {[value: string | number, text: string][]} options @param {string | number} value @param {(value: any) => void} choose */
  const menu = (id, label, options, value, choose) => html`<select id=${id} aria-label=${label} value=${value} onChange=${(/** @type {any} */ { target }) => choose(options[target.selectedIndex][0])}>
    ${options.map(([each, text]) => html`<option key=${each} value=${each} selected=${each === value}>${text}</option>`)}
  </select>`;
  /** @param {string} label @param {number} value @param {number} max @param {(value: number) => void} choose @param {string} [id] */
  const number = (label, value, max, choose, id) => html`<input id=${id} type="number" inputmode="numeric" min="1" max=${max} aria-label=${label} value=${Number.isNaN(value) ? "" : value} onInput=${(/** @type {any} */ { target }) => choose(target.valueAsNumber)} />`;
  return html`<div class="repeat-fields" role="group" aria-label=${t("repeat.edit")} ref=${group} onKeyDown=${keys}>
    <span>${t("repeat.interval")}</span>
    <div>
      ${number(t("repeat.interval"), interval, MAX_INTERVAL, (value) => change({ interval: value }))}
      ${menu("repeat-unit", t("repeat.unit"), FREQUENCIES.map((each) => [each, t(`repeat.unit.${each}`, { count: interval || 2 })]), frequency, (value) => change({ frequency: value }))}
    </div>
    ${frequency === "WEEKLY" &&
    html`<div class="weekdays" role="group" aria-label=${t("repeat.weekdays")}>
        ${WEEKDAYS.map((day) => html`<label key=${day}><input type="checkbox" aria-label=${weekdayName(day)} checked=${weekdays.includes(day)} onChange=${() => change({ weekdays: WEEKDAYS.filter((each) => (each === day) !== weekdays.includes(each)) })} /><span aria-hidden="true">${weekdayName(day, true)}</span></label>`)}
      </div>`}
    ${hasDay &&
    html`<span>${t("repeat.within")}</span>
      <div class="within">
        ${menu("repeat-nth", t("repeat.which"), numbersFor(form).map((each) => [each, each === SAME ? t("repeat.same") : nth(each)]), form.nth, (value) => change({ nth: value }))}
        ${!isSame && menu("repeat-kind", t("repeat.weekday"), [["day", t("repeat.day")], .../** @type {[number, string][]} */ (WEEKDAYS.map((day) => [day, weekdayName(day)]))], kind, (value) => change({ kind: value }))}
      </div>`}
    ${frequency === "YEARLY" && !isSame &&
    html`<span>${t("repeat.month")}</span>
      <div>${menu("repeat-month", t("repeat.month"), MONTHS.map((each) => [each, monthName(each)]), month, (value) => change({ month: value }))}</div>`}
    <span>${t("repeat.from")}</span>
    <div>${menu("repeat-from", t("repeat.from"), [["due", t("repeat.from.due")], ["completion", t("repeat.from.completion")]], from, (value) => change({ from: value }))}</div>
    <span>${t("repeat.ends")}</span>
    <div class="ends">
      ${menu("repeat-ends", t("repeat.ends"), /** @type {[string, string][]} */ (["never", "until", ...(from === "due" ? ["count"] : [])].map((each) => [each, t(`repeat.ends.${each}`)])), ends, (value) => change({ ends: value }))}
      ${ends === "until" && html`<input type="date" aria-label=${t("repeat.ends.day")} value=${until} onChange=${(/** @type {any} */ { target }) => change({ until: target.value })} />`}
      ${ends === "count" && number(t("repeat.ends.times"), count, MAX_COUNT, (value) => change({ count: value }))}
    </div>
  </div>`;
}
