// Keys that work everywhere except in texts, and the list of all keys, which is loaded on demand.

import { useCopy, useMe } from "../account.js";
import { h, html } from "../html.js";
import { go, route } from "../router.js";
import { selected } from "../selection.js";
import { canEdit, canOrganise, isOpen } from "../tasks.js";
import { t } from "../texts/texts.js";
import { undoLast } from "../toasts.js";
import { onDemand } from "../updates.js";
import { useEffect, useLayoutEffect } from "../vendor/preact-hooks.js";
import { signal } from "../vendor/preact-signals.js";
import { skip, toggle, trash } from "./acts.js";
import { Icon } from "./icon.js";

/** The screen while it is shown. @type {import("@preact/signals-core").Signal<typeof import("./keys.js") | null>} */
const screen = signal(null);

async function showKeys() {
  screen.value = await onDemand(() => import("./keys.js"));
}

/** Whether a key is for a text or a dialog. @param {Element} target */
function isTyped(target) {
  return target.matches("input:not([type=checkbox]), textarea, select, [contenteditable]") || document.querySelector("dialog[open]") !== null;
}

/** Call a function when one of its keys is pressed outside of texts and dialogs. @param {string[]} keys @param {(event: KeyboardEvent) => void} act @param {string} [at] what must have the focus, as a selector */
export function useKeys(keys, act, at = "*") {
  useLayoutEffect(() => { // before the next key
    const listener = (/** @type {KeyboardEvent} */ event) => {
      const target = /** @type {Element} */ (event.target);
      if (!keys.includes(event.key) || !target.matches(at) || isTyped(target) || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      act(event);
    };
    addEventListener("keydown", listener);
    return () => removeEventListener("keydown", listener);
  }, []);
}

export function Shortcuts() {
  useKeys(["?"], showKeys);
  useKeys(["/"], search);
  useKeys(["c", "s", "Delete", "Backspace"], act);
  useEffect(() => {
    addEventListener("keydown", goOrUndo, true); // before other keys
    return () => removeEventListener("keydown", goOrUndo, true);
  }, []);
  return screen.value && h(screen.value.Keys, { onClose: () => (screen.value = null) });
}

/** The lists that a key after `g` leads to. @type {Record<string, string>} */
const LISTS = { t: "/today", u: "/upcoming", a: "/all", b: "/board", d: "/done", n: "/notifications" };
/** For how long `g` waits for the next key. */
const WAIT_MS = 1500;
let waitsUntil = 0;

/** @param {KeyboardEvent} event */
function goOrUndo(event) {
  const isControl = event.ctrlKey || event.metaKey;
  if (event.altKey || isTyped(/** @type {Element} */ (event.target))) return;
  const path = !isControl && Date.now() < waitsUntil ? LISTS[event.key] : undefined;
  waitsUntil = event.key === "g" && !isControl ? Date.now() + WAIT_MS : 0;
  const undoes = isControl && !event.shiftKey && event.key.toLowerCase() === "z";
  if (!path && !undoes) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  if (path) go(path);
  else void undoLast();
}

/** Complete or delete the selected tasks, or else the task with the focus, or the open one; or skip an occurrence of that. @param {KeyboardEvent} event */
function act({ key, target }) {
  const action = key === "c" ? "complete" : key === "s" ? "skip" : "trash";
  if (action !== "skip" && selected.value.size > 0) return /** @type {HTMLElement | null} */ (document.querySelector(`.bulk .${action}`))?.click();
  const element = /** @type {Element} */ (target);
  const id = element.closest("[data-id]")?.getAttribute("data-id") ?? (element.closest(".pane") ? route.value.id : "");
  const [copy, me] = [useCopy(), useMe()];
  const task = copy.tasks.value.get(id);
  const isAllowed = action === "trash" ? canOrganise : canEdit;
  if (!task || !isAllowed(task, me, copy.categories.value)) return;
  if (action === "complete") return toggle(task);
  if (action === "skip") return task.recurrence && isOpen(task) ? skip(task) : undefined;
  if (route.value.id === id) /** @type {HTMLElement | null} */ (document.querySelector(".pane .close"))?.click();
  trash(task);
}

/** Go to the search, which is above all tasks. */
function search() {
  go("/all");
  requestAnimationFrame(() => /** @type {HTMLElement | null} */ (document.querySelector(".filters > input"))?.focus());
}

export function SearchButton() {
  return html`<button class="quiet capture-button search" popovertarget="menu" popovertargetaction="hide" onClick=${search}>
    ${h(Icon, { name: "filter" })}<span>${t("search")}</span><kbd aria-hidden="true">/</kbd>
  </button>`;
}

export function ShortcutsButton() {
  return html`<button class="plain shortcuts" onClick=${showKeys}>${t("keys")} <kbd aria-hidden="true">?</kbd></button>`;
}
