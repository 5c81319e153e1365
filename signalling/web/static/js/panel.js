// The side panel: who waits, who is here, and for the host what can be done about it.

import { basisWords } from "./basis.js";
import { Calling } from "./calling.js";
import { consentOf } from "./consents.js";
import { byId, el, icon, reconcile, setFace, setIcon, setText } from "./dom.js";
import { workWords } from "./employer.js";
import { roleWord, t, whence } from "./i18n.js";
import { fillPerson, makePerson, sureness } from "./person.js";

const SETTLE_MS = 500;
// What takes the place of an act that has been done.
const OPPOSITE = { mute: "unmute", muteHold: "unmute", unmute: "mute", confirmIdentity: "withdrawIdentity", withdrawIdentity: "confirmIdentity" };

export class Panel {
  #session;
  #acts;
  #settling = 0;
  #calling;
  #busy = new Set(); // participants with an admission or refusal under way

  /** `acts`: admit, refuse, admitAll, lock, invite, endAll and those of a person's row; each may return a promise. */
  constructor(session, acts) {
    this.#session = session;
    this.#acts = acts;
    this.#calling = new Calling(session, acts);
    byId("panel-short").prepend(icon("fair"));
    byId("admit-all").addEventListener("click", () => acts.admitAll());
    byId("lock").addEventListener("click", () => acts.lock(!session.roster.locked));
    byId("invite").addEventListener("click", () => acts.invite());
    byId("dial").addEventListener("click", () => acts.dial());
    byId("end-all").addEventListener("click", () => acts.endAll());
    byId("room-people").addEventListener("click", () => this.#tellDetails());
  }

  draw() {
    const { roster, host } = this.#session;
    if (!roster) return;
    const waiting = roster.people.filter((person) => person.place === "waiting");
    const admitted = roster.people.filter((person) => person.place === "admitted");
    byId("panel-waiting").hidden = !host;
    byId("panel-room").hidden = !host;
    if (host) this.#drawWaiting(waiting);
    this.#calling.draw();
    byId("panel-short").hidden = !roster.short;
    setText(byId("panel-short-text"), t("panel.short"));
    setText(byId("panel-people-title"), t("panel.people", { count: admitted.length }));
    const figures = new Map(this.#session.stats.map((each) => [each.participant, each]));
    const rows = admitted.map((person) => ({ person, host, calls: Boolean(roster.number), figures: figures.get(person.participant) }));
    const make = (row) => makePerson(row.person, this.#acts);
    this.#keepFocus(byId("room-people"), byId("panel-people-title"), () => {
      reconcile(byId("room-people"), rows, (row) => row.person.participant, make, fillPerson);
    });
    setFace(byId("lock"), "lock", t(roster.locked ? "panel.unlock" : "panel.lock"));
    this.#tellDetails();
  }

  #tellDetails() {
    const open = byId("room-people").querySelector(".person-more:not([hidden])");
    this.#session.details = open !== null && !byId("panel").hidden;
  }

  #drawWaiting(waiting) {
    setText(byId("panel-waiting-title"), t("panel.waiting", { count: waiting.length }));
    byId("panel-nobody").hidden = waiting.length > 0;
    const list = byId("waiting-people");
    const order = new Map([...list.children].map((row, index) => [row.dataset.key, index]));
    const last = list.children.length;
    // Those who came first stay first, so that no button moves under a finger when one more comes.
    const sorted = [...waiting].sort((a, b) => (order.get(a.participant) ?? last) - (order.get(b.participant) ?? last));
    this.#keepFocus(list, byId("panel-waiting-title"), () => {
      const make = (person) => this.#makeWaiting(person);
      const fill = (row, person) => this.#fillWaiting(row, person);
      if (reconcile(list, sorted, (person) => person.participant, make, fill) > 0) this.#settle();
    });
    const all = byId("admit-all");
    const together = waiting.filter((person) => !person.invited?.apart);
    all.hidden = together.length < 2;
    setText(all, t("panel.admitAll", { count: together.length }));
  }

  /** Rows have moved up: for a moment a press meant for the one before must not let in the next. */
  #settle() {
    clearTimeout(this.#settling);
    const list = byId("waiting-people");
    list.classList.add("settling");
    this.#enable();
    this.#settling = setTimeout(() => {
      list.classList.remove("settling");
      this.#enable();
    }, SETTLE_MS);
  }

  #enable() {
    const list = byId("waiting-people");
    for (const row of list.children) {
      const held = list.classList.contains("settling") || this.#busy.has(row.dataset.key);
      for (const button of row.querySelectorAll("button")) button.setAttribute("aria-disabled", String(held));
    }
  }

  #makeWaiting(person) {
    const button = (action, kind, act) => {
      const node = el("button", { type: "button", className: `button ${kind}`, data: { action } });
      node.addEventListener("click", () => {
        if (node.getAttribute("aria-disabled") === "true") return;
        this.#during(person.participant, act);
      });
      return node;
    };
    const words = el("div", { className: "who" }, el("strong"), el("span", { className: "role" }), el("span", { className: "work" }), el("span", { className: "unknown" }), el("span", { className: "tested" }), el("span", { className: "consent" }), el("span", { className: "lost-sign" }), el("span", { className: "basis" }));
    const admit = button("admit", "primary", (latest) => this.#acts.admit(latest));
    const refuse = button("refuse", "quiet", (latest) => this.#acts.refuse(latest));
    return el("li", { className: "waiting-person" }, words, el("div", { className: "row" }, admit, refuse));
  }

  async #during(participant, act) {
    const latest = this.#session.roster.people.find((person) => person.participant === participant);
    if (!latest) return;
    this.#busy.add(participant);
    this.#enable();
    try {
      await act(latest);
    } finally {
      this.#busy.delete(participant);
      this.#enable();
    }
  }

  #fillWaiting(row, person) {
    setText(row.querySelector("strong"), person.name);
    setText(row.querySelector(".role"), whence(person, true));
    setText(row.querySelector(".work"), workWords(person));
    const sure = row.querySelector(".unknown");
    setText(sure, sureness(person));
    sure.dataset.assurance = person.assurance;
    setText(row.querySelector(".lost-sign"), person.connected ? "" : t("person.lost"));
    const consent = consentOf(person);
    setText(row.querySelector(".consent"), consent === "given" ? "" : t(`person.consent.${consent}`));
    setText(row.querySelector(".basis"), basisWords(person.invited));
    setText(row.querySelector(".tested"), person.tested ? t(`person.tested.${person.tested}`) : "");
    row.querySelector(".tested").dataset.tested = person.tested ?? "";
    for (const action of ["admit", "refuse"]) {
      const node = row.querySelector(`[data-action=${action}]`);
      setText(node, t(`person.${action}`));
      node.setAttribute("aria-label", t(`person.${action}Name`, { name: person.name }));
    }
  }

  /** If what has the focus goes away: to what takes its place, else to the first button of its row or the next one, else to the heading. */
  #keepFocus(list, heading, change) {
    const before = document.activeElement;
    const index = [...list.children].findIndex((row) => row.contains(before));
    change();
    if (index < 0 || (list.contains(before) && before.checkVisibility())) return;
    const row = list.contains(before) ? before.closest("li") : list.children[index] ?? list.lastElementChild;
    const buttons = [...(row?.querySelectorAll("button") ?? [])].filter((button) => button.checkVisibility());
    const instead = buttons.find((button) => button.dataset.action === OPPOSITE[before.dataset.action]);
    (instead ?? buttons[0] ?? heading).focus();
  }
}

/** The bar above the stage that says who waits when the panel is shut. */
export function drawKnock(waiting, panelOpen) {
  const knock = byId("knock");
  knock.hidden = waiting.length === 0 || panelOpen;
  if (knock.hidden) return;
  const key = waiting.length === 1 ? "knock.one" : "knock.many";
  setText(byId("knock-text"), t(key, { name: waiting[0].name, role: roleWord(waiting[0].role), count: waiting.length }));
}

/** The sign beside the title while the room is locked. */
export function drawLock(locked) {
  const sign = byId("call-lock");
  sign.hidden = !locked;
  if (!sign.firstChild) sign.append(icon("lock"), el("span"));
  setIcon(sign.firstChild, "lock");
  setText(sign.lastChild, t("call.locked"));
}
