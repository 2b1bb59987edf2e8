// Buttons that open dialogs, such as the one about the users who can see an item.

import { h, html } from "../html.js";
import { t } from "../texts/texts.js";
import { toast } from "../toasts.js";
import { onDemand } from "../updates.js";
import { useState } from "../vendor/preact-hooks.js";

/** @typedef {import("./later.js").View} View */

/** A button that opens a dialog, which is loaded then. @param {{ load: () => Promise<{ View: View }>, label: string, [property: string]: unknown }} props */
export function DialogButton({ load, label, ...props }) {
  const [{ View }, show] = useState(/** @type {{ View?: View }} */ ({}));
  const open = () => void onDemand(load).then(show, () => toast(t("error.offline")));
  return html`<button class="quiet share" onClick=${open}>${t(label)}</button>
    ${View && h(View, { ...props, onClose: () => show({}) })}`;
}

/** @param {{ type: import("../sync/items.js").Shareable, id: string, title: string, isOwner: boolean }} props */
export function ShareButton(props) {
  return h(DialogButton, { ...props, load: () => import("./sharing.js"), label: props.isOwner ? "share" : props.type === "task" ? "people.leave" : "people" });
}
