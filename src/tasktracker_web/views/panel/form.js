// A form that is sent to the server. Its errors are shown at their fields.

import { Cancelled } from "../../calls/call.js";
import { h, html } from "../../html.js";
import { Refused } from "../../sync/errors.js";
import { addServerTexts, t } from "../../texts/texts.js";
import { useContext, useEffect, useId, useRef, useState } from "../../vendor/preact-hooks.js";
import { createContext } from "../../vendor/preact.js";
import { explained } from "../explained.js";
import { Field as Labelled } from "../field.js";
import { Question } from "./question.js";

await addServerTexts();

/** The message for each field of the form around. */
const Errors = createContext(/** @type {Record<string, string>} */ ({}));

/** @param {{ label: string, send: (data: FormData) => Promise<unknown>, done?: string, resets?: boolean, question?: string, why?: string, isNegative?: boolean, more?: any, children: any, key?: string }} props `resets` empties it when it was sent; `question` is asked before; `more` is beside its button */
export function Form({ label, send, done = t("saved"), resets = false, question, why, isNegative = false, more, children }) {
  const [{ errors, isBusy, isDone }, set] = useState({ errors: /** @type {Record<string, string>} */ ({}), isBusy: false, isDone: false });
  const form = useRef(/** @type {HTMLFormElement | null} */ (null));
  const dialog = useRef(/** @type {HTMLDialogElement | null} */ (null));
  const isThere = useRef(true);
  useEffect(() => () => void (isThere.current = false), []);
  useEffect(() => /** @type {HTMLElement | null | undefined} */ (form.current?.querySelector("[aria-invalid]"))?.focus(), [errors]);
  const end = (/** @type {Record<string, string>} */ found, success = false) => isThere.current && set({ errors: found, isBusy: false, isDone: success });
  const submit = (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    if (isBusy) return;
    if (question) dialog.current?.showModal();
    else void run();
  };
  const run = async () => {
    const element = /** @type {HTMLFormElement} */ (form.current);
    set({ errors: {}, isBusy: true, isDone: false });
    try {
      await send(new FormData(element));
      if (resets) element.reset();
      end({}, true);
    } catch (error) {
      end(error instanceof Cancelled ? {} : explained(error, [...element.elements].map((each) => /** @type {HTMLInputElement} */ (each).name)));
    }
  };
  return html`<form class="form" ref=${form} onSubmit=${submit} onInput=${() => isDone && set({ errors, isBusy, isDone: false })} novalidate>
    ${h(Errors.Provider, { value: errors, children })}
    ${errors.form && html`<p class="error" role="alert">${errors.form}</p>`}
    <div class="buttons">
      <button class=${isNegative ? "negative" : "main"} disabled=${isBusy}>${label}</button>
      ${more}
      <span class="hint" role="status">${isBusy ? t("busy") : isDone ? done : ""}</span>
    </div>
  </form>
  ${question && h(Question, { dialog, question, why, label, isNegative, onYes: run })}`;
}

/** A field of such a form. @param {Parameters<typeof Labelled>[0]} props */
export function Field(props) {
  const error = useContext(Errors)[props.name];
  return h(Labelled, { id: useId(), error, ...props });
}

/** Boxes for a field with several values. @param {{ name: string, label: string, options: string[][], chosen: string[] }} props */
export function Boxes({ name, label, options, chosen }) {
  const error = useContext(Errors)[name];
  return html`<fieldset>
    <legend>${label}</legend>
    ${options.map(([value, text]) => html`<label key=${value}><input type="checkbox" name=${name} value=${value} defaultChecked=${chosen.includes(value)} aria-invalid=${error ? "true" : undefined} /> ${text}</label>`)}
    ${error && html`<p class="error">${error}</p>`}
  </fieldset>`;
}

/** A field that the app checks, in the form of a problem of the server. @param {string} field */
export function invalid(field) {
  return new Refused(400, { errors: [{ field, message: "" }] });
}

/** Return the text of a field. @param {FormData} data @param {string} name */
export function textOf(data, name) {
  return String(data.get(name) ?? "").trim();
}
