// The frame of the app: which view is shown, and what surrounds it.

import { account, useCopy } from "../account.js";
import { sayWhatNeedsDecision } from "../arrivals.js";
import { h, html } from "../html.js";
import { readAbout, useUnread } from "../notices.js";
import { go, list, route } from "../router.js";
import { t } from "../texts/texts.js";
import { useEffect, useRef } from "../vendor/preact-hooks.js";
import { signal } from "../vendor/preact-signals.js";
import { AfterFrame } from "./after-frame.js";
import { Capture, CaptureButton } from "./capture.js";
import { decide, DecideButton } from "./decide.js";
import { Icon } from "./icon.js";
import { Board, Issues, Later, LATER, Pane, SignIn, Trash } from "./later.js";
import { List } from "./list.js";
import { Bell, Sidebar } from "./sidebar.js";
import { SearchButton, Shortcuts } from "./shortcuts.js";
import { StatusLine } from "./status-line.js";
import { Toast } from "./toast.js";

const SIGNED_OUT = ["signin", "register", "forgot"];
const START = "/today";
/** Routes that lead to the start. */
const PASSING = ["", "share"];

/** Whether the lists are beside the tasks. */
const wide = matchMedia("(min-width: 50rem)"); // as in frame.css
const isWide = signal(wide.matches);
wide.addEventListener("change", () => (isWide.value = wide.matches));

export function App() {
  const { name } = route.value;
  const isKnown = account.value !== undefined;
  const asks = ["signed-out", "disabled"].includes(account.value?.copy.status.value.connection ?? "");
  const isEntry = SIGNED_OUT.includes(name);
  useEffect(() => {
    if (!isKnown) return;
    if (!account.value && !isEntry) go("/signin", { replace: true });
    if (account.value && (PASSING.includes(name) || (isEntry && !asks))) go(START, { replace: true });
  }, [isKnown, account.value, name, asks]);
  if (!isKnown) return null;
  if (name === "forgot") return h(Later, { load: LATER.forgot, id: "" });
  if (!account.value || isEntry) return html`${h(SignIn, { key: name, isNew: name === "register" })}${h(Toast, {})}`;
  return html`${h(Main, {})}${h(Toast, {})}`;
}

function Main() {
  const copy = useCopy();
  const { name, id, visit } = route.value;
  const isTask = name === "task";
  const isList = !isTask && !PASSING.includes(name);
  if (isList && (list.peek().name !== name || list.peek().id !== id)) list.value = { name, id };
  const { name: shown, id: category } = list.value;
  const menu = useRef(/** @type {HTMLElement | null} */ (null));
  useEffect(() => menu.current?.hidePopover(), [name, id]);
  useEffect(() => readAbout(copy, id), [copy, visit]);
  useEffect(() => sayWhatNeedsDecision(copy, (issue) => decide(copy, issue)), [copy]);
  const back = () => go(`/${shown}${category && `/${category}`}`);
  return html`
    <a class="skip" href="#main">${t("skip")}</a>
    <div class=${`frame ${isTask ? "with-pane" : ""} ${shown === "board" ? "wide" : ""}`}>
      <header class="top">
        <button class="quiet" aria-label=${t("menu")} popovertarget="menu">${h(Icon, { name: "menu" })}</button>
        <strong>${t("app")}</strong>
        ${!isWide.value && h(AfterFrame, { of: StatusLine })} ${h(DecideButton, {})} ${h(AfterFrame, { of: Bell })} ${h(CaptureButton, { hasLabel: false })}
      </header>
      <div class="side" id="menu" popover ref=${menu}>
        <button class="quiet close" aria-label=${t("close")} popovertarget="menu" popovertargetaction="hide">${h(Icon, { name: "close" })}</button>
        ${h(CaptureButton, { hasLabel: true })} ${h(SearchButton, {})} ${h(DecideButton, {})} ${h(AfterFrame, { of: Sidebar })} ${isWide.value && h(AfterFrame, { of: StatusLine })}
      </div>
      <main id="main" tabindex="-1">
        ${!(shown in LATER) && h(Issues, {})} ${viewOf(shown, category)}
      </main>
      ${isTask && h(Pane, { key: id, id, onClose: back })}
    </div>
    ${h(Capture, { name: shown, category })} ${h(Shortcuts, {})} ${h(AfterFrame, { of: Title })}
  `;
}

/** The title of the page, which is that of what is shown. It changes nothing else. */
function Title() {
  const copy = useCopy();
  const { name, id } = route.value.name === "task" ? route.value : list.value;
  const [task, category] = [copy.tasks.value.get(id)?.title, copy.categories.value.get(id)?.name];
  const title = name === "task" ? task : name === "list" ? category : t(name in LATER ? name : `view.${name}`);
  const unread = useUnread(copy).length;
  useEffect(() => void (document.title = (unread ? `(${unread}) ` : "") + (title ? `${title} – ${t("app")}` : t("app"))), [title, unread]);
  return null;
}

/** @param {string} name @param {string} id */
function viewOf(name, id) {
  if (name in LATER) return h(Later, { key: name, load: LATER[name], id });
  if (name === "board") return h(Board, {});
  if (name === "trash") return h(Trash, {});
  return h(List, { key: name + id, name, category: id });
}
