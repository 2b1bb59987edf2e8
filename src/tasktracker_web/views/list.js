// A list of open tasks, with the box that adds to it.

import { useCopy } from "../account.js";
import { h, html } from "../html.js";
import { route, url } from "../router.js";
import { dueBefore, inOrder, isOpen } from "../tasks.js";
import { dayAndTime, startOfDay, t } from "../texts/texts.js";
import { undoable } from "../toasts.js";
import { useEffect, useRef, useState } from "../vendor/preact-hooks.js";
import "../vendor/preact-signals.js";
import { Dot } from "./sidebar.js";

/** @typedef {import("../sync/items.js").Task} Task */

/** How many rows are added when the end of the list comes into view. */
const STEP = 100;

/** @param {{ name: string, category: string, key?: string }} props */
export function List({ name, category }) {
  const copy = useCopy();
  const now = new Date();
  const [midnight, today] = [startOfDay(now, 1), startOfDay(now)];
  const of = copy.categories.value.get(category);
  const heading = name === "list" ? of?.name : t(`view.${name}`);
  if (heading === undefined && copy.isComplete.value) return html`<p class="empty">${t("list.missing")}</p>`;
  const isShown = (/** @type {Task} */ task) =>
    isOpen(task) && (name === "all" || (name === "today" ? dueBefore(task, midnight) : task.category === category));
  const tasks = [...copy.tasks.value.values()].filter(isShown).sort(inOrder);
  const overdue = name === "today" ? tasks.filter((task) => dueBefore(task, today)) : [];
  const rest = tasks.slice(overdue.length);
  /** @type {Partial<Task>} */
  const fields = name === "list" ? { category } : name === "today" ? { due_date: new Date(midnight.getTime() - 60_000).toISOString() } : {};
  return html`<section class="list" onKeyDown=${moveFocus}>
    <h1>${heading}</h1>
    ${h(AddBox, { fields })}
    ${overdue.length > 0 && html`<h2 class="overdue">${t("overdue")}</h2>${h(Rows, { tasks: overdue, now })}`}
    ${overdue.length > 0 && rest.length > 0 && html`<h2>${t("today")}</h2>`}
    ${rest.length > 0 && h(Rows, { tasks: rest, now })}
    ${tasks.length === 0 && h(Empty, { name })}
  </section>`;
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

/** @param {{ fields: Partial<Task> }} props */
function AddBox({ fields }) {
  const copy = useCopy();
  /** @param {SubmitEvent} event */
  const add = (event) => {
    event.preventDefault();
    const form = /** @type {HTMLFormElement} */ (event.currentTarget);
    const title = String(new FormData(form).get("title")).trim();
    if (!title) return;
    form.reset();
    void undoable(copy.create("task", { ...fields, title }), t("did.create", { title }));
  };
  return html`<form class="add-box" onSubmit=${add}>
    <input name="title" maxlength="200" autocomplete="off" enterkeyhint="done" placeholder=${t("add.label")} aria-label=${t("add.label")} />
    <button>${t("add.button")}</button>
  </form>`;
}

/** @param {{ tasks: Task[], now: Date }} props */
function Rows({ tasks, now }) {
  const [limit, setLimit] = useState(STEP);
  const end = useRef(/** @type {Element | null} */ (null));
  useEffect(() => {
    if (!end.current) return;
    const observer = new IntersectionObserver(([entry]) => entry.isIntersecting && setLimit(limit + STEP), { rootMargin: "600px" });
    observer.observe(end.current);
    return () => observer.disconnect();
  }, [limit, tasks.length > limit]);
  return html`<ul class="rows">
      ${tasks.slice(0, limit).map((task) => h(Row, { key: task.id, task, now }))}
    </ul>
    ${tasks.length > limit && html`<div ref=${end}></div>`}`;
}

/** @param {{ task: Task, now: Date, key?: string }} props */
function Row({ task, now }) {
  const copy = useCopy();
  const category = route.value.name !== "list" && task.category ? copy.categories.value.get(task.category) : undefined;
  const parent = task.parent ? copy.tasks.value.get(task.parent) : undefined;
  const isCurrent = route.value.id === task.id;
  return html`<li class=${`row ${isCurrent ? "current" : ""}`}>
    ${h(Check, { task })}
    <a href=${url(`/task/${task.id}`)} aria-current=${isCurrent ? "true" : undefined}>
      <span class="title">${task.title}</span>
      <span class="about">
        ${task.due_date && html`<span class=${dueBefore(task, now) ? "overdue" : ""}>${dayAndTime(new Date(task.due_date), now)}</span>`}
        ${task.priority > 2 && html`<span class=${`priority-${task.priority}`}>${t(`priority.${task.priority}`)}</span>`}
        ${category && html`<span>${h(Dot, { color: category.color ?? "none" })} ${category.name}</span>`}
        ${parent && html`<span>↳ ${parent.title}</span>`}
      </span>
    </a>
    ${task.pending && html`<span class="pending" role="img" aria-label=${t("pending")} title=${t("pending")}></span>`}
  </li>`;
}

/** The circle that completes a task, or opens it again. @param {{ task: Task }} props */
export function Check({ task }) {
  const copy = useCopy();
  const { title } = task;
  const isDone = !isOpen(task);
  const toggle = () =>
    isDone
      ? undoable(copy.edit("task", task.id, { state: "open" }), t("did.reopen", { title }))
      : undoable(copy.complete(task.id), t("did.complete", { title }));
  return html`<button
    class=${`check priority-${task.priority}`}
    aria-pressed=${isDone}
    aria-label=${t(isDone ? "task.reopen" : "task.complete", { title })}
    onClick=${() => void toggle()}
  >
    <svg viewBox="0 0 20 20" aria-hidden="true"><path d="M5 10.5 L8.5 14 L15 6.5" /></svg>
  </button>`;
}

/** Move between the rows by arrow keys, or j and k as in other apps. @param {KeyboardEvent} event */
function moveFocus(event) {
  const step = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1 }[event.key];
  const target = /** @type {HTMLElement} */ (event.target);
  if (!step || event.ctrlKey || event.metaKey || event.altKey || (event.key.length === 1 && target.tagName === "INPUT")) return;
  const links = [.../** @type {HTMLElement} */ (event.currentTarget).querySelectorAll(".row a")];
  const at = links.indexOf(target.closest(".row")?.querySelector("a") ?? target);
  const next = /** @type {HTMLElement | undefined} */ (links[at === -1 && step < 0 ? links.length - 1 : at + step]);
  if (!next) return;
  event.preventDefault();
  next.focus();
}
