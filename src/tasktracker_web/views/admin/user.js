// One account, and what administrators can do with it.

import { useMe } from "../../account.js";
import { deleteUser, disableTwoFactorOf, editUser, endSessionsOf, resetPassword, user as load } from "../../calls/admin.js";
import { now } from "../../clock.js";
import { h, html } from "../../html.js";
import { go, url } from "../../router.js";
import { dayAndTime, numberOf, t } from "../../texts/texts.js";
import { toast } from "../../toasts.js";
import { useState } from "../../vendor/preact-hooks.js";
import "../../vendor/preact-signals.js";
import { Act } from "../panel/act.js";
import { Field, Form, textOf } from "../panel/form.js";
import { useLoad, whenLoaded } from "../panel/loading.js";
import { OneTimeLink } from "./one-time-link.js";
import { Badges } from "./users.js";

/** @typedef {import("../../sync/items.js").Schemas["AccountView"]} Account */
/** @typedef {{ user: Account, put: (changed: Partial<Account>) => void }} Props */

const QUOTAS = /** @type {const} */ (["tasks", "categories", "bytes"]);

/** @param {{ id: string, key?: string }} props */
export function User({ id }) {
  const loading = useLoad(() => load(id));
  const { data, reload } = loading;
  const put = (/** @type {Partial<Account>} */ changed) => data && loading.put({ ...data, ...changed });
  return html`<p><a href=${url("/admin/users")}>← ${t("user.back")}</a></p>
    ${whenLoaded(loading, (user) => html`${h(Facts, { user })} ${h(Access, { key: user.email ?? "", user, put, reload })} ${h(Names, { user, put })} ${h(Quotas, { user, put })} ${h(Deletion, { user })}`)}`;
}

/** @param {{ user: Account }} props */
function Facts({ user }) {
  const { id, username, email, email_verified_at, pending_email, created_at, last_seen_at, sessions } = user;
  const time = (/** @type {string | null} */ at) => (at ? dayAndTime(new Date(at), now.value) : t("overview.never"));
  const address = email ? t(email_verified_at ? "user.verified" : "user.unverified", { email }) : !pending_email && "–";
  const facts = { email: [address, pending_email && t("user.pending", { email: pending_email })].filter(Boolean).join("; "), created: time(created_at), seen: time(last_seen_at), sessions: numberOf(sessions), tasks: numberOf(user.tasks), categories: numberOf(user.categories), bytes: numberOf(user.bytes) };
  return html`<section>
    <h2>${username}${h(Badges, { user })}</h2>
    <dl class="facts">
      ${Object.entries(facts).map(([name, value]) => html`<div key=${name}><dt>${t(`user.${name}`)}</dt><dd>${value}</dd></div>`)}
    </dl>
    <p><a href=${url(`/admin/activity/${id}`)}>${t("user.activity")}</a></p>
  </section>`;
}

/** A change of the address ends its link, too: another key shows none. @param {Props & { reload: () => Promise<void>, key?: string }} props */
function Access({ user, put, reload }) {
  const { id, username: name, is_active, is_admin, two_factor } = user;
  const isOwn = id === useMe();
  const [link, setLink] = useState("");
  const edit = async (/** @type {import("../../sync/items.js").Schemas["EditUser"]} */ fields) => put(await editUser(id, fields));
  return html`<section>
    <h2>${t("user.access")}</h2>
    ${link && h(OneTimeLink, { link, text: t("user.reset.link") })}
    <div class="buttons">
      ${is_active && h(Act, { label: t("user.reset"), act: async () => setLink((await resetPassword(id)).link) })}
      ${h(Act, { label: t("user.end"), question: t("user.end.ask", { name }), why: t("user.end.why"), done: t("user.ended"), act: () => endSessionsOf(id).then(reload) })}
      ${two_factor && h(Act, { label: t("user.factor"), question: t("user.factor.ask", { name }), why: t("two-factor.disable.why"), done: t("two-factor.disabled"), act: () => disableTwoFactorOf(id).then(reload) })}
      ${isOwn ? null : is_admin
        ? h(Act, { key: "demote", label: t("user.demote"), question: t("user.demote.ask", { name }), isNegative: true, act: () => edit({ is_admin: false }) })
        : h(Act, { key: "promote", label: t("user.promote"), question: t("user.promote.ask", { name }), why: t("user.promote.why"), act: () => edit({ is_admin: true }) })}
      ${isOwn ? null : is_active
        ? h(Act, { key: "disable", label: t("user.disable"), question: t("user.disable.ask", { name }), why: t("user.disable.why"), isNegative: true, done: t("user.is-disabled", { name }), act: () => edit({ is_active: false }).then(reload) })
        : h(Act, { key: "enable", label: t("user.enable"), done: t("user.enabled", { name }), act: () => edit({ is_active: true }) })}
    </div>
    ${isOwn && html`<p class="hint">${t("user.own")}</p>`}
  </section>`;
}

/** @param {Props} props */
function Names({ user, put }) {
  const change = async (/** @type {FormData} */ data) => {
    const [username, email] = [textOf(data, "username"), textOf(data, "email") || null];
    put(await editUser(user.id, { ...(username !== user.username && { username }), ...(email !== user.email && { email }) }));
  };
  return html`<section>
    <h2>${t("user.names")}</h2>
    ${h(Form, {
      label: t("save"),
      send: change,
      children: html`${h(Field, { name: "username", value: user.username, autocomplete: "off", hint: t("username.hint") })} ${h(Field, { name: "email", type: "email", value: user.email ?? "", autocomplete: "off" })}`,
    })}
  </section>`;
}

/** @param {Props} props */
function Quotas({ user, put }) {
  const change = async (/** @type {FormData} */ data) => {
    const fields = QUOTAS.map((name) => [`max_${name}`, textOf(data, `max_${name}`)]).map(([name, text]) => [name, text === "" ? null : Number(text)]);
    put(await editUser(user.id, Object.fromEntries(fields)));
  };
  const ofService = (/** @type {string} */ name) => user.service_quotas[/** @type {keyof typeof user.service_quotas} */ (name)];
  return html`<section>
    <h2>${t("quotas")}</h2>
    <p class="hint">${t("quotas.hint")}</p>
    ${h(Form, {
      label: t("save"),
      send: change,
      children: QUOTAS.map((name) => h(Field, { key: name, name: `max_${name}`, label: `quota.${name}`, type: "number", min: 0, value: String(user[`max_${name}`] ?? ""), hint: t(ofService(`max_${name}`) === null ? "quota.none" : "quota.service", { count: ofService(`max_${name}`) ?? 0 }) })),
    })}
  </section>`;
}

/** @param {{ user: Account }} props */
function Deletion({ user }) {
  const { id, username, shared_categories: shared } = user;
  const [heir, setHeir] = useState("");
  const heirs = (shared[0]?.editors ?? []).filter((name) => shared.every(({ editors }) => editors.includes(name)));
  /** The members of the categories, by their new owner or empty. @type {Map<string, number[]>} */
  const passing = new Map();
  for (const { editors, members } of shared) {
    const name = heir || editors[0] || "";
    passing.set(name, [...(passing.get(name) ?? []), members]);
  }
  const passes = [...passing].map(([name, members]) => (name ? t("user.passes", { name, count: members.length }) : t("user.orphans", { count: members.length, members: members.reduce((sum, each) => sum + each) })));
  const remove = async (/** @type {FormData} */ data) => {
    await deleteUser(id, textOf(data, "transfer_to"));
    toast(t("user.deleted", { name: username }));
    go("/admin/users");
  };
  return html`<section>
    <h2>${t("user.delete")}</h2>
    <p class="hint">${t("user.delete.why")}</p>
    ${passes.length > 0 && html`<ul class="hint">${passes.map((text) => html`<li key=${text}>${text}</li>`)}</ul>`}
    ${h(Form, {
      label: t("user.delete"),
      question: t("user.delete.ask", { name: username }),
      why: [t("user.delete.why"), ...passes].join(" "),
      isNegative: true,
      send: remove,
      children: heirs.length > 0 && h(Field, { name: "transfer_to", label: "user.heir", options: [["", t("user.heir.default")], ...heirs.map((name) => [name, name])], value: heir, onChange: (/** @type {any} */ event) => setHeir(event.target.value) }),
    })}
  </section>`;
}
