// What happened to the account, and the mails to it.

import { activity, deliveries } from "../../calls/account.js";
import { now } from "../../clock.js";
import { h, html } from "../../html.js";
import { dayAndTime, t } from "../../texts/texts.js";
import "../../vendor/preact-signals.js";
import { Pages } from "../panel/loading.js";
import { Mail } from "../panel/mail.js";

export function Activity() {
  return html`<section>
      <h2>${t("settings.activity")}</h2>
      <p class="hint">${t("activity.hint")}</p>
      ${h(Pages, {
        load: activity,
        empty: t("activity.empty"),
        children: (/** @type {import("../../sync/items.js").Schemas["AuthEventView"][]} */ events) =>
          html`<ul class="entries">
            ${events.map(
              ({ id, kind, outcome, at, address, by_admin }) => html`<li key=${id}>
                <div>
                  ${t(`kind.${kind}`)} ${outcome === "failure" && html` <span class="badge negative">${t("outcome.failure")}</span>`}
                  <p class="hint">${dayAndTime(new Date(at), now.value)}${address && ` · ${address}`}${by_admin && ` · ${t("activity.by-admin")}`}</p>
                </div>
              </li>`,
            )}
          </ul>`,
      })}
    </section>
    <section>
      <h2>${t("mails")}</h2>
      ${h(Pages, {
        load: deliveries,
        empty: t("mails.empty"),
        children: (/** @type {import("../panel/mail.js").Delivery[]} */ mails) => html`<ul class="entries">${mails.map((mail) => h(Mail, { key: mail.id, mail }))}</ul>`,
      })}
    </section>`;
}
