// A visit on the page: ties a session to the waiting room, the stage, the panel and the bar.

import { hostActs, ownActs } from "./acts.js";
import { alertOfWaiting, offerAlerts } from "./alert.js";
import { chime, clearNotice, notice, say, showLine } from "./announce.js";
import { wireDial } from "./calling.js";
import { offerCall } from "./callinstead.js";
import { Chat } from "./chat.js";
import { makeControls, drawControls, wireShortcuts } from "./controls.js";
import { wireInvite } from "./dialogs.js";
import { byId, keepFocus } from "./dom.js";
import { language, onLanguage, roleWord, t, tCode } from "./i18n.js";
import { news } from "./news.js";
import { wireDetails } from "./inviting.js";
import { drawKnock, drawLock, Panel } from "./panel.js";
import { PoorLine } from "./poorline.js";
import { Receiving, turnedAwayWords } from "./receiving.js";
import { Stage } from "./stage.js";
import { wireTexting } from "./texting.js";
import { drawWaiting } from "./start.js";
import { Stills } from "./stills.js";
import { Turn } from "./turn.js";

const PANEL_OPEN_WIDTH = 560; // CSS px: below this the panel would cover the picture

export class Call {
  #session;
  #devices;
  #show;
  #lastRoster = null;
  #panel;
  #receiving;
  #turn;
  #stage;
  #chat;
  #panelOpen = null; // null until the person is in the room
  #wakeLock = null;
  #wasDown = false;

  /** `show(screen, title)` changes the screen; `over(code)` is told of the end. */
  constructor(session, { token, devices, ownLevel, show, over }) {
    this.#session = session;
    this.#devices = devices;
    this.#show = show;
    this.own = { ...ownActs(session, devices), people: () => this.#togglePanel(), chat: () => this.#chat.toggle() };
    const stills = new Stills(session, devices);
    const acts = { ...hostActs(session), still: (participant) => stills.ask(participant) };
    this.#panel = new Panel(session, acts);
    this.#receiving = new Receiving(session, acts);
    this.#turn = new Turn(session);
    wireDetails();
    this.#stage = new Stage(session, ownLevel, () => this.#soundBlocked());
    makeControls(this.own);
    offerCall(session, token);
    new PoorLine(session, token);
    this.#chat = new Chat(session, () => this.#draw());
    wireShortcuts(() => session.place !== null && document.body.dataset.screen !== "start", this.own);
    wireInvite((wish) => session.act("invite", wish));
    wireTexting(session);
    wireDial((wish) => session.act("dial", wish));
    byId("waiting-mic").addEventListener("click", this.own.mic);
    byId("waiting-camera").addEventListener("click", this.own.camera);
    byId("waiting-leave").addEventListener("click", this.own.leave);
    byId("knock-open").addEventListener("click", () => this.#togglePanel(true));
    this.#listen(over);
    onLanguage(() => this.#draw());
  }

  setSpeaker(deviceId) {
    this.#stage.setSpeaker(deviceId);
  }

  #listen(over) {
    const on = (name, handler) => this.#session.addEventListener(name, (event) => handler(event.detail));
    on("change", () => this.#changed());
    on("layout", () => this.#draw());
    on("stats", () => this.#panel.draw());
    on("media", () => this.#draw());
    on("receivers", () => this.#stage.takeReceivers());
    on("down", () => this.#tellDown());
    on("turnedAway", (whom) => this.#tellTurnedAway(whom));
    on("unmuted", (done) => this.#tellUnmuted(done));
    on("trouble", ({ code }) => notice(tCode("failed", code, "media"), { lasting: true, kind: "problem" }));
    on("over", ({ code }) => {
      clearNotice(true);
      for (const dialog of document.querySelectorAll("dialog[open]")) dialog.close();
      this.#wakeLock?.release();
      over(code);
    });
    document.addEventListener("visibilitychange", () => this.#stayAwake());
  }

  #changed() {
    const { session, roster, place } = { session: this.#session, roster: this.#session.roster, place: this.#session.place };
    if (!session.down) this.#tellUp();
    if (place === "admitted" && this.#panelOpen === null) this.#panelOpen = session.host && innerWidth >= PANEL_OPEN_WIDTH;
    if (place !== "admitted") this.#panelOpen = null;
    this.#show(place === "admitted" ? "call" : "waiting", this.#title());
    this.#draw();
    if (!roster) return;
    this.#tell(news(this.#lastRoster, roster));
    this.#tellHeld(this.#lastRoster, roster);
    this.#lastRoster = roster;
    this.#stayAwake();
  }

  #waiting() {
    const { roster, host } = this.#session;
    return host ? (roster?.people ?? []).filter((person) => person.place === "waiting" && !person.you) : [];
  }

  #title() {
    const count = this.#waiting().length;
    const room = this.#session.welcome?.room_name ?? t("app.name");
    return count > 0 ? t("title.waiting", { count, room }) : room;
  }

  #draw() {
    const session = this.#session;
    if (!session.welcome || session.place === null) return;
    if (session.place === "waiting") {
      this.#turn.draw();
      return drawWaiting(session);
    }
    const waiting = this.#waiting();
    const panelOpen = Boolean(this.#panelOpen) && !this.#chat.open; // they have one place
    byId("panel").hidden = !panelOpen;
    byId("screen-call").classList.toggle("with-panel", panelOpen || this.#chat.open);
    byId("screen-call").classList.toggle("with-chat", this.#chat.open);
    keepFocus(() => {
      this.#panel.draw();
      this.#receiving.draw();
      this.#stage.draw();
      drawKnock(waiting, panelOpen);
    });
    drawLock(Boolean(session.roster?.locked));
    offerAlerts(session.host);
    drawControls(session, { cameras: this.#devices.cameras, panelOpen, waiting: waiting.length, chat: this.#chat });
    return undefined;
  }

  #togglePanel(open = this.#chat.open || !this.#panelOpen) {
    this.#panelOpen = open;
    this.#chat.open = false;
    this.#draw();
    if (open) byId("panel-title").focus();
  }

  #tell(items) {
    const list = new Intl.ListFormat(language());
    const texts = items.map(({ key, values, names, role }) =>
      t(key, { ...values, ...(names && { name: list.format(names) }), role: role ? roleWord(role) : "" }));
    if (texts.length > 0) say(texts.join(" "), items.some((item) => item.urgent));
    const shown = texts.filter((_, index) => items[index].show);
    if (shown.length > 0) showLine(shown.join(" "));
    if (items.some((item) => item.chime)) chime(this.#devices.speakerId || null);
    if (items.some((item) => item.key === "news.waits")) alertOfWaiting();
  }

  #tellDown() {
    this.#wasDown = true;
    notice(t("line.reconnecting"), { lasting: true, kind: "calm" });
  }

  #tellUp() {
    clearNotice();
    if (this.#wasDown) say(t("line.back"));
    this.#wasDown = false;
  }

  #tellTurnedAway(whom) {
    const text = turnedAwayWords(whom);
    notice(text, { kind: "problem" });
    chime(this.#devices.speakerId || null);
    alertOfWaiting();
  }

  /** What became of a wish for sound that had to wait for the line. */
  #tellUnmuted(done) {
    const { me } = this.#session;
    const text = t(done ? "mic.isOn" : me?.muted && !me.may_unmute ? "mic.forbiddenLong" : "mic.stayedOff");
    notice(text);
  }

  /** The host has muted this person, or lifted it. */
  #tellHeld(before, after) {
    const me = (roster) => roster?.people.find((person) => person.you);
    const was = me(before);
    const am = me(after);
    if (!was || !am || this.#session.media.muted || was.muted === am.muted) return;
    const key = am.muted ? (am.may_unmute ? "mic.mutedByHost" : "mic.forbiddenLong") : null;
    if (key) notice(t(key));
  }

  #soundBlocked() {
    notice(t("line.pressForSound"), { lasting: true });
    const once = new AbortController();
    const go = () => {
      once.abort();
      clearNotice();
      this.#stage.playAll();
    };
    for (const press of ["click", "keydown"]) document.addEventListener(press, go, { signal: once.signal });
  }

  /** Keep a telephone's screen lit during the visit; browsers take the lock away when the page is hidden. */
  async #stayAwake() {
    if (this.#session.place === null || document.hidden || !navigator.wakeLock) return;
    if (this.#wakeLock && !this.#wakeLock.released) return;
    this.#wakeLock = await navigator.wakeLock.request("screen").catch(() => null);
  }
}

