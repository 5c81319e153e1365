// What people write to each other in the room: the lines, who is writing, and where one writes. Nothing of it is kept.

import { tellFailure } from "./acts.js";
import { Captions } from "./captions.js";
import { byId, el, reconcile, setText } from "./dom.js";
import { apply, language, onLanguage, t } from "./i18n.js";
import { keepPreference, readPreference } from "./token.js";
import { clean, cutAt, Typing } from "./typing.js";

const KEPT = 200; // lines on the page
const SPOKEN = 20; // lines of the log for screen readers
const LONGEST = 500;
const TOAST_MS = 8000;

const bdi = (className) => el("bdi", { className });

export class Chat {
  open = false;
  unread = 0;
  #session;
  #redraw;
  #captions = new Captions();
  #captioned = readPreference("captions"); // "on", "off", or null: when an interpreter writes
  #company = new Set(); // who else was in, of the last time that there was anybody
  #writing = new Map(); // participant -> {participant, name, text}
  #typing;
  #lines = el("ol", { id: "chat-lines", className: "chat-lines", tabIndex: 0 });
  #nowWriting = el("ul", { className: "chat-writing" });
  #log = el("div", { id: "chat-log", className: "visually-hidden", role: "log", "aria-live": "polite" });
  #toast = el("div", { id: "chat-toast", className: "notice toast", "aria-hidden": "true", hidden: true });
  #toastTimer = 0;
  // No spelling is checked: some browsers have what is typed checked by a service elsewhere.
  #text = el("input", { id: "chat-text", type: "text", maxLength: LONGEST, autocomplete: "off", enterKeyHint: "send", dir: "auto", spellcheck: false });
  #live = el("input", { id: "chat-live", type: "checkbox" });
  #large = el("input", { id: "chat-captions", type: "checkbox" });

  /** `redraw()` is called when the panel opens or shuts, or there is something to read. */
  constructor(session, redraw) {
    this.#session = session;
    this.#redraw = redraw;
    this.#typing = new Typing((text) => session.act("write", { text, done: false }));
    this.#make();
    session.addEventListener("written", ({ detail }) => this.#read(detail));
    session.addEventListener("change", () => this.#follow());
    session.addEventListener("over", () => this.#clear());
    onLanguage(() => this.#words());
  }

  #make() {
    const label = (input, key) => el("label", { className: "check" }, input, " ", el("span", { data: { i18n: key } }));
    const form = el("form", { className: "chat-form" },
      el("label", { htmlFor: "chat-text", data: { i18n: "chat.label" } }),
      el("div", { className: "chat-field" }, this.#text, el("button", { type: "submit", id: "chat-send", className: "button primary", data: { i18n: "chat.send" } })),
      label(this.#live, "chat.live"), label(this.#large, "chat.captions"));
    const close = el("button", { type: "button", id: "chat-close", className: "button quiet", data: { i18n: "dialog.close" } });
    const head = el("div", { className: "chat-head" }, el("h2", { id: "chat-title", tabIndex: -1, data: { i18n: "chat.title" } }), close);
    const aside = el("aside", { id: "chat", className: "panel talk", hidden: true }, head,
      el("p", { className: "hint", data: { i18n: "chat.lead" } }), this.#lines, this.#nowWriting, el("p", { id: "chat-readers", className: "chat-readers" }), form);
    aside.setAttribute("aria-labelledby", "chat-title");
    this.#lines.setAttribute("aria-labelledby", "chat-title");
    byId("panel").after(aside, this.#log, this.#toast);
    this.#wire(form, close, aside);
  }

  #wire(form, close, aside) {
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#send(this.#text.value, "");
    });
    this.#text.addEventListener("input", () => this.#typed());
    this.#live.addEventListener("change", () => {
      keepPreference("live", this.#live.checked ? "on" : "off");
      this.#typing.change(this.#live.checked ? clean(this.#text.value) : "");
    });
    this.#large.addEventListener("change", () => {
      this.#captioned = this.#large.checked ? "on" : "off";
      keepPreference("captions", this.#captioned);
      this.#draw();
    });
    close.addEventListener("click", () => this.toggle(false));
    aside.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.toggle(false);
    });
  }

  toggle(open = !this.open) {
    if (open === this.open) return;
    this.open = open;
    if (open) this.unread = 0;
    this.#toast.hidden = true;
    this.#redraw();
    this.#draw();
    if (open) this.#lines.scrollTop = this.#lines.scrollHeight;
    (open ? this.#text : byId("control-chat")).focus();
  }

  #words() {
    apply(byId("chat"));
    this.#log.setAttribute("aria-label", t("chat.title"));
    this.#draw();
  }

  /** The room has changed: whoever is gone writes no more, and who is out of the room has nothing of it on the page. */
  #follow() {
    const { place, roster, me } = this.#session;
    if (place !== "admitted") return this.#clear();
    if (!roster) return undefined;
    if (readPreference("live") === null && this.#live.dataset.role !== me?.role) {
      this.#live.dataset.role = me?.role ?? "";
      this.#live.checked = me?.role === "interpreter";
    } else if (readPreference("live") !== null) this.#live.checked = readPreference("live") === "on";
    this.#part(new Set(roster.people.filter((each) => !each.you && each.place === "admitted").map(({ participant }) => participant)));
    for (const participant of this.#writing.keys()) {
      const writer = roster.people.find((person) => person.participant === participant);
      if (writer?.place !== "admitted" || !writer.connected) this.#writing.delete(participant);
    }
    return this.#draw();
  }

  /** Lines are gone when company comes to whom none of those belong with whom they were written. */
  #part(company) {
    if (company.size === 0) return;
    const others = this.#company.size > 0 && ![...company].some((participant) => this.#company.has(participant));
    this.#company = company;
    if (others) this.#forget();
  }

  #forget() {
    this.#typing.over();
    this.#writing.clear();
    this.#captions.clear();
    for (const node of [this.#lines, this.#log, this.#toast]) node.replaceChildren();
    this.#toast.hidden = true;
    this.#text.value = "";
    this.unread = 0;
  }

  #clear() {
    this.#company.clear();
    this.#forget();
    this.open = false;
    this.#draw();
  }

  #read({ participant, text, done }) {
    const writer = this.#session.roster?.people.find((person) => person.participant === participant);
    if (!writer || this.#session.place !== "admitted") return;
    const { name } = writer;
    if (this.#captioned === null && writer.role === "interpreter") this.#captioned = "on";
    if (done) {
      this.#writing.delete(participant);
      this.#captions.add(name, text);
      this.#add(name, text);
      this.#speak(`${name}: ${text}`);
      this.#tell(name, text);
    } else if (text) this.#writing.set(participant, { participant, name, text });
    else this.#writing.delete(participant);
    this.#draw();
  }

  #add(name, text) {
    const atEnd = this.#lines.scrollHeight - this.#lines.scrollTop - this.#lines.clientHeight < 40;
    const row = el("li", {}, bdi("name"), " ", bdi("text"));
    row.querySelector(".name").textContent = name;
    row.querySelector(".text").textContent = text;
    this.#lines.append(row);
    while (this.#lines.children.length > KEPT) this.#lines.firstChild.remove();
    if (atEnd) this.#lines.scrollTop = this.#lines.scrollHeight;
  }

  /** Whole lines only, each once, when the reader has come to an end. */
  #speak(text) {
    this.#log.append(el("p", { textContent: text }));
    while (this.#log.children.length > SPOKEN) this.#log.firstChild.remove();
  }

  /** For those who do not have the lines before them. */
  #tell(name, text) {
    if (this.open) return;
    this.unread += 1;
    if (this.#captioned !== "on") this.#pop(name, text);
    this.#redraw();
  }

  /** For the eyes: readers of screens have the line from the log. */
  #pop(name, text) {
    const [who, what] = [bdi("name"), bdi("text")];
    who.textContent = name;
    what.textContent = text;
    this.#toast.replaceChildren(el("p", {}, who, " ", what));
    this.#toast.hidden = false;
    clearTimeout(this.#toastTimer);
    this.#toastTimer = setTimeout(() => { this.#toast.hidden = true; }, TOAST_MS);
  }

  #typed() {
    if (!this.#live.checked) return;
    const { value } = this.#text;
    const cut = this.#text.selectionEnd === value.length ? cutAt(value) : 0;
    if (cut > 0) this.#send(value.slice(0, cut), value.slice(cut));
    else this.#typing.change(clean(value));
  }

  /** Send a line, and go on with the rest. What could not be sent is in the field again. */
  async #send(line, rest) {
    const text = clean(line).trim();
    if (!text) return;
    this.#text.value = rest;
    this.#typing.over();
    const sent = this.#session.act("write", { text, done: true });
    if (rest) this.#typing.change(clean(rest));
    try {
      await sent;
      if (this.#session.place === "admitted") this.#add(t("tile.you"), text);
    } catch (error) {
      if (!error.code) throw error;
      this.#text.value = [text, this.#text.value].filter(Boolean).join(" ");
      tellFailure(error);
    }
  }

  #draw() {
    const shown = this.open && this.#session.place === "admitted";
    byId("chat").hidden = !shown;
    this.#large.checked = this.#captioned === "on";
    this.#captions.show(this.#captioned === "on" && !shown); // the panel has the same lines
    this.#captions.draw([...this.#writing.values()]);
    const make = () => el("li", {}, bdi("name"), " ", bdi("text"));
    reconcile(this.#nowWriting, [...this.#writing.values()], ({ participant }) => participant, make, (row, { name, text }) => {
      setText(row.querySelector(".name"), name);
      setText(row.querySelector(".text"), text);
    });
    setText(byId("chat-readers"), this.#readers());
  }

  /** Whom a line does not reach. */
  #readers() {
    const others = (this.#session.roster?.people ?? []).filter((person) => !person.you && person.place === "admitted");
    const deaf = others.filter(({ line }) => line !== undefined && line !== "browser").map(({ name }) => name);
    if (others.length === deaf.length) return t("chat.nobody");
    return deaf.length > 0 ? t("chat.cannotRead", { names: new Intl.ListFormat(language()).format(deaf) }) : "";
  }
}
