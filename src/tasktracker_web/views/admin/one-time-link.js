// A link that is shown once.

import { h, html } from "../../html.js";
import { t } from "../../texts/texts.js";
import { Copied } from "../panel/copied.js";

/** @param {{ link: string, text: string }} props a server that does not know its URL gives a path */
export function OneTimeLink({ link, text }) {
  return html`<div class="note" role="status">
    <p>${text}</p>
    ${h(Copied, { label: t("link"), value: new URL(link, location.href).href })}
  </div>`;
}
