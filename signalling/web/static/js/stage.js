// The stage: a tile for everyone who is admitted, the shared picture, and who speaks.

import { byId, reconcile, setText } from "./dom.js";
import { Hearing } from "./hearing.js";
import { t } from "./i18n.js";
import { Motion } from "./motion.js";
import { contentTile, fillTile, makeTile } from "./tiles.js";
import { linesShown, Viewport } from "./viewport.js";

const SPEAKING_LEVEL = 0.02;
const HOLD_MS = 700;
const POLL_MS = 250;
const TILE_SHAPE = 16 / 9;
const SELF = "self";

/** Columns for `count` tiles of TILE_SHAPE so that they are as large as can be in width x height. */
export function bestColumns(count, width, height) {
  let best = { columns: 1, size: 0 };
  for (let columns = 1; columns <= count; columns += 1) {
    const rows = Math.ceil(count / columns);
    const size = Math.min(width / columns, (height / rows) * TILE_SHAPE);
    if (size > best.size * 1.02) best = { columns, size };
  }
  return best.columns;
}

export class Stage {
  #session;
  #ownLevel;
  #streams = new Map(); // mid -> MediaStream of that slot
  #audio = new Map(); // mid -> HTMLAudioElement
  #receivers = new Map(); // mid -> RTCRtpReceiver
  #hearing = new Hearing();
  #motion = new Motion();
  #spoke = new Map(); // participant -> time of the last loud moment
  #sinkId = "";
  #viewport;
  #blocked;

  /** `blocked()` is called when the browser wants a press before it plays sound. */
  constructor(session, ownLevel, blocked) {
    this.#session = session;
    this.#ownLevel = ownLevel;
    this.#blocked = blocked;
    this.#viewport = new Viewport((slots) => session.act("viewport", { slots }));
    session.addEventListener("welcome", () => this.#viewport.forget());
    new ResizeObserver(() => this.#arrange()).observe(byId("stage"));
    setInterval(() => this.#listen(performance.now()), POLL_MS);
  }

  /** Take over the slots of a new connection. */
  takeReceivers() {
    const slots = this.#session.peer.slots();
    this.#receivers = new Map(slots.map(({ mid, receiver }) => [mid, receiver]));
    const streams = slots.map(({ mid, receiver }) => [mid, this.#streamOf(mid, receiver.track)]);
    if (this.#streams.has(SELF)) streams.push([SELF, this.#streams.get(SELF)]);
    this.#streams = new Map(streams);
    for (const [mid, audio] of this.#audio) {
      if (this.#receivers.get(mid)?.track.kind === "audio") continue;
      audio.remove();
      this.#audio.delete(mid);
    }
    for (const { mid, kind } of slots) if (kind === "audio") this.#listenTo(mid);
    this.draw();
  }

  #streamOf(mid, track) {
    const old = this.#streams.get(mid);
    return old?.getTracks()[0] === track ? old : new MediaStream([track]);
  }

  #listenTo(mid) {
    let audio = this.#audio.get(mid);
    if (!audio) {
      audio = new Audio();
      audio.autoplay = true;
      byId("audio-out").append(audio);
      this.#audio.set(mid, audio);
    }
    if (audio.srcObject === this.#streams.get(mid)) return;
    audio.srcObject = this.#streams.get(mid);
    if (this.#sinkId) audio.setSinkId?.(this.#sinkId).catch(() => {});
    this.#play(audio);
  }

  #play(audio) {
    audio.play().catch((error) => {
      if (error.name === "NotAllowedError") this.#blocked();
    });
  }

  /** After the press that the browser wanted. */
  playAll() {
    for (const audio of this.#audio.values()) this.#play(audio);
  }

  setSpeaker(deviceId) {
    this.#sinkId = deviceId;
    for (const audio of this.#audio.values()) audio.setSinkId?.(deviceId).catch(() => {});
  }

  #streamFor(participant, source) {
    const slot = this.#session.layout.find((each) => each.participant === participant && each.source === source);
    return slot ? this.#streams.get(slot.mid) ?? null : null;
  }

  /** Draw everything from the session. */
  draw() {
    const { roster, media } = this.#session;
    const admitted = (roster?.people ?? []).filter((person) => person.place === "admitted");
    const others = admitted.filter((person) => !person.you);
    const me = admitted.filter((person) => person.you);
    const tiles = [...others, ...me].map((person) => this.#tileOf(person, media));
    const content = this.#content(admitted);
    const pinned = content ? null : tiles.find((tile) => tile.key === this.#session.pinned);
    const large = content ?? pinned ?? null;
    byId("stage").dataset.mode = large ? "large" : others.length === 0 ? "alone" : others.length <= 2 ? "few" : "grid";
    byId("stage").dataset.others = String(others.length);
    this.#place(byId("stage-large"), large ? [large] : []);
    this.#place(byId("stage-tiles"), tiles.filter((tile) => tile !== large));
    const alone = byId("stage-alone");
    alone.hidden = others.length > 0;
    if (!alone.hidden) setText(alone, t(this.#session.host ? "stage.aloneHost" : "stage.alone"));
    this.#arrange();
  }

  #tileOf(person, media) {
    const camera = person.you ? media.tracks.camera : this.#streamFor(person.participant, "camera");
    return {
      key: person.you ? SELF : person.participant,
      person,
      picture: person.you ? camera && this.#own(camera) : person.camera ? camera : null,
      mirror: person.you && media.facing === "user",
      muted: person.you ? !media.micLive : person.muted,
      pinned: this.#session.pinned === person.participant,
      pin: person.you ? null : () => this.#pin(person.participant),
    };
  }

  #own(track) {
    const stream = this.#streamOf(SELF, track);
    this.#streams.set(SELF, stream);
    return stream;
  }

  #content(admitted) {
    const slot = this.#session.layout.find((each) => each.source === "content");
    const person = slot && admitted.find((each) => each.participant === slot.participant && each.sharing);
    return person ? { ...contentTile(person), picture: this.#streams.get(slot.mid) ?? null } : null;
  }

  #pin(participant) {
    const next = this.#session.pinned === participant ? null : participant;
    this.#session.pin(next).catch(() => {}); // the wish is told again by the next press
    document.querySelector(`#stage [data-key="${CSS.escape(participant)}"] .pin`)?.focus();
  }

  #place(parent, tiles) {
    reconcile(parent, tiles, (tile) => tile.key, (tile) => makeTile(parent.tagName === "UL" ? "li" : "div", tile), fillTile);
  }

  #arrange() {
    const tiles = byId("stage-tiles");
    const { mode } = byId("stage").dataset;
    const count = mode === "few" ? tiles.children.length - 1 : tiles.children.length;
    const columns = bestColumns(Math.max(1, count), tiles.clientWidth || 1, tiles.clientHeight || 1);
    tiles.style.setProperty("--columns", String(columns));
    tiles.style.setProperty("--rows", String(Math.ceil(Math.max(1, count) / columns)));
    if (this.#session.place === "admitted") this.#viewport.show(this.#shown());
  }

  /** Lines of picture that each filled slot's tile has room for. */
  #shown() {
    const mids = new Map([...this.#streams].map(([mid, stream]) => [stream, mid]));
    const videos = [...document.querySelectorAll("#stage video")].filter((video) => mids.has(video.srcObject));
    return videos
      .map((video) => {
        const box = { width: video.parentElement.clientWidth, height: video.parentElement.clientHeight };
        const picture = { width: video.videoWidth, height: video.videoHeight };
        return { mid: mids.get(video.srcObject), height: linesShown(box, picture, devicePixelRatio) };
      })
      .filter(({ mid }) => mid !== SELF);
  }

  /** Who speaks, by how loud each slot is. */
  #listen(now) {
    if (this.#session.place !== "admitted") return;
    const voices = this.#session.layout.filter(({ mid, source }) => source === "mic" && this.#receivers.has(mid));
    for (const { mid, participant } of voices) if (this.#hearing.level(mid) > SPEAKING_LEVEL) this.#spoke.set(participant, now);
    this.#hearing.measure(voices.map(({ mid }) => [mid, this.#receivers.get(mid)]));
    if (this.#session.me && this.#ownLevel.value > SPEAKING_LEVEL * 3) this.#spoke.set(this.#session.me.participant, now);
    for (const tile of document.querySelectorAll("#stage .tile[data-participant]")) {
      const speaking = now - (this.#spoke.get(tile.dataset.participant) ?? -Infinity) < HOLD_MS;
      tile.classList.toggle("speaking", speaking && !tile.classList.contains("muted"));
      // A shared screen stands still for good reason, and one's own picture comes from here.
      const moves = tile.dataset.key === SELF || !this.#motion.hasStopped(tile.querySelector("video"), now);
      tile.classList.toggle("stopped", !moves);
    }
  }
}
