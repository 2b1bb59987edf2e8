// The button that opens the dialog about the users who can see an item.

import { h, html } from "../html.js";
import { t } from "../texts/texts.js";
import { toast } from "../toasts.js";
import { onDemand } from "../updates.js";
import { useState } from "../vendor/preact-hooks.js";

/** @typedef {import("./later.js").View} View */

/** @param {{ type: import("../sync/items.js").Type, id: string, title: string, isOwner: boolean }} props */
export function ShareButton(props) {
  const [{ View }, show] = useState(/** @type {{ View?: View }} */ ({}));
  const open = () => void onDemand(() => import("./sharing.js")).then(show, () => toast(t("error.offline")));
  return html`<button class="quiet share" onClick=${open}>${t(props.isOwner ? "share" : props.type === "task" ? "people.leave" : "people")}</button>
    ${View && h(View, { ...props, onClose: () => show({}) })}`;
}
