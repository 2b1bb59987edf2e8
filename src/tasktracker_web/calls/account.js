// Requests about the account of the user.

import { call, query } from "./call.js";

/** @typedef {import("../sync/items.js").Schemas} Schemas */
/** @template T @typedef {import("./call.js").Page<T>} Page */

/** @returns {Promise<Schemas["UserView"]>} */
export const profile = () => call("GET", "/accounts/me");
/** @param {Schemas["EditProfile"]} fields @returns {Promise<Schemas["UserView"]>} */
export const editProfile = (fields) => call("PATCH", "/accounts/me", fields);
/** @param {Schemas["ConfirmPassword"]} fields @returns {Promise<void>} */
export const confirmPassword = (fields) => call("POST", "/accounts/me/confirm", fields);
/** @param {Schemas["ChangePassword"]} fields @returns {Promise<void>} */
export const changePassword = (fields) => call("POST", "/accounts/me/password", fields);
/** @param {Schemas["DeleteAccount"]} fields @returns {Promise<void>} */
export const deleteAccount = (fields) => call("POST", "/accounts/me/delete", fields);
/** Send another link that verifies the pending address. @returns {Promise<void>} */
export const requestVerification = () => call("POST", "/accounts/email/verification");

/** @returns {Promise<Page<Schemas["SessionView"]>>} */
export const sessions = () => call("GET", "/accounts/sessions");
/** @param {string} id @returns {Promise<void>} */
export const endSession = (id) => call("DELETE", `/accounts/sessions/${id}`);
/** @returns {Promise<void>} */
export const endOtherSessions = () => call("DELETE", "/accounts/sessions");

/** @returns {Promise<Schemas["TwoFactorView"]>} */
export const twoFactor = () => call("GET", "/accounts/me/totp");
/** @returns {Promise<Schemas["EnrolmentView"]>} */
export const enrolTwoFactor = () => call("POST", "/accounts/me/totp", {});
/** @param {string} code @returns {Promise<Schemas["RecoveryCodesView"]>} */
export const confirmTwoFactor = (code) => call("POST", "/accounts/me/totp/confirm", { code });
/** @returns {Promise<Schemas["RecoveryCodesView"]>} */
export const renewRecoveryCodes = () => call("POST", "/accounts/me/totp/recovery-codes", {});
/** @returns {Promise<void>} */
export const disableTwoFactor = () => call("POST", "/accounts/me/totp/disable", {});

/** @returns {Promise<Page<Schemas["ApiTokenView"]>>} */
export const apiTokens = () => call("GET", "/accounts/tokens");
/** @param {Schemas["CreateApiToken"]} fields @returns {Promise<Schemas["NewApiTokenView"]>} */
export const createApiToken = (fields) => call("POST", "/accounts/tokens", fields);
/** @param {string} id @returns {Promise<void>} */
export const revokeApiToken = (id) => call("DELETE", `/accounts/tokens/${id}`);

/** @returns {Promise<Schemas["PreferencesView"]>} */
export const preferences = () => call("GET", "/accounts/me/notifications");
/** @param {Schemas["EditPreferences"]} fields @returns {Promise<Schemas["PreferencesView"]>} */
export const editPreferences = (fields) => call("PATCH", "/accounts/me/notifications", fields);

/** @param {string} cursor @returns {Promise<Page<Schemas["AuthEventView"]>>} */
export const activity = (cursor) => call("GET", `/accounts/me/activity${query({ cursor })}`);
/** @param {string} cursor @returns {Promise<Page<Schemas["DeliveryView"]>>} */
export const deliveries = (cursor) => call("GET", `/accounts/me/deliveries${query({ cursor })}`);
