// What a failed request means for its user.

import { Offline, Refused, SignInRequired, Unavailable } from "../sync/errors.js";
import { has, t } from "../texts/texts.js";

/** The fields of problems that name none. @type {Record<string, string>} */
const FIELDS = { "username-taken": "username", "email-taken": "email" };

/** What the server says of a wrong password. */
const WRONG = "is wrong";

/** Return the message for each of these fields, or for the `form`. @param {unknown} error @param {string[]} [names] @returns {Record<string, string>} */
export function explained(error, names = []) {
  if (error instanceof Offline) return { form: t("error.offline") };
  if (error instanceof SignInRequired) return { form: t("status.signed-out") };
  if (error instanceof Unavailable) return { form: error.seconds ? t("error.wait", { count: error.seconds }) : t("error.offline") };
  if (!(error instanceof Refused)) return { form: t("error.other", { detail: String(error) }) };
  const { slug, fields } = error;
  const text = (/** @type {string} */ key, /** @type {string} */ detail) => (has(`error.${key}`) ? t(`error.${key}`) : t("error.other", { detail }));
  const known = Object.entries(fields).filter(([name]) => names.includes(name));
  if (known.length) return Object.fromEntries(known.map(([name, message]) => [name, text(message === WRONG && has(`error.${name}-wrong`) ? `${name}-wrong` : name, message)]));
  const field = FIELDS[slug] ?? "";
  return { [names.includes(field) ? field : "form"]: text(slug, error.message) };
}
