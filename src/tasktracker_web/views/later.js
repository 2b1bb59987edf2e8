// Views that are loaded when they are shown, and parts of others that are loaded after the first view.

import { h, html } from "../html.js";
import { addTexts, t } from "../texts/texts.js";
import { onDemand } from "../updates.js";
import { useEffect, useState } from "../vendor/preact-hooks.js";
import { signal } from "../vendor/preact-signals.js";

/** @typedef {(props: any) => any} View */
/** By the first part of the path. @type {Record<string, () => Promise<{ View: View }>>} */
export const LATER = {
  notifications: () => import("./notifications.js"),
  forgot: () => import("./forgot.js"),
  settings: () => import("./settings/settings.js"),
  admin: () => import("./admin/gate.js"),
};

/** @param {{ load: () => Promise<{ View: View }>, id: string, key?: string }} props */
export function Later({ load, id }) {
  const [{ View, hasFailed }, set] = useState(/** @type {{ View?: View, hasFailed?: boolean }} */ ({}));
  useEffect(() => void onDemand(load).then(set, () => set({ hasFailed: true })), []);
  return View ? h(View, { id }) : html`<p class="empty" role="status">${t(hasFailed ? "error.offline" : "status.starting")}</p>`;
}

/** @type {(() => Promise<void>)[]} */
const parts = [];

/**
 * Return a component that is loaded by `loadParts`, or when it is shown before that.
 * @template P @param {() => Promise<import("preact").FunctionComponent<P>>} load @returns {import("preact").FunctionComponent<P>}
 */
function part(load) {
  const loaded = signal(/** @type {import("preact").FunctionComponent<any> | null} */ (null));
  const keep = async () => void (loaded.value ??= await load());
  parts.push(keep);
  return (props) => {
    if (loaded.value) return h(loaded.value, props);
    void onDemand(keep);
    return null;
  };
}

/** Load all parts, one after the other. */
export async function loadParts() {
  for (const keep of parts) await keep().catch(() => {}); // again when it is shown
}

/** What understands new tasks. @type {import("@preact/signals-core").Signal<typeof import("../capture.js") | null>} */
export const capturing = signal(null);

/** Load it now. Without it, new tasks are texts. */
export async function loadCapturing() {
  const [capture] = await Promise.all([import("../capture.js"), addTexts("reminders")]);
  return (capturing.value ??= capture);
}
parts.push(async () => void (await loadCapturing()));

export const Board = part(async () => (await import("./board.js")).Board);
export const Bulk = part(async () => (await import("./bulk.js")).Bulk);
export const Issues = part(async () => (await import("./issues.js")).Issues);
export const Members = part(async () => (await import("./members.js")).Members);
export const Pane = part(async () => (await import("./pane.js")).Pane);
export const Reminders = part(async () => (await import("./reminders.js")).Reminders);
export const Samples = part(async () => (await import("./samples.js")).Samples);
export const SignIn = part(async () => (await import("./sign-in.js")).SignIn);
export const Trash = part(async () => (await import("./trash.js")).Trash);
