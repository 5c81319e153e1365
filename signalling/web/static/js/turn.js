// What one who waits is told of whose turn it is: a number of those before them, a time, and to a substitute that they
// may take over.

import { attempt } from "./acts.js";
import { byId, el, setText } from "./dom.js";
import { locale, t } from "./i18n.js";

const FARTHEST_MS = 86_400_000; // timers cannot wait much longer, and nobody watches the page then

/** A time as it stands in a sentence: with the day, where that is not today. */
export function timeWords(time, now = new Date()) {
  const at = new Date(time);
  const clock = { hour: "2-digit", minute: "2-digit" };
  const sameDay = at.toDateString() === now.toDateString();
  const day = sameDay ? {} : { weekday: "long", day: "numeric", month: "long" };
  const words = new Intl.DateTimeFormat(locale(), { ...day, ...clock }).format(at);
  return sameDay ? t("turn.clock", { time: words }) : words;
}

/** The sentence on how many are before this person, or "". */
export function placeWords(ahead) {
  if (ahead === null || ahead === undefined) return "";
  return ahead === 0 ? t("turn.next") : ahead === 1 ? t("turn.one") : t("turn.many", { count: ahead });
}

/** The sentence on when it is their turn, or "". */
export function turnWords({ expected_at: at, late }, now = new Date()) {
  if (!at) return "";
  if (new Date(at) <= now) return late ? t("turn.lateSoon") : "";
  return t(late ? "turn.late" : "turn.at", { time: timeWords(at, now) });
}

export class Turn {
  #session;
  #place = el("p", { id: "waiting-place", className: "turn-place", role: "status" });
  #time = el("p", { id: "waiting-time", role: "status" });
  #over = el("div", { className: "take-over", hidden: true }, el("p"), el("button", { type: "button", id: "take-over", className: "button primary huge" }));
  #timer = 0;

  constructor(session) {
    this.#session = session;
    document.querySelector(".turn")?.remove();
    byId("waiting-title").after(el("div", { className: "turn" }, this.#place, this.#time, this.#over));
    this.#over.lastChild.addEventListener("click", () => attempt(() => session.act("take_host")));
  }

  draw() {
    const { roster } = this.#session;
    if (!roster) return;
    setText(this.#place, placeWords(roster.ahead));
    setText(this.#time, turnWords(roster));
    this.#time.className = roster.late ? "late" : "";
    this.#over.hidden = !roster.may_take_over;
    setText(this.#over.firstChild, t("turn.takeOverLead"));
    setText(this.#over.lastChild, t("turn.takeOver"));
    clearTimeout(this.#timer);
    const left = new Date(roster.expected_at ?? 0) - Date.now();
    if (left > 0 && left < FARTHEST_MS) this.#timer = setTimeout(() => this.draw(), left + 500);
  }
}
