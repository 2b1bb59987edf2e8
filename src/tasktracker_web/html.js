// Elements are written in `html`, components as `${h(Row, { task })}`, so that the types of their properties are checked.

import htm from "./vendor/htm.js";
import { h } from "./vendor/preact.js";

export { h };
export const html = htm.bind(h);
