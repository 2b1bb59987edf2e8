// A number for each day as columns, with a table of the same numbers.

import { now } from "../../clock.js";
import { html } from "../../html.js";
import { dayOf, numberOf, t } from "../../texts/texts.js";
import "../../vendor/preact-signals.js";

const [STEP, WIDTH, HEIGHT] = [10, 8, 60];

/** @param {{ label: string, days: { day: string, count: number }[], key?: string }} props */
export function Plot({ label, days }) {
  const counts = days.map(({ count }) => count);
  const most = Math.max(...counts);
  const text = t("plot.text", { sum: counts.reduce((sum, each) => sum + each, 0), most });
  const dayText = (/** @type {string} */ day) => dayOf(new Date(`${day}T12:00`), now.value);
  return html`<figure>
    <figcaption><strong>${label}</strong> <span class="hint">${text}</span></figcaption>
    <svg viewBox=${`0 0 ${days.length * STEP} ${HEIGHT + 1}`} role="img" aria-label=${`${label}: ${text}`}>
      <path class="base" d=${`M0 ${HEIGHT + 0.5}H${days.length * STEP}`} />
      ${days.map(({ day, count }, index) => {
        const height = most ? (count / most) * HEIGHT : 0;
        return html`<rect key=${day} x=${index * STEP + 1} y=${HEIGHT - height} width=${WIDTH} height=${height}><title>${dayText(day)}: ${numberOf(count)}</title></rect>`;
      })}
    </svg>
    <p class="ends hint" aria-hidden="true">${[days[0], days[days.length - 1]].map((each) => html`<span>${each && dayText(each.day)}</span>`)}</p>
    <details>
      <summary>${t("plot.table")}</summary>
      <table>
        <thead><tr><th scope="col">${t("plot.day")}</th><th scope="col">${label}</th></tr></thead>
        <tbody>${days.toReversed().map(({ day, count }) => html`<tr key=${day}><th scope="row">${dayText(day)}</th><td>${numberOf(count)}</td></tr>`)}</tbody>
      </table>
    </details>
  </figure>`;
}
