// A question before an action.

import { html } from "../../html.js";
import { t } from "../../texts/texts.js";

/** @param {{ dialog: { current: HTMLDialogElement | null }, question: string, why?: string, label: string, isNegative: boolean, onYes: () => unknown }} props */
export function Question({ dialog, question, why, label, isNegative, onYes }) {
  return html`<dialog class="ask" ref=${dialog}>
    <h2>${question}</h2>
    ${why && html`<p>${why}</p>`}
    <form method="dialog" class="buttons">
      <button>${t("cancel")}</button>
      <button class=${isNegative ? "negative" : "main"} onClick=${() => void onYes()}>${label}</button>
    </form>
  </dialog>`;
}
