// One visit: the line to the bridge, the media connection and what the bridge has told us. No document here.

import { Channel } from "./protocol.js";
import { Peer } from "./peer.js";
import { Reporter } from "./report.js";
import { Signs } from "./signs.js";
import { keepResume, newResume, readResume } from "./token.js";

const WISH_MS = 20_000; // whoever asked for sound longer ago may be talking to somebody else by now
const NO_LINE = new Set(["offline", "timeout"]);

/**
 * Events: `welcome`, `change` (place, roster, people), `layout`, `stats`, `media` (connection state), `receivers`, `down`, `over`,
 * `turnedAway` (somebody who found the door closed), `missed` (somebody who was called; with what the roster said of them as `person`), `written` (a line of somebody's), `still` (as it comes), `poorLine` (whether), `callSuggested` (by whom), `trouble`, and `unmuted` when a wish for sound had to wait for the line, with `detail` true if it was fulfilled.
 */
export class Session extends EventTarget {
  welcome = null;
  place = null;
  roster = null;
  layout = [];
  stats = [];
  down = false;
  pinned = null;
  newTime = null; // of what was called off
  media;
  peer;
  #channel;
  #reporter;
  #resumeKey;
  #resume;
  #selfMutes = 0;
  #wish = null; // for sound, not fulfilled yet: until when it holds
  #signs = new Signs((sure) => this.#doubt(sure));
  #told = new Map();
  #released = false;

  /** `url` of the WebSocket; `identity` holds token, resumeKey, language(), notice(), the version that was accepted, and name(). */
  constructor(url, identity, media) {
    super();
    this.media = media;
    this.#resumeKey = identity.resumeKey;
    this.#keepResume(readResume(identity.resumeKey) ?? newResume());
    this.#channel = new Channel(url, () => ({
      token: identity.token,
      resume: this.#resume,
      language: identity.language(),
      notice: identity.notice(),
      name: identity.name(),
    }));
    this.peer = new Peer(media, (offer) => this.#channel.request("offer", offer));
    this.#reporter = new Reporter(this.peer, (report) => this.#report(report));
    this.#listen();
  }

  get me() {
    return this.roster?.people.find((person) => person.you) ?? null;
  }

  get host() {
    return this.roster ? this.roster.host : Boolean(this.welcome?.host);
  }

  start() {
    this.#channel.open();
    this.#reporter.start();
    this.#signs.start();
  }

  /** Send an act of this person; resolves to the reply, rejects with ProtocolError. */
  act(type, fields = {}) {
    return this.#channel.request(type, fields);
  }

  #listen() {
    const on = (name, handler) => this.#channel.addEventListener(name, (event) => handler(event.detail));
    on("welcome", (message) => this.#welcomed(message));
    on("roster", (message) => this.#rostered(message));
    on("layout", (message) => {
      this.layout = message.slots;
      this.#emit("layout");
    });
    on("missed", (message) => {
      const person = this.roster?.people.find((each) => each.participant === message.participant);
      this.#emit("missed", { ...message, person });
    });
    for (const name of ["written", "still", "texted"]) on(name, (message) => this.#emit(name, message));
    on("turned_away", (message) => this.#emit("turnedAway", message));
    on("poor_line", ({ poor }) => this.#emit("poorLine", poor));
    on("call_suggested", ({ by }) => this.#emit("callSuggested", by));
    on("cancelled", (message) => { this.newTime = message.new_time; });
    on("demand", (message) => this.peer.demand(message));
    on("codec", (message) => this.peer.codec(message));
    on("stats", (message) => {
      this.stats = message.people;
      this.#emit("stats");
    });
    on("down", (detail) => {
      this.down = true;
      this.#emit("down", detail);
    });
    on("up", () => {
      this.down = false;
      this.#emit("change");
    });
    on("over", (message) => {
      this.#release();
      this.#emit("over", message);
    });
    this.media.addEventListener("change", () => this.#mediaChanged());
    this.peer.addEventListener("state", () => this.#emit("media"));
    this.peer.addEventListener("receivers", () => this.#emit("receivers"));
    this.peer.addEventListener("doubt", () => this.#channel.probe());
    this.peer.addEventListener("stuck", () => this.#renew());
  }

  /** In this object too: where storage is forbidden, it lasts at least until the page is reloaded. */
  #keepResume(secret) {
    this.#resume = secret;
    keepResume(this.#resumeKey, secret);
  }

  #welcomed(message) {
    this.#keepResume(message.resume);
    this.welcome = message;
    this.down = false;
    // After a broken line the old roster stays on the page until the new one comes, unless the place has changed.
    if (message.place !== this.place) this.roster = null;
    this.#told.clear();
    this.#setPlace(message.place);
    this.#emit("welcome");
    this.#emit("change");
    this.#reporter.soon();
    this.peer.joined(message).catch((error) => this.#mediaFailed(error));
    if (message.again && message.place === "admitted" && this.pinned) this.pin(this.pinned).catch(() => {});
  }

  #rostered(message) {
    const before = this.me;
    this.roster = message;
    const { me } = this;
    if (me) {
      // The bridge stops a screen when the next patient comes in; what this page itself has asked for stands.
      if (before?.sharing && !me.sharing && !this.#told.has("sharing") && this.media.tracks.content) this.media.stopSharing();
      if (this.#selfMutes === 0) this.media.setHeldMute(me.muted && !this.media.muted);
      this.#fulfil(me);
      this.#setPlace(me.place);
    }
    this.#emit("change");
  }

  #setPlace(place) {
    const before = this.place;
    this.place = place;
    this.peer.hold(place !== "admitted");
    if (place === "waiting") {
      this.layout = [];
      if (this.media.tracks.content) this.media.stopSharing();
    }
    if (before !== place) this.#emit("layout");
    this.#tellState();
  }

  /** The bridge believes what it was last told: correct it where the page differs, once for each difference. */
  #tellState() {
    const { me, media } = this;
    if (!me) return;
    if (this.#selfMutes === 0) this.#correct("self_mute", me.muted || !media.muted, { muted: media.muted });
    this.#correct("camera", me.camera === media.cameraLive, { on: media.cameraLive });
    const sharing = Boolean(media.tracks.content);
    if (this.place === "admitted") this.#correct("sharing", me.sharing === sharing, { on: sharing });
  }

  #correct(type, agreed, fields) {
    const wish = `${this.place} ${JSON.stringify(fields)}`;
    if (agreed) this.#told.delete(type);
    else if (this.#told.get(type) !== wish && this.#channel.joined) {
      this.#told.set(type, wish);
      this.act(type, fields).catch((error) => {
        if (type === "sharing" && fields.on && error.code === "wrong_state") this.#overtaken();
      });
    }
  }

  /** Somebody else was sharing first: nobody sees this screen, so it must not look as if they did. */
  #overtaken() {
    if (this.media.tracks.content) this.media.stopSharing();
    this.#emit("trouble", { code: "somebody_shares" });
  }

  /** Whether sound was asked for and is still to come; to be muted then takes that back. */
  get unmuting() {
    return this.#wish !== null;
  }

  /**
   * Silence is immediate and local; sound waits until the bridge agrees, since the host may forbid it. Resolves to false
   * if it has to wait for the line first, and will not after a while, or if this person is muted again before.
   */
  async setMuted(muted, until = performance.now() + WISH_MS) {
    const wish = muted ? null : { until };
    this.#wish = wish;
    this.#selfMutes += 1;
    try {
      if (muted) await this.media.setMuted(true);
      await this.act("self_mute", { muted });
      if (muted || this.#wish !== wish) return true;
      this.#wish = null;
      this.media.setHeldMute(false);
      await this.media.setMuted(false);
      return true;
    } catch (error) {
      if (NO_LINE.has(error.code)) return muted;
      if (this.#wish === wish) this.#wish = null;
      throw error;
    } finally {
      this.#selfMutes -= 1;
    }
  }

  /** The line is there: what was asked for without one is asked for again, if nothing has changed for this person. */
  #fulfil(me) {
    const wish = this.#wish;
    if (wish === null || this.#selfMutes > 0) return;
    if (performance.now() > wish.until || (me.muted && !me.may_unmute)) {
      this.#wish = null;
      this.#emit("unmuted", false);
      return;
    }
    this.setMuted(false, wish.until)
      .then((done) => { if (done) this.#emit("unmuted", !this.media.muted); })
      .catch(() => this.#emit("unmuted", false));
  }

  pin(participant) {
    this.pinned = participant;
    this.#emit("layout");
    return this.act("pin", { participant });
  }

  #mediaChanged() {
    // A screen that was picked when one was no longer in the call: it would be shown in the next one, unasked.
    if (this.media.tracks.content && this.place !== "admitted") return this.media.stopSharing();
    this.peer.syncTracks().catch((error) => this.#mediaFailed(error));
    this.#tellState();
    return this.#emit("media");
  }

  /** The network may be away, back or another one: line and media find their ways apart from each other. */
  #doubt(sure) {
    this.#channel.probe(sure);
    this.peer.seek(sure).catch((error) => this.#mediaFailed(error));
  }

  /** Media has found no way. If the bridge answers and it still has none, another connection is needed. */
  async #renew() {
    const { pc } = this.peer;
    if (!(await this.#channel.probe()) || (await this.peer.flows())) return; // a rejoin looks after it anyway
    await this.peer.renew(pc).catch((error) => this.#mediaFailed(error));
  }

  #mediaFailed(error) {
    if (this.#released || NO_LINE.has(error.code)) return;
    this.#emit("trouble", { code: error.code ?? "media" });
  }

  #report(report) {
    if (this.#channel.joined && this.place === "admitted") this.#channel.tell({ type: "report", ...report });
  }

  /** Whether the page shows figures of single sources. */
  set details(shown) {
    this.#reporter.details = shown;
  }

  /** Leave by one's own will. */
  leave() {
    this.#channel.tell({ type: "leave" });
    this.#channel.close();
    this.#release();
    this.#emit("over", { code: "left" });
  }

  #release() {
    this.#released = true;
    this.place = null;
    this.#signs.stop();
    this.#reporter.stop();
    this.peer.close();
    this.media.close();
  }

  #emit(name, detail = null) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}
