// The tasks above and below a task.

import { useCopy, useLists, useMe } from "../account.js";
import { draftOf, useDraft } from "../drafts.js";
import { h, html } from "../html.js";
import { url } from "../router.js";
import { above, canEdit, canOrganise, firstAddedFirst, isOpen, MAX_DEPTH } from "../tasks.js";
import { t } from "../texts/texts.js";
import { undoable } from "../toasts.js";
import { useRef } from "../vendor/preact-hooks.js";
import "../vendor/preact-signals.js";
import { Icon } from "./icon.js";
import { Check, Due } from "./rows.js";

/** @typedef {import("../sync/items.js").Task} Task */

/** The way from the topmost task to a task. @param {{ task: Task }} props */
export function Breadcrumbs({ task }) {
  const parents = above(useCopy().tasks.value, task);
  if (parents.length === 0) return null;
  return html`<nav class="breadcrumbs" aria-label=${t("field.parent")}>
    ${parents.map(({ id, title }) => html`<a dir="auto" key=${id} href=${url(`/task/${id}`)}>${title}</a>`)}
  </nav>`;
}

/** @param {{ task: Task }} props */
export function Subtasks({ task }) {
  const copy = useCopy();
  const me = useMe();
  const field = useRef(/** @type {HTMLInputElement | null} */ (null));
  const kept = useDraft(draftOf(task.id, "subtask"), () => field.current?.value || null, true);
  const tasks = [...(useLists().children.value.get(task.id) ?? [])];
  tasks.sort((a, b) => Number(isOpen(b)) - Number(isOpen(a)) || firstAddedFirst(a, b));
  const open = tasks.filter(isOpen).length;
  const isOrganiser = canOrganise(task, me, copy.categories.value);
  const canAdd = isOrganiser && above(copy.tasks.value, task).length < MAX_DEPTH - 1;
  const isFixed = !isOrganiser && canEdit(task, me, copy.categories.value);
  if (tasks.length === 0 && !canAdd && !isFixed) return null;
  /** @param {SubmitEvent} event */
  const add = (event) => {
    event.preventDefault();
    const form = /** @type {HTMLFormElement} */ (event.currentTarget);
    const title = String(new FormData(form).get("title")).trim();
    if (!title) return;
    form.reset();
    void undoable(copy.create("task", { title, parent: task.id, category: task.category }), t("did.create", { title }));
  };
  return html`<section class="subtasks">
    <h2>
      ${t("subtasks")}
      ${tasks.length > 0 && html`<span class="count">${t("subtasks.done", { done: tasks.length - open, all: tasks.length })}</span>`}
    </h2>
    <ul>
      ${tasks.map(
        (each) => html`<li key=${each.id} data-id=${each.id} class=${isOpen(each) ? "" : "closed"}>
          ${h(Check, { task: each })}
          <a href=${url(`/task/${each.id}`)}><span class="title" dir="auto">${each.title}</span>${h(Due, { task: each })}</a>
        </li>`,
      )}
    </ul>
    ${canAdd &&
    html`<form onSubmit=${add}>
      ${h(Icon, { name: "add" })}
      <input ref=${field} name="title" dir="auto" defaultValue=${kept ?? ""} maxlength="200" autocomplete="off" enterkeyhint="done" placeholder=${t("subtasks.add")} aria-label=${t("subtasks.add")} />
    </form>`}
    ${isFixed && html`<p class="hint">${t("subtasks.fixed")}</p>`}
  </section>`;
}
