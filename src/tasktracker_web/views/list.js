// A list of tasks, with the box that adds to it.

import { useCopy, useLists } from "../account.js";
import { now } from "../clock.js";
import { draftOf } from "../drafts.js";
import { h, html } from "../html.js";
import { isSelecting, selected, selectNothing, selectShown } from "../selection.js";
import { url } from "../router.js";
import { canFileIn, containing, dayDue, dueBefore, isDue, isOpen, ORDERS } from "../tasks.js";
import { dayOf, startOfDay, t } from "../texts/texts.js";
import { useEffect, useLayoutEffect, useRef, useState } from "../vendor/preact-hooks.js";
import "../vendor/preact-signals.js";
import { AddBox } from "./add-box.js";
import { Icon } from "./icon.js";
import { Bulk, Members, Samples } from "./later.js";
import { useOwners } from "./people.js";
import { Rows } from "./rows.js";
import { DialogButton, ShareButton } from "./share-button.js";
import { useKeys } from "./shortcuts.js";
import { byName } from "./sidebar.js";

/** @typedef {import("../sync/items.js").Task} Task */

/** The limits of the list of all tasks. `only` is a kind of limit and its value, with a space between them. @typedef {{ text: string, only: string }} Limits */

/** @param {{ name: string, category: string, key?: string }} props */
export function List({ name, category }) {
  const copy = useCopy();
  const move = useRef((/** @type {KeyboardEvent} */ _) => {});
  const [limits, setLimits] = useState(/** @type {Limits} */ ({ text: "", only: "" }));
  useEffect(() => scrollTo(0, 0), []);
  useKeys(["ArrowDown", "j", "J", "ArrowUp", "k", "K"], (event) => move.current(event), "body, main, .side a"); // no task has the focus
  const [order, setOrder] = useState(() => localStorage.getItem(ORDER) ?? "");
  const isLimited = limits.text !== "" || limits.only !== "";
  const all = useEntries(name, category, order in ORDERS ? order : "due");
  const others = useDone(name, category);
  const found = isLimited ? all.filter(within(limits)) : all;
  /** A search finds what is done, too. */
  const done = limits.text.trim() ? others.filter(within(limits)) : [];
  const entries = done.length > 0 ? [...found, { id: "done", heading: t("view.done") }, ...done] : found;
  useLayoutEffect(() => selectShown(entries));
  const shown = copy.categories.value.get(category);
  const heading = name === "list" ? shown?.name : t(`view.${name}`);
  const selects = isSelecting.value || selected.value.size > 0;
  const canAdd = !["done", "shared"].includes(name) && !(shown && !canFileIn(shown));
  if (heading === undefined && copy.isComplete.value) return html`<div class="empty">${h(Icon, { name: "all" })}<h1>${t(`list.missing.${copy.whyGone(category)}`)}</h1><p><a href=${url("/all")}>${t("view.all")}</a></p></div>`;
  return html`<section class="list" onKeyDown=${(/** @type {KeyboardEvent} */ event) => move.current(event)}>
    <header>
      <h1 dir="auto">${heading}</h1>
      ${shown?.version && (shown.role === "owner" || shown.members.length > 0) && h(ShareButton, { type: "category", id: shown.id, title: shown.name, isOwner: shown.role === "owner" })}
      ${shown?.role === "owner" && h(DialogButton, { load: () => import("./category.js"), label: "list.edit", category: shown })}
      ${entries.length > 0 && html`<button class="quiet" onClick=${() => (selects ? selectNothing() : (isSelecting.value = true))}>${t(selects ? "cancel" : "select.mode")}</button>`}
    </header>
    ${shown?.version && h(Members, { key: shown.id, category: shown })}
    ${canAdd && h(AddBox, { name, category, draft: draftOf(name, category) })}
    ${SEARCHED.includes(name) && (isLimited || name === "all" || entries.length > 0 || others.length > 0) && h(Filters, { limits, setLimits, isFiltered: name === "all", order, setOrder })}
    ${entries.length > 0 ? h(Rows, { entries, move }) : h(Empty, { name: isLimited ? "filter" : name, hasHint: canAdd || name !== "list" })}
    ${h(Bulk, {})}
  </section>`;
}

/** @typedef {Task | import("./rows.js").Heading} Entry */

/** In localStorage. */
const ORDER = "tasktracker:order";
/** The lists with a search. */
const SEARCHED = ["all", "list", "done"];

/** Return the tasks of a list of open tasks that are not open any more. @param {string} name @param {string} category */
function useDone(name, category) {
  const { done } = useLists();
  if (name === "all") return done.value;
  return name === "list" ? done.value.filter((task) => task.category === category) : [];
}

/** Return the tasks of a list, with the headings between them. @param {string} name @param {string} category @param {string} order @returns {Entry[]} */
function useEntries(name, category, order) {
  const { open, openBy, today, upcoming, done, shared } = useLists();
  const owners = useOwners("task", name === "shared" ? [...shared.value].map(([owner, [{ id }]]) => ({ id, owner })) : []);
  if (name === "list") return open.value.filter((task) => task.category === category);
  if (name === "done") return done.value;
  if (name === "all") return openBy(order).value;
  if (name === "shared") {
    const groups = [...shared.value].map(([id, tasks]) => ({ id, heading: owners[id] ?? "…", tasks }));
    groups.sort((a, b) => a.heading.localeCompare(b.heading));
    return groups.flatMap(({ id, heading, tasks }) => [{ id, heading }, ...tasks]);
  }
  if (name === "today") {
    const late = today.value.filter((task) => dueBefore(task, startOfDay(now.value)));
    const others = today.value.slice(late.length);
    if (late.length === 0) return others;
    const headed = [{ id: "overdue", heading: t("overdue"), style: "overdue" }, ...late];
    return others.length ? [...headed, { id: "today", heading: t("today"), style: "today" }, ...others] : headed;
  }
  /** @type {Entry[]} */
  const entries = [];
  let end = new Date(0);
  for (const task of upcoming.value) {
    const date = dayDue(task);
    if (date >= end) {
      const day = dayOf(date, now.value);
      entries.push({ id: day, heading: day });
      end = startOfDay(date, 1); // naming the day of each of many tasks takes long
    }
    entries.push(task);
  }
  return entries;
}

/** @param {Limits} limits @returns {(entry: Entry) => boolean} */
function within({ text, only }) {
  const contains = containing(text.trim());
  const [kind, value] = only.split(" ");
  /** @type {Record<string, (task: Task) => boolean>} */
  const kinds = {
    priority: (task) => task.priority === Number(value),
    due: (task) => (value === "overdue" ? isOpen(task) && dueBefore(task, now.value) : !isDue(task)),
    category: (task) => (task.category ?? "none") === value,
  };
  return (entry) => "heading" in entry || ((!only || kinds[kind](entry)) && (!text || contains(entry)));
}

/** @param {{ limits: Limits, setLimits: (limits: Limits) => void, isFiltered: boolean, order: string, setOrder: (order: string) => void }} props */
function Filters({ limits, setLimits, isFiltered, order, setOrder }) {
  /** @type {[kind: string, options: [value: string | number, text: string][]][]} */
  const groups = [
    ["priority", [4, 3, 2, 1].map((each) => [each, t(`priority.${each}`)])],
    ["due", [["overdue", t("overdue")], ["none", t("bulk.due.none")]]],
    ["category", [...byName(useCopy().categories.value).map(({ id, name }) => /** @type {[string, string]} */ ([id, name])), ["none", t("task.category.none")]]],
  ];
  const choose = (/** @type {any} */ { target }) => {
    localStorage.setItem(ORDER, target.value);
    setOrder(target.value);
  };
  return html`<search class="filters">
    <input type="search" autocomplete="off" placeholder=${t("search")} aria-label=${t("search")} value=${limits.text} onInput=${(/** @type {any} */ event) => setLimits({ ...limits, text: event.target.value })} />
    ${isFiltered &&
    html`<select aria-label=${t("filter")} onChange=${(/** @type {any} */ event) => setLimits({ ...limits, only: event.target.value })}>
      <option value="">${t("filter.any")}</option>
      ${groups.map(([kind, options]) => html`<optgroup label=${t(`task.${kind}`)}>${options.map(([value, text]) => html`<option value=${`${kind} ${value}`}>${text}</option>`)}</optgroup>`)}
    </select>
      <select aria-label=${t("order")} onChange=${choose}>
        ${Object.keys(ORDERS).map((each) => html`<option value=${each} selected=${each === order}>${t(`order.${each}`)}</option>`)}
      </select>`}
  </search>`;
}

/** @param {{ name: string, hasHint?: boolean }} props */
export function Empty({ name, hasHint = true }) {
  const copy = useCopy();
  const { received } = copy.status.value;
  if (!copy.isComplete.value) {
    return html`<p class="empty" role="status">${received ? t("loading.count", { count: received }) : t("loading")}</p>`;
  }
  return html`<div class="empty">${h(Icon, { name })}<p>${t(`empty.${name}`)}</p>${hasHint && html`<p class="hint">${t(`empty.${name}.hint`)}</p>`}</div>
    ${["today", "all"].includes(name) && h(Samples, {})}`;
}
