// The accounts, with a search, filters and an order; and new ones.

import { createUser, users } from "../../calls/admin.js";
import { now } from "../../clock.js";
import { h, html } from "../../html.js";
import { url } from "../../router.js";
import { dayAndTime, t } from "../../texts/texts.js";
import { useRef, useState } from "../../vendor/preact-hooks.js";
import { signal } from "../../vendor/preact-signals.js";
import { Boxes, Field, Form, textOf } from "../panel/form.js";
import { Pages } from "../panel/loading.js";
import { Filters } from "../panel/filters.js";
import { OneTimeLink } from "./one-time-link.js";

/** @typedef {import("../../sync/items.js").Schemas["AdminUserView"]} User */

const STATES = ["active", "disabled", "admin"];
const SORTS = ["username", "-created_at", "-last_seen_at", "-tasks"];
/** How long a search waits for the next letter. */
const PAUSE_MS = 100;

/** The filters of the list. They are kept while the user looks at one account. */
const filters = signal({ q: "", state: "", sort: SORTS[0] });

export function Users() {
  const [link, setLink] = useState("");
  const [made, setMade] = useState(0);
  const timer = useRef(0);
  const filter = (/** @type {Partial<typeof filters.value>} */ changed) => (filters.value = { ...filters.value, ...changed });
  const search = (/** @type {any} */ event) => {
    const q = event.target.value.trim();
    clearTimeout(timer.current);
    timer.current = setTimeout(() => filter({ q }), PAUSE_MS);
  };
  const create = async (/** @type {FormData} */ data) => {
    const [password, email] = [String(data.get("password")), textOf(data, "email")];
    const created = await createUser({ username: textOf(data, "username"), is_admin: data.has("is_admin"), ...(password && { password }), ...(email && { email }) });
    setLink(created.link ?? "");
    setMade(made + 1);
  };
  const { q, state, sort } = filters.value;
  return html`<section>
      <h2>${t("admin.users")}</h2>
      <div class="filters">
        <input type="search" defaultValue=${q} onInput=${search} placeholder=${t("search")} aria-label=${t("users.search")} />
        ${h(Filters, {
          chosen: { state, sort },
          options: { state: [["", t("users.state.any")], ...STATES.map((each) => [each, t(`users.state.${each}`)])], sort: SORTS.map((each) => [each, t(`users.sort.${each}`)]) },
          choose: filter,
        })}
        <button onClick=${() => /** @type {HTMLElement | null} */ (document.querySelector(".panel .form [name=username]"))?.focus()}>${t("users.new")}</button>
      </div>
      ${h(Pages, {
        filter: JSON.stringify([filters.value, made]),
        load: (cursor) => users({ ...filters.value, cursor }),
        empty: t(state ? "users.empty.state" : "users.empty"),
        children: (/** @type {User[]} */ results) => html`<ul class="entries">${results.map((user) => h(Row, { key: user.id, user }))}</ul>`,
      })}
    </section>
    <section>
      <h2>${t("users.new")}</h2>
      ${link && h(OneTimeLink, { link, text: t("users.link") })}
      ${h(Form, {
        label: t("users.create"),
        done: t("users.created"),
        resets: true,
        send: create,
        children: html`${h(Field, { name: "username", autocomplete: "off", hint: t("username.hint") })}
          ${h(Field, { name: "email", type: "email", autocomplete: "off" })}
          ${h(Field, { name: "password", type: "password", autocomplete: "new-password", hint: t("users.password.hint") })}
          ${h(Boxes, { name: "is_admin", label: t("users.role"), options: [["yes", t("users.is-admin")]], chosen: [] })}`,
      })}
    </section>`;
}

/** What is special about an account. @param {{ user: User }} props */
export function Badges({ user }) {
  return html`${!user.is_active && html` <span class="badge negative">${t("users.disabled")}</span>`}
  ${user.is_admin && html` <span class="badge">${t("users.admin")}</span>`}
  ${user.two_factor && html` <span class="badge">${t("users.two-factor")}</span>`}`;
}

/** @param {{ user: User, key?: string }} props */
function Row({ user }) {
  const { id, username, email, email_verified_at, pending_email, last_seen_at, tasks } = user;
  const address = email && (email_verified_at ? email : t("user.unverified", { email }));
  return html`<li>
    <div>
      <a href=${url(`/admin/users/${id}`)}>${username}</a>${h(Badges, { user })}
      <p class="hint">${[address, pending_email && t("user.pending", { email: pending_email }), t("users.tasks", { count: tasks }), last_seen_at ? t("users.seen", { time: dayAndTime(new Date(last_seen_at), now.value) }) : t("users.never")].filter(Boolean).join(" · ")}</p>
    </div>
  </li>`;
}
