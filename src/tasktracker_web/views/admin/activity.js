// What happened to accounts, and what administrators did.

import { allActivity } from "../../calls/admin.js";
import { now } from "../../clock.js";
import { h, html } from "../../html.js";
import { url } from "../../router.js";
import { dayAndTime, endOfDay, has, keysOf, t } from "../../texts/texts.js";
import { useState } from "../../vendor/preact-hooks.js";
import "../../vendor/preact-signals.js";
import { Pages } from "../panel/loading.js";
import { Filters } from "../panel/filters.js";

const OUTCOMES = ["success", "failure"];
/** What administrators looked at. It is hidden by default: it is most of the list. */
const READS = ["user_list", "user_read", "settings_read", "invite_list", "activity_list", "overview_read", "delivery_list"];
const NONE = { kind: "", outcome: "", since: "", until: "" };

/** @param {{ id: string, key?: string }} props the id of a user, or empty for all */
export function Activity({ id }) {
  const [filters, set] = useState(NONE);
  const [hasReads, setHasReads] = useState(false);
  const choose = (/** @type {Partial<typeof NONE>} */ changed) => set({ ...filters, ...changed });
  const midnight = (/** @type {string} */ day) => day && new Date(`${day}T00:00`).toISOString();
  const end = (/** @type {string} */ day) => day && new Date(endOfDay(new Date(`${day}T12:00`)).getTime() + 60_000).toISOString();
  const kinds = keysOf("kind.").map((key) => [key.slice("kind.".length), t(key)]);
  const shown = filters.kind || (hasReads ? "" : kinds.map(([kind]) => kind).filter((kind) => !READS.includes(kind)));
  return html`<section>
    <h2>${t("admin.activity")}</h2>
    ${id && html`<p class="hint">${t("activity.one")} <a href=${url("/admin/activity")}>${t("activity.all")}</a></p>`}
    <div class="filters">
      ${h(Filters, {
        chosen: filters,
        options: { kind: [["", t("activity.kind.any")], ...kinds.sort(([, a], [, b]) => a.localeCompare(b))], outcome: [["", t("activity.outcome.any")], ...OUTCOMES.map((each) => [each, t(`outcome.${each}`)])] },
        choose,
      })}
      ${["since", "until"].map((name) => html`<label key=${name}>${t(`filter.${name}`)} <input type="date" onChange=${(/** @type {any} */ event) => choose({ [name]: event.target.value })} /></label>`)}
      <label><input type="checkbox" checked=${hasReads} onChange=${() => setHasReads(!hasReads)} /> ${t("activity.reads")}</label>
    </div>
    ${filters.outcome === "failure" && html`<p class="hint">${t("activity.waits")}</p>`}
    ${h(Pages, {
      filter: JSON.stringify([filters, hasReads]),
      load: (cursor) => allActivity({ ...filters, kind: shown, user: id, since: midnight(filters.since), until: end(filters.until), cursor }),
      empty: t("activity.none"),
      children: (/** @type {import("../../sync/items.js").Schemas["AdminEventView"][]} */ events) =>
        html`<ul class="entries">
          ${events.map(
            ({ id, kind, outcome, at, address, user, username, admin, admin_username, subject, session_id, detail }) => html`<li key=${id}>
              <div>
                ${t(`kind.${kind}`)} ${outcome === "failure" && html` <span class="badge negative">${t("outcome.failure")}</span>`}
                <p class="hint">
                  ${dayAndTime(new Date(at), now.value)} ${user && html` · <a href=${url(`/admin/users/${user}`)}>${username}</a>`}
                  ${kind === "delete" && !subject && ` · ${t("activity.left")}`} ${kind === "login" && outcome === "failure" && !user && ` · ${t("activity.unknown")}`} ${subject && !user && !detail && html` · ${t("activity.subject", { id: subject })}`}
                  ${detail && detail !== username && html` · ${kind === "settings_change" && has(`registration.${detail}`) ? t(`registration.${detail}`) : detail}`}
                  ${admin && html` · ${t("activity.by", { name: admin_username ?? t("history.deletedAccount") })}`} ${subject && !admin && !session_id && ` · ${t("activity.command")}`} ${address && ` · ${address}`}
                </p>
              </div>
            </li>`,
          )}
        </ul>`,
    })}
  </section>`;
}
