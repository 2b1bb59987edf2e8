// The dialog that changes or deletes a category.

import { useCopy } from "../account.js";
import { h, html } from "../html.js";
import { tidy } from "../lines.js";
import { go } from "../router.js";
import { addTexts, t } from "../texts/texts.js";
import { undoable } from "../toasts.js";
import { useEffect, useRef, useState } from "../vendor/preact-hooks.js";
import "../vendor/preact-signals.js";
import { Field } from "./field.js";
import { loadStyle } from "./panel/panel.js";
import { Dot } from "./sidebar.js";

await Promise.all([addTexts("settings"), addTexts("category"), loadStyle(), loadStyle("category")]);

/** The colors to choose from: dark enough beside white, and light enough beside black. */
const COLORS = { red: "#d94a46", orange: "#d97706", yellow: "#b58900", green: "#2f9e44", blue: "#1e7fd6", purple: "#8c5bd6", pink: "#d6478f", gray: "#7a7f87" };

/** @param {{ category: import("../sync/items.js").Category, onClose: () => void }} props */
export function View({ category, onClose }) {
  const copy = useCopy();
  const dialog = useRef(/** @type {HTMLDialogElement | null} */ (null));
  const [error, setError] = useState("");
  useEffect(() => dialog.current?.showModal(), []);
  const { id } = category;
  /** @type {[label: string, color: string][]} */
  const colors = [["none", "none"], ...Object.entries(COLORS)];
  const color = category.color ?? "none";
  if (!colors.some(([, each]) => each === color)) colors.push(["other", color]);
  /** @param {SubmitEvent} event */
  const save = (event) => {
    event.preventDefault();
    const data = new FormData(/** @type {HTMLFormElement} */ (event.currentTarget));
    const name = tidy(String(data.get("name")));
    const key = name.toLowerCase();
    const isTaken = [...copy.categories.peek().values()].some((each) => each.id !== id && each.role === "owner" && each.name.toLowerCase() === key);
    if (!name || isTaken) return setError(t(isTaken ? "issue.why.category-name-taken" : "category.unnamed"));
    const chosen = String(data.get("color"));
    const fields = { ...(name !== category.name && { name }), ...(chosen !== color && { color: chosen === "none" ? null : chosen }) };
    dialog.current?.close();
    if (Object.keys(fields).length > 0) void undoable(copy.edit("category", id, fields), t("did.list.edit", { title: name }));
  };
  const trash = () => {
    dialog.current?.close();
    go("/all");
    void undoable(copy.trash("category", id), t("did.list.trash", { title: category.name }));
  };
  return html`<dialog class="category" ref=${dialog} aria-labelledby="category-heading" onClose=${onClose}>
    <h2 id="category-heading">${t("category.edit")}</h2>
    <form class="form" onSubmit=${save} noValidate>
      ${h(Field, { id: "category-name", name: "name", label: "field.name", value: category.name, maxlength: 64, autocomplete: "off", autocapitalize: undefined, dir: "auto", ...(error && { error }) })}
      <fieldset>
        <legend>${t("field.color")}</legend>
        ${colors.map(([label, each]) => html`<label title=${t(`color.${label}`)}><input type="radio" name="color" value=${each} aria-label=${t(`color.${label}`)} defaultChecked=${each === color} />${h(Dot, { color: each })}</label>`)}
      </fieldset>
      <div class="buttons"><button class="main">${t("save")}</button><button type="button" onClick=${() => dialog.current?.close()}>${t("cancel")}</button></div>
    </form>
    <p class="hint">${t(category.members.length > 0 ? "category.trash.shared" : "category.trash.why")}</p>
    <button class="plain negative" onClick=${trash}>${t("category.trash")}</button>
  </dialog>`;
}
