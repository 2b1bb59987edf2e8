// The API tokens of the user.

import { apiTokens, createApiToken, revokeApiToken } from "../../calls/account.js";
import { now } from "../../clock.js";
import { h, html } from "../../html.js";
import { dayAndTime, endOfDay, t } from "../../texts/texts.js";
import { useState } from "../../vendor/preact-hooks.js";
import "../../vendor/preact-signals.js";
import { Act } from "../panel/act.js";
import { Copied } from "../panel/copied.js";
import { Boxes, Field, Form, textOf } from "../panel/form.js";
import { useLoad, whenLoaded } from "../panel/loading.js";

/** @typedef {import("../../sync/items.js").Schemas["Scope"]} Scope */

/** @type {Scope[]} */
const SCOPES = ["tasks:read", "tasks:write"];

export function Tokens() {
  const list = useLoad(apiTokens);
  const [token, show] = useState("");
  const create = async (/** @type {FormData} */ data) => {
    const day = textOf(data, "expires_at");
    const scopes = /** @type {Scope[]} */ (data.getAll("scopes"));
    const created = await createApiToken({ name: textOf(data, "name"), scopes, ...(day && { expires_at: endOfDay(new Date(`${day}T12:00`)).toISOString() }) });
    show(created.token);
    await list.reload();
  };
  const time = (/** @type {string} */ at) => dayAndTime(new Date(at), now.value);
  return html`<section>
      <h2>${t("settings.tokens")}</h2>
      <p class="hint">${t("tokens.hint")}</p>
      ${token && html`<div class="note" role="status"><p>${t("token.once")}</p>${h(Copied, { label: t("token"), value: token })}</div>`}
      ${whenLoaded(list, ({ results }) =>
        results.length === 0
          ? html`<p class="empty">${t("tokens.empty")}</p>`
          : html`<ul class="entries">
              ${results.map(
                ({ id, name, scopes, created_at, last_used_at, expires_at }) => html`<li key=${id}>
                  <div>
                    <strong>${name}</strong>
                    ${expires_at && new Date(expires_at) < now.value && html` <span class="badge negative">${t("token.expired")}</span>`}
                    <p class="hint">${scopes.map((each) => t(`scope.${each}`)).join(", ")} · ${last_used_at ? t("token.used", { time: time(last_used_at) }) : t("token.unused")}</p>
                    <p class="hint">${t("token.created", { time: time(created_at) })}${expires_at && ` · ${t("token.expires", { time: time(expires_at) })}`}</p>
                  </div>
                  ${h(Act, { label: t("token.revoke"), about: name, question: t("token.revoke.ask", { name }), why: t("token.revoke.why"), done: t("token.revoked"), isNegative: true, act: () => revokeApiToken(id).then(list.reload) })}
                </li>`,
              )}
            </ul>`,
      )}
    </section>
    <section>
      <h2>${t("token.new")}</h2>
      ${h(Form, {
        label: t("token.create"),
        done: t("token.done"),
        resets: true,
        send: create,
        children: html`${h(Field, { name: "name", label: "token.name", autocomplete: "off", hint: t("token.name.hint") })}
          ${h(Boxes, { name: "scopes", label: t("scopes"), options: SCOPES.map((each) => [each, t(`scope.${each}`)]), chosen: [SCOPES[0]] })}
          ${h(Field, { name: "expires_at", label: "token.until", type: "date", hint: t("token.until.hint") })}`,
      })}
    </section>`;
}
