// Keys that work everywhere except in texts, and the list of all keys, which is loaded on demand.

import { h, html } from "../html.js";
import { t } from "../texts/texts.js";
import { onDemand } from "../updates.js";
import { useEffect } from "../vendor/preact-hooks.js";
import { signal } from "../vendor/preact-signals.js";

/** The screen while it is shown. @type {import("@preact/signals-core").Signal<typeof import("./keys.js") | null>} */
const screen = signal(null);

async function showKeys() {
  screen.value = await onDemand(() => import("./keys.js"));
}

/** Call a function when one of its keys is pressed outside of texts and dialogs. @param {string[]} keys @param {() => void} act */
export function useKeys(keys, act) {
  useEffect(() => {
    const listener = (/** @type {KeyboardEvent} */ event) => {
      const target = /** @type {Element} */ (event.target);
      const isTyped = target.matches("input:not([type=checkbox]), textarea, select, [contenteditable]") || document.querySelector("dialog[open]");
      if (!keys.includes(event.key) || isTyped || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      act();
    };
    addEventListener("keydown", listener);
    return () => removeEventListener("keydown", listener);
  }, []);
}

export function Shortcuts() {
  useKeys(["?"], showKeys);
  return screen.value && h(screen.value.Keys, { onClose: () => (screen.value = null) });
}

export function ShortcutsButton() {
  return html`<button class="plain shortcuts" onClick=${showKeys}>${t("keys")} <kbd aria-hidden="true">?</kbd></button>`;
}
