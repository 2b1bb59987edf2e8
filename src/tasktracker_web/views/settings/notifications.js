// How the user is notified: reminders, mails, and notifications of the system on this device.

import { editPreferences, preferences } from "../../calls/account.js";
import { now } from "../../clock.js";
import { h, html } from "../../html.js";
import { allowSystemNotices, stopSystemNotices, systemNotices } from "../../notices.js";
import { url } from "../../router.js";
import { dayAndTime, t, timeOf } from "../../texts/texts.js";
import { useState } from "../../vendor/preact-hooks.js";
import "../../vendor/preact-signals.js";
import { Boxes, Field, Form, textOf } from "../panel/form.js";
import { useLoad, whenLoaded } from "../panel/loading.js";

/** @typedef {import("../../sync/items.js").Schemas} Schemas */

const HOURS = Array.from({ length: 24 }, (_, hour) => [String(hour), timeOf(new Date(2000, 0, 1, hour))]);

/** @param {{ user: Schemas["UserView"] }} props */
export function Notifications({ user }) {
  const loading = useLoad(preferences);
  return html`${whenLoaded(loading, (data) => h(Preferences, { data, put: loading.put, zone: user.time_zone }))} ${h(Here, {})}`;
}

/** @param {{ data: Schemas["PreferencesView"], put: (data: Schemas["PreferencesView"]) => void, zone: string }} props */
function Preferences({ data, put, zone }) {
  const { reminder_hour, reminder_mails, summary_hour, next_summary_at, mail } = data;
  const saveHour = async (/** @type {FormData} */ form) => put(await editPreferences({ reminder_hour: Number(form.get("reminder_hour")) }));
  const saveMails = async (/** @type {FormData} */ form) => {
    const hour = textOf(form, "summary_hour");
    put(await editPreferences({ reminder_mails: form.has("mails"), summary_hour: hour ? Number(hour) : null }));
  };
  return html`<section>
      <h2>${t("preferences.reminders")}</h2>
      ${h(Form, { label: t("save"), send: saveHour, children: h(Field, { name: "reminder_hour", value: String(reminder_hour), options: HOURS, hint: t("reminder_hour.hint", { zone }) }) })}
    </section>
    <section>
      <h2>${t("preferences.mails")}</h2>
      ${mail !== "ready" && html`<p>${t(`preferences.mail.${mail}`)}${mail === "no_verified_address" && html` <a href=${url("/settings#email")}>${t("settings.profile")}</a>`}</p>`}
      ${mail !== "not_configured" &&
      h(Form, {
        label: t("save"),
        send: saveMails,
        children: html`${h(Boxes, { name: "mails", label: t("preferences.mails.of"), options: [["reminder", t("preferences.mails.reminders")]], chosen: reminder_mails ? ["reminder"] : [] })}
          ${h(Field, { name: "summary_hour", value: String(summary_hour ?? ""), options: [["", t("summary.none")], ...HOURS], hint: !next_summary_at ? t("summary_hour.hint") : mail === "ready" ? t("summary.next", { time: dayAndTime(new Date(next_summary_at), now.value) }) : t("summary.waits") })}`,
      })}
    </section>`;
}

/** Notifications of the system, for which the browser asks after a click. */
function Here() {
  const [state, set] = useState(systemNotices);
  const change = async () => {
    if (state === "on") await stopSystemNotices();
    else await allowSystemNotices();
    set(systemNotices());
  };
  return html`<section>
    <h2>${t("preferences.here")}</h2>
    <p>${t(`preferences.here.${state}`)}</p>
    ${(state === "on" || state === "off") && html`<div class="buttons"><button class=${state === "on" ? "" : "main"} onClick=${change}>${t(state === "on" ? "preferences.here.stop" : "preferences.here.begin")}</button></div>`}
  </section>`;
}
