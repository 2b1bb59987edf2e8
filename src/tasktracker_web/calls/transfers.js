// Requests for exports and imports.

import { useCopy } from "../account.js";
import { call, query } from "./call.js";

/** @typedef {import("../sync/items.js").Schemas} Schemas */
/** @template T @typedef {import("./call.js").Page<T>} Page */

const EXPORT = "/accounts/me/export";

/** Return everything that the user owns or has created, as a file. */
export const exportAll = () => useCopy().download(EXPORT);
/** Begin to import a file. @param {File} file @param {Record<string, string>} options @returns {Promise<Schemas["ImportJobView"]>} */
export const importFile = (file, options) => call("POST", `/accounts/me/import${query(options)}`, file);
/** @param {string} cursor @returns {Promise<Page<Schemas["ImportJobView"]>>} */
export const imports = (cursor) => call("GET", `/accounts/me/imports${query({ cursor })}`);
/** @param {string} id @returns {Promise<Schemas["ImportJobView"]>} */
export const importJob = (id) => call("GET", `/accounts/me/imports/${id}`);
/** @param {string} id @param {string} outcome @param {string} cursor @returns {Promise<Page<Schemas["ImportedLineView"]>>} */
export const importedLines = (id, outcome, cursor) => call("GET", `/accounts/me/imports/${id}/lines${query({ outcome, cursor })}`);
