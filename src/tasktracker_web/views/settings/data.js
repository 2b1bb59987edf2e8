// The export and the import of everything.

import { useCopy } from "../../account.js";
import { exportAll, importedLines, importFile, importJob, imports } from "../../calls/transfers.js";
import { now } from "../../clock.js";
import { h, html } from "../../html.js";
import { Refused } from "../../sync/errors.js";
import { dayAndTime, t } from "../../texts/texts.js";
import { useEffect, useState } from "../../vendor/preact-hooks.js";
import "../../vendor/preact-signals.js";
import { detailOf, wrong } from "../explained.js";
import { Act } from "../panel/act.js";
import { Filters } from "../panel/filters.js";
import { Boxes, Field, Form, invalid, textOf } from "../panel/form.js";
import { Pages } from "../panel/loading.js";

/** @typedef {import("../../sync/items.js").Schemas} Schemas */

const POLL_MS = 1000;
const OUTCOMES = ["created", "unchanged", "in_trash", "restored", "skipped", "ignored"];
const OPTIONS = ["dry_run", "restore"];

export function Data() {
  const [begun, begin] = useState(0);
  const [isTried, setTried] = useState(false);
  const download = async () => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(await exportAll());
    link.download = `tasktracker-${new Date().toISOString().slice(0, 10)}.ndjson`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), POLL_MS); // the browser has begun by then
  };
  const send = async (/** @type {FormData} */ data) => {
    const chosen = data.getAll("options");
    const options = Object.fromEntries(OPTIONS.filter((each) => chosen.includes(each)).map((each) => [each, "true"]));
    const file = /** @type {File} */ (data.get("file"));
    if (file.size === 0) throw invalid("file");
    await importFile(file, { ...options, project: textOf(data, "project") });
    begin(begun + 1);
    setTried(options.dry_run === "true");
  };
  return html`<section>
      <h2>${t("export")}</h2>
      <p class="hint">${t("export.hint")}</p>
      <div class="buttons">${h(Act, { label: t("export.download"), act: download })}</div>
    </section>
    <section>
      <h2>${t("import")}</h2>
      <p class="hint">${t("import.hint")}</p>
      ${h(Form, {
        label: t("import.begin"),
        done: t(isTried ? "import.checking" : "import.begun"), // the file stays, so that it can be imported after it was checked
        send,
        children: html`${h(Field, { name: "file", type: "file", accept: ".ndjson,.csv,.zip" })}
          ${h(Field, { name: "project", autocomplete: "off", hint: t("project.hint") })}
          ${h(Boxes, { name: "options", label: t("import.options"), options: OPTIONS.map((each) => [each, t(`import.${each}`)]), chosen: [] })}`,
      })}
    </section>
    <section>
      <h2>${t("imports")}</h2>
      ${h(Pages, {
        filter: String(begun),
        load: imports,
        empty: t("imports.empty"),
        children: (/** @type {Schemas["ImportJobView"][]} */ jobs) => html`<ul class="entries">${jobs.map((job) => h(Job, { key: job.id, job }))}</ul>`,
      })}
    </section>`;
}

/** An import, which is asked for again while it runs. @param {{ job: Schemas["ImportJobView"], key?: string }} props */
function Job({ job }) {
  const [{ id, state, created_at, read, size, lines, report, problem, dry_run }, set] = useState(job);
  useEffect(() => {
    if (state !== "running") return;
    const timer = setInterval(() => void importJob(id).then(set, () => {}), POLL_MS); // a failed request is sent again
    return () => clearInterval(timer);
  }, [state]);
  return html`<li>
    <div>
      ${dayAndTime(new Date(created_at), now.value)} <span class=${`badge ${state === "failed" ? "negative" : ""}`}>${t(`import.state.${state}`)}</span>
      ${dry_run && html` <span class="badge">${t("import.checked")}</span>`}
      ${state === "running" && html`<progress value=${read} max=${size} aria-label=${t("import.state.running")}></progress> <span class="hint">${t("import.progress", { count: lines })}</span>`}
      ${problem && html`<p class="error">${t("error.other", { detail: detailOf(new Refused(0, problem)) })}</p>`}
      ${report && h(Report, { job, report })}
    </div>
  </li>`;
}

/** @param {{ job: Schemas["ImportJobView"], report: Schemas["ImportView"] }} props */
function Report({ job: { id, dry_run }, report: { tasks, categories, skipped } }) {
  const [isOpen, open] = useState(false);
  const { created, unchanged, in_trash, restored } = tasks;
  const counts = { created, unchanged, in_trash, restored, categories: categories.created, skipped };
  return html`${dry_run && html`<p class="hint">${t("import.would")}</p>`}
    <p class="hint">
      ${Object.entries(counts)
        .filter(([name, count]) => count > 0 || name === "created")
        .map(([name, count]) => t(`import.count.${name}`, { count }))
        .join(" · ")}
    </p>
    <details onToggle=${(/** @type {any} */ event) => open(event.currentTarget.open)}>
      <summary class="hint">${t("import.lines")}</summary>
      ${isOpen && h(Lines, { id, isTried: dry_run })}
    </details>`;
}

/** What became of each line, or would become of it. @param {{ id: string, isTried: boolean }} props */
function Lines({ id, isTried }) {
  const { tasks, categories } = useCopy();
  const [outcome, choose] = useState("");
  const textOf = (/** @type {string} */ each) => t(isTried && each !== "skipped" ? `import.would.${each}` : `import.line.${each}`);
  const title = (/** @type {string | null} */ item) => (item ? (tasks.peek().get(item)?.title ?? categories.peek().get(item)?.name) : undefined);
  return html`<div class="filters">
      ${h(Filters, { chosen: { outcome }, options: { outcome: [["", t("import.line.any")], ...OUTCOMES.map((each) => [each, textOf(each)])] }, choose: (changed) => choose(changed.outcome) })}
    </div>
    ${h(Pages, {
      filter: outcome,
      load: (cursor) => importedLines(id, outcome, cursor),
      empty: t("import.line.none"),
      children: (/** @type {Schemas["ImportedLineView"][]} */ lines) =>
        html`<ul class="lines">
          ${lines.map(
            ({ line, file, type, outcome, id, errors, notices }) => html`<li key=${`${file} ${line}`}>
              <span class="hint">${t("import.line", { line: String(line) })}${file && ` (${file})`}${type && ` · ${t(`import.type.${type}`)}`}</span>${" · "}${textOf(outcome)} ${title(id) !== undefined && html`<bdi>${t("import.title", { title: title(id) ?? "" })}</bdi>`}
              ${[...errors, ...notices].map(({ field, message }) => html`<p class=${outcome === "skipped" ? "error" : "hint"}>${wrong(field, message)}</p>`)}
            </li>`,
          )}
        </ul>`,
    })}`;
}
