// Who is being called from here and who was not reached, and the dialog from which the host calls.

import { notice, say } from "./announce.js";
import { byId, el, reconcile, setText } from "./dom.js";
import { INVITED_ROLES } from "./dialogs.js";
import { roleWord, t, tCode, whence } from "./i18n.js";

/** The rows of the panel for those who ring somewhere, and for the host of those whom nobody reached. */
export class Calling {
  #session;
  #acts;
  #missed = new Map(); // participant -> what is known of them, and why

  constructor(session, acts) {
    this.#session = session;
    this.#acts = acts;
    session.addEventListener("missed", ({ detail }) => this.#miss(detail));
  }

  draw() {
    const { roster, host } = this.#session;
    if (!host) this.#missed.clear();
    // The roster without somebody comes just after the word that they were missed.
    const called = roster.people.filter((person) => person.place === "called" && !this.#missed.has(person.participant));
    const rows = [...called, ...this.#missed.values()];
    byId("panel-called").hidden = rows.length === 0;
    setText(byId("panel-called-title"), t("panel.called"));
    const make = (person) => this.#make(person);
    reconcile(byId("called-people"), rows, (person) => person.participant, make, (row, person) => this.#fill(row, person));
    byId("dial").hidden = !roster.dials;
    setText(byId("dial"), t("panel.dial"));
  }

  #miss({ participant, name, why, person }) {
    this.#missed.set(participant, { ...person, participant, name, why });
    this.draw();
    const text = `${name}: ${t(`missed.${why}`)}`;
    notice(text, { kind: "problem", urgent: true });
  }

  #forget(participant) {
    this.#missed.delete(participant);
    this.draw();
    byId("panel-called-title").focus();
  }

  #make(person) {
    const button = (action, act) => {
      const node = el("button", { type: "button", className: "button", data: { action } });
      node.addEventListener("click", act);
      return node;
    };
    const words = el("div", { className: "who" }, el("strong"), el("span", { className: "role" }), el("span", { className: "call-state" }));
    const { participant } = person;
    const cancel = button("cancelCall", () => this.#acts.cancelCall(participant));
    const again = button("callAgain", async () => {
      const { number: address, role, name } = this.#missed.get(participant);
      again.disabled = true;
      try {
        if (await this.#acts.callAgain({ address, role, name })) this.#forget(participant);
      } finally {
        again.disabled = false;
      }
    });
    const dismiss = button("dismiss", () => this.#forget(participant));
    return el("li", { className: "called-person" }, words, el("div", { className: "row" }, cancel, again, dismiss));
  }

  #fill(row, person) {
    const { host } = this.#session;
    const missed = person.why !== undefined;
    setText(row.querySelector("strong"), person.name);
    setText(row.querySelector(".role"), whence(person, host));
    setText(row.querySelector(".call-state"), missed ? t(`missed.${person.why}`) : t(person.ringing ? "called.ringing" : "called.dialling"));
    row.classList.toggle("missed", missed);
    const fitting = { cancelCall: host && !missed, callAgain: missed && Boolean(person.number), dismiss: missed };
    for (const [action, fits] of Object.entries(fitting)) {
      const node = row.querySelector(`[data-action=${action}]`);
      node.hidden = !fits;
      setText(node, t(`called.${action}`));
      node.setAttribute("aria-label", t(`called.${action}Name`, { name: person.name }));
    }
  }
}

/** Open the dialog from which the host calls. */
export function openDial() {
  const roles = byId("dial-role");
  roles.replaceChildren(...INVITED_ROLES.map((role) => el("option", { value: role, textContent: t(`role.${role}`) })));
  roles.value = "relative";
  for (const id of ["dial-address", "dial-name"]) byId(id).value = "";
  byId("dial-problem").hidden = true;
  byId("dialog-dial").showModal();
}

/** `dial({address, role, name})` resolves when the call goes out, and rejects with why it does not. */
export function wireDial(dial) {
  byId("dialog-dial").addEventListener("close", () => { byId("dial-address").value = ""; });
  byId("dial-form").addEventListener("submit", async (event) => {
    event.preventDefault();
    const wish = { address: byId("dial-address").value.trim(), role: byId("dial-role").value, name: byId("dial-name").value.trim() };
    const lacks = !wish.address ? "dial.needAddress" : !wish.name ? "invite.needName" : null;
    if (lacks) return problem(t(lacks));
    byId("dial-go").disabled = true;
    try {
      await dial(wish);
      byId("dialog-dial").close();
      say(t("news.calls", { name: wish.name, role: roleWord(wish.role) }));
    } catch (error) {
      if (!error.code) throw error;
      problem(tCode("failed", error.code, "other"));
    } finally {
      byId("dial-go").disabled = false;
    }
    return undefined;
  });
}

function problem(text) {
  setText(byId("dial-problem"), text);
  byId("dial-problem").hidden = false;
}
