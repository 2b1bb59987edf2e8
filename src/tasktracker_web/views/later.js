// Views that are loaded when they are shown.

import { h, html } from "../html.js";
import { t } from "../texts/texts.js";
import { onDemand } from "../updates.js";
import { useEffect, useState } from "../vendor/preact-hooks.js";

/** @typedef {(props: any) => any} View */
/** By the first part of the path. @type {Record<string, () => Promise<{ View: View }>>} */
export const LATER = {
  forgot: () => import("./forgot.js"),
  settings: () => import("./settings/settings.js"),
  admin: () => import("./admin/gate.js"),
  board: () => import("./board.js").then(({ Board }) => ({ View: Board })),
  trash: () => import("./trash.js").then(({ Trash }) => ({ View: Trash })),
};

/** @param {{ load: () => Promise<{ View: View }>, id: string, key?: string }} props */
export function Later({ load, id }) {
  const [{ View, hasFailed }, set] = useState(/** @type {{ View?: View, hasFailed?: boolean }} */ ({}));
  useEffect(() => void onDemand(load).then(set, () => set({ hasFailed: true })), []);
  return View ? h(View, { id }) : html`<p class="empty" role="status">${t(hasFailed ? "error.offline" : "status.starting")}</p>`;
}
