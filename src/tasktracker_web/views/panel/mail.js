// A mail of the server, and its state.

import { now } from "../../clock.js";
import { html } from "../../html.js";
import { dayAndTime, fromServer, t } from "../../texts/texts.js";
import "../../vendor/preact-signals.js";

/** @typedef {import("../../sync/items.js").Schemas["DeliveryView"]} Delivery */

/** @param {{ mail: Delivery, actions?: any, key?: string }} props */
export function Mail({ mail, actions }) {
  const { kind, address, state, problem, created_at, attempts, next_attempt_at } = mail;
  const time = (/** @type {string} */ at) => dayAndTime(new Date(at), now.value);
  return html`<li>
    <div>
      ${t(`mail.${kind}`)} <span class=${`badge ${state === "failed" ? "negative" : ""}`}>${t(`delivery.${state}`)}</span>
      <p class="hint">${time(created_at)}${address && ` · ${address}`}</p>
      ${problem && html`<p class="hint">${t("mail.problem", { count: attempts, problem: fromServer(problem) })}${next_attempt_at && ` · ${t("mail.next", { time: time(next_attempt_at) })}`}</p>`}
    </div>
    ${actions}
  </li>`;
}
