// The mails of the service, and their states.

import { allDeliveries, cancelDelivery, retryDelivery } from "../../calls/admin.js";
import { h, html } from "../../html.js";
import { url } from "../../router.js";
import { t } from "../../texts/texts.js";
import { useState } from "../../vendor/preact-hooks.js";
import { Act } from "../panel/act.js";
import { Pages } from "../panel/loading.js";
import { Mail } from "../panel/mail.js";
import { Filters } from "../panel/filters.js";

const STATES = ["due", "failing", "sent", "failed", "cancelled", "skipped"];

// The problems of the relay itself. The server does not name its host: users read the problems of their mails, too.
const RELAY = /^(the relay cannot be used|no file can be written)/;

/** Failing mails are due ones whose last attempt failed: nearly all that wait. @param {string} state @param {string} cursor */
async function load(state, cursor) {
  if (state !== "failing") return allDeliveries({ state, cursor });
  const page = await allDeliveries({ state: "due", cursor });
  return { ...page, results: page.results.filter(({ problem }) => problem) };
}

export function Deliveries() {
  const [state, setState] = useState("");
  return html`<section>
    <h2>${t("admin.deliveries")}</h2>
    <div class="filters">${h(Filters, { chosen: { state }, options: { state: [["", t("deliveries.any")], ...STATES.map((each) => [each, t(`delivery.${each}`)])] }, choose: (changed) => setState(changed.state) })}</div>
    ${h(Pages, {
      filter: state,
      load: (cursor) => load(state, cursor),
      empty: t("mails.empty"),
      children: (/** @type {import("../../sync/items.js").Schemas["AdminDeliveryView"][]} */ mails, reload) =>
        html`<ul class="entries">
          ${mails.map((mail) => {
            const about = t(`mail.${mail.kind}`);
            const isFailing = mail.state === "due" && mail.problem;
            const hint = isFailing && RELAY.test(mail.problem ?? "") && t("deliveries.relay");
            const retry = (isFailing || ["failed", "cancelled"].includes(mail.state)) && h(Act, { label: t(isFailing ? "deliveries.now" : "deliveries.retry"), about, done: t("deliveries.retried"), act: () => retryDelivery(mail.id).then(reload) });
            const cancel = mail.state === "due" && h(Act, { label: t("deliveries.cancel"), about, done: t("deliveries.cancelled"), isNegative: true, act: () => cancelDelivery(mail.id).then(reload) });
            const to = mail.user && html`<a href=${url(`/admin/users/${mail.user}`)}>${mail.username}</a>`;
            return h(Mail, { key: mail.id, mail, to, hint, actions: html`${retry} ${cancel}` });
          })}
        </ul>`,
    })}
  </section>`;
}
