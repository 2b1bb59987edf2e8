// Requests about the users who can see an item.

import { PATHS } from "../sync/items.js";
import { call } from "./call.js";

/** @typedef {import("../sync/items.js").Schemas} Schemas */
/** @typedef {import("../sync/items.js").Shareable} Shareable */
/** A role that can be given. @typedef {Schemas["AssignRole"]["role"]} Role */

/** @param {Shareable} type @param {string} id @returns {Promise<Schemas["Shares"]>} */
export const shares = (type, id) => call("GET", `${PATHS[type]}/${id}/shares`);
/** Share with a user, or invite an address. @param {Shareable} type @param {string} id @param {Schemas["ShareTask"]} fields @returns {Promise<Schemas["ShareView"] | Schemas["PendingShareView"]>} */
export const share = (type, id, fields) => call("POST", `${PATHS[type]}/${id}/shares`, fields);
/** @param {Shareable} type @param {string} id @param {string} user @param {Role} role @returns {Promise<Schemas["ShareView"]>} */
export const assignRole = (type, id, user, role) => call("PUT", `${PATHS[type]}/${id}/shares/${user}`, { role });
/** End a membership, or revoke an invitation. @param {Shareable} type @param {string} id @param {string} member @returns {Promise<void>} */
export const unshare = (type, id, member) => call("DELETE", `${PATHS[type]}/${id}/shares/${member}`);
