// How the service is, and what happened on the last days.

import { isReady, overview } from "../../calls/admin.js";
import { now } from "../../clock.js";
import { h, html } from "../../html.js";
import { addServerTexts, dayAndTime, fromServer, numberOf, t } from "../../texts/texts.js";
import "../../vendor/preact-signals.js";
import { useLoad, whenLoaded } from "../panel/loading.js";
import { Plot } from "./plot.js";

await addServerTexts();

const PLOTS = /** @type {const} */ (["tasks_created", "tasks_done", "logins", "failures", "registrations"]);

export function Overview() {
  const loading = useLoad(() => Promise.all([overview(), isReady()]));
  const time = (/** @type {string | null} */ at) => (at ? dayAndTime(new Date(at), now.value) : t("overview.never"));
  return whenLoaded(loading, ([{ version, schema, users, active_users, admins, tasks, streams, mail, jobs, last_sweep, last_backup, days }, ready]) => {
    const unfinished = jobs.filter(({ waiting, running }) => waiting + running > 0);
    const facts = {
      health: t(ready ? "overview.ready" : "overview.not-ready"),
      mail: mail.failing ? t("overview.mail-failing", { count: mail.failing, time: time(mail.failing_since), problem: fromServer(mail.problem ?? "") }) : t(mail.is_on ? "overview.mail-on" : "overview.mail-off"),
      version: schema ? t("overview.schema", { version, schema }) : version,
      users: users === active_users ? t("overview.all-active", { count: users }) : t("overview.active", { users, count: active_users }),
      admins: numberOf(admins),
      tasks: numberOf(tasks),
      streams: numberOf(streams),
      last_sweep: time(last_sweep),
      last_backup: last_backup ? time(last_backup) : t("overview.no-backup"),
      jobs: unfinished.length ? unfinished.map(({ kind, waiting, running }) => t("overview.job", { kind: t(`job.${kind}`), waiting, running })).join("; ") : t("overview.no-jobs"),
    };
    /** @type {Record<string, boolean>} */
    const wrong = { health: !ready, mail: mail.failing > 0 };
    return html`<section>
        <h2>${t("overview.now")}</h2>
        <dl class="facts">
          ${Object.entries(facts).map(([name, value]) => html`<div key=${name}><dt>${t(`overview.${name}`)}</dt><dd class=${wrong[name] ? "error" : ""}>${value}</dd></div>`)}
        </dl>
      </section>
      <section>
        <h2>${t("overview.days")}</h2>
        <p class="hint">${last_sweep ? t("overview.counted", { time: time(last_sweep) }) : t("overview.uncounted")}</p>
        <div class="plots">${PLOTS.map((name) => h(Plot, { key: name, label: t(`plot.${name}`), days: days.map((each) => ({ day: each.day, count: each[name] })) }))}</div>
      </section>`;
  });
}
