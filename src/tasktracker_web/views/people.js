// The users who can see a task.

import { useCopy, useMe } from "../account.js";
import { h, html } from "../html.js";
import { sharesOf } from "../sync/items.js";
import { t } from "../texts/texts.js";
import { useEffect } from "../vendor/preact-hooks.js";
import "../vendor/preact-signals.js";
import { useAnswer } from "./answer.js";
import { ShareButton } from "./share-button.js";

/** @typedef {import("../sync/items.js").Task} Task */
/** @typedef {import("../sync/items.js").Shareable} Shareable */
/** @typedef {import("../sync/items.js").Schemas["ShareView"]} Share */

const RANKS = ["viewer", "editor", "owner"];

/** Who can see a task, with their highest roles: by the task itself, and by its category. A task that is not shared shows this to its owner only. @param {{ task: Task }} props */
export function People({ task }) {
  const copy = useCopy();
  const me = useMe();
  const category = task.category ? copy.categories.value.get(task.category) : undefined;
  const isShared = category !== undefined && category.members.length > 0;
  const own = useShares("task", task.id, task.version);
  const others = useShares("category", category?.id ?? "", isShared ? category.version : null);
  /** @type {Map<string, Share>} */
  const people = new Map();
  for (const each of [...own, ...others]) {
    const known = people.get(each.user_id);
    if (!known || RANKS.indexOf(known.role) < RANKS.indexOf(each.role)) people.set(each.user_id, each);
  }
  const isOwner = task.owner === me && task.version !== null;
  const isShown = isOwner || own.some(({ user_id }) => user_id === me);
  if (people.size < 2 && !isOwner) return null;
  return html`<section class="people">
    <header><h2>${t("people")}</h2>${isShown && h(ShareButton, { type: "task", id: task.id, title: task.title, isOwner })}</header>
    <ul>
      ${[...people.values()].map(
        ({ user_id, username, role }) => html`<li key=${user_id}>
          ${h(Avatar, { name: username })}
          <span class="name"><bdi>${username}</bdi>${user_id === me && html` <span class="hint">${t("people.you")}</span>`}</span>
          <span class="hint">${t(`role.${role}`)}</span>
        </li>`,
      )}
    </ul>
  </section>`;
}

/** The first letter of a name, on a disc. @param {{ name: string }} props */
export function Avatar({ name }) {
  return html`<span class="avatar" aria-hidden="true">${[...name][0]?.toUpperCase()}</span>`;
}

/**
 * Return the names of users by their ids. Owners whose names are not known are asked for.
 * @param {Shareable} type @param {{ id: string, owner: string | null }[]} items of which one for each owner is asked for
 */
export function useOwners(type, items) {
  const copy = useCopy();
  const names = copy.names.value;
  const { connection } = copy.status.value;
  const isRead = copy.isRead.value;
  const unknown = new Map(items.flatMap(({ id, owner }) => (owner && !names[owner] ? [[owner, id]] : [])));
  useEffect(() => {
    for (const id of isRead ? unknown.values() : []) void copy.ask(sharesOf(type, id)).catch(() => {}); // again when it is online
  }, [isRead, connection, [...unknown.keys()].join()]);
  return names;
}

/** @param {Shareable} type @param {string} id @param {number | null} version null while the server does not have it @returns {Share[]} */
function useShares(type, id, version) {
  const { answer } = useAnswer(version ? sharesOf(type, id) : "", version);
  return answer?.results ?? [];
}
