// The tasks by their state. A task is moved by dragging it, by its menu, and by keys.

import { useCopy, useLists, useMe } from "../account.js";
import { arrival } from "../arrivals.js";
import { h, html } from "../html.js";
import { url } from "../router.js";
import { canEdit, STATES } from "../tasks.js";
import { t } from "../texts/texts.js";
import { useEffect, useLayoutEffect, useRef, useState } from "../vendor/preact-hooks.js";
import { signal } from "../vendor/preact-signals.js";
import { setState } from "./acts.js";
import { Empty } from "./list.js";
import { About, useClosed, useProgress } from "./rows.js";
import { useKeys } from "./shortcuts.js";
import { byName } from "./sidebar.js";

/** @typedef {import("../sync/items.js").Task} Task */
/** @typedef {Task["state"]} State */
/** @typedef {(task: Task, state: State) => void} Move */

/** How many tasks a column shows at first, and how many more each time. */
const STEP = 50;

/** The category to which the board is limited. It stays when another view is shown. */
const only = signal("");

export function Board() {
  const copy = useCopy();
  const { byState } = useLists();
  const board = useRef(/** @type {HTMLElement | null} */ (null));
  /** The task that was moved by a key. It gets the focus in its new place. */
  const moved = useRef("");
  useEffect(() => scrollTo(0, 0), []);
  const focus = (/** @type {string} */ id) => /** @type {HTMLElement | null | undefined} */ (board.current?.querySelector(`[data-id="${id}"] a`))?.focus();
  useLayoutEffect(() => {
    if (moved.current) focus(moved.current);
    moved.current = "";
  });
  useClosed(focus);
  const categories = byName(copy.categories.value);
  const category = copy.categories.value.has(only.value) ? only.value : "";
  /** @type {Move} */
  const move = (task, state) => {
    if (task.state === state) return;
    void setState(task, state, t("did.move", { title: task.title, state: t(`state.${state}`) }));
  };
  const keys = (/** @type {KeyboardEvent} */ event) => {
    const card = /** @type {HTMLElement} */ (event.target).closest("li");
    const column = card?.closest("section");
    const step = { ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] }[event.key];
    if (!card || !column || !step || event.ctrlKey || event.metaKey || event.altKey || event.target instanceof HTMLSelectElement) return;
    event.preventDefault();
    const [across, down] = step;
    const columns = [.../** @type {HTMLElement} */ (board.current).children];
    const at = columns.indexOf(column);
    const task = copy.tasks.value.get(card.dataset.id ?? "");
    if (event.shiftKey) {
      const state = STATES[at + across];
      if (!across || !state || !task || card.draggable === false) return;
      moved.current = task.id;
      move(task, state);
      return;
    }
    const row = [...column.querySelectorAll("li")].indexOf(card) + down;
    // The next column with a task.
    for (let index = at + across; columns[index]; index += across) {
      const links = columns[index].querySelectorAll("a");
      const link = links[down ? row : Math.min(row, links.length - 1)];
      link?.focus();
      if (link || !across) return;
    }
  };
  useKeys(["ArrowUp", "ArrowDown", "ArrowLeft", "ArrowRight"], () => board.current?.querySelector("a")?.focus(), "body, main, .side a"); // no task has the focus
  if (!copy.isComplete.value) return h(Empty, { name: "all" });
  return html`<section class="board-view">
    <header>
      <h1>${t("view.board")}</h1>
      <select aria-label=${t("filter.category")} onChange=${(/** @type {any} */ event) => (only.value = event.target.value)}>
        <option value="">${t("filter.category.any")}</option>
        ${categories.map(({ id, name }) => html`<option value=${id} selected=${id === category}>${name}</option>`)}
      </select>
      <p class="hint keys">${t("board.keys")}</p>
    </header>
    <div class="board" ref=${board} onKeyDown=${keys}>
      ${STATES.map((state) => {
        const tasks = category ? byState[state].value.filter((task) => task.category === category) : byState[state].value;
        return h(Column, { key: state + category, state, tasks, move });
      })}
    </div>
  </section>`;
}

/** @param {{ state: State, tasks: Task[], move: Move, key?: string }} props */
function Column({ state, tasks, move }) {
  const copy = useCopy();
  const [limit, setLimit] = useState(STEP);
  const [isTarget, setTarget] = useState(false);
  const over = (/** @type {DragEvent} */ event) => {
    event.preventDefault(); // it may be dropped here
    setTarget(true);
  };
  const drop = (/** @type {DragEvent} */ event) => {
    event.preventDefault();
    setTarget(false);
    const task = copy.tasks.value.get(event.dataTransfer?.getData("text/plain") ?? "");
    if (task) move(task, state);
  };
  const name = t(`state.${state}`);
  return html`<section class=${isTarget ? "target" : ""} aria-label=${name} onDragOver=${over} onDragLeave=${() => setTarget(false)} onDrop=${drop}>
    <h2>${name} <span class="count">${tasks.length}</span></h2>
    <ul>
      ${tasks.slice(0, limit).map((task) => h(Card, { key: task.id, task, move }))}
    </ul>
    ${tasks.length === 0 && html`<p class="empty">${t("board.empty")}</p>`}
    ${tasks.length > limit && html`<button class="plain" onClick=${() => setLimit(limit + STEP)}>${t("board.more", { count: tasks.length - limit })}</button>`}
  </section>`;
}

/** @param {{ task: Task, move: Move, key?: string }} props */
function Card({ task, move }) {
  const copy = useCopy();
  const isMovable = canEdit(task, useMe(), copy.categories.value);
  const parent = task.parent ? copy.tasks.value.get(task.parent)?.title : undefined;
  const drag = (/** @type {DragEvent} */ event) => event.dataTransfer?.setData("text/plain", task.id);
  return html`<li class=${`card ${arrival(task.id)}`} data-id=${task.id} draggable=${isMovable} onDragStart=${drag}>
    <a href=${url(`/task/${task.id}`)} draggable="false">
      <span class="title" dir="auto">${task.title}</span>
      ${h(About, { task, parent, progress: useProgress()(task.id) })}
    </a>
    ${isMovable &&
    html`<span class="move">
      <select aria-label=${t("board.move", { title: task.title })} onChange=${(/** @type {any} */ event) => move(task, event.target.value)}>
        ${STATES.map((state) => html`<option value=${state} selected=${state === task.state}>${t(`state.${state}`)}</option>`)}
      </select>
    </span>`}
  </li>`;
}
