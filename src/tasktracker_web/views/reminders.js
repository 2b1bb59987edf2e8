// The reminders of a task that the user has set, and the editor of a new one.

import { useCopy } from "../account.js";
import { preferences } from "../calls/account.js";
import { now } from "../clock.js";
import { h, html } from "../html.js";
import { durationOf, firing, MAX_DAYS, MAX_REMINDERS, MINUTES, momentOf, moments, offered, proposed, reminderText } from "../reminders.js";
import { isDue, isOpen } from "../tasks.js";
import { addTexts, dayAndTime, dayFrom, t, timeOf } from "../texts/texts.js";
import { toast, undoable } from "../toasts.js";
import { useEffect, useId, useLayoutEffect, useRef, useState } from "../vendor/preact-hooks.js";
import "../vendor/preact-signals.js";
import { Icon } from "./icon.js";
import { useLoad } from "./panel/loading.js";
import { loadStyle } from "./panel/panel.js";

await Promise.all([addTexts("reminders"), loadStyle("reminders")]);

/** @typedef {import("../sync/items.js").Task} Task */
/** @typedef {import("../sync/items.js").Reminder} Reminder */
/** @typedef {{ at: string } | { before: string }} When */

/** The moments that are named; others are days and times. @type {Record<string, boolean>} */
const SHOWN = { minutes: true, hour: true };
/** @type {import("../reminders.js").Unit[]} */
const UNITS = ["minutes", "hours", "days"];

/** @param {{ task: Task }} props */
export function Reminders({ task }) {
  const copy = useCopy();
  const [isAdding, setAdding] = useState(false);
  const button = useRef(/** @type {HTMLElement | null} */ (null));
  const last = useRef(isAdding);
  useLayoutEffect(() => {
    if (last.current && !isAdding) button.current?.focus();
    last.current = isAdding;
  }, [isAdding]);
  const own = [...copy.reminders.value.values()].filter((each) => each.task === task.id);
  own.sort((a, b) => (a.created_at ?? "~").localeCompare(b.created_at ?? "~") || (a.made ?? 0) - (b.made ?? 0));
  if (own.length === 0 && !isOpen(task)) return null;
  /** @param {When} when */
  const add = (when) => {
    setAdding(false);
    const text = reminderText({ at: null, before: null, ...when }, task, now.value);
    void undoable(copy.create("reminder", { task: task.id, ...when }), t("did.remind", { time: text }));
  };
  return html`<section class="reminders" aria-label=${t("reminders")}>
    <h2>${t("reminders")}</h2>
    ${own.length > 0 && html`<ul>${own.map((each) => h(Row, { key: each.id, reminder: each, task }))}</ul>`}
    ${own.length >= MAX_REMINDERS
      ? html`<p class="hint">${t("reminder.full", { count: MAX_REMINDERS })}</p>`
      : isAdding
        ? h(Editor, { task, own, add, onClose: () => setAdding(false) })
        : html`<button class="plain" ref=${button} onClick=${() => setAdding(true)}>${t("reminder.add")}</button>`}
  </section>`;
}

/** @param {{ reminder: Reminder, task: Task, key?: string }} props */
function Row({ reminder, task }) {
  const copy = useCopy();
  const text = reminderText(reminder, task, now.value);
  const fires = firing(reminder, task, now.value);
  const remove = () => {
    const removing = copy.trash("reminder", reminder.id);
    const done = t("did.unremind", { time: text });
    if (!reminder.at || new Date(reminder.at) > new Date()) void undoable(removing, done);
    else void removing.then(() => toast(done), () => toast(t("error.store"))); // the server accepts no moment of the past
  };
  const when = fires instanceof Date ? (reminder.at ? task.recurrence && t("reminder.once") : t("reminder.fires", { time: dayAndTime(fires, now.value) })) : t(`reminder.${fires}`);
  return html`<li>
    ${h(Icon, { name: "notifications" })}
    <div><span>${text}</span>${when && html`<span class="hint">${when}</span>`}</div>
    ${reminder.pending && html`<span class="pending" role="img" aria-label=${t("pending")} title=${t("pending")}></span>`}
    <button class="quiet" aria-label=${t("reminder.remove", { time: text })} onClick=${remove}>${h(Icon, { name: "close" })}</button>
  </li>`;
}

/** @param {{ task: Task, own: Reminder[], add: (when: When) => void, onClose: () => void }} props */
function Editor({ task, own, add, onClose }) {
  const [form, open] = useState(/** @type {"before" | "at" | ""} */ (""));
  const editor = useRef(/** @type {HTMLElement | null} */ (null));
  const hour = useLoad(preferences).data?.reminder_hour; // without a connection, as most users have it
  useEffect(() => /** @type {HTMLElement | null | undefined} */ (editor.current?.querySelector("button, input"))?.focus(), [form]);
  const keys = (/** @type {KeyboardEvent} */ event) => {
    if (event.key !== "Escape" || event.isComposing) return;
    event.stopPropagation(); // the task stays open
    onClose();
  };
  const close = html`<button type="button" class="plain" onClick=${onClose}>${t("cancel")}</button>`;
  const choices = offered(task, own, now.value, hour);
  return html`<div class="editor" ref=${editor} onKeyDown=${keys}>
    ${form === "before" && h(Before, { task, hour, own, add, close })} ${form === "at" && h(At, { task, own, add, close })}
    ${form === "" &&
    html`${isDue(task)
        ? html`<div class="choices" role="group" aria-label=${t("reminder.choose.before")}>
            ${choices.map((before) => html`<button key=${before} onClick=${() => add({ before })}>${reminderText({ at: null, before }, task, now.value)}</button>`)}
            <button onClick=${() => open("before")}>${t("reminder.own")}</button>
          </div>`
        : html`<p class="hint">${t("reminder.needs-due")}</p>`}
      <div class="choices" role="group" aria-label=${t("reminder.choose.at")}>
        ${moments(now.value)
          .filter(([, date]) => !own.some(({ at }) => at && new Date(at).getTime() === date.getTime()))
          .map(([name, date]) => html`<button key=${name} title=${dayAndTime(date, now.value)} onClick=${() => add({ at: date.toISOString() })}>${SHOWN[name] ? t(`snooze.${name}`) : dayAndTime(date, now.value)}</button>`)}
        <button onClick=${() => open("at")}>${t("reminder.moment")}</button>
      </div>
      ${task.recurrence && html`<p class="hint">${t("reminder.recurs")}</p>`}
      ${close}`}
  </div>`;
}

/** A form for a reminder. @param {{ read: (data: FormData) => When | string, own: Reminder[], add: (when: When) => void, close: any, children: any }} props `read` returns the key of what is wrong */
function Form({ read, own, add, close, children }) {
  const [error, show] = useState("");
  const id = useId();
  const send = (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    const when = read(new FormData(/** @type {HTMLFormElement} */ (event.currentTarget)));
    if (typeof when === "string") return show(when);
    const isSame = (/** @type {Reminder} */ { at, before }) => ("before" in when ? before === when.before : at !== null && new Date(at).getTime() === new Date(when.at).getTime());
    if (own.some(isSame)) return show("reminder.wrong.set");
    add(when);
  };
  return html`<form novalidate onSubmit=${send} aria-describedby=${error ? id : undefined}>
    <div class="line">${children}</div>
    ${error && html`<p class="error" role="alert" id=${id}>${t(error, { count: MAX_DAYS })}</p>`}
    <div class="buttons"><button class="main">${t("reminder.set")}</button>${close}</div>
  </form>`;
}

/** A time before the task is due. If the task recurs, a time that has passed may be set: it is for the next occurrence. @param {Pick<Parameters<typeof Form>[0], "own" | "add" | "close"> & { task: Task, hour?: number }} props */
function Before({ task, hour = 9, ...props }) {
  const read = (/** @type {FormData} */ data) => {
    const [count, unit] = [Number(data.get("count")), /** @type {import("../reminders.js").Unit} */ (data.get("unit"))];
    if (!Number.isInteger(count) || count < 1) return "reminder.wrong.count";
    if (count * MINUTES[unit] > MAX_DAYS * MINUTES.days) return "reminder.wrong.days";
    const before = durationOf(count, unit);
    return task.recurrence || momentOf(task, before, hour) > new Date() ? { before } : "reminder.wrong.passed";
  };
  const children = html`<input name="count" type="number" inputmode="numeric" min="1" value="2" aria-label=${t("reminder.count")} />
    <select name="unit" aria-label=${t("reminder.unit")}>${UNITS.map((each) => html`<option value=${each} selected=${each === "hours"}>${t(`reminder.unit.${each}`)}</option>`)}</select>
    ${task.due_on && html`<p class="hint">${t("reminder.counted", { time: timeOf(new Date(2000, 0, 1, hour)) })}</p>`}`;
  return h(Form, { ...props, read, children });
}

/** A day and a time. @param {Pick<Parameters<typeof Form>[0], "own" | "add" | "close"> & { task: Task }} props */
function At({ task, ...props }) {
  const [first] = useState(() => proposed(task, now.peek()));
  const read = (/** @type {FormData} */ data) => {
    const date = new Date(`${data.get("day")}T${data.get("time")}`);
    if (Number.isNaN(date.getTime())) return "reminder.wrong.moment";
    return date > new Date() ? { at: date.toISOString() } : "reminder.wrong.passed";
  };
  const children = html`<input name="day" type="date" min=${dayFrom(now.value)} value=${dayFrom(first)} aria-label=${t("reminder.on")} />
    <input name="time" type="time" value=${`${first}`.slice(16, 21)} aria-label=${t("reminder.time")} />`;
  return h(Form, { ...props, read, children });
}
