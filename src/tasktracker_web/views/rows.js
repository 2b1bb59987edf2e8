// The rows of a list.

import { useCopy, useLists, useMe } from "../account.js";
import { arrival } from "../arrivals.js";
import { now } from "../clock.js";
import { h, html } from "../html.js";
import { list as shownList, route, url } from "../router.js";
import { isSelecting, select, selectAll, selected, selectNothing, selectTo } from "../selection.js";
import { canEdit, dayDue, dueBefore, isDue, isOpen } from "../tasks.js";
import { dayAndTime, dueText, dueWithin, startOfDay, t, timeOf } from "../texts/texts.js";
import { useEffect, useLayoutEffect, useRef, useState } from "../vendor/preact-hooks.js";
import "../vendor/preact-signals.js";
import { toggle } from "./acts.js";
import { Icon } from "./icon.js";
import { capturing } from "./later.js";
import { Dot } from "./sidebar.js";
import { useWindow } from "./window.js";

/** @typedef {import("../sync/items.js").Task} Task */
/** @typedef {{ id: string, heading: string, style?: string }} Heading */
/** Moves the focus by a key. @typedef {{ current: (event: KeyboardEvent) => void }} Move */

/**
 * Tasks, with headings between them, which are as high as a task. The row with the focus stays when it is out of view.
 * @param {{ entries: (Task | Heading)[], move: Move }} props
 */
export function Rows({ entries, move }) {
  const tasks = useCopy().tasks.value;
  const list = useRef(/** @type {HTMLElement | null} */ (null));
  const { from, to } = useWindow(list, entries.length);
  const [focused, setFocused] = useState(/** @type {string | null} */ (null));
  /** The row that gets the focus when it is shown. */
  const next = useRef(/** @type {string | null} */ (null));
  /** The row that had the focus last, and its place. */
  const last = useRef(/** @type {{ at: number, entry?: Task | Heading }} */ ({ at: -1 }));
  const at = entries.indexOf(/** @type {Task} */ (tasks.get(focused ?? ""))); // of ten thousand: faster than by the id
  /** The same row when its task has left the list. It is hidden at first, because removing it lays out the page. */
  const left = at === -1 && last.current.entry?.id === focused ? last.current.entry : undefined;
  useClosed((id) => {
    const row = find(id);
    if (row) row.focus();
    else if (entries.some((each) => each.id === id)) setFocused((next.current = id));
  });
  const find = (/** @type {string} */ id) => /** @type {HTMLElement | null | undefined} */ (list.current?.querySelector(`[data-id="${id}"] a`));
  useLayoutEffect(() => {
    if (at !== -1) last.current = { at, entry: entries[at] };
    else if (left) {
      requestAnimationFrame(() => {
        const id = entries[Math.min(last.current.at, entries.length - 1)].id;
        const isFree = document.activeElement === document.body || document.activeElement?.closest(".left");
        if (isFree) find(id)?.focus();
        setFocused(isFree ? id : null);
      });
    }
    if (next.current !== null) find(next.current)?.focus();
    next.current = null;
  });
  const ids = () => entries.flatMap((entry) => ("heading" in entry ? [] : [entry.id])); // of ten thousand tasks: only if needed
  const isSelected = selected.value.size > 0;
  useEffect(() => selectNothing, []);
  useEffect(() => {
    if (!isSelected && focused !== null && document.activeElement === document.body) find(focused)?.focus(); // the toolbar is gone
  }, [isSelected]);
  /** Select a task, or with Shift a range. */
  const pick = useRef((/** @type {string} */ _id, /** @type {boolean} */ _isRange) => {});
  pick.current = (id, isRange) => (isRange ? selectTo(ids(), id) : select(id));
  /** @param {KeyboardEvent} event @param {string | undefined} id of the row with the focus @returns {boolean} whether the key selects something */
  const selectBy = ({ key, ctrlKey, metaKey }, id) => {
    if ((key === "a" || key === "A") && (ctrlKey || metaKey)) selectAll(ids());
    else if (ctrlKey || metaKey) return false;
    else if (key === "Escape" && isSelected) {
      selectNothing();
      find(id ?? focused ?? "")?.focus(); // the box that had the focus is hidden
    }
    else if ((key === "x" || key === "X") && id) select(id);
    else return false;
    return true;
  };
  move.current = (event) => {
    const rowId = /** @type {HTMLElement} */ (event.target).closest("[data-id]")?.getAttribute("data-id") ?? undefined;
    const isText = event.target instanceof HTMLInputElement && event.target.type !== "checkbox";
    if (!isText && !event.altKey && selectBy(event, rowId)) return event.preventDefault();
    const step = { ArrowDown: 1, j: 1, J: 1, ArrowUp: -1, k: -1, K: -1 }[event.key];
    const isTyped = event.key.length === 1 && isText;
    if (!step || event.ctrlKey || event.metaKey || event.altKey || isTyped || event.target instanceof HTMLSelectElement) return;
    let index = rowId ? entries.findIndex((each) => each.id === rowId) : step > 0 ? -1 : entries.length;
    do index += step;
    while (entries[index] && "heading" in entries[index]);
    if (!entries[index]) return;
    event.preventDefault();
    next.current = entries[index].id;
    setFocused(next.current);
    if (!event.shiftKey || !rowId) return;
    if (!isSelected) select(rowId, true);
    selectTo(ids(), next.current);
  };
  const shown = entries.slice(from, to).map((entry, index) => ({ entry, index: from + index }));
  if (at !== -1 && at < from) shown.unshift({ entry: entries[at], index: at });
  if (at !== -1 && at >= to) shown.push({ entry: entries[at], index: at });
  if (left) shown.splice(Math.max(0, last.current.at - from), 0, { entry: left, index: -1 });
  const focus = (/** @type {FocusEvent} */ event) =>
    setFocused(/** @type {Element} */ (event.target).closest("[data-id]")?.getAttribute("data-id") ?? null);
  const progressOf = useProgress();
  const isDoneList = shownList.value.name === "done";
  let end = 0;
  const classes = ["rows", "heading" in entries[0] && "headed", (isSelected || isSelecting.value) && "selecting"];
  return html`<ul class=${classes.filter(Boolean).join(" ")} ref=${list} style=${{ height: `calc(var(--row) * ${entries.length})` }} onFocusIn=${focus}>
    ${shown.map(({ entry, index }) => {
      // Each row is below the one before it, so that a change above does not change it.
      const missing = entry === left ? 0 : index - end;
      if (entry !== left) end = index + 1;
      const place = missing ? { marginBlockStart: `calc(var(--row) * ${missing})` } : undefined;
      if ("heading" in entry) return html`<li key=${entry.id} class="heading" style=${place}><h2 class=${entry.style}>${entry.heading}</h2></li>`;
      const parent = entry.parent ? tasks.get(entry.parent)?.title : undefined;
      const shape = entry === left ? { class: "left", hidden: true } : { class: isOpen(entry) || isDoneList ? "row" : "row closed", "data-id": entry.id, style: place };
      return html`<li key=${entry.id} ...${shape}>${h(Row, { task: entry, parent, progress: progressOf(entry.id), pick })}</li>`;
    })}
  </ul>`;
}

/** Return how many of the subtasks of a task are done, as "1/3", or nothing if it has none. */
export function useProgress() {
  const { below, doneBelow } = useLists();
  const isRead = useCopy().isRead.value; // before that, only some tasks are known
  const [all, done] = [below.value, doneBelow.value];
  return (/** @type {string} */ id) => (isRead && all.get(id) ? `${done.get(id) ?? 0}/${all.get(id)}` : undefined);
}

/** Call a function when the pane of a task was closed, and had the focus. @param {(id: string) => void} onClosed */
export function useClosed(onClosed) {
  const opened = route.value.name === "task" ? route.value.id : "";
  const last = useRef("");
  useEffect(() => {
    const id = last.current;
    last.current = opened;
    if (id && !opened && document.activeElement === document.body) onClosed(id);
  }, [opened]);
}

/** A row is not rendered again while its properties, and the signals that it reads, stay the same. @param {{ task: Task, parent?: string, progress?: string, pick: { current: (id: string, isRange: boolean) => void } }} props */
function Row({ task, parent, progress, pick }) {
  const isCurrent = route.value.id === task.id;
  /** While tasks are selected, a click or tap selects. Enter opens the task, as always. @param {MouseEvent} event */
  const choose = (event) => {
    if (event.detail === 0 || event.ctrlKey || event.metaKey || !(isSelecting.peek() || selected.peek().size > 0)) return;
    event.preventDefault();
    event.stopPropagation(); // the router would follow the link
    pick.current(task.id, event.shiftKey);
  };
  return html`${h(Check, { task })}
    <a class=${arrival(task.id)} onClick=${choose} href=${url(`/task/${task.id}`)} aria-current=${isCurrent ? "true" : undefined}>
      <span class="title" dir="auto">${task.title}</span>
      ${h(About, { task, parent, progress })}
    </a>
    ${task.pending && html`<span class="pending" role="img" aria-label=${t("pending")} title=${t("pending")}></span>`}
    <label class="pick">
      <input
        type="checkbox"
        aria-label=${t("select", { title: task.title })}
        checked=${selected.value.has(task.id)}
        onClick=${(/** @type {MouseEvent} */ event) => pick.current(task.id, event.shiftKey)}
      />
    </label>`;
}

/** The details of a task in a list, besides its title. @param {{ task: Task, parent?: string, progress?: string }} props */
export function About({ task, parent, progress }) {
  const { name } = shownList.value;
  const category = name !== "list" && task.category ? useCopy().categories.value.get(task.category) : undefined;
  const isUnderDay = name === "upcoming" || (name === "today" && !dueBefore(task, startOfDay(now.value)));
  const isDone = !isOpen(task) && task.completed_at;
  const rule = task.recurrence && isOpen(task) && (capturing.value?.inWords(task.recurrence) ?? t("repeats")); // in words when they are loaded
  return html`<span class="about">
    ${isDone && html`<span class="done">${dayAndTime(new Date(isDone), now.value)}</span>`}
    ${task.state === "cancelled" && name !== "board" && html`<span>${t(task.series ? "state.skipped" : "state.cancelled")}</span>`}
    ${task.series && !isOpen(task) && isDue(task) && html`<span>${t("due.was", { due: dueWithin(task, now.value) })}</span>`}
    ${h(Due, { task, isUnderDay })}
    ${rule && html`<span class="noted repeats" role="img" aria-label=${rule} title=${rule}>${h(Icon, { name: "repeat" })}</span>`}
    ${isOpen(task) && useLists().reminded.value.has(task.id) && html`<span class="noted" role="img" aria-label=${t("add.remind")} title=${t("add.remind")}>${h(Icon, { name: "notifications" })}</span>`}
    ${task.state === "in_progress" && name !== "board" && html`<span class="in-progress">${t("state.in_progress")}</span>`}
    ${task.priority > 2 && html`<span class=${`priority-${task.priority}`}>${t(`priority.${task.priority}`)}</span>`}
    ${category && html`<span>${h(Dot, { color: category.color ?? "none" })} <bdi>${category.name}</bdi></span>`}
    ${task.description && html`<span class="noted" role="img" aria-label=${t("task.notes")} title=${t("task.notes")}>${h(Icon, { name: "notes" })}</span>`}
    ${progress && html`<span class="progress" role="img" aria-label=${t("subtasks.progress", { progress })} title=${t("subtasks.progress", { progress })}>${progress}</span>`}
    ${parent !== undefined && html`<span class="parent">↳ <bdi>${parent}</bdi></span>`}
  </span>`;
}

/** When an open task is due; only the time if a heading says the day. @param {{ task: Task, isUnderDay?: boolean }} props */
export function Due({ task, isUnderDay = false }) {
  if (!isOpen(task) || !isDue(task) || (isUnderDay && task.due_on)) return null;
  const text = isUnderDay ? timeOf(dayDue(task)) : dueText(task, now.value);
  return html`<span class=${dueBefore(task, now.value) ? "overdue" : "due"}>${text}</span>`;
}

/** Until the pointer moves, no circle looks as if it were pointed at: the next task has come to the pointer. @param {MouseEvent} event */
function holdStill({ clientX, clientY }) {
  const root = document.documentElement;
  root.dataset.still = "";
  const moved = (/** @type {PointerEvent} */ event) => {
    if (event.clientX === clientX && event.clientY === clientY) return;
    delete root.dataset.still;
    removeEventListener("pointermove", moved);
  };
  addEventListener("pointermove", moved);
}

/** The circle that completes a task, or opens it again. @param {{ task: Task }} props */
export function Check({ task }) {
  const copy = useCopy();
  const { title } = task;
  const isDone = !isOpen(task);
  /** The second click of a double click is ignored, because the next task is already in this place. @param {MouseEvent} event */
  const click = (event) => {
    if (event.detail > 1) return;
    holdStill(event);
    toggle(task);
  };
  return html`<button
    class=${`check priority-${task.priority} ${task.state}`}
    disabled=${!canEdit(task, useMe(), copy.categories.value)}
    aria-pressed=${isDone}
    aria-label=${t(isDone ? "task.reopen" : "task.complete", { title })}
    onClick=${click}
  >
    <svg viewBox="0 0 20 20" aria-hidden="true"><path d=${task.state === "cancelled" ? "M6 6 L14 14 M14 6 L6 14" : "M5 10.5 L8.5 14 L15 6.5"} /></svg>
  </button>`;
}
