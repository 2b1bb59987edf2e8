// Invitations to register.

import { describeServer } from "../../account.js";
import { allDeliveries, createInvite, invites, revokeInvite } from "../../calls/admin.js";
import { now } from "../../clock.js";
import { h, html } from "../../html.js";
import { url } from "../../router.js";
import { dayAndTime, endOfDay, t } from "../../texts/texts.js";
import { useState } from "../../vendor/preact-hooks.js";
import "../../vendor/preact-signals.js";
import { Act } from "../panel/act.js";
import { Field, Form, textOf } from "../panel/form.js";
import { Pages, useLoad } from "../panel/loading.js";
import { OneTimeLink } from "./one-time-link.js";

/** @typedef {import("../../sync/items.js").Schemas["InviteView"]} Invite */

export function Invites() {
  const [link, setLink] = useState("");
  const [made, setMade] = useState(0);
  const [mailed, setMailed] = useState("");
  const { registration: mode, mail } = useLoad(describeServer).data?.capabilities ?? {};
  const mails = useLoad(() => allDeliveries({})).data?.results ?? [];
  const failing = mails.filter(({ kind, state, problem }) => kind === "invitation" && (state === "failed" || (state === "due" && problem))).map(({ address }) => address);
  const create = async (/** @type {FormData} */ data) => {
    const [address, note, day] = ["address", "note", "expires_at"].map((name) => textOf(data, name));
    const created = await createInvite({ note, uses_left: Number(textOf(data, "uses_left")), ...(address && { address }), ...(day && { expires_at: endOfDay(new Date(`${day}T12:00`)).toISOString() }) });
    setLink(created.link ?? "");
    setMailed(created.is_mailed ? address : "");
    setMade(made + 1);
  };
  return html`<section>
      <h2>${t("admin.invites")}</h2>
      ${mode === "closed" && html`<p class="note">${t("invites.closed")} <a href=${url("/admin/settings")}>${t("invites.mode")}</a></p>`}
      ${mode !== "closed" && html`<div class="filters"><button onClick=${() => /** @type {HTMLElement | null} */ (document.querySelector(".panel .form [name=address]"))?.focus()}>${t("invites.new")}</button></div>`}
      ${h(Pages, {
        filter: String(made),
        load: invites,
        empty: t("invites.empty"),
        children: (/** @type {Invite[]} */ results, reload) =>
          html`<ul class="entries">
            ${results.map(({ id, note, address, uses_left, is_mailed, expires_at }) => {
              const name = address ?? (note || t("invites.unnamed"));
              const [isUsedUp, isExpired] = [uses_left === 0, new Date(expires_at) < now.value];
              const time = dayAndTime(new Date(expires_at), now.value);
              const state = isUsedUp ? t("invites.used-up") : isExpired ? t("invites.over", { time }) : `${t("invites.uses", { count: uses_left })} · ${t("invites.until", { time })}`;
              return html`<li key=${id}>
                <div>
                  <strong>${name}</strong> ${is_mailed && html` <a class=${`badge ${failing.includes(address) ? "negative" : ""}`} href=${url("/admin/deliveries")}>${t(failing.includes(address) ? "invites.failing" : "invites.mailed")}</a>`}
                  <p class="hint">${address && note && `${note} · `}${state}</p>
                </div>
                ${!isUsedUp && !isExpired && h(Act, { label: t("invites.revoke"), about: name, question: t("invites.revoke.ask", { name }), why: t("invites.revoke.why"), done: t("invites.revoked"), isNegative: true, act: () => revokeInvite(id).then(reload) })}
              </li>`;
            })}
          </ul>`,
      })}
    </section>
    ${mode !== "closed" && html`<section>
      <h2>${t("invites.new")}</h2>
      ${link && h(OneTimeLink, { link, text: t("invites.link") })}
      ${h(Form, {
        label: t("invites.create"),
        done: mailed ? t("invites.mailing", { address: mailed }) : t("invites.created"),
        resets: true,
        send: create,
        children: html`${h(Field, { name: "address", label: "email", type: "email", autocomplete: "off", hint: mail === undefined ? "" : t(mail ? "invites.address.hint" : "invites.address.no-mail") })}
          ${h(Field, { name: "note", label: "invites.note", autocomplete: "off", hint: t("invites.note.hint") })}
          ${h(Field, { name: "uses_left", label: "invites.count", type: "number", min: 1, value: "1" })}
          ${h(Field, { name: "expires_at", label: "token.until", type: "date", hint: t("invites.until.hint") })}`,
      })}
    </section>`}`;
}
