// A list of open tasks, with the box that adds to it.

import { useCopy, useLists } from "../account.js";
import { now } from "../clock.js";
import { h, html } from "../html.js";
import { dueBefore } from "../tasks.js";
import { startOfDay, t } from "../texts/texts.js";
import { undoable } from "../toasts.js";
import { useEffect, useRef } from "../vendor/preact-hooks.js";
import "../vendor/preact-signals.js";
import { Rows } from "./rows.js";

/** @typedef {import("../sync/items.js").Task} Task */

/** @param {{ name: string, category: string, key?: string }} props */
export function List({ name, category }) {
  const copy = useCopy();
  const move = useRef((/** @type {KeyboardEvent} */ _) => {});
  useEffect(() => scrollTo(0, 0), []);
  const entries = useEntries(name, category);
  const heading = name === "list" ? copy.categories.value.get(category)?.name : t(`view.${name}`);
  if (heading === undefined && copy.isComplete.value) return html`<p class="empty">${t("list.missing")}</p>`;
  return html`<section class="list" onKeyDown=${(/** @type {KeyboardEvent} */ event) => move.current(event)}>
    <h1>${heading}</h1>
    ${h(AddBox, { name, category })}
    ${entries.length > 0 ? h(Rows, { entries, move }) : h(Empty, { name })}
  </section>`;
}

/** Return the tasks of a list, with the headings between them. @param {string} name @param {string} category @returns {(Task | import("./rows.js").Heading)[]} */
function useEntries(name, category) {
  const { open, today } = useLists();
  if (name === "list") return open.value.filter((task) => task.category === category);
  if (name !== "today") return open.value;
  const due = today.value;
  const isOverdue = (/** @type {Task} */ task) => dueBefore(task, startOfDay(now.value));
  const rest = due.findIndex((task) => !isOverdue(task));
  if (rest === 0 || due.length === 0) return due;
  const late = { id: "overdue", heading: t("overdue"), style: "overdue" };
  if (rest === -1) return [late, ...due];
  return [late, ...due.slice(0, rest), { id: "today", heading: t("today") }, ...due.slice(rest)];
}

/** @param {{ name: string }} props */
function Empty({ name }) {
  const copy = useCopy();
  const { received } = copy.status.value;
  if (!copy.isComplete.value) {
    return html`<p class="empty" role="status">${received ? t("loading.count", { count: received }) : t("loading")}</p>`;
  }
  return html`<div class="empty"><p>${t(`empty.${name}`)}</p>${name !== "list" && html`<p class="hint">${t(`empty.${name}.hint`)}</p>`}</div>`;
}

/** @param {{ name: string, category: string }} props */
function AddBox({ name, category }) {
  const copy = useCopy();
  /** @param {SubmitEvent} event */
  const add = (event) => {
    event.preventDefault();
    const form = /** @type {HTMLFormElement} */ (event.currentTarget);
    const title = String(new FormData(form).get("title")).trim();
    if (!title) return;
    form.reset();
    const endOfDay = new Date(startOfDay(new Date(), 1).getTime() - 60_000);
    const fields = name === "list" ? { category } : name === "today" ? { due_date: endOfDay.toISOString() } : {};
    void undoable(copy.create("task", { ...fields, title }), t("did.create", { title }));
  };
  return html`<form class="add-box" onSubmit=${add}>
    <input name="title" maxlength="200" autocomplete="off" enterkeyhint="done" placeholder=${t("add.label")} aria-label=${t("add.label")} />
    <button>${t("add.button")}</button>
  </form>`;
}
