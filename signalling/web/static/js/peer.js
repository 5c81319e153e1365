// The media connection: one RTCPeerConnection with every slot in its first offer.
// m-lines in order: mic, camera, content (sendonly), then the audio, video and content slots (recvonly).

import { PlayoutBuffer } from "./buffer.js";
import { cameraOffers, contentOffers, firstTaken, ladder, send, shape } from "./encodings.js";
import { Flow, heard, LOOK_MS, received } from "./flow.js";
import { answerFor, roundTrip } from "./restart.js";

const RESTART_MS = 5000;
const SETTLE_MS = 1500; // a negotiation that is no older may still find a way
const SOON_MS = 400; // packets that come at all come within that time
const POLL_MS = 40;
const TRY_MS = { least: 500, trips: 3, growth: 1.5, most: 4000 }; // how long a restart of ICE has to bring packets
const SIZE_MS = 2000; // how soon a camera that was turned is noticed
const SOURCES = ["mic", "camera", "content"];

/**
 * VP8 first, then H.264, with retransmissions and forward error correction. What the bridge does not take is left out:
 * twenty lines of every codec that a browser knows make an offer of many tens of kilobytes.
 */
export function bridgeCodecs(codecs) {
  const of = (name) => codecs.filter((codec) => codec.mimeType.toLowerCase() === `video/${name}`);
  const usable = [...of("vp8"), ...of("h264"), ...of("rtx"), ...of("flexfec-03")];
  return usable.length > 0 ? usable : codecs;
}

/**
 * Events: `state` when `connected` may have changed, `receivers` when the slots are new, `doubt` when the
 * network may be away or another one, `stuck` when nothing but a new connection can help.
 */
export class Peer extends EventTarget {
  pc = null;
  #media;
  #offer;
  #welcome = null;
  #senders = {};
  #demands = {};
  #shaping = Promise.resolve();
  #leg = null; // by the bridge's word
  #answer = null; // the bridge's last one, as it came
  #restarts = 0; // of ICE since then
  #seeking = false;
  #hurry = null; // ends the pause before the next restart
  #timer = 0;
  #buffer = null;
  #several = false;
  #sizes = 0;
  #flow = null;
  #looks = 0;
  #negotiated = -SETTLE_MS;
  #trip = 0;
  #turn = Promise.resolve();

  /** `offer({sdp, sources})` sends the offer and resolves to the answer. */
  constructor(media, offer) {
    super();
    this.#media = media;
    this.#offer = offer;
  }

  get connected() {
    return this.pc?.connectionState === "connected";
  }

  /** After each join. A connection whose leg the bridge still has is kept, if need be on another way; else a new one is made. */
  async joined(welcome) {
    this.#welcome = welcome;
    if (this.#leg === null || this.#leg !== welcome.leg || !this.#mayLive()) return this.renew();
    this.#watch();
    return this.#seek(SOON_MS);
  }

  /** Whether there is a connection that only lacks a way: its DTLS association outlives ICE. */
  #mayLive() {
    const dtls = this.#senders.mic?.sender.transport?.state ?? "new";
    const ended = ["failed", "closed"];
    return this.pc !== null && !ended.includes(dtls) && (dtls === "connected" || !ended.includes(this.pc.connectionState));
  }

  /** There is a sign that the network may be back, or is `surely` another one: what is under way is begun anew. */
  async seek(surely) {
    if (this.#seeking) this.#hurry?.();
    else await this.#seek(surely ? null : SOON_MS);
  }

  /**
   * Restart ICE until packets come, first if none do within `patience` ms; null does not wait for that, since the old path
   * serves until there is another. The bridge is not asked (PROTOCOL.md, 7): what it said last is good for any path, and
   * there may be no line to it.
   */
  async #seek(patience) {
    if (this.#seeking || !this.pc || this.#settling) return;
    this.#seeking = true;
    try {
      for (let tries = 0; this.#mayLive() && (patience === null || !(await this.#comes(patience))); tries += 1) {
        if (tries === 0) this.#watch();
        await this.#restart();
        patience = Math.min(TRY_MS.most, (TRY_MS.least + TRY_MS.trips * this.#trip) * TRY_MS.growth ** tries);
      }
    } finally {
      this.#seeking = false;
    }
    if (this.pc && !this.#mayLive()) this.dispatchEvent(new Event("stuck"));
  }

  /** Nothing else has helped: make another connection. */
  async renew() {
    await this.#inTurn(() => this.#fresh());
  }

  /** Resolves to whether packets come; true too where none are to be expected. */
  flows() {
    return this.#comes(SOON_MS);
  }

  /** The same within so many milliseconds, or until there is another sign that they may. */
  async #comes(milliseconds) {
    const { pc } = this;
    if (!pc || this.#settling) return true;
    if (!this.#mayLive()) return false;
    const count = this.#flow.lively ? received : heard;
    if (!this.#flow.lively && ["connected", "completed"].includes(pc.iceConnectionState)) return true;
    const before = count(await pc.getStats());
    const end = performance.now() + milliseconds;
    let hurried = false;
    while (!hurried && performance.now() < end) {
      await new Promise((done) => {
        this.#hurry = () => { hurried = true; };
        setTimeout(done, POLL_MS);
      });
      if (pc !== this.pc) return true;
      const stats = await pc.getStats();
      this.#trip = roundTrip(stats) ?? this.#trip;
      if (count(stats) > before) return true;
    }
    return false;
  }

  /** A first way is being found. */
  get #settling() {
    return !this.connected && performance.now() - this.#negotiated < SETTLE_MS;
  }

  /** One negotiation at a time; a failed one does not stop the next. */
  #inTurn(step) {
    const run = this.#turn.then(step);
    this.#turn = run.catch(() => {});
    return run;
  }

  /** Restart ICE with the bridge's last answer, which is given another name for it and other ranks for its paths. */
  #restart() {
    const pc = this.pc;
    return this.#inTurn(async () => {
      if (pc !== this.pc || pc.signalingState !== "stable" || this.#answer === null) return;
      this.#restarts += 1;
      await pc.setLocalDescription(await pc.createOffer({ iceRestart: true }));
      await pc.setRemoteDescription({ type: "answer", sdp: answerFor(this.#answer, this.#restarts) });
    });
  }

  async #fresh() {
    this.close();
    const pc = new RTCPeerConnection({ bundlePolicy: "max-bundle", iceServers: usable(this.#welcome.ice_servers) });
    this.pc = pc;
    this.#buffer = new PlayoutBuffer(pc);
    pc.addEventListener("connectionstatechange", () => {
      if (pc === this.pc) this.#stateChanged();
    });
    this.#sizes = setInterval(() => this.#shape(), SIZE_MS);
    this.#flow = new Flow();
    this.#looks = setInterval(() => this.#look(), LOOK_MS);
    this.#addSources(pc);
    this.#addSlots(pc, this.#welcome.slots);
    await this.#negotiate();
  }

  #addSources(pc) {
    const { tracks } = this.#media;
    const stream = new MediaStream();
    const add = (source, kind, offers) => {
      this.#senders[source] = firstTaken(offers, (sendEncodings) =>
        pc.addTransceiver(tracks[source] ?? kind, { direction: "sendonly", streams: [stream], sendEncodings }));
    };
    const { width, height } = tracks.camera?.getSettings() ?? {};
    add("mic", "audio", [[]]);
    add("camera", "video", cameraOffers(width, height));
    add("content", "video", contentOffers());
    preferCodecs(this.#senders.camera);
    preferCodecs(this.#senders.content);
  }

  #addSlots(pc, slots) {
    for (let slot = 0; slot < slots.audio; slot += 1) pc.addTransceiver("audio", { direction: "recvonly" });
    for (let slot = 0; slot < slots.video + slots.content; slot += 1) {
      preferCodecs(pc.addTransceiver("video", { direction: "recvonly" }));
    }
  }

  async #negotiate() {
    const pc = this.pc;
    await pc.setLocalDescription(await pc.createOffer());
    const sources = Object.fromEntries(SOURCES.map((source) => [source, this.#senders[source].mid]));
    const { sdp, leg } = await this.#offer({ sdp: pc.localDescription.sdp, sources });
    if (pc !== this.pc || pc.signalingState === "closed") return;
    this.#leg = leg;
    await pc.setRemoteDescription({ type: "answer", sdp: answerFor(sdp, 0) });
    this.#answer = sdp;
    this.#several = sdp.includes("a=simulcast:");
    this.#negotiated = performance.now();
    this.#shape();
    this.dispatchEvent(new Event("receivers"));
  }

  /** Put the current local tracks on their senders; never a new offer. */
  async syncTracks() {
    if (!this.pc) return;
    for (const source of SOURCES) {
      const { sender } = this.#senders[source];
      if (sender.track !== this.#media.tracks[source]) await sender.replaceTrack(this.#media.tracks[source]);
    }
    this.#shape();
  }

  /** The bridge says which encodings of a source somebody takes; the last word about a source of this leg counts. */
  demand({ leg, source, encodings }) {
    if (leg !== this.#leg || !(source in this.#senders)) return;
    this.#demands[source] = encodings;
    this.#shape();
  }

  /** Bring what the camera is sent in, in line with its size and with what the bridge demands; never a new offer. */
  #shape() {
    const pc = this.pc;
    if (!pc?.currentRemoteDescription) return;
    this.#shaping = this.#shaping.then(async () => {
      if (pc !== this.pc) return;
      const { sender } = this.#senders.camera;
      const { width, height } = sender.track?.getSettings() ?? {};
      // Where the bridge takes one encoding only, browsers may go on naming others.
      const count = this.#several ? sender.getParameters().encodings.length : 1;
      if (sender.track) await send(sender, shape(ladder(width, height), count, this.#demands.camera));
    }).catch(() => {}); // a connection that was closed meanwhile, or a browser that cannot: it sends as it did
  }

  /** What is sent on an m-line: `mic`, `camera`, `content`, or null. */
  sourceOf(mid) {
    return SOURCES.find((source) => this.#senders[source]?.mid === mid) ?? null;
  }

  /** The slots: {mid, kind, receiver} of every m-line that we receive on. */
  slots() {
    const receiving = this.pc?.getTransceivers().filter((each) => each.direction === "recvonly") ?? [];
    return receiving.map(({ mid, receiver }) => ({ mid, kind: receiver.track.kind, receiver }));
  }

  #stateChanged() {
    const state = this.pc.connectionState;
    if (state === "failed" || state === "disconnected") this.#doubt();
    else if (state === "connected") clearTimeout(this.#timer);
    this.dispatchEvent(new Event("state"));
  }

  /** If restarts of ICE do not help, nothing but a new connection will. */
  #watch() {
    clearTimeout(this.#timer);
    const pc = this.pc;
    this.#timer = setTimeout(() => {
      if (pc === this.pc && !this.connected) this.dispatchEvent(new Event("stuck"));
    }, RESTART_MS);
  }

  async #look() {
    const { pc } = this;
    if (!this.connected) return;
    const stats = await pc.getStats();
    if (pc !== this.pc) return;
    this.#buffer.take(stats);
    if (this.#flow.take(performance.now(), received(stats))) this.#doubt();
  }

  #doubt() {
    this.dispatchEvent(new Event("doubt"));
    this.#seek(0).catch(() => {}); // a connection that was closed meanwhile
  }

  close() {
    clearTimeout(this.#timer);
    clearInterval(this.#looks);
    clearInterval(this.#sizes);
    this.pc?.close();
    this.pc = null;
    this.#leg = null;
    this.#answer = null;
    this.#restarts = 0;
    this.#senders = {};
    this.#demands = {};
  }
}

/** Servers as RTCPeerConnection takes them: a null username or credential has to be absent. */
export function usable(servers) {
  return servers.map((server) => Object.fromEntries(Object.entries(server).filter(([, value]) => value !== null)));
}

export function preferCodecs(transceiver) {
  const codecs = RTCRtpReceiver.getCapabilities?.("video")?.codecs;
  if (!codecs || !transceiver.setCodecPreferences) return;
  transceiver.setCodecPreferences(bridgeCodecs(codecs));
}
