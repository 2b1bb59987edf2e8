// The path under which the server serves the app: empty, or with a slash before and none after.

// This file is at `<base>/assets/<version>/base.js`.
export const BASE = new URL("../..", import.meta.url).pathname.replace(/\/$/, "");
