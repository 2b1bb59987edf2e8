// The users who can see a task.

import { useCopy, useMe } from "../account.js";
import { h, html } from "../html.js";
import { t } from "../texts/texts.js";
import { useEffect } from "../vendor/preact-hooks.js";
import "../vendor/preact-signals.js";
import { useAnswer } from "./answer.js";

/** @typedef {import("../sync/items.js").Task} Task */
/** @typedef {import("../sync/items.js").Schemas["ShareView"]} Share */

const RANKS = ["viewer", "editor", "owner"];

/** Who can see a task, with their highest roles: by the task itself, and by its category. It is not shown for a task that is not shared. @param {{ task: Task }} props */
export function People({ task }) {
  const copy = useCopy();
  const me = useMe();
  const category = task.category ? copy.categories.value.get(task.category) : undefined;
  const isShared = category !== undefined && category.members.length > 0;
  const own = useShares(`/tasks/${task.id}/shares`, task.version);
  const others = useShares(`/categories/${task.category}/shares`, category?.version, isShared);
  /** @type {Map<string, Share>} */
  const people = new Map();
  for (const each of [...own, ...others]) {
    const known = people.get(each.user_id);
    if (!known || RANKS.indexOf(known.role) < RANKS.indexOf(each.role)) people.set(each.user_id, each);
  }
  if (people.size < 2) return null;
  return html`<section class="people">
    <h2>${t("people")}</h2>
    <ul>
      ${[...people.values()].map(
        ({ user_id, username, role }) => html`<li key=${user_id}>
          ${h(Avatar, { name: username })}
          <span class="name">${username}${user_id === me && html` <span class="hint">${t("people.you")}</span>`}</span>
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
 * @param {"/tasks" | "/categories"} path @param {{ id: string, owner: string | null }[]} items of which one for each owner is asked for
 */
export function useOwners(path, items) {
  const copy = useCopy();
  const names = copy.names.value;
  const { connection } = copy.status.value;
  const unknown = new Map(items.flatMap(({ id, owner }) => (owner && !names[owner] ? [[owner, id]] : [])));
  useEffect(() => {
    for (const id of unknown.values()) void copy.ask(`${path}/${id}/shares`).catch(() => {}); // again when it is online
  }, [connection, [...unknown.keys()].join()]);
  return names;
}

/** @param {string} path @param {number | null | undefined} version @param {boolean} [isAsked] @returns {Share[]} */
function useShares(path, version, isAsked = true) {
  const { answer } = useAnswer(isAsked && version ? path : "", version);
  return answer?.results ?? [];
}
