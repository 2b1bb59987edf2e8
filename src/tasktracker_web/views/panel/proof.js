// The question for the password, and for a code if two-factor authentication is on.

import { account } from "../../account.js";
import { asked, Cancelled } from "../../calls/call.js";
import { confirmPassword } from "../../calls/account.js";
import { h, html } from "../../html.js";
import { Refused } from "../../sync/errors.js";
import { t } from "../../texts/texts.js";
import { useEffect, useRef, useState } from "../../vendor/preact-hooks.js";
import "../../vendor/preact-signals.js";
import { Field, Form, textOf } from "./form.js";

export function Proof() {
  const open = asked.value;
  const dialog = useRef(/** @type {HTMLDialogElement | null} */ (null));
  const [needsCode, setNeedsCode] = useState(false);
  useEffect(() => {
    if (!open) return;
    setNeedsCode(false);
    dialog.current?.showModal();
    return () => {
      dialog.current?.close();
      open.reject(new Cancelled()); // the user has left the view
    };
  }, [open]);
  useEffect(() => {
    if (needsCode) /** @type {HTMLElement | null | undefined} */ (dialog.current?.querySelector("[name=code]"))?.focus();
  }, [needsCode]);
  const send = async (/** @type {FormData} */ data) => {
    try {
      await confirmPassword({ password: String(data.get("password")), ...(needsCode && { code: textOf(data, "code") }) });
    } catch (error) {
      const isNew = error instanceof Refused && "code" in error.fields && !needsCode;
      if (!isNew) throw error;
      setNeedsCode(true);
      throw new Cancelled(); // the code is asked for first
    }
    open?.resolve();
  };
  return html`<dialog class="ask" ref=${dialog} onClose=${() => dialog.current?.open || open?.reject(new Cancelled())}>
    ${open &&
    html`<h2>${t("proof")}</h2>
      <p>${t("proof.why")}</p>
      ${h(Form, {
        label: t("proof.confirm"),
        send,
        more: html`<button type="button" class="plain" onClick=${() => dialog.current?.close()}>${t("cancel")}</button>`,
        children: html`<input hidden autocomplete="username" value=${account.value?.user.username} />
          ${h(Field, { name: "password", type: "password", autocomplete: "current-password" })}
          ${needsCode && h(Field, { name: "code", autocomplete: "one-time-code", hint: t("code.hint") })}`,
      })}`}
  </dialog>`;
}
