// The value of a field, as people read it.

import { useCopy } from "../account.js";
import { now } from "../clock.js";
import { html } from "../html.js";
import { inWords } from "../recurrence/words.js";
import { reminderText } from "../reminders.js";
import { isDue } from "../tasks.js";
import { dueText, t } from "../texts/texts.js";
import "../vendor/preact-signals.js";

/** @param {{ name: string, value: any }} props `due` is the due day or the due date, perhaps with the rule */
export function Value({ name, value }) {
  const copy = useCopy();
  const isEmpty = name === "due" ? !isDue(value) : (value ?? "") === "";
  if (isEmpty) return html`<em>${t("issue.empty")}</em>`;
  let text = String(value);
  if (name === "due") text = value.recurrence ? t("due.repeats", { due: dueText(value, now.value), rule: inWords(value.recurrence) }) : dueText(value, now.value);
  else if (name === "recurrence") text = value.rule ? inWords(value) : dueText(value, now.value);
  else if (name === "priority") text = t(`priority.${value}`);
  else if (name === "state") text = t(`state.${value}`);
  else if (name === "category") text = copy.categories.value.get(value)?.name ?? t("issue.gone");
  else if (name === "reminder") text = reminderText(value, copy.tasks.value.get(value.task), now.value);
  else if (name === "parent") text = copy.tasks.value.get(value)?.title ?? t("issue.gone");
  return html`<span class="value" dir="auto">${text}</span>`;
}
