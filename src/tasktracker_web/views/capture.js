// The box for new tasks, from everywhere: by a key, a button, or the share menu of the system.

import { draft, draftOf } from "../drafts.js";
import { h, html } from "../html.js";
import { t } from "../texts/texts.js";
import { useEffect, useLayoutEffect, useRef } from "../vendor/preact-hooks.js";
import { signal } from "../vendor/preact-signals.js";
import { AddBox } from "./add-box.js";
import { Icon } from "./icon.js";
import { useKeys } from "./shortcuts.js";

const DRAFT = draftOf("capture", "text");
/** Whether another app, or a shortcut of the system, has opened the page. */
const isShared = location.pathname.endsWith("/share");

/** The text with which the box is open, or null while it is closed. @type {import("@preact/signals-core").Signal<string | null>} */
const opened = signal(null);

/** Open the box. @param {string} [text] */
function capture(text = "") {
  opened.value = text;
}

/** @param {{ name: string, category: string }} props the list that is shown */
export function Capture({ name, category }) {
  const text = opened.value;
  const dialog = useRef(/** @type {HTMLDialogElement | null} */ (null));
  useEffect(() => {
    const parameters = new URLSearchParams(location.search);
    const shared = ["title", "text", "url"].flatMap((each) => parameters.get(each) || []);
    if (draft(DRAFT) !== null) capture();
    if (shared.length || isShared) capture([...new Set(shared)].join(" "));
    if (shared.length) history.replaceState(null, "", location.pathname);
  }, []);
  useKeys(["a", "q"], () => capture());
  useLayoutEffect(() => {
    if (text === null) dialog.current?.close();
    else if (!dialog.current?.open) dialog.current?.showModal();
  }, [text]);
  const close = () => (opened.value = null);
  // The event of its closing may come after it was opened again.
  return html`<dialog class="capture" ref=${dialog} aria-label=${t("add.label")} onClose=${() => dialog.current?.open || close()}>
    ${text !== null && h(AddBox, { name, category, draft: DRAFT, autofocus: true, initial: text, onAdded: close })}
  </dialog>`;
}

/** The button that opens the box. @param {{ hasLabel: boolean }} props */
export function CaptureButton({ hasLabel }) {
  return html`<button class="quiet capture-button" title=${t("add.key")} aria-label=${hasLabel ? undefined : t("add.label")} onClick=${() => capture()}>
    ${h(Icon, { name: "add" })}${hasLabel && html`<span>${t("add.label")}</span><kbd aria-hidden="true">q</kbd>`}
  </button>`;
}
