// The line of this person is bad, cannot be had, or the host says so: the telephone is offered by one press, or where
// there is none, what else helps.

import { clearNotice, say } from "./announce.js";
import { goByTelephone } from "./callinstead.js";
import { byId, setText } from "./dom.js";
import { onLanguage, t } from "./i18n.js";
import { Reasons } from "./reasons.js";

const LOOK_MS = 1000;

export class PoorLine {
  #session;
  #token;
  #box = byId("poor-line");
  #reasons = new Reasons();
  #said = "";
  #shown = null; // the reason of what stands there
  #asking = false;
  #failed = false;

  constructor(session, token) {
    this.#session = session;
    this.#token = token;
    byId("poor-line-call").addEventListener("click", () => this.#call());
    byId("poor-line-camera").addEventListener("click", () => session.media.setCamera(false));
    byId("poor-line-close").addEventListener("click", () => this.#close());
    this.#box.addEventListener("focusout", () => setTimeout(() => this.#draw()));
    const timer = setInterval(() => this.#look(), LOOK_MS);
    session.addEventListener("over", () => clearInterval(timer));
    session.addEventListener("poorLine", ({ detail }) => this.#take(() => this.#reasons.tellPoor(detail)));
    session.addEventListener("callSuggested", ({ detail }) => this.#take(() => this.#reasons.suggest(detail)));
    session.addEventListener("change", () => this.#draw());
    session.addEventListener("media", () => this.#draw());
    onLanguage(() => this.#draw());
  }

  get #calls() {
    return Boolean(this.#session.welcome?.calls);
  }

  #take(step) {
    step();
    this.#draw();
  }

  #look() {
    const { place, down, peer } = this.#session;
    this.#reasons.look(performance.now(), place !== null && (down || !peer.connected));
    this.#draw();
  }

  /** It goes by itself when the line is better, but not from under somebody's finger. */
  #draw() {
    const { place } = this.#session;
    const { reason } = this.#reasons;
    if (place === null || (reason === null && !this.#box.contains(document.activeElement))) {
      this.#box.hidden = true;
      this.#said = "";
    }
    if (place === null || reason === null) return;
    this.#settle(place);
    this.#shown = reason;
    this.#box.hidden = false;
    const text = this.#words(reason);
    setText(byId("poor-line-text"), text);
    byId("poor-line-call").hidden = !this.#calls;
    byId("poor-line-camera").hidden = this.#calls || reason !== "poor" || !this.#session.media.cameraLive;
    if (this.#said === text) return;
    if (reason === "away") clearNotice(); // it says the same
    say(text);
    this.#said = text;
  }

  /** Above what is on the screen, and in nothing's way. */
  #settle(place) {
    const parent = place === "admitted" ? byId("call-title").parentElement : byId("screen-waiting");
    if (this.#box.parentElement === parent) return;
    if (place === "admitted") parent.append(this.#box);
    else parent.prepend(this.#box);
  }

  #words(reason) {
    if (this.#failed) return t("poor.failed");
    const { roster, media } = this.#session;
    const name = roster?.people.find((person) => person.participant === this.#reasons.by)?.name ?? "";
    if (reason === "suggested") return t("poor.suggested", { name });
    if (this.#calls) return t(`poor.${reason}`);
    const helps = reason === "poor" && media.cameraLive ? "camera" : reason;
    return t(`poor.alone.${helps}`);
  }

  #close() {
    this.#reasons.putAway(this.#shown);
    this.#failed = false;
    const next = this.#session.place === "admitted" ? "call-title" : "waiting-title";
    byId(next).focus();
    this.#draw();
  }

  async #call() {
    if (this.#asking) return;
    this.#asking = true;
    byId("poor-line-call").setAttribute("aria-disabled", "true");
    try {
      await goByTelephone(this.#session, this.#token);
    } catch {
      this.#failed = true;
      this.#draw();
    } finally {
      this.#asking = false;
      byId("poor-line-call").setAttribute("aria-disabled", "false");
    }
  }
}
