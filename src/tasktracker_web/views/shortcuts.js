// Keys that work everywhere except in texts, and the list of all keys, which is loaded on demand.

import { h, html } from "../html.js";
import { go } from "../router.js";
import { t } from "../texts/texts.js";
import { onDemand } from "../updates.js";
import { useEffect } from "../vendor/preact-hooks.js";
import { signal } from "../vendor/preact-signals.js";
import { Icon } from "./icon.js";

/** The screen while it is shown. @type {import("@preact/signals-core").Signal<typeof import("./keys.js") | null>} */
const screen = signal(null);

async function showKeys() {
  screen.value = await onDemand(() => import("./keys.js"));
}

/** Call a function when one of its keys is pressed outside of texts and dialogs. @param {string[]} keys @param {(event: KeyboardEvent) => void} act @param {string} [at] what must have the focus, as a selector */
export function useKeys(keys, act, at = "*") {
  useEffect(() => {
    const listener = (/** @type {KeyboardEvent} */ event) => {
      const target = /** @type {Element} */ (event.target);
      const isTyped = target.matches("input:not([type=checkbox]), textarea, select, [contenteditable]") || document.querySelector("dialog[open]");
      if (!keys.includes(event.key) || !target.matches(at) || isTyped || event.ctrlKey || event.metaKey || event.altKey) return;
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
  return screen.value && h(screen.value.Keys, { onClose: () => (screen.value = null) });
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
