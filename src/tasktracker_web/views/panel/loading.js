// Data that a view requests from the server when it is shown. It is not stored on the device.

import { h, html } from "../../html.js";
import { Refused } from "../../sync/errors.js";
import { t } from "../../texts/texts.js";
import { useEffect, useRef, useState } from "../../vendor/preact-hooks.js";
import { explained } from "../explained.js";
import { Act } from "./act.js";

/** @template T @typedef {{ data?: T, error?: unknown, reload: () => Promise<void>, put: (data: T) => void }} Loading */

/** Load something, again when the key changes: what was loaded before is shown meanwhile. @template T @param {() => Promise<T>} load @param {string} [key] @returns {Loading<T>} */
export function useLoad(load, key = "") {
  const [found, set] = useState(/** @type {{ data?: T, error?: unknown }} */ ({}));
  const last = useRef(0);
  const reload = async () => {
    const number = ++last.current;
    const next = await load().then((data) => ({ data }), (error) => ({ error }));
    if (number === last.current) set(next);
  };
  useEffect(() => {
    void reload();
  }, [key]);
  return { ...found, reload, put: (data) => set({ data }) };
}

/** Show the loaded data, or the reason why it is missing. @template T @param {Loading<T>} loading @param {(data: T) => any} view */
export function whenLoaded({ data, error, reload }, view) {
  if (data !== undefined) return view(data);
  if (!error) return html`<p class="empty" role="status">${t("fetching")}</p>`;
  return html`<div class="empty">
    <p role="alert">${explained(error).form}</p>
    ${!(error instanceof Refused && error.status === 404) && html`<button onClick=${reload}>${t("again")}</button>`}
  </div>`;
}

/**
 * A list that is loaded page by page.
 * @param {{ load: (cursor: string) => Promise<import("../../calls/call.js").Page<any>>, filter?: string, empty: string, children: (results: any[], reload: () => Promise<void>) => any }} props the filter is what `load` depends on
 */
export function Pages({ load, filter = "", empty, children }) {
  const pages = useLoad(() => load(""), filter);
  return whenLoaded(pages, ({ results, next_cursor }) => {
    const more = async () => {
      const next = await load(next_cursor ?? "");
      pages.put({ ...next, results: [...results, ...next.results] });
    };
    if (results.length === 0 && !next_cursor) return html`<p class="empty">${empty}</p>`;
    return html`${children(results, pages.reload)} ${next_cursor && h(Act, { label: t("more"), act: more })}`;
  });
}
