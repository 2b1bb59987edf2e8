// Help: the short syntax, what the line about the sync means, errors of this page, and the API.

import { failures } from "../../account.js";
import { h, html } from "../../html.js";
import { url } from "../../router.js";
import { numberOf, t, timeOf } from "../../texts/texts.js";
import { useState } from "../../vendor/preact-hooks.js";
import { ShortcutsButton } from "../shortcuts.js";

const SYNTAX = ["date", "repeat", "remind", "priority", "category", "text", "lines"];
const REMINDERS = ["task", "bell", "again", "closed"];
const LINES = ["sync", "waiting", "dot", "offline", "differs", "signed-out", "no-space"];

export function Help() {
  const [found] = useState(failures);
  return html`<section>
      <h2>${t("help.keys")}</h2>
      <p class="hint">${t("help.keys.hint")}</p>
      ${h(ShortcutsButton, {})}
    </section>
    <section>
      <h2>${t("help.syntax")}</h2>
      <dl class="help">
        ${SYNTAX.map((each) => html`<div key=${each}><dt>${t(`help.syntax.${each}`)}</dt><dd>${t(`help.syntax.${each}.means`)}</dd></div>`)}
      </dl>
    </section>
    <section>
      <h2>${t("help.reminders")}</h2>
      <dl class="help">
        ${REMINDERS.map((each) => html`<div key=${each}><dt>${t(`help.reminders.${each}`)}</dt><dd>${t(`help.reminders.${each}.means`)}</dd></div>`)}
      </dl>
    </section>
    <section>
      <h2>${t("help.line")}</h2>
      <p class="hint">${t("help.line.hint")}</p>
      <dl class="help">
        ${LINES.map((each) => html`<div key=${each}><dt>${t(`help.line.${each}`)}</dt><dd>${t(`help.line.${each}.means`)}</dd></div>`)}
      </dl>
    </section>
    <section>
      <h2>${t("help.errors")}</h2>
      <p class="hint">${t("help.errors.hint")}</p>
      ${found.length === 0
        ? html`<p class="empty">${t("help.errors.none")}</p>`
        : html`<ul class="entries">
            ${found.map(({ at, method, path, status, id }) => html`<li key=${id}><div>${t("help.error", { time: timeOf(at), status: numberOf(status) })} <code>${method} ${path}</code><p class="hint">${t("help.error.id")} <code>${id}</code></p></div></li>`)}
          </ul>`}
    </section>
    <section>
      <h2>${t("help.api")}</h2>
      <p>${t("help.api.hint")}</p>
      <p><a href=${url("/docs")}>${t("help.api.docs")}</a> · <a href=${url("/settings/tokens")}>${t("help.api.token")}</a></p>
    </section>`;
}
