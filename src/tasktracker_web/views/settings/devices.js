// The sessions of the user: each is a device, or a browser on it.

import { endOtherSessions, endSession, sessions } from "../../calls/account.js";
import { now } from "../../clock.js";
import { h, html } from "../../html.js";
import { dayAndTime, t } from "../../texts/texts.js";
import "../../vendor/preact-signals.js";
import { Act } from "../panel/act.js";
import { useLoad, whenLoaded } from "../panel/loading.js";

const BROWSERS = { Edge: /\bEdg/, Opera: /\bOPR\//, Firefox: /\b(Firefox|FxiOS)\//, Chrome: /\b(Chrome|CriOS)\//, Safari: /\bSafari\// };
const SYSTEMS = { iPhone: /\biPhone\b/, iPad: /\biPad\b/, Android: /\bAndroid\b/, Windows: /\bWindows\b/, macOS: /\bMac OS X\b/, Linux: /\bLinux\b/ };

export function Devices() {
  const list = useLoad(sessions);
  return html`<section>
    <h2>${t("settings.devices")}</h2>
    <p class="hint">${t("devices.hint")}</p>
    ${whenLoaded(
      list,
      ({ results }) => html`<ul class="entries">
          ${results.map(({ id, device, user_agent, address, last_used_at, created_at, is_current }) => {
            const name = device ?? nameOf(user_agent);
            return html`<li key=${id}>
              <div>
                <strong title=${user_agent}>${name}</strong>
                ${is_current && html` <span class="badge">${t("device.this")}</span>`}
                <p class="hint">${t("device.used", { time: dayAndTime(new Date(last_used_at), now.value) })}${address && ` · ${address}`}</p>
                <p class="hint">${t("device.since", { time: dayAndTime(new Date(created_at), now.value) })}</p>
              </div>
              ${!is_current && h(Act, { label: t("device.end"), about: name, done: t("device.ended"), isNegative: true, act: () => endSession(id).then(list.reload) })}
            </li>`;
          })}
        </ul>
        ${results.length > 1 && html`<div class="buttons">${h(Act, { label: t("devices.end"), question: t("devices.end.ask"), why: t("devices.end.why"), done: t("devices.ended"), isNegative: true, act: () => endOtherSessions().then(list.reload) })}</div>`}`,
    )}
  </section>`;
}

/** Return the browser and the system that a browser says it is, or its first word. @param {string | null} agent */
function nameOf(agent) {
  if (!agent) return t("device.unknown");
  const [browser, system] = [BROWSERS, SYSTEMS].map((known) => Object.entries(known).find(([, pattern]) => pattern.test(agent))?.[0]);
  if (!browser) return agent.split(/[\s/]/)[0];
  return system ? t("device.name", { browser, system }) : browser;
}
