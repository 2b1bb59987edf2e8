// The start of the app.

import { start } from "./account.js";
import { keepTime } from "./clock.js";
import { h } from "./html.js";
import { followLinks } from "./router.js";
import { language, t } from "./texts/texts.js";
import { keepUpdated } from "./updates.js";
import { render } from "./vendor/preact.js";
import { App } from "./views/app.js";

document.documentElement.lang = language;
document.title = t("app");
followLinks();
render(h(App, {}), document.body);
void start();
keepTime();
keepUpdated();
