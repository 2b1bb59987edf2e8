// The screen that lists every key.

import { h, html } from "../html.js";
import { addTexts, t } from "../texts/texts.js";
import { useLayoutEffect, useRef } from "../vendor/preact-hooks.js";
import { Icon } from "./icon.js";
import { loadStyle } from "./panel/panel.js";

await Promise.all([addTexts("keys"), loadStyle("keys")]);

const CTRL = /Mac|iP/.test(navigator.platform) ? "⌘" : t("key.ctrl");
const SHIFT = t("key.shift");
const ENTER = t("key.enter");

/** The keys of each part of the app, and what they do. @type {[part: string, keys: [keys: string[], does: string][]][]} */
const KEYS = [
  ["keys.everywhere", [[["q", "a"], "add.label"], [["/"], "search"], [["?"], "keys"], [[`${CTRL} + Z`], "undo"], [["g t"], "view.today"], [["g u"], "view.upcoming"], [["g a"], "view.all"], [["g b"], "view.board"], [["g d"], "view.done"], [["g n"], "notifications"]]],
  [
    "menu",
    [
      [["↓", "j"], "keys.next"],
      [["↑", "k"], "keys.previous"],
      [[ENTER], "keys.open"],
      [["c"], "keys.complete"],
      [["s"], "task.skip"],
      [[t("key.delete"), "⌫"], "task.delete"],
      [["x"], "keys.select"],
      [[`${SHIFT} + ↓`, `${SHIFT} + ↑`], "keys.range"],
      [[`${CTRL} + A`], "keys.all"],
      [["Esc"], "bulk.clear"],
    ],
  ],
  [
    "view.board",
    [
      [["←", "↑", "↓", "→"], "keys.around"],
      [[`${SHIFT} + ←`, `${SHIFT} + →`], "keys.move"],
    ],
  ],
  [
    "task",
    [
      [["Esc"], "keys.close"],
      [[ENTER], "keys.title"],
      [[`${CTRL} + ${ENTER}`], "keys.notes"],
    ],
  ],
  [
    "add.label",
    [
      [[ENTER], "add.button"],
      [["↓", "↑", "Tab"], "keys.category"],
      [["Esc"], "close"],
    ],
  ],
];

/** @param {{ onClose: () => void }} props */
export function Keys({ onClose }) {
  const dialog = useRef(/** @type {HTMLDialogElement | null} */ (null));
  useLayoutEffect(() => dialog.current?.showModal(), []);
  return html`<dialog class="keys" ref=${dialog} aria-labelledby="keys" onClose=${onClose}>
    <header>
      <h1 id="keys" tabindex="-1" autofocus>${t("keys")}</h1>
      <form method="dialog"><button class="quiet" aria-label=${t("close")}>${h(Icon, { name: "close" })}</button></form>
    </header>
    ${KEYS.map(
      ([part, keys]) => html`<section>
        <h2>${t(part)}</h2>
        <dl>
          ${keys.map(([names, does]) => html`<div><dt>${t(does)}</dt><dd>${names.map((name) => html`<kbd>${name}</kbd>`)}</dd></div>`)}
        </dl>
      </section>`,
    )}
  </dialog>`;
}
