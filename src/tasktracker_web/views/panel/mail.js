// A mail of the server, and its state.

import { now } from "../../clock.js";
import { html } from "../../html.js";
import { dayAndTime, fromServer, t } from "../../texts/texts.js";
import "../../vendor/preact-signals.js";

/** @typedef {import("../../sync/items.js").Schemas["DeliveryView"]} Delivery */

/** @param {{ mail: Delivery, to?: any, hint?: any, actions?: any, key?: string }} props */
export function Mail({ mail, to, hint, actions }) {
  const { kind, address, state, problem, created_at, attempts, next_attempt_at } = mail;
  const time = (/** @type {string} */ at) => dayAndTime(new Date(at), now.value);
  const shown = state === "due" && problem ? "failing" : state;
  return html`<li>
    <div>
      ${t(`mail.${kind}`)} <span class=${`badge ${shown.startsWith("fail") ? "negative" : ""}`}>${t(`delivery.${shown}`)}</span>
      <p class="hint">${time(created_at)}${to && html` · ${to}`}${address && ` · ${address}`}</p>
      ${problem && html`<p class="hint">${state === "skipped" ? t("mail.reason", { reason: fromServer(problem) }) : t("mail.problem", { count: attempts, problem: fromServer(problem) })}${next_attempt_at && ` · ${t("mail.next", { time: time(next_attempt_at) })}`}</p>`}
      ${hint && html`<p class="hint">${hint}</p>`}
    </div>
    ${actions}
  </li>`;
}
