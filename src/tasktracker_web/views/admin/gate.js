// The way into the administration, which is loaded for administrators only.

import { keepProfile } from "../../account.js";
import { profile } from "../../calls/account.js";
import { h } from "../../html.js";
import { go } from "../../router.js";
import { addTexts } from "../../texts/texts.js";
import { useEffect } from "../../vendor/preact-hooks.js";
import { Later } from "../later.js";
import { useLoad, whenLoaded } from "../panel/loading.js";
import { loadStyle } from "../panel/panel.js";

await Promise.all([addTexts("settings"), loadStyle()]);

/** @param {{ id: string }} props */
export function View({ id }) {
  const user = useLoad(profile);
  useEffect(() => {
    if (!user.data) return;
    keepProfile(user.data);
    if (!user.data.is_admin) go("/today", { replace: true });
  }, [user.data]);
  return whenLoaded(user, ({ is_admin }) => is_admin && h(Later, { load: () => import("./admin.js"), id }));
}
