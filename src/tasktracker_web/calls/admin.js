// Requests of administrators.

import { followProfile } from "../account.js";
import { BASE } from "../base.js";
import { go } from "../router.js";
import { Refused } from "../sync/errors.js";
import { t } from "../texts/texts.js";
import { toast } from "../toasts.js";
import { call as send, query } from "./call.js";

/** @typedef {import("../sync/items.js").Schemas} Schemas */
/** @template T @typedef {import("./call.js").Page<T>} Page */

/** Send a request. Without the role, the user leaves the administration. @param {string} method @param {string} path @param {unknown} [body] */
async function call(method, path, body) {
  try {
    return await send(method, path, body);
  } catch (error) {
    if (error instanceof Refused && error.slug === "admin-required") {
      go("/today", { replace: true });
      toast(t("error.admin-required"));
      void followProfile();
    }
    throw error;
  }
}

/** @returns {Promise<Schemas["OverviewView"]>} */
export const overview = () => call("GET", "/admin/overview");
/** Whether the service can serve requests now. */
export const isReady = () => fetch(`${BASE}/health/ready`).then(({ ok }) => ok, () => false);

/** @param {Record<string, string>} filters @returns {Promise<Page<Schemas["AdminUserView"]>>} */
export const users = (filters) => call("GET", `/admin/users${query(filters)}`);
/** @param {string} id @returns {Promise<Schemas["AccountView"]>} */
export const user = (id) => call("GET", `/admin/users/${id}`);
/** @param {Schemas["CreateUser"]} fields @returns {Promise<Schemas["NewUserView"]>} */
export const createUser = (fields) => call("POST", "/admin/users", fields);
/** @param {string} id @param {Schemas["EditUser"]} fields @returns {Promise<Schemas["AdminUserView"]>} */
export const editUser = (id, fields) => call("PATCH", `/admin/users/${id}`, fields);
/** @param {string} id @param {string} heir who gets the shared categories; if empty, the server chooses @returns {Promise<void>} */
export const deleteUser = (id, heir) => call("DELETE", `/admin/users/${id}${query({ transfer_to: heir })}`);
/** @param {string} id @returns {Promise<Schemas["LinkView"]>} */
export const resetPassword = (id) => call("POST", `/admin/users/${id}/password-reset`);
/** @param {string} id @returns {Promise<void>} */
export const disableTwoFactorOf = (id) => call("POST", `/admin/users/${id}/disable-two-factor`);
/** @param {string} id @returns {Promise<void>} */
export const endSessionsOf = (id) => call("POST", `/admin/users/${id}/end-sessions`);

/** @param {string} cursor @returns {Promise<Page<Schemas["InviteView"]>>} */
export const invites = (cursor) => call("GET", `/admin/invites${query({ cursor })}`);
/** @param {Schemas["CreateInvite"]} fields @returns {Promise<Schemas["NewInviteView"]>} */
export const createInvite = (fields) => call("POST", "/admin/invites", fields);
/** @param {string} id @returns {Promise<void>} */
export const revokeInvite = (id) => call("DELETE", `/admin/invites/${id}`);

/** @param {Record<string, string>} filters @returns {Promise<Page<Schemas["AdminDeliveryView"]>>} */
export const allDeliveries = (filters) => call("GET", `/admin/deliveries${query(filters)}`);
/** @param {string} id @returns {Promise<Schemas["AdminDeliveryView"]>} */
export const retryDelivery = (id) => call("POST", `/admin/deliveries/${id}/retry`);
/** @param {string} id @returns {Promise<Schemas["AdminDeliveryView"]>} */
export const cancelDelivery = (id) => call("POST", `/admin/deliveries/${id}/cancel`);

/** @param {Record<string, string | string[]>} filters @returns {Promise<Page<Schemas["AdminEventView"]>>} */
export const allActivity = (filters) => call("GET", `/admin/activity${query(filters)}`);

/** @returns {Promise<Schemas["SettingsView"]>} */
export const settings = () => call("GET", "/admin/settings");
/** @param {Schemas["EditSettings"]} fields @returns {Promise<Schemas["SettingsView"]>} */
export const editSettings = (fields) => call("PATCH", "/admin/settings", fields);
