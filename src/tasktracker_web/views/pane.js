// One task: its fields, each of which is stored when the user leaves it.

import { useCopy, useFiling, useMe } from "../account.js";
import { arrival } from "../arrivals.js";
import { draft, draftOf, useDraft } from "../drafts.js";
import { h, html } from "../html.js";
import { route, url } from "../router.js";
import { uuid } from "../sync/platform.js";
import { dayFrom, dueText, t } from "../texts/texts.js";
import { canEdit, canOrganise, dayDue, atMoment, onDay, isDue, isOpen, STATES } from "../tasks.js";
import { together, undoable } from "../toasts.js";
import { onDemand } from "../updates.js";
import { useEffect, useLayoutEffect, useRef, useState } from "../vendor/preact-hooks.js";
import "../vendor/preact-signals.js";
import { setState, trash, withNews } from "./acts.js";
import { History } from "./history.js";
import { Icon } from "./icon.js";
import { Issues, Reminders } from "./later.js";
import { People } from "./people.js";
import { Occurrence, Repeat } from "./repeat.js";
import { Check } from "./rows.js";
import { byName } from "./sidebar.js";
import { Breadcrumbs, Subtasks } from "./subtasks.js";

/** @typedef {import("../sync/items.js").Task} Task */
/** Saves fields. News are said, too. @typedef {(fields: Partial<Task>, news?: string) => void} Save */

/** The choice of a category that does not exist yet. */
const NEW = "new";

/** @param {{ id: string, onClose: () => void, key?: string }} props */
export function Pane({ id, onClose }) {
  const copy = useCopy();
  const task = copy.tasks.value.get(id);
  const me = useMe();
  const title = useRef(/** @type {HTMLElement | null} */ (null));
  useLayoutEffect(() => {
    const pane = title.current?.closest(".pane");
    if (!pane?.contains(document.activeElement)) title.current?.focus(); // unless a text is being written
  }, []);
  const { visit } = route.value;
  useEffect(() => title.current?.scrollIntoView({ block: "nearest" }), [visit]); // also when it was open
  if (!task) {
    return html`<aside class="pane" aria-label=${t("task")}>
      <button class="quiet close" aria-label=${t("close")} onClick=${onClose}>${h(Icon, { name: "close" })}</button>
      ${copy.isComplete.value && html`<div class="empty">${h(Icon, { name: "all" })}<p>${t(`task.missing.${copy.whyGone(id)}`)}</p><p><a href=${url("/all")}>${t("view.all")}</a></p></div>`} ${h(Issues, { of: id })}
    </aside>`;
  }
  /** @type {Save} */
  const save = (fields, news = "") => {
    const isMoved = task.recurrence && "due_on" in fields;
    const ends = isMoved && !isDue({ due_on: null, due_date: null, ...fields });
    const isAlone = isMoved && !ends && !task.due_on === !fields.due_on; // a time, or none, is that of all
    const text = isAlone ? t("did.due_on.one") : t(`did.${Object.keys(fields)[0]}`);
    if (ends) news = t("did.ended");
    if (fields.state) void setState(task, fields.state, text);
    else void undoable(copy.edit("task", id, fields), news ? withNews(text, task.title, news) : text);
  };
  const remove = () => {
    trash(task);
    onClose();
  };
  const keys = (/** @type {KeyboardEvent} */ event) => {
    if (event.key === "Escape" && !event.isComposing) onClose(); // what is being written is stored
  };
  const isEditor = canEdit(task, me, copy.categories.value);
  const isRepeated = task.recurrence && isOpen(task);
  const isOrganiser = canOrganise(task, me, copy.categories.value);
  return html`<aside class="pane" aria-label=${t("task")} onKeyDown=${keys}>
    <header>
      <div tabindex="-1" ref=${title} class="grow">${h(Breadcrumbs, { task })}</div>
      <button class="quiet close" aria-label=${t("close")} onClick=${onClose}>${h(Icon, { name: "close" })}</button>
    </header>
    ${h(Issues, { of: id })} ${h(Occurrence, { task })} ${!isEditor && html`<p class="hint">${t("task.read-only")}</p>`}
    <fieldset disabled=${!isEditor} aria-label=${t("task")}>
      <div class="head">
        ${h(Check, { task })}
        ${h(Text, { name: draftOf(id, "title"), class: `title ${arrival(id, "title")}`, label: t("task.title"), value: task.title, required: true, save: (value) => save({ title: value }) })}
      </div>
      ${h(Notes, { task, canEdit: isEditor, save })}
      <div class="fields">
        ${h(Due, { task, save })} ${h(Repeat, { task, save })} ${h(State, { task, save })} ${h(Priority, { task, save })}
        ${isOrganiser && h(Category, { task, save })}
      </div>
    </fieldset>
    ${h(Reminders, { task })}
    ${h(Subtasks, { task })}
    ${h(People, { task })}
    ${h(History, { task, canEdit: isEditor })}
    ${isOrganiser && html`<footer>
      <button class="plain negative" onClick=${remove}>${h(Icon, { name: "trash" })} ${t(isRepeated ? "task.delete.series" : "task.delete")}</button>
    </footer>`}
  </aside>`;
}

/**
 * A text that is stored when the user leaves it, and when the page is hidden. Changes of another device meanwhile do
 * not replace the typed text. `name` is the name of its draft.
 * @param {{ name: string, class: string, label: string, value: string, required?: boolean, autofocus?: boolean, save: (value: string) => void, onDone?: () => void }} props
 */
function Text({ name, class: style, label, value, required = false, autofocus = false, save, onDone = () => {} }) {
  const field = useRef(/** @type {HTMLTextAreaElement | null} */ (null));
  const kept = useDraft(name, () => {
    const text = field.current?.value ?? last.current; // the task may be gone a moment before the page
    return text === last.current ? null : text;
  });
  const [written, write] = useState(kept);
  const last = useRef(value);
  last.current = value;
  const store = useRef(() => {});
  store.current = () => {
    store.current = () => {}; // until it is shown again: leaving the field also removes it
    if (written === null) return;
    write(null);
    const text = required ? written.replace(/\s+/g, " ").trim() : written;
    if (text !== value && (text || !required)) save(text);
  };
  useEffect(() => {
    const flush = () => store.current();
    addEventListener("pagehide", flush);
    return () => {
      removeEventListener("pagehide", flush);
      flush(); // the pane is closed
    };
  }, []);
  useLayoutEffect(() => void (autofocus && field.current?.focus()), []); // before the next key
  const keys = (/** @type {KeyboardEvent} */ event) => {
    if (event.key !== "Enter" || !(required || event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    /** @type {HTMLElement} */ (field.current?.closest(".pane")?.querySelector("[tabindex='-1']")).focus(); // its keys go on working
  };
  const leave = () => {
    store.current();
    onDone();
  };
  return html`<textarea
    ref=${field}
    class=${style}
    dir="auto"
    aria-label=${label}
    rows="1"
    maxlength=${required ? 200 : 10_000}
    value=${written ?? value}
    onInput=${(/** @type {any} */ event) => write(event.target.value)}
    onBlur=${leave}
    onKeyDown=${keys}
  ></textarea>`;
}

/** @param {{ task: Task, canEdit: boolean, save: Save }} props */
function Notes({ task, canEdit, save }) {
  const name = draftOf(task.id, "description");
  const [isEdited, edit] = useState(() => draft(name) !== null);
  const text = task.description;
  return html`<section class=${`notes ${arrival(task.id, "description")}`} aria-label=${t("task.notes")}>
    ${isEdited
      ? html`${h(Text, { name, class: "text", label: t("task.notes"), value: text, autofocus: true, save: (value) => save({ description: value }), onDone: () => edit(false) })}
          <p class="hint">${t("task.notes.hint")}</p>`
      : html`${text && h(Markdown, { text })}
          ${canEdit && html`<button class="plain" onClick=${() => edit(true)}>${t(text ? "task.notes.edit" : "task.notes.add")}</button>`}`}
  </section>`;
}

/** @param {{ text: string }} props */
function Markdown({ text }) {
  const [shown, show] = useState(/** @type {{ text: string, __html: any } | null} */ (null));
  useEffect(() => {
    let isCurrent = true;
    void onDemand(() => import("../markdown.js")).then(({ rendered }) => isCurrent && show({ text, __html: rendered(text) }));
    return () => void (isCurrent = false);
  }, [text]);
  if (shown?.text !== text) return html`<div class="markdown plain-text" dir="auto">${text}</div>`;
  return html`<div class="markdown" dir="auto" dangerouslySetInnerHTML=${shown}></div>`;
}

/** @param {{ task: Task, save: Save }} props */
function Due({ task, save }) {
  const date = isDue(task) ? dayDue(task) : null;
  const isOver = !!task.series && !isOpen(task); // another occurrence is open
  const day = date ? dayFrom(date) : "";
  const time = date && !task.due_on ? `${date}`.slice(16, 21) : "";
  /** What was left empty, or is not complete yet, changes nothing. @param {string} newDay @param {string} newTime */
  const change = (newDay, newTime) => {
    if (!newDay || (newDay === day && newTime === time)) return;
    save(newTime ? atMoment(new Date(`${newDay}T${newTime}`)) : onDay(newDay));
  };
  const style = arrival(task.id, "due_on") || arrival(task.id, "due_date");
  return html`<label for="due">${t("task.due")}</label>
    <div class="due" data-none=${date ? undefined : t("bulk.due.none")}>
      <input id="due" class=${`${date ? "" : "none"} ${style}`} type="date" disabled=${isOver} value=${day} onChange=${(/** @type {any} */ event) => change(event.target.value, time)} title=${date ? dueText(task, new Date()) : undefined} />
      ${date && html`<input id="due-time" class=${`${time ? "" : "none"} ${style}`} type="time" aria-label=${t("task.due.time")} disabled=${isOver} value=${time} onChange=${(/** @type {any} */ event) => change(day, event.target.value)} />
        ${!isOver && html`<button class="quiet" aria-label=${t("task.due.clear")} onClick=${() => save(onDay(null))}>${h(Icon, { name: "close" })}</button>`}`}
    </div>`;
}

/** @param {{ task: Task, save: Save }} props */
function State({ task, save }) {
  return html`<label for="state">${t("field.state")}</label>
    <select id="state" class=${arrival(task.id, "state")} onChange=${(/** @type {any} */ event) => save({ state: event.target.value })}>
      ${STATES.map((each) => html`<option value=${each} selected=${each === task.state}>${t(`state.${each}`)}</option>`)}
    </select>`;
}

/** @param {{ task: Task, save: Save }} props */
function Priority({ task, save }) {
  return html`<label for="priority">${t("task.priority")}</label>
    <select id="priority" class=${arrival(task.id, "priority")} value=${task.priority} onChange=${(/** @type {any} */ event) => save({ priority: /** @type {1 | 2 | 3 | 4} */ (Number(event.target.value)) })}>
      ${[4, 3, 2, 1].map((each) => html`<option value=${each} selected=${each === task.priority}>${t(`priority.${each}`)}</option>`)}
    </select>`;
}

/** @param {{ task: Task, save: Save }} props */
function Category({ task, save }) {
  const copy = useCopy();
  const mayFile = useFiling();
  const [isNew, setNew] = useState(false);
  const categories = byName(copy.categories.value).filter(({ id }) => mayFile(task, id));
  const options = [...(mayFile(task, null) ? [{ id: null, name: t("task.category.none") }] : []), ...categories];
  const canCreate = mayFile(task, null);
  const isFixed = options.length < 2 && task.category !== null;
  const choose = (/** @type {any} */ { target }) => {
    setNew(target.value === NEW);
    if (target.value !== NEW) save({ category: target.value || null });
  };
  /** @param {string} written */
  const create = (written) => {
    setNew(false);
    const name = written.trim();
    if (!name) return;
    const id = uuid();
    void undoable(together(copy.create("category", { name }, id), copy.edit("task", task.id, { category: id })), t("did.list", { title: name }));
  };
  return html`<label for="category">${t("task.category")}</label>
    ${isNew
      ? h(Name, { onDone: create })
      : html`<select id="category" class=${arrival(task.id, "category")} disabled=${options.length < 2 && !canCreate} aria-describedby=${isFixed ? "category-note" : undefined} onChange=${choose}>
          ${options.map(({ id, name }) => html`<option value=${id ?? ""} selected=${id === task.category}>${name}</option>`)}
          ${canCreate && html`<option value=${NEW}>${t("task.category.new")}</option>`}
        </select>`}
    ${isFixed && html`<p id="category-note" class="hint note">${t(task.parent ? "task.category.subtask" : "task.category.fixed")}</p>`}`;
}

/** The name of a new category. @param {{ onDone: (name: string) => void }} props empty to create none */
function Name({ onDone }) {
  const field = useRef(/** @type {HTMLInputElement | null} */ (null));
  useLayoutEffect(() => field.current?.focus(), []);
  const keys = (/** @type {KeyboardEvent} */ event) => {
    if (!["Enter", "Escape"].includes(event.key) || event.isComposing) return;
    event.preventDefault();
    event.stopPropagation(); // the task stays open
    if (event.key === "Escape" && field.current) field.current.value = "";
    /** @type {HTMLElement} */ (field.current?.closest(".pane")?.querySelector("[tabindex='-1']")).focus(); // its keys go on working
  };
  return html`<input id="category" ref=${field} dir="auto" maxlength="64" autocomplete="off" placeholder=${t("list.add.name")} onKeyDown=${keys} onBlur=${(/** @type {any} */ event) => onDone(event.target.value)} />`;
}
