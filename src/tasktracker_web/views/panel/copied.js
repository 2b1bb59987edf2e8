// A text to copy, such as a secret that is shown once.

import { html } from "../../html.js";
import { t } from "../../texts/texts.js";
import { toast } from "../../toasts.js";
import { useId, useRef } from "../../vendor/preact-hooks.js";

/** @param {{ label: string, value: string }} props */
export function Copied({ label, value }) {
  const input = useRef(/** @type {HTMLInputElement | null} */ (null));
  const id = useId();
  const copy = async () => {
    input.current?.select(); // over plain HTTP, the keys of the system copy it
    try {
      await navigator.clipboard.writeText(value);
      toast(t("copied"));
    } catch {
      toast(t("copied.not"));
    }
  };
  return html`<div class="copied">
    <label for=${id}>${label}</label>
    <input id=${id} type="text" readonly value=${value} ref=${input} onFocus=${() => input.current?.select()} />
    <button type="button" onClick=${copy}>${t("copy")}</button>
  </div>`;
}
