// The administration of the service.

import { h, html } from "../../html.js";
import { route, url } from "../../router.js";
import { addTexts, t } from "../../texts/texts.js";
import "../../vendor/preact-signals.js";
import { loadStyle, Missing, Panel } from "../panel/panel.js";
import { Proof } from "../panel/proof.js";
import { Activity } from "./activity.js";
import { Deliveries } from "./deliveries.js";
import { Invites } from "./invites.js";
import { Overview } from "./overview.js";
import { Settings } from "./settings.js";
import { User } from "./user.js";
import { Users } from "./users.js";

await Promise.all([addTexts("admin"), loadStyle("admin")]);

/** @type {Record<string, (props: { id: string, key?: string }) => any>} */
const SECTIONS = { overview: Overview, users: Users, invites: Invites, deliveries: Deliveries, activity: Activity, settings: Settings };

/** @param {{ id: string }} props */
export function View({ id }) {
  const [name, item = ""] = id.split("/");
  const names = Object.keys(SECTIONS);
  const current = name || names[0];
  const Section = current === "users" && item ? User : names.includes(current) ? SECTIONS[current] : Missing;
  return h(Panel, {
    title: t("admin"),
    path: "/admin",
    sections: names.map((each) => [each, t(`admin.${each}`)]),
    current,
    more: html`<a href=${url("/settings")}>← ${t("settings")}</a>`,
    children: html`${h(Section, { key: `${id} ${route.value.visit}`, id: item })} ${h(Proof, {})}`,
  });
}
