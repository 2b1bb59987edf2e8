// The icons of views, as lines in the color of the text.

import { html } from "../html.js";

/** @type {Record<string, string>} */
const PATHS = {
  today: "M10 6.5a3.5 3.5 0 1 0 0 7 3.5 3.5 0 0 0 0-7zM10 2v1.5M10 16.5V18M2 10h1.5M16.5 10H18M4.3 4.3l1.1 1.1M14.6 14.6l1.1 1.1M4.3 15.7l1.1-1.1M14.6 5.4l1.1-1.1",
  upcoming: "M3.5 4.5h13v12h-13zM3.5 8.5h13M7 2.5v3M13 2.5v3",
  all: "M7.5 5.5H17M7.5 10H17M7.5 14.5H17M3.5 5.5h.5M3.5 10h.5M3.5 14.5h.5",
  board: "M3 4h3.7v12H3zM8.2 4h3.6v8H8.2zM13.3 4H17v10h-3.7z",
  shared: "M7.5 9.5a2.75 2.75 0 1 0 0-5.5 2.75 2.75 0 0 0 0 5.5zM2.5 16c0-2.8 2.2-4.5 5-4.5s5 1.7 5 4.5M13 4.3a2.6 2.6 0 0 1 0 5M14.5 11.8c1.8.5 3 2 3 4.2",
  done: "M10 3a7 7 0 1 0 0 14 7 7 0 0 0 0-14zM7 10.2l2.2 2.2L13.2 8",
  add: "M10 4.5v11M4.5 10h11",
  notes: "M4.5 3.5h11v13h-11zM7.5 7.5h5M7.5 10.5h5M7.5 13.5h3",
  menu: "M3.5 5.5h13M3.5 10h13M3.5 14.5h13",
  close: "M5.5 5.5l9 9M14.5 5.5l-9 9",
  filter: "M9 3.5a5.5 5.5 0 1 0 0 11 5.5 5.5 0 0 0 0-11zM13 13l4 4",
  repeat: "M4 9V8a2.5 2.5 0 0 1 2.5-2.5H16M13.5 3L16 5.5 13.5 8M16 11v1a2.5 2.5 0 0 1-2.5 2.5H4M6.5 17L4 14.5 6.5 12",
  notifications: "M5.5 14V9a4.5 4.5 0 0 1 9 0v5l1.5 1.5H4zM8.3 17.5a2 2 0 0 0 3.4 0",
  security: "M10 2.5l6 2.2v4.8c0 3.6-2.5 6.5-6 8-3.5-1.5-6-4.4-6-8V4.7z",
  trash: "M4 5.5h12M8 5.5v-2h4v2M5.5 5.5l.8 11h7.4l.8-11",
};

/** @param {{ name: string }} props */
export function Icon({ name }) {
  return html`<svg class="icon" viewBox="0 0 20 20" aria-hidden="true"><path d=${PATHS[name] ?? PATHS.all} /></svg>`;
}
