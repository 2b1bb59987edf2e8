// Signing in, with the second factor, and creating an account.

import { account, describeServer, register, signIn } from "../account.js";
import { h, html } from "../html.js";
import { url } from "../router.js";
import { Refused } from "../sync/errors.js";
import { t } from "../texts/texts.js";
import { useEffect, useRef, useState } from "../vendor/preact-hooks.js";
import "../vendor/preact-signals.js";
import { explained } from "./explained.js";
import { Field } from "./field.js";

const NAMES = ["username", "password", "invite", "code"];

/** @param {{ isNew: boolean, key?: string }} props */
export function SignIn({ isNew }) {
  const [registration, setRegistration] = useState("open");
  const [errors, setErrors] = useState(/** @type {Record<string, string>} */ ({}));
  const [isBusy, setBusy] = useState(false);
  const [isShown, show] = useState(false);
  /** The name and the password, while the code is asked for. */
  const [needsCode, setNeedsCode] = useState(/** @type {{ username: string, password: string } | null} */ (null));
  const form = useRef(/** @type {HTMLFormElement | null} */ (null));
  const known = account.value?.user.username;
  const filled = known ?? new URLSearchParams(location.hash.slice(1)).get("username") ?? ""; // of the page of a one-time link
  useEffect(() => void describeServer().then(({ capabilities }) => setRegistration(capabilities.registration), () => {}), []);
  useEffect(() => {
    const first = isNew || needsCode || !filled ? "input" : "#password";
    /** @type {HTMLElement | null | undefined} */ (form.current?.querySelector("[aria-invalid]") ?? form.current?.querySelector(first))?.focus();
  }, [errors, needsCode]);

  /** @param {SubmitEvent} event */
  const send = async (event) => {
    event.preventDefault();
    const data = new FormData(/** @type {HTMLFormElement} */ (event.currentTarget));
    const sent = (/** @type {string} */ name) => String(data.get(name) ?? "");
    const credentials = needsCode ?? { username: sent("username").trim(), password: sent("password") };
    const [code, invite] = [sent("code").trim(), sent("invite").trim()];
    setBusy(true);
    try {
      if (isNew) await register({ ...credentials, time_zone: Intl.DateTimeFormat().resolvedOptions().timeZone, ...(invite && { invite }) });
      else await signIn({ ...credentials, ...(code && { code }) });
      return;
    } catch (error) {
      if (error instanceof Refused && error.slug === "code-required") {
        setErrors({});
        setNeedsCode(credentials);
      } else if (needsCode && error instanceof Refused && error.slug === "invalid-credentials") setErrors({ code: t("error.code") });
      else {
        const found = explained(error, NAMES);
        if (found.username && /\s/.test(credentials.username)) found.username = t("error.username-space");
        setErrors(found);
      }
    }
    setBusy(false);
  };
  const title = t(isNew ? "register" : "signin");
  const isClosed = isNew && registration === "closed";
  const newLead = isClosed ? "error.registration-closed" : registration === "invite" ? "register.invited" : "register.lead";
  const lead = needsCode ? t("code.lead") : known ? t("signin.again", { username: known }) : t(isNew ? newLead : "signin.lead");
  const other = isNew ? "signin" : "register";
  return html`<main class="entry">
    <p class="service">${t("app")}</p>
    <h1>${title}</h1>
    <p>${lead}</p>
    ${!isClosed && html`<form ref=${form} onSubmit=${send} novalidate>
      ${needsCode
        ? h(Field, { name: "code", key: "code", autocomplete: "one-time-code", hint: t("code.hint"), error: errors.code })
        : html`${h(Field, { name: "username", label: isNew ? "username" : "login", autocomplete: "username", hint: isNew ? t("username.hint") : "", error: errors.username, value: filled })}
            ${h(Field, { name: "password", type: isShown ? "text" : "password", autocomplete: isNew ? "new-password" : "current-password", hint: isNew ? t("password.hint") : "", error: errors.password })}
            <label class="show"><input type="checkbox" checked=${isShown} onChange=${() => show(!isShown)} /> ${t("password.show")}</label>
            ${isNew && registration === "invite" && h(Field, { name: "invite", autocomplete: "off", error: errors.invite, value: new URLSearchParams(location.search).get("invite") ?? "" })}`}
      ${errors.form && html`<p class="error" role="alert">${errors.form}</p>`}
      <button class="main" disabled=${isBusy}>${title}</button>
      ${needsCode && html`<button type="button" class="plain" onClick=${() => setNeedsCode(null)}>${t("code.back")}</button>`}
    </form>`}
    ${!needsCode && !isNew && html`<p><a href=${url("/forgot")}>${t("forgot")}</a></p>`}
    ${!needsCode && !known && (isNew || registration !== "closed") && html`<p>${t(isNew ? "register.other" : registration === "invite" ? "signin.invited" : "signin.other")} <a href=${url(`/${other}`)}>${t(other)}</a></p>`}
  </main>`;
}
