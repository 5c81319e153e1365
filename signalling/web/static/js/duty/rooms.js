// The rooms of the queue on the page: where, how long, who waits by role, and the button that takes it.

import { el, reconcile, setText } from "../dom.js";
import { t } from "../i18n.js";
import { timeWords } from "../turn.js";

const MINUTE_MS = 60_000;

/** What a room does here: it rings, or is taken, or waits for somebody whose line is lost. */
export function stateOf({ taken, people }) {
  if (taken) return taken.yours ? "yours" : "taken";
  return people.some(({ connected }) => connected) ? "ringing" : "away";
}

function make(room, take) {
  const button = el("button", { type: "button", className: "button primary huge" });
  button.addEventListener("click", () => take(room.room));
  return el(
    "li",
    { className: "duty-room" },
    el("h2", { tabIndex: -1 }),
    el("p", { className: "waited" }),
    el("ul", { className: "people" }),
    el("p", { className: "state" }),
    button,
  );
}

function waited(people, now) {
  const minutes = Math.floor((now - Math.min(...people.map(({ since }) => Date.parse(since)))) / MINUTE_MS);
  return minutes < 1 ? t("duty.waited.now") : t("duty.waited.minutes", { number: minutes });
}

function drawPeople(list, people) {
  const numbered = people.map((person, number) => ({ ...person, number }));
  reconcile(list, numbered, ({ number }) => number, () => el("li", {}, el("span"), " ", el("span", { className: "away" })), (row, person) => {
    setText(row.children[0], `${t(`role.${person.role}`)}, ${t(`person.assurance.${person.assurance}`)}`);
    setText(row.children[1], person.connected ? "" : t("duty.away"));
  });
}

function words({ taken }) {
  if (!taken) return "";
  return taken.yours ? t("duty.taken.yours") : t("duty.taken.by", { by: taken.by, time: timeWords(taken.at) });
}

/** Draw them all; `now` is the bridge's time in ms, `busy` the room that is being taken. */
export function drawRooms(list, rooms, { now, busy, take }) {
  reconcile(list, rooms, ({ room }) => room, (room) => make(room, take), (row, room) => {
    const [title, time, people, state, button] = row.children;
    row.dataset.state = stateOf(room);
    setText(title, room.name);
    setText(time, waited(room.people, now));
    drawPeople(people, room.people);
    setText(state, words(room));
    state.hidden = !room.taken;
    button.hidden = row.dataset.state === "taken";
    button.setAttribute("aria-disabled", String(busy !== null));
    setText(button, t(row.dataset.state === "yours" ? "duty.go" : "duty.take", { name: room.name }));
  });
}
