// A field of a form, with its label, and a hint or an error below it. Resetting the form gives it its value again.

import { html } from "../html.js";
import { t } from "../texts/texts.js";

/** @param {{ name: string, id?: string, label?: string, hint?: string, error?: string, value?: string, options?: string[][], key?: string, [attribute: string]: any }} props */
export function Field({ name, id = name, label = name, hint = "", error, value = "", options, ...more }) {
  const note = `${id}-note`;
  const input = { id, name, "aria-invalid": error ? "true" : undefined, "aria-describedby": error || hint ? note : undefined, ...more };
  return html`<label for=${id}>${t(label)}</label>
    ${options
      ? html`<select ...${input}>
          ${options.map(([each, text]) => html`<option key=${each} value=${each} selected=${each === value} defaultSelected=${each === value}>${text}</option>`)}
        </select>`
      : html`<input type="text" defaultValue=${value} autocapitalize="none" spellcheck=${false} ...${input} />`}
    ${(error || hint) && html`<p id=${note} class=${error ? "error" : "hint"}>${error ?? hint}</p>`}`;
}
