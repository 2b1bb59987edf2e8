// The start of the app.

import { followProfile, start } from "./account.js";
import { keepTime } from "./clock.js";
import { h } from "./html.js";
import { followClicks } from "./notices.js";
import { followLinks } from "./router.js";
import { language, t } from "./texts/texts.js";
import { keepUpdated } from "./updates.js";
import { render } from "./vendor/preact.js";
import { App } from "./views/app.js";
import { loadParts } from "./views/later.js";

/** When the rest of the app is loaded: the first view is shown by then. */
const PARTS_MS = 1000;

document.documentElement.lang = language;
document.title = t("app");
followLinks();
followClicks();
render(h(App, {}), document.body);
void start().then(() => setTimeout(() => void loadParts().then(followProfile), PARTS_MS));
keepTime();
keepUpdated();
