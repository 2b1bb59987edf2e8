// Three tasks to begin with, for a user who has none.

import { useCopy, useMe } from "../account.js";
import { html } from "../html.js";
import { url } from "../router.js";
import { dayFrom, t } from "../texts/texts.js";
import { undoable } from "../toasts.js";
import "../vendor/preact-signals.js";

export function Samples() {
  const copy = useCopy();
  const me = useMe();
  const isNew = [...copy.tasks.value.values()].every(({ owner }) => owner !== null && owner !== me); // others may have shared some
  if (!isNew || copy.isWelcomed.value) return null;
  const add = () => {
    const due_on = dayFrom(new Date());
    const tasks = [
      { title: t("sample.1"), due_on, priority: 3 },
      { title: t("sample.2"), due_on },
      { title: t("sample.3"), due_on, description: t("sample.3.notes") },
    ];
    void copy.welcome();
    void undoable(copy.createAll(tasks), t("did.create.all", { count: tasks.length }));
  };
  return html`<section class="samples" aria-label=${t("sample")}>
    <h2>${t("sample")}</h2>
    <ul>
      ${["sample.1", "sample.2", "sample.3"].map((each) => html`<li>${t(each)}</li>`)}
    </ul>
    <div class="buttons">
      <button class="main" onClick=${add}>${t("sample.add")}</button>
      <button onClick=${() => void copy.welcome()}>${t("sample.dismiss")}</button>
    </div>
    <p><a href=${url("/settings/data")}>${t("sample.import")}</a></p>
  </section>`;
}
