// The trash, as the server has listed it last.

import { useCopy } from "../account.js";
import { now } from "../clock.js";
import { h, html } from "../html.js";
import { Refused } from "../sync/errors.js";
import { TRASH } from "../sync/items.js";
import { dayAndTime, t } from "../texts/texts.js";
import { toast, undoable } from "../toasts.js";
import { useEffect, useRef, useState } from "../vendor/preact-hooks.js";
import "../vendor/preact-signals.js";
import { useAnswer } from "./answer.js";
import { Icon } from "./icon.js";
import { useWindow } from "./window.js";

/** @typedef {import("../sync/items.js").Deleted} Deleted */

const DAY_MS = 24 * 60 * 60 * 1000;

export function Trash() {
  const copy = useCopy();
  const tasks = copy.tasks.value;
  const { answer: trash, isOffline } = useAnswer(TRASH, tasks.size);
  const [asked, ask] = useState(/** @type {Deleted | null} */ (null));
  const list = useRef(/** @type {HTMLElement | null} */ (null));
  const dialog = useRef(/** @type {HTMLDialogElement | null} */ (null));
  useEffect(() => scrollTo(0, 0), []);
  useEffect(() => void (asked && dialog.current?.showModal()), [asked]);
  const purge = async () => {
    const { id, title } = /** @type {Deleted} */ (asked);
    try {
      await copy.purge(id);
      await copy.ask(TRASH);
      toast(t("did.purge", { title }));
    } catch (error) {
      toast(error instanceof Refused ? t("error.other", { detail: error.message }) : t("error.offline"));
    }
  };
  /** @type {Deleted[]} */
  const rows = trash?.results.filter(({ id }) => !tasks.has(id)) ?? []; // some are restored, but that was not sent yet
  const { from, to } = useWindow(list, rows.length);
  const restoreAll = () => void undoable(copy.restore(...rows.map(({ id }) => id)), t("did.restore.all", { count: rows.length }));
  /** The second click of a double click selects no word: by then, the button is gone. */
  const hold = (/** @type {MouseEvent} */ event) => event.detail > 1 && event.preventDefault();
  return html`<section class="list" onMouseDown=${hold}>
    <header>
      <h1>${t("view.trash")}</h1>
      ${rows.length > 1 && html`<button class="quiet" onClick=${restoreAll}>${t("trash.restore.all")}</button>`}
    </header>
    ${isOffline && trash && html`<p class="hint">${t("trash.old", { time: dayAndTime(new Date(trash.at), now.value) })}</p>`}
    ${!trash && html`<p class="empty" role="status">${t(isOffline ? "trash.unknown" : "trash.loading")}</p>`}
    ${trash && rows.length === 0 && html`<div class="empty">${h(Icon, { name: "trash" })}<p>${t("trash.empty")}</p><p class="hint">${t("trash.empty.hint", { count: copy.retentionDays })}</p></div>`}
    <ul class="trash" ref=${list} style=${{ height: `calc(var(--height) * ${rows.length})` }}>
      ${rows.slice(from, to).map((task, index) => html`<li key=${task.id} style=${{ top: `calc(var(--height) * ${from + index})` }}>${h(Row, { task, onPurge: () => ask(task) })}</li>`)}
    </ul>
    <dialog class="ask" ref=${dialog} onClose=${() => dialog.current?.open || ask(null)}>
      <h2>${t("trash.ask", { title: asked?.title ?? "" })}</h2>
      <p>${t("trash.why")}</p>
      <form method="dialog" class="buttons">
        <button>${t("cancel")}</button>
        <button class="negative" onClick=${() => void purge()}>${t("trash.purge")}</button>
      </form>
    </dialog>
  </section>`;
}

/** @param {{ task: Deleted, onPurge: () => void }} props */
function Row({ task, onPurge }) {
  const copy = useCopy();
  const { id, title, deleted_at } = task;
  const end = new Date(deleted_at).getTime() + copy.retentionDays * DAY_MS;
  const left = Math.ceil((end - now.value.getTime()) / DAY_MS);
  const days = Math.min(copy.retentionDays, Math.max(0, left)); // the time that is shown may be a minute old
  /** The second click of a double click is ignored, because the next task is already in this place. @param {MouseEvent} event */
  const restore = ({ detail }) => void (detail > 1 || undoable(copy.restore(id), t("did.restore", { title })));
  return html`<div class="text">
      <span class="title" dir="auto">${title}</span>
      <span class="hint">${t("trash.days", { count: days })}</span>
    </div>
    <div class="actions">
      <button class="plain" aria-label=${t("trash.restore.label", { title })} onClick=${restore}>${t("trash.restore")}</button>
      <button class="plain negative" aria-label=${t("trash.purge.label", { title })} onClick=${onPurge}>${t("trash.purge")}</button>
    </div>`;
}
