// The page of a part of the settings or of the administration: its sections, and the one that is shown.

import { html } from "../../html.js";
import { url } from "../../router.js";
import { t } from "../../texts/texts.js";
import { dismiss } from "../../toasts.js";
import { useEffect } from "../../vendor/preact-hooks.js";

/** Load a style, unless it is loaded. @param {string} [name] */
export function loadStyle(name = "panel") {
  const { href } = new URL(`../../styles/later/${name}.css`, import.meta.url);
  if ([...document.styleSheets].some((each) => each.href === href)) return;
  const link = Object.assign(document.createElement("link"), { rel: "stylesheet", href });
  return new Promise((resolve, reject) => {
    link.onload = resolve;
    link.onerror = reject;
    document.head.append(link);
  });
}

/** @param {{ title: string, path: string, sections: string[][], current: string, more?: any, children: any }} props */
export function Panel({ title, path, sections, current, more, children }) {
  useEffect(() => scrollTo(0, 0), [current]);
  return html`<div class="panel">
    <h1>${title}</h1>
    <nav aria-label=${title} onClick=${dismiss}>
      ${sections.map(([name, label], index) => html`<a key=${name} href=${url(index === 0 ? path : `${path}/${name}`)} aria-current=${name === current ? "page" : undefined}>${label}</a>`)}
      ${more}
    </nav>
    ${children}
  </div>`;
}

/** What is shown at an address of a section that does not exist. */
export function Missing() {
  return html`<p class="empty">${t("page.missing")}</p>`;
}
