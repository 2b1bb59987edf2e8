// A button that sends a request, after a question if the action cannot be undone.

import { Cancelled } from "../../calls/call.js";
import { h, html } from "../../html.js";
import { toast } from "../../toasts.js";
import { useRef, useState } from "../../vendor/preact-hooks.js";
import { explained } from "../explained.js";
import { Question } from "./question.js";

/** @param {{ label: string, about?: string, act: () => Promise<unknown>, done?: string, question?: string, why?: string, isNegative?: boolean, key?: string }} props `about` is what it acts on, for those who do not see the row */
export function Act({ label, about, act, done, question, why, isNegative = false }) {
  const [isBusy, setBusy] = useState(false);
  const dialog = useRef(/** @type {HTMLDialogElement | null} */ (null));
  const run = async () => {
    setBusy(true);
    try {
      await act();
      if (done) toast(done);
    } catch (error) {
      if (!(error instanceof Cancelled)) toast(explained(error).form);
    }
    setBusy(false);
  };
  return html`<button type="button" class=${isNegative ? "negative" : ""} aria-label=${about && `${label}: ${about}`} disabled=${isBusy} onClick=${() => (question ? dialog.current?.showModal() : run())}>${label}</button>
    ${question && h(Question, { dialog, question, why, label, isNegative, onYes: run })}`;
}
