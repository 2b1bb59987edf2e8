// The menus above a list that choose what is in it.

import { html } from "../../html.js";
import { t } from "../../texts/texts.js";

/** @param {{ chosen: Record<string, string>, options: Record<string, string[][]>, choose: (changed: Record<string, string>) => void }} props */
export function Filters({ chosen, options, choose }) {
  return html`${Object.entries(options).map(
    ([name, values]) => html`<select key=${name} aria-label=${t(`filter.${name}`)} onChange=${(/** @type {any} */ event) => choose({ [name]: event.target.value })}>
      ${values.map(([value, text]) => html`<option key=${value} value=${value} selected=${value === chosen[name]}>${text}</option>`)}
    </select>`,
  )}`;
}
