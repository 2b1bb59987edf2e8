// The frame of the app: which view is shown, and what surrounds it.

import { account } from "../account.js";
import { h, html } from "../html.js";
import { go, route } from "../router.js";
import { t } from "../texts/texts.js";
import { useEffect, useRef } from "../vendor/preact-hooks.js";
import { signal } from "../vendor/preact-signals.js";
import { Issues } from "./issues.js";
import { List } from "./list.js";
import { Pane } from "./pane.js";
import { Sidebar } from "./sidebar.js";
import { SignIn } from "./sign-in.js";
import { StatusLine } from "./status-line.js";
import { Toast } from "./toast.js";
import { Trash } from "./trash.js";

const SIGNED_OUT = ["signin", "register"];
const START = "/today";

/** The list that was shown last: it stays beside the pane of a task. */
const list = signal({ name: "all", id: "" });

export function App() {
  const { name } = route.value;
  const isKnown = account.value !== undefined;
  const asks = account.value?.copy.status.value.connection === "signed-out";
  const isEntry = SIGNED_OUT.includes(name);
  useEffect(() => {
    if (!isKnown) return;
    if (!account.value && !isEntry) go("/signin", { replace: true });
    if (account.value && (name === "" || (isEntry && !asks))) go(START, { replace: true });
  }, [isKnown, account.value, name, asks]);
  if (!isKnown) return null;
  if (!account.value || isEntry) return html`${h(SignIn, { key: name, isNew: name === "register" })}${h(Toast, {})}`;
  return html`${h(Main, {})}${h(Toast, {})}`;
}

function Main() {
  const { name, id } = route.value;
  const isTask = name === "task";
  if (!isTask && (list.peek().name !== name || list.peek().id !== id)) list.value = { name, id };
  const { name: shown, id: category } = list.value;
  const menu = useRef(/** @type {HTMLDialogElement | null} */ (null));
  useEffect(() => menu.current?.close(), [name, id]);
  const back = () => go(shown === "list" ? `/list/${category}` : `/${shown}`);
  return html`
    <a class="skip" href="#main">${t("skip")}</a>
    <div class=${`frame ${isTask ? "with-pane" : ""}`}>
      <header class="top">
        <button class="quiet" aria-label=${t("menu")} onClick=${() => menu.current?.showModal()}>☰</button>
        <strong>${t("app")}</strong>
        ${h(StatusLine, {})}
      </header>
      <div class="side">${h(Sidebar, {})}${h(StatusLine, {})}</div>
      <dialog class="menu" ref=${menu} aria-label=${t("menu")} onClick=${closeOutside}>
        <form method="dialog"><button class="quiet" aria-label=${t("close")}>✕</button></form>
        ${h(Sidebar, {})}${h(StatusLine, {})}
      </dialog>
      <main id="main" tabindex="-1">
        ${h(Issues, {})}
        ${shown === "trash" ? h(Trash, {}) : h(List, { key: shown + category, name: shown, category })}
      </main>
      ${isTask && h(Pane, { key: id, id, onClose: back })}
    </div>
  `;
}

/** @param {MouseEvent} event */
function closeOutside(event) {
  if (event.target === event.currentTarget) /** @type {HTMLDialogElement} */ (event.currentTarget).close();
}
