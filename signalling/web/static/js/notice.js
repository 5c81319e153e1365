// The information notice beside the button by which one enters, and what this person has said yes to: taken back, or
// given again.

import { attempt } from "./acts.js";
import { say } from "./announce.js";
import { consentOf } from "./consents.js";
import { byId, el, setText } from "./dom.js";
import { onLanguage, t } from "./i18n.js";

const ADDRESS = "/api/v1/notice";
const MATTER = "video";

/** The notice's sentences, in their order. */
function sentences({ responsible, operator }) {
  return [
    responsible ? t("notice.responsible", { responsible }) : t("notice.inviter"),
    operator ? t("notice.operator", { operator }) : "",
    t("notice.encrypted"),
    t("notice.telephone"),
    t("notice.onRecord"),
    t("notice.notRecorded"),
    t("notice.withdraw"),
  ].filter(Boolean);
}

export class Notice {
  #told = null;
  #pressed = false;
  #session = null;
  #change = el("button", { type: "button", id: "consent-change", className: "button" });

  constructor() {
    const section = el("section", { className: "privacy" }, el("h3", { data: { i18n: "consent.title" } }),
      el("p", { id: "consent-state" }), this.#change, this.#details());
    byId("dialog-settings").querySelector(".row.end").before(section);
    this.#change.addEventListener("click", () => this.#turn());
    onLanguage(() => this.#draw());
  }

  /** Ask what the bridge tells; without an answer nothing is shown, and nothing is said to have been. */
  async load() {
    try {
      const response = await fetch(ADDRESS, { headers: { Accept: "application/json" } });
      if (response.ok) this.#told = await response.json();
    } catch {
      return;
    }
    this.#draw();
  }

  /** The button beside it was pressed. */
  press() {
    this.#pressed = this.#told !== null;
  }

  /** The version that stood beside the button that was pressed, or null. */
  get accepted() {
    return this.#pressed ? this.#told.version : null;
  }

  follow(session) {
    this.#session = session;
    session.addEventListener("change", () => this.#drawState());
  }

  async #turn() {
    const given = consentOf(this.#session.me) !== "given";
    const fields = { matter: MATTER, given, notice: this.#told.version };
    if (await attempt(() => this.#session.act("consent", fields))) say(t(given ? "consent.given" : "consent.withdrawn"));
  }

  #draw() {
    const box = byId("start-notice");
    box.hidden = this.#told === null;
    if (!this.#told) return;
    const short = el("p", { textContent: `${t("notice.short")} ${t("notice.press")}` });
    box.replaceChildren(short, box.querySelector("details") ?? this.#details());
    for (const details of document.querySelectorAll(".notice-all")) {
      setText(details.firstChild, t("notice.title"));
      details.lastChild.replaceChildren(...this.#whole());
    }
    this.#drawState();
  }

  #details() {
    return el("details", { className: "devices notice-all" }, el("summary"), el("div", { className: "notice-text" }));
  }

  #whole() {
    const { more, version } = this.#told;
    const link = more && el("p", {}, el("a", { href: more, target: "_blank", rel: "noreferrer noopener", textContent: t("notice.more") }));
    const list = el("ul", {}, ...sentences(this.#told).map((text) => el("li", { textContent: text })));
    return [list, ...(link ? [link] : []), el("p", { className: "hint", textContent: t("notice.version", { version }) })];
  }

  #drawState() {
    const state = consentOf(this.#session?.me);
    document.querySelector(".privacy").hidden = !this.#told || !this.#session?.me;
    setText(byId("consent-state"), t(`consent.${state}`));
    setText(this.#change, t(state === "given" ? "consent.takeBack" : "consent.give"));
  }
}
