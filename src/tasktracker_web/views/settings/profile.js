// The name, the language, the time zone and the address of the user.

import { describeServer, keepProfile } from "../../account.js";
import { editProfile, requestVerification } from "../../calls/account.js";
import { now } from "../../clock.js";
import { h, html } from "../../html.js";
import { dayAndTime, language, LANGUAGES, speak, t } from "../../texts/texts.js";
import { useEffect, useRef } from "../../vendor/preact-hooks.js";
import "../../vendor/preact-signals.js";
import { Act } from "../panel/act.js";
import { Field, Form, textOf } from "../panel/form.js";
import { useLoad } from "../panel/loading.js";

/** @typedef {import("../../sync/items.js").Schemas["UserView"]} User */
/** @typedef {{ user: User, put: (user: User) => void }} Props */

/** In localStorage, and in a cookie, as in scheme.js. */
const SCHEME = "tasktracker:scheme";
const NAMES = /** @type {const} */ (["first_name", "last_name"]);

/** @param {Props} props */
export function Profile({ user, put }) {
  const here = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const zones = [...new Set([...Intl.supportedValuesOf("timeZone"), "UTC", here, user.time_zone])].sort();
  const languageHint = t("language.hint") + (user.language === language ? "" : ` ${t("language.here", { name: LANGUAGES[/** @type {keyof typeof LANGUAGES} */ (language)] })}`);
  const save = async (/** @type {FormData} */ data) => {
    const chosen = /** @type {User["language"]} */ (textOf(data, "language"));
    const names = Object.fromEntries(NAMES.map((name) => [name, textOf(data, name)]));
    put(await editProfile({ ...names, language: chosen, time_zone: textOf(data, "time_zone") }));
    if (chosen !== language) speak(chosen);
  };
  const changeName = async (/** @type {FormData} */ data) => {
    const changed = await editProfile({ username: textOf(data, "username") });
    put(changed);
    keepProfile(changed);
  };
  return html`<section>
      <h2>${t("settings.profile")}</h2>
      ${h(Form, {
        label: t("save"),
        send: save,
        children: html`${NAMES.map((name) => h(Field, { key: name, name, value: user[name], autocomplete: { first_name: "given-name", last_name: "family-name" }[name], autocapitalize: "words" }))}
          ${h(Field, { name: "language", value: user.language, hint: languageHint, options: Object.entries(LANGUAGES) })}
          ${h(Field, { name: "time_zone", value: user.time_zone, hint: t("time_zone.hint", { zone: here }), options: zones.map((each) => [each, each.replaceAll("_", " ")]) })}`,
      })}
    </section>
    <section>
      <h2>${t("username")}</h2>
      ${h(Form, { label: t("username.change"), send: changeName, children: h(Field, { name: "username", value: user.username, autocomplete: "username", hint: t("username.hint") }) })}
    </section>
    ${h(Address, { user, put })} ${h(Colors, {})}`;
}

/** The colors of the app on this device. */
function Colors() {
  const choose = (/** @type {any} */ { target: { value } }) => {
    if (value) localStorage.setItem(SCHEME, value);
    else localStorage.removeItem(SCHEME);
    document.documentElement.dataset.scheme = value;
    document.cookie = `tasktracker-scheme=${value};path=/;max-age=${value ? 34560000 : 0};samesite=lax`;
  };
  return html`<section>
    <h2>${t("scheme")}</h2>
    <div class="form">${h(Field, { name: "scheme", label: "scheme.on", value: localStorage.getItem(SCHEME) ?? "", options: ["", "light", "dark"].map((each) => [each, t(`scheme.${each || "system"}`)]), onChange: choose })}</div>
  </section>`;
}

/** @param {Props} props */
function Address({ user, put }) {
  const { email, email_verified_at: verified, pending_email: pending } = user;
  const mail = useLoad(describeServer).data?.capabilities.mail;
  const done = pending ? t("email.mailed", { email: pending }) : t("saved");
  const change = async (/** @type {FormData} */ data) => put(await editProfile({ email: textOf(data, "email") || null }));
  const state = !email ? "email.none" : verified ? "email.verified" : mail ? "email.unverified" : "email.unchecked";
  const section = useRef(/** @type {HTMLElement | null} */ (null));
  useEffect(() => void (location.hash === "#email" && requestAnimationFrame(() => section.current?.scrollIntoView())), []);
  return html`<section ref=${section}>
    <h2>${t("email")}</h2>
    <p>${t(state, { email: email ?? "", time: verified ? dayAndTime(new Date(verified), now.value) : "" })}</p>
    ${pending &&
    html`<div class="note">
      <p>${t("email.pending", { email: pending })}</p>
      <div class="buttons">
        ${h(Act, { label: t("email.again"), act: requestVerification, done: t("email.sent", { email: pending }) })}
        ${h(Act, { label: t("email.give-up"), act: async () => put(await editProfile({ pending_email: null })) })}
      </div>
    </div>`}
    ${h(Form, { label: t("email.change"), done, send: change, children: h(Field, { name: "email", type: "email", label: "email.new", autocomplete: "email", value: pending ? "" : (email ?? ""), hint: mail ? t("email.hint") : "" }) })}
  </section>`;
}
