// How the copy and the server are connected, and how many edits wait.

import { useCopy } from "../account.js";
import { html } from "../html.js";
import { url } from "../router.js";
import { t, timeOf } from "../texts/texts.js";
import "../vendor/preact-signals.js";

export function StatusLine() {
  const copy = useCopy();
  const { connection } = copy.status.value;
  const waiting = copy.waiting.value;
  const checked = copy.checked.value;
  const isChecked = connection === "live" && waiting === 0 && checked !== null;
  const differs = isChecked && checked.differs;
  let text = t(`status.${connection}`);
  if (connection === "live" && !copy.canCheck) text = t("status.unchecked");
  else if (differs) text = t("status.differs");
  else if (isChecked) text = t("status.sync", { time: timeOf(checked.at) });
  return html`<p class=${`status-line ${connection} ${differs ? "differs" : ""}`} role="status">
    <span>${text}</span>
    ${waiting > 0 && html` <span class="waiting">${t("waiting", { count: waiting })}</span>`}
    ${differs && html` <button class="plain" onClick=${() => copy.repair()}>${t("status.repair")}</button>`}
    ${["signed-out", "disabled"].includes(connection) && html` <a href=${url("/signin")}>${t("signin")}</a>`}
  </p>`;
}
