// The settings of the account.

import { keepProfile } from "../../account.js";
import { profile } from "../../calls/account.js";
import { h, html } from "../../html.js";
import { addTexts, t } from "../../texts/texts.js";
import { useLoad, whenLoaded } from "../panel/loading.js";
import { loadStyle, Panel } from "../panel/panel.js";
import { Proof } from "../panel/proof.js";
import { Activity } from "./activity.js";
import { Data } from "./data.js";
import { Deletion } from "./deletion.js";
import { Devices } from "./devices.js";
import { Help } from "./help.js";
import { Notifications } from "./notifications.js";
import { Profile } from "./profile.js";
import { Security } from "./security.js";
import { Tokens } from "./tokens.js";

await Promise.all([addTexts("settings"), loadStyle()]);

/** @typedef {import("../panel/loading.js").Loading<import("../../sync/items.js").Schemas["UserView"]>} User */

const SECTIONS = { profile: Profile, notifications: Notifications, security: Security, devices: Devices, tokens: Tokens, data: Data, activity: Activity, account: Deletion, help: Help };

/** @param {{ id: string }} props */
export function View({ id }) {
  const user = useLoad(async () => {
    const data = await profile();
    keepProfile(data);
    return data;
  });
  const [first] = Object.keys(SECTIONS);
  const current = id in SECTIONS ? id : first;
  const Section = SECTIONS[/** @type {keyof SECTIONS} */ (current)];
  return h(Panel, {
    title: t("settings"),
    path: "/settings",
    sections: Object.keys(SECTIONS).map((each) => [each, t(`settings.${each}`)]),
    current,
    children: html`${whenLoaded(user, (data) => h(Section, { key: current, user: data, put: user.put }))} ${h(Proof, {})}`,
  });
}
