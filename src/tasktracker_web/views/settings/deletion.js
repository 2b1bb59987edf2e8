// The deletion of the account.

import { signOut, useCopy, useMe } from "../../account.js";
import { deleteAccount, twoFactor } from "../../calls/account.js";
import { h, html } from "../../html.js";
import { t } from "../../texts/texts.js";
import { toast } from "../../toasts.js";
import "../../vendor/preact-signals.js";
import { Field, Form, textOf } from "../panel/form.js";
import { useLoad, whenLoaded } from "../panel/loading.js";
import { byName } from "../sidebar.js";

export function Deletion() {
  const me = useMe();
  const shared = byName(useCopy().categories.value).filter(({ owner, members }) => owner === me && members.length > 0);
  const passes = (/** @type {typeof shared[0]} */ { members }) => members.some(({ role }) => role === "editor");
  const lists = { "deletion.lists": shared.filter(passes), "deletion.orphans": shared.filter((each) => !passes(each)) };
  const factor = useLoad(twoFactor);
  const remove = async (/** @type {FormData} */ data) => {
    const [code, heir] = [textOf(data, "code"), textOf(data, "transfer_to")];
    await deleteAccount({ password: String(data.get("password")), ...(code && { code }), ...(heir && { transfer_to: heir }) });
    await signOut();
    toast(t("deletion.done"));
  };
  return html`<section>
    <h2>${t("settings.account")}</h2>
    <p>${t("deletion.what")}</p>
    <p>${t("deletion.tasks")}</p>
    ${Object.entries(lists).map(
      ([key, found]) =>
        found.length > 0 &&
        html`<p>${t(key)}</p>
          <ul class="names">
            ${found.map(({ id, name }) => html`<li key=${id}>${name}</li>`)}
          </ul>`,
    )}
    ${whenLoaded(factor, ({ enabled }) =>
      h(Form, {
        label: t("deletion.delete"),
        isNegative: true,
        send: remove,
        children: html`${shared.length > 0 && h(Field, { name: "transfer_to", autocomplete: "off", hint: t("transfer_to.hint") })}
          ${h(Field, { name: "password", type: "password", autocomplete: "current-password" })}
          ${enabled && h(Field, { name: "code", autocomplete: "one-time-code", hint: t("code.hint") })}`,
      }),
    )}
  </section>`;
}
