// The page for a forgotten password.

import { describeServer, forgotPassword } from "../account.js";
import { h, html } from "../html.js";
import { url } from "../router.js";
import { addTexts, t } from "../texts/texts.js";
import { useState } from "../vendor/preact-hooks.js";
import { Field, Form, textOf } from "./panel/form.js";
import { useLoad } from "./panel/loading.js";
import { loadStyle } from "./panel/panel.js";

await Promise.all([addTexts("settings"), loadStyle()]);

export function View() {
  const mail = useLoad(describeServer).data?.capabilities.mail;
  const [isSent, setSent] = useState(false);
  const send = (/** @type {FormData} */ data) => forgotPassword(textOf(data, "username")).then(() => setSent(true));
  return html`<main class="entry">
    <p class="service">${t("app")}</p>
    <h1>${t("forgot")}</h1>
    ${isSent
      ? html`<p role="status">${t("forgot.sent")}</p>`
      : mail === false
        ? html`<p>${t("forgot.no-mail")}</p>`
        : html`<p>${t("forgot.lead")}</p>
            ${h(Form, { label: t("forgot.send"), send, children: h(Field, { name: "username", label: "login", autocomplete: "username", autofocus: true }) })}`}
    <p><a href=${url("/signin")}>${t("forgot.back")}</a></p>
  </main>`;
}
