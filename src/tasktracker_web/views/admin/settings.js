// The settings of the service.

import { editSettings, settings } from "../../calls/admin.js";
import { h, html } from "../../html.js";
import { t } from "../../texts/texts.js";
import { Field, Form, textOf } from "../panel/form.js";
import { useLoad, whenLoaded } from "../panel/loading.js";

/** @typedef {import("../../sync/items.js").Schemas["SettingsView"]} Settings */

/** @type {Settings["registration"][]} */
const MODES = ["open", "invite", "closed"];

export function Settings() {
  const loading = useLoad(settings);
  const change = async (/** @type {FormData} */ data) => loading.put(await editSettings({ registration: /** @type {Settings["registration"]} */ (textOf(data, "registration")) }));
  return html`<section>
    <h2>${t("registration")}</h2>
    ${whenLoaded(loading, ({ registration, fixed }) => {
      if (fixed.includes("registration")) return html`<p>${t(`registration.${registration}`)}</p><p class="hint">${t("registration.fixed")}</p>`;
      const options = MODES.map((each) => [each, t(`registration.${each}`)]);
      return h(Form, { label: t("save"), send: change, children: h(Field, { name: "registration", label: "registration.who", value: registration, options, hint: t("registration.hint") }) });
    })}
  </section>`;
}
