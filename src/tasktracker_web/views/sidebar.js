// The lists, with the number of their open tasks; and signing out.

import { account, signOut, useCopy, useLists, useMe } from "../account.js";
import { h, html } from "../html.js";
import { useUnread } from "../notices.js";
import { go, list, url } from "../router.js";
import { uuid } from "../sync/platform.js";
import { t } from "../texts/texts.js";
import { undoable } from "../toasts.js";
import { useRef } from "../vendor/preact-hooks.js";
import "../vendor/preact-signals.js";
import { Icon } from "./icon.js";
import { useOwners } from "./people.js";
import { ShortcutsButton } from "./shortcuts.js";

export function Sidebar() {
  const { open, today, upcoming, shared, counts } = useLists();
  const me = useMe();
  const categories = byName(useCopy().categories.value);
  const names = useOwners("category", categories.filter(({ owner }) => owner !== me));
  const isSettings = list.value.name === "settings";
  const isHelp = isSettings && list.value.id === "help";
  const count = [...shared.value.values()].reduce((sum, tasks) => sum + tasks.length, 0);
  return html`<nav class="sidebar" aria-label=${t("menu")}>
    <ul>
      ${h(Entry, { icon: "today", path: "/today", label: t("view.today"), count: today.value.length })}
      ${h(Entry, { icon: "upcoming", path: "/upcoming", label: t("view.upcoming"), count: upcoming.value.length })}
      ${h(Entry, { icon: "all", path: "/all", label: t("view.all"), count: open.value.length })}
      ${h(Entry, { icon: "board", path: "/board", label: t("view.board"), count: 0 })}
      ${(count > 0 || list.value.name === "shared") && h(Entry, { icon: "shared", path: "/shared", label: t("view.shared"), count })}
      ${h(Entry, { icon: "done", path: "/done", label: t("view.done"), count: 0 })}
      ${h(Entry, { icon: "trash", path: "/trash", label: t("view.trash"), count: 0 })}
      ${h(Entry, { icon: "notifications", path: "/notifications", label: t("notifications"), count: useUnread(useCopy()).length, counted: "notifications.unread" })}
    </ul>
    <h2>${t("lists")}</h2>
    <ul>
      ${categories.map(({ id, name, color, owner, members }) => {
        const isOwn = owner === null || owner === me;
        const note = isOwn ? (members.length > 0 ? t("list.shared", { count: members.length }) : "") : names[owner] && t("list.by", { name: names[owner] });
        return h(Entry, { key: id, path: `/list/${id}`, label: name, note, count: counts.value.get(id) ?? 0, color: color ?? "none" });
      })}
    </ul>
    ${h(NewCategory, {})} ${h(ShortcutsButton, {})}
    <div class="foot">
      <p>
        <a href=${url("/settings")} aria-current=${isSettings && !isHelp ? "page" : undefined}>${t("settings")}</a>
        <a href=${url("/settings/help")} aria-current=${isHelp ? "page" : undefined}>${t("help")}</a>
        ${account.value?.user.isAdmin && html`<a href=${url("/admin")} aria-current=${list.value.name === "admin" ? "page" : undefined}>${t("admin")}</a>`}
      </p>
      ${h(SignOut, {})}
    </div>
  </nav>`;
}

/** Return categories in the order of their names. @param {ReadonlyMap<string, import("../sync/items.js").Category>} categories */
export function byName(categories) {
  return [...categories.values()].sort((a, b) => a.name.localeCompare(b.name));
}

/** The way to the notifications, with the number of those that were not read. */
export function Bell() {
  const count = useUnread(useCopy()).length;
  return html`<a class="bell" href=${url("/notifications")} aria-label=${count > 0 ? `${t("notifications")}: ${t("notifications.unread", { count })}` : t("notifications")}>
    ${h(Icon, { name: "notifications" })}${count > 0 && html`<span class="count" aria-hidden="true">${count > 99 ? "99+" : count}</span>`}
  </a>`;
}

/** @param {{ path: string, label: string, icon?: string, note?: string, count: number, counted?: string, color?: string, key?: string }} props `counted` is the key of what is counted */
function Entry({ path, label, icon, note, count, counted = "count", color }) {
  const { name, id } = list.value;
  const isCounted = count > 0 && useCopy().isRead.value;
  const isCurrent = path === `/${name}${id && `/${id}`}`;
  return html`<li>
    <a href=${url(path)} aria-current=${isCurrent ? "page" : undefined}>
      ${icon ? h(Icon, { name: icon }) : h(Dot, { color: color ?? "none" })}
      <span class="label" dir="auto">${label}${note && html`<span class="hint">${note}</span>`}</span>
      ${isCounted && html`<span class=${counted === "count" ? "count" : "count unread"} aria-label=${t(counted, { count })}>${count}</span>`}
    </a>
  </li>`;
}

/** The color of a category. @param {{ color: string }} props */
export function Dot({ color }) {
  // Attributes of SVG need no style, which the policy of the page forbids.
  return html`<svg class="dot" viewBox="0 0 10 10" aria-hidden="true">
    <circle cx="5" cy="5" r="4" fill=${color === "none" ? "transparent" : color} stroke="currentColor" stroke-width=${color === "none" ? 1.5 : 0} />
  </svg>`;
}

function NewCategory() {
  const copy = useCopy();
  /** @param {SubmitEvent} event */
  const add = (event) => {
    event.preventDefault();
    const form = /** @type {HTMLFormElement} */ (event.currentTarget);
    const name = String(new FormData(form).get("name")).trim();
    if (!name) return;
    const id = uuid();
    form.reset();
    void undoable(copy.create("category", { name }, id), t("did.list", { title: name })).then(() => {
      go(`/list/${id}`);
      requestAnimationFrame(() => /** @type {HTMLElement | null} */ (document.querySelector("main .add-box input"))?.focus());
    });
  };
  return html`<form class="new-category" onSubmit=${add}>
    ${h(Icon, { name: "add" })}
    <input name="name" dir="auto" maxlength="64" autocomplete="off" placeholder=${t("list.add")} aria-label=${t("list.add.name")} />
  </form>`;
}

function SignOut() {
  const dialog = useRef(/** @type {HTMLDialogElement | null} */ (null));
  const copy = useCopy();
  const waiting = copy.waiting.value + copy.issues.value.length;
  const ask = () => (waiting > 0 ? dialog.current?.showModal() : void signOut());
  return html`<p class="account">
      <strong dir="auto">${account.value?.user.username}</strong>
      <button class="plain" onClick=${ask}>${t("signout")}</button>
    </p>
    <dialog class="ask" ref=${dialog}>
      <h2>${t("signout.ask", { count: waiting })}</h2>
      <p>${t("signout.why", { count: waiting })}</p>
      <form method="dialog" class="buttons">
        <button>${t("cancel")}</button>
        <button class="negative" onClick=${() => void signOut()}>${t("signout.lose")}</button>
      </form>
    </dialog>`;
}
