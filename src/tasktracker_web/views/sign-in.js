// Signing in, with the second factor, and creating an account.

import { account, describeServer, register, signIn } from "../account.js";
import { h, html } from "../html.js";
import { url } from "../router.js";
import { Offline, Refused, Unavailable } from "../sync/errors.js";
import { t } from "../texts/texts.js";
import { useEffect, useRef, useState } from "../vendor/preact-hooks.js";
import "../vendor/preact-signals.js";

/** @param {{ isNew: boolean, key?: string }} props */
export function SignIn({ isNew }) {
  const [registration, setRegistration] = useState("open");
  const [errors, setErrors] = useState(/** @type {Record<string, string>} */ ({}));
  const [isBusy, setBusy] = useState(false);
  /** The name and the password, while the code is asked for. */
  const [needsCode, setNeedsCode] = useState(/** @type {{ username: string, password: string } | null} */ (null));
  const form = useRef(/** @type {HTMLFormElement | null} */ (null));
  useEffect(() => void describeServer().then(({ capabilities }) => setRegistration(capabilities.registration), () => {}), []);
  useEffect(() => {
    /** @type {HTMLElement | null | undefined} */ (form.current?.querySelector("[aria-invalid], input"))?.focus();
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
      } else setErrors(explained(error, needsCode !== null));
    }
    setBusy(false);
  };
  const title = t(isNew ? "register" : "signin");
  const known = account.value?.user.username;
  const lead = needsCode ? t("code.lead") : known ? t("signin.again", { username: known }) : t(isNew ? "register.lead" : "signin.lead");
  const other = isNew ? "signin" : "register";
  return html`<main class="entry">
    <p class="service">${t("app")}</p>
    <h1>${title}</h1>
    <p>${lead}</p>
    <form ref=${form} onSubmit=${send} novalidate>
      ${needsCode
        ? h(Field, { name: "code", key: "code", autocomplete: "one-time-code", hint: t("code.hint"), error: errors.code })
        : html`${h(Field, { name: "username", label: isNew ? "username" : "login", autocomplete: "username", hint: isNew ? t("username.hint") : "", error: errors.username, value: known })}
            ${h(Field, { name: "password", type: "password", autocomplete: isNew ? "new-password" : "current-password", hint: isNew ? t("password.hint") : "", error: errors.password })}
            ${isNew && registration === "invite" && h(Field, { name: "invite", autocomplete: "off", error: errors.invite, value: new URLSearchParams(location.search).get("invite") ?? "" })}`}
      ${errors.form && html`<p class="error" role="alert">${errors.form}</p>`}
      <button class="main" disabled=${isBusy}>${title}</button>
      ${needsCode && html`<button type="button" class="plain" onClick=${() => setNeedsCode(null)}>${t("code.back")}</button>`}
    </form>
    ${!needsCode && !known && (isNew || registration !== "closed") && html`<p>${t(isNew ? "register.other" : "signin.other")} <a href=${url(`/${other}`)}>${t(other)}</a></p>`}
  </main>`;
}

/** @param {{ name: string, label?: string, type?: string, autocomplete: string, hint?: string, error?: string, value?: string, key?: string }} props */
function Field({ name, label = name, type = "text", autocomplete, hint = "", error, value = "" }) {
  const note = `${name}-note`;
  return html`<label for=${name}>${t(label)}</label>
    <input
      id=${name}
      name=${name}
      type=${type}
      defaultValue=${value}
      autocomplete=${autocomplete}
      autocapitalize="none"
      spellcheck=${false}
      aria-invalid=${error ? "true" : undefined}
      aria-describedby=${error || hint ? note : undefined}
    />
    ${(error || hint) && html`<p id=${note} class=${error ? "error" : "hint"}>${error ?? hint}</p>`}`;
}

/** Return the message for each field, or for the `form`. @param {unknown} error @param {boolean} isCode @returns {Record<string, string>} */
function explained(error, isCode) {
  if (error instanceof Offline) return { form: t("error.offline") };
  if (error instanceof Unavailable) return { form: error.seconds ? t("error.wait", { count: error.seconds }) : t("error.offline") };
  if (!(error instanceof Refused)) return { form: t("error.other", { detail: String(error) }) };
  const { slug, fields } = error;
  if (slug === "invalid-credentials") return isCode ? { code: t("error.code") } : { form: t("error.invalid-credentials") };
  if (slug === "username-taken") return { username: t("error.username-taken") };
  if (slug === "registration-closed") return { form: t("error.registration-closed") };
  const known = Object.keys(fields).filter((name) => ["username", "password", "invite", "code"].includes(name));
  if (known.length) return Object.fromEntries(known.map((name) => [name, t(`error.${name}`)]));
  return { form: t("error.other", { detail: error.message }) };
}
