// The password, and two-factor authentication.

import { changePassword, confirmTwoFactor, disableTwoFactor, enrolTwoFactor, renewRecoveryCodes, twoFactor } from "../../calls/account.js";
import { h, html } from "../../html.js";
import { t } from "../../texts/texts.js";
import { toast } from "../../toasts.js";
import { useState } from "../../vendor/preact-hooks.js";
import { encode } from "../../vendor/uqr.js";
import { Act } from "../panel/act.js";
import { Copied } from "../panel/copied.js";
import { Field, Form, textOf } from "../panel/form.js";
import { useLoad, whenLoaded } from "../panel/loading.js";

/** @typedef {import("../../sync/items.js").Schemas} Schemas */

export function Security() {
  const factor = useLoad(twoFactor);
  const change = (/** @type {FormData} */ data) => changePassword({ new_password: String(data.get("new_password")) });
  return html`<section>
      <h2>${t("password")}</h2>
      <p class="hint">${t("password.others")}</p>
      ${h(Form, { label: t("password.change"), done: t("password.changed"), resets: true, send: change, children: h(Field, { name: "new_password", type: "password", autocomplete: "new-password", hint: t("password.hint") }) })}
    </section>
    <section>
      <h2>${t("two-factor")}</h2>
      ${whenLoaded(factor, (data) => h(TwoFactor, { factor: data, reload: factor.reload }))}
    </section>`;
}

/** @param {{ factor: Schemas["TwoFactorView"], reload: () => Promise<void> }} props */
function TwoFactor({ factor, reload }) {
  const [enrolment, enrol] = useState(/** @type {Schemas["EnrolmentView"] | null} */ (null));
  const [codes, setCodes] = useState(/** @type {string[]} */ ([]));
  const show = async (/** @type {Schemas["RecoveryCodesView"]} */ answer) => {
    setCodes(answer.recovery_codes);
    enrol(null);
    await reload();
  };
  const disable = async () => {
    await disableTwoFactor();
    setCodes([]);
    await reload();
  };
  if (!factor.enabled && !enrolment) {
    return html`<p>${t("two-factor.off")}</p>
      <div class="buttons">${h(Act, { label: t("two-factor.begin"), act: async () => enrol(await enrolTwoFactor()) })}</div>`;
  }
  if (enrolment) return h(Enrolment, { enrolment, confirm: async (code) => show(await confirmTwoFactor(code)), onCancel: () => enrol(null) });
  return html`<p>${t("two-factor.on", { count: factor.recovery_codes_left })}</p>
    ${codes.length > 0 && h(RecoveryCodes, { codes })}
    <div class="buttons">
      ${h(Act, { label: t("codes.renew"), question: t("codes.renew.ask"), why: t("codes.renew.why"), act: async () => show(await renewRecoveryCodes()) })}
      ${h(Act, { label: t("two-factor.disable"), question: t("two-factor.disable.ask"), why: t("two-factor.disable.why"), done: t("two-factor.disabled"), isNegative: true, act: disable })}
    </div>`;
}

/** @param {{ enrolment: Schemas["EnrolmentView"], confirm: (code: string) => Promise<void>, onCancel: () => void }} props */
function Enrolment({ enrolment, confirm, onCancel }) {
  return html`<p>${t("two-factor.scan")}</p>
    ${h(QrCode, { text: enrolment.provisioning_uri })}
    ${h(Copied, { label: t("two-factor.secret"), value: enrolment.secret })}
    ${h(Form, { label: t("two-factor.confirm"), more: html`<button type="button" class="plain" onClick=${onCancel}>${t("cancel")}</button>`, send: (data) => confirm(textOf(data, "code")), children: h(Field, { name: "code", autocomplete: "one-time-code", inputmode: "numeric", hint: t("two-factor.code.hint") }) })}`;
}

/** @param {{ text: string }} props */
function QrCode({ text }) {
  const { size, data } = encode(text, { border: 4 });
  const path = data.flatMap((row, y) => row.map((isDark, x) => (isDark ? `M${x} ${y}h1v1h-1z` : ""))).join("");
  return html`<svg class="qr" viewBox=${`0 0 ${size} ${size}`} role="img" aria-label=${t("two-factor.qr")} shape-rendering="crispEdges">
    <rect width=${size} height=${size} fill="white" />
    <path d=${path} fill="black" />
  </svg>`;
}

/** @param {{ codes: string[] }} props */
function RecoveryCodes({ codes }) {
  const copy = () => navigator.clipboard.writeText(codes.join("\n")).then(() => toast(t("copied")), () => toast(t("copied.not")));
  return html`<div class="note">
    <p><strong>${t("codes")}</strong></p>
    <p>${t("codes.once")}</p>
    <ol class="codes">
      ${codes.map((code) => html`<li key=${code}><code>${code}</code></li>`)}
    </ol>
    <button onClick=${copy}>${t("copy")}</button>
  </div>`;
}
