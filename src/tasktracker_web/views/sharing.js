// The dialog about the users who can see an item.

import { describeServer, useCopy, useMe } from "../account.js";
import { left } from "../arrivals.js";
import { assignRole, share, shares, unshare } from "../calls/shares.js";
import { h, html } from "../html.js";
import { go } from "../router.js";
import { sharesOf } from "../sync/items.js";
import { addTexts, t } from "../texts/texts.js";
import { toast } from "../toasts.js";
import { useEffect, useRef, useState } from "../vendor/preact-hooks.js";
import "../vendor/preact-signals.js";
import { explained } from "./explained.js";
import { Act } from "./panel/act.js";
import { Field, Form, textOf } from "./panel/form.js";
import { useLoad, whenLoaded } from "./panel/loading.js";
import { loadStyle } from "./panel/panel.js";
import { Avatar } from "./people.js";

await Promise.all([addTexts("settings"), addTexts("sharing"), loadStyle(), loadStyle("sharing")]);

/** @typedef {import("../sync/items.js").Shareable} Shareable */
/** @typedef {import("../calls/shares.js").Role} Role */

/** @type {Role[]} */
const ROLES = ["viewer", "editor"];
const options = () => ROLES.map((each) => [each, t(`role.${each}`)]);

/** @param {{ type: Shareable, id: string, title: string, isOwner: boolean, onClose: () => void }} props */
export function View({ type, id, title, isOwner, onClose }) {
  const copy = useCopy();
  const me = useMe();
  const dialog = useRef(/** @type {HTMLDialogElement | null} */ (null));
  useEffect(() => dialog.current?.showModal(), []);
  const mail = useLoad(describeServer).data?.capabilities.mail;
  /** The role for the next user. It stays when the form is emptied. */
  const [role, setRole] = useState("editor");
  const loading = useLoad(() => shares(type, id));
  const category = type === "task" ? copy.tasks.value.get(id)?.category : null;
  const isInShared = category && (copy.categories.value.get(category)?.members.length ?? 0) > 0;
  const changed = () => Promise.all([loading.reload(), copy.ask(sharesOf(type, id))]);
  const add = async (/** @type {FormData} */ data) => {
    const answer = await share(type, id, { username: textOf(data, "username"), role: /** @type {Role} */ (data.get("role")) });
    await changed();
    toast(t("email" in answer ? "sharing.invited" : "sharing.added", { name: "email" in answer ? answer.email : answer.username }));
  };
  const assign = (/** @type {string} */ user, /** @type {Role} */ role) => assignRole(type, id, user, role).then(changed).catch((error) => toast(explained(error).form));
  const leave = async () => {
    left.add(id);
    await unshare(type, id, me);
    onClose();
    toast(t("sharing.left", { title }));
    go("/today");
  };
  /** The role of a member, and a button that ends the membership. @param {import("../sync/items.js").Schemas["ShareView"]} member */
  const controls = ({ user_id, username, role }) => {
    if (user_id === me && !isOwner) return html`<span class="hint">${t(`role.${role}`)}</span> ${h(Act, { label: t("sharing.leave"), question: t("sharing.leave.ask", { title }), why: t("sharing.leave.why"), isNegative: true, act: leave })}`;
    if (!isOwner || role === "owner") return html`<span class="hint">${t(`role.${role}`)}</span>`;
    return html`<select aria-label=${t("sharing.role", { name: username })} onChange=${(/** @type {any} */ event) => assign(user_id, event.target.value)}>
        ${options().map(([value, text]) => html`<option value=${value} selected=${value === role}>${text}</option>`)}
      </select>
      ${h(Act, { label: t("sharing.remove"), about: username, isNegative: true, act: () => unshare(type, id, user_id).then(changed) })}`;
  };
  const close = html`<button type="button" class="plain" onClick=${() => dialog.current?.close()}>${t("close")}</button>`;
  return html`<dialog class="sharing" ref=${dialog} onClose=${onClose}>
    <h2>${t(`sharing.${type}`, { title })}</h2>
    ${whenLoaded(
      loading,
      ({ results, pending }) => html`<ul class="members">
        ${results.map((member) => html`<li key=${member.user_id}>${h(Avatar, { name: member.username })}<span class="name"><bdi>${member.username}</bdi>${member.user_id === me && html` <span class="hint">${t("people.you")}</span>`}</span>${controls(member)}</li>`)}
        ${pending.map(
          ({ id: invitation, email, role }) => html`<li key=${invitation}>
            ${h(Avatar, { name: email })}<span class="name">${email} <span class="badge">${t("sharing.pending")}</span></span><span class="hint">${t(`role.${role}`)}</span>
            ${h(Act, { label: t("sharing.revoke"), about: email, isNegative: true, act: () => unshare(type, id, invitation).then(changed) })}
          </li>`,
        )}
      </ul>`,
    )}
    ${isInShared && html`<p class="hint">${t("sharing.inherited")}</p>`}
    ${isOwner ?
    h(Form, {
      label: t("sharing.add"),
      done: "",
      resets: true,
      send: add,
      more: close,
      children: html`${h(Field, { name: "username", label: mail ? "login" : "username", autocomplete: "off", hint: mail ? t("sharing.mail") : "" })} ${h(Field, { name: "role", label: "sharing.as", value: role, options: options(), onChange: (/** @type {any} */ event) => setRole(event.target.value) })}`,
    }) : close}
  </dialog>`;
}
