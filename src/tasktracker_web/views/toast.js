// The message about the last action.

import { h, html } from "../html.js";
import { shown } from "../toasts.js";
import { t } from "../texts/texts.js";
import { useEffect, useRef, useState } from "../vendor/preact-hooks.js";
import "../vendor/preact-signals.js";
import { Icon } from "./icon.js";

export function Toast() {
  const current = shown.value;
  const [isPointed, point] = useState(false);
  const [isFocused, focus] = useState(false);
  const isHeld = isPointed || isFocused;
  useEffect(() => {
    if (!current || isHeld || current.seconds === Infinity) return;
    const timer = setTimeout(() => (shown.value = null), current.seconds * 1000);
    return () => clearTimeout(timer);
  }, [current, isHeld]);
  /** What had the focus before the message. */
  const before = useRef(/** @type {HTMLElement | null} */ (null));
  const close = () => {
    shown.value = null;
    point(false);
    focus(false);
    before.current?.focus();
    before.current = null;
  };
  const act = (/** @type {import("../toasts.js").Action} */ action) => {
    close();
    void action.act();
  };
  const enter = (/** @type {any} */ { currentTarget, relatedTarget }) => {
    focus(true);
    if (!currentTarget.contains(relatedTarget)) before.current = relatedTarget;
  };
  const held = { onMouseEnter: () => point(true), onMouseLeave: () => point(false), onFocusIn: enter, onFocusOut: () => focus(false) };
  return html`<div class="toasts" role="status" ...${held}>
    ${current &&
    html`<div class=${`toast ${current.more.length > 0 ? "full" : ""}`}>
      <span>${current.text}</span>
      ${[...(current.action ? [current.action] : []), ...current.more].map((each) => html`<button class="plain" key=${each.label} onClick=${() => act(each)}>${each.label}</button>`)}
      <button class="plain" aria-label=${t("close")} onClick=${close}>${h(Icon, { name: "close" })}</button>
    </div>`}
  </div>`;
}
