// What a failed request means for its user.

import { Offline, Refused, SignInRequired, Unavailable } from "../sync/errors.js";
import { fromServer, has, t } from "../texts/texts.js";

/** The fields of problems that name none. @type {Record<string, string>} */
const FIELDS = { "username-taken": "username", "email-taken": "email" };

/** How other messages of the server about a field begin, besides a wrong form. @type {Record<string, string>} */
const KINDS = {
  "is wrong": "-wrong",
  "does not match a user": "-unknown",
  "is the task's owner": "-owner",
  "is the category's owner": "-owner",
  "must be at least": "-short",
  "must be at most": "-long",
  "is too easy to guess": "-easy",
};

/** Return the message for each of these fields, or for the `form`. @param {unknown} error @param {string[]} [names] @returns {Record<string, string>} */
export function explained(error, names = []) {
  if (error instanceof Offline) return { form: t("error.offline") };
  if (error instanceof SignInRequired) return { form: t(error.isDisabled ? "status.disabled" : "status.signed-out") };
  if (error instanceof Unavailable && error.status === 500 && error.id) return { form: t("error.server", { id: error.id }) };
  if (error instanceof Unavailable) return { form: error.seconds ? t("error.wait", { count: error.seconds }) : t("error.offline") };
  if (!(error instanceof Refused)) return { form: t("error.other", { detail: String(error) }) };
  const { slug, fields } = error;
  const text = (/** @type {string} */ key, /** @type {string} */ detail) => (has(`error.${key}`) ? t(`error.${key}`, { count: Number(/\d+/.exec(detail)) }) : t("error.other", { detail }));
  const known = Object.entries(fields).filter(([name]) => names.includes(name));
  const keyOf = (/** @type {string} */ name, /** @type {string} */ message) => [name + (Object.entries(KINDS).find(([start]) => message.startsWith(start))?.[1] ?? ""), name].find((key) => has(`error.${key}`)) ?? name;
  if (known.length) return Object.fromEntries(known.map(([name, message]) => [name, text(keyOf(name, message), fromServer(message))]));
  const field = FIELDS[slug];
  return { [field && names.includes(field) ? field : "form"]: text(slug, detailOf(error)) };
}

/** Return what is wrong with a field, in words. @param {string} field @param {string} message */
export function wrong(field, message) {
  const name = has(`field.${field}`) ? t(`field.${field}`) : field;
  return name ? `${name}: ${fromServer(message)}` : fromServer(message);
}

/** Return the words of the server about a problem. @param {Refused} refused */
export function detailOf({ slug, fields, message }) {
  const all = Object.entries(fields);
  return all.length ? all.map(([field, each]) => wrong(field.replace(/^data\./, "").replace(/^recurrence\..*/, "recurrence"), each)).join(". ") : fromServer(slug, message);
}
