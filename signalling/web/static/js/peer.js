// The media connection: one RTCPeerConnection with every slot in its first offer.
// m-lines in order: mic, camera, content (sendonly), then the audio, video and content slots (recvonly).

import { PlayoutBuffer } from "./buffer.js";
import { cameraOffers, contentOffers, firstTaken, ladder, send, shape } from "./encodings.js";
import { Flow, LOOK_MS, received } from "./flow.js";

const RESTART_MS = 5000;
const SETTLE_MS = 1500; // a negotiation that is no older may still find a way
const SOON_MS = 400; // packets that come at all come within that time
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
 * What tells one leg of the bridge from another in its answers: the SSRCs of its slots, and its DTLS fingerprint.
 * If they change, the bridge has made a new leg, and the old DTLS association is of no use.
 */
export function legMark(sdp) {
  const lines = sdp.split(/\r?\n/);
  const ssrcs = lines.map((line) => line.match(/^a=ssrc:(\d+)/)?.[1]).filter(Boolean);
  const prints = lines.filter((line) => line.startsWith("a=fingerprint:"));
  return JSON.stringify([...new Set([...ssrcs, ...prints])].sort());
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
  #mark = null;
  #timer = 0;
  #buffer = null;
  #several = false;
  #sizes = 0;
  #flow = null;
  #looks = 0;
  #negotiated = -SETTLE_MS;
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

  /** After each join. A connection that lives is kept and asked to find its way anew; else a new one is made. */
  async joined(welcome) {
    this.#welcome = welcome;
    await this.restart();
  }

  /** Media is gone though the line to the bridge is up: find its way anew. */
  async restart() {
    await this.#inTurn(() => (this.#mayLive() ? this.#again() : this.#fresh()));
  }

  /** Whether there is a connection that only lacks a way: its DTLS association outlives ICE. */
  #mayLive() {
    const dtls = this.#senders.mic?.sender.transport?.state ?? "new";
    const ended = ["failed", "closed"];
    return this.pc !== null && !ended.includes(dtls) && (dtls === "connected" || !ended.includes(this.pc.connectionState));
  }

  /** Nothing else has helped: make another connection. */
  async renew() {
    await this.#inTurn(() => this.#fresh());
  }

  /** Resolves to whether packets come; true too where none are to be expected. */
  async flows() {
    const { pc } = this;
    if (!pc || performance.now() - this.#negotiated < SETTLE_MS) return true; // a way is being found
    if (!["connected", "completed"].includes(pc.iceConnectionState)) return false;
    if (!this.#flow.lively) return true;
    const before = received(await pc.getStats());
    await new Promise((done) => {
      setTimeout(done, SOON_MS);
    });
    return pc !== this.pc || received(await pc.getStats()) > before;
  }

  /** One negotiation at a time; a failed one does not stop the next. */
  #inTurn(step) {
    const run = this.#turn.then(step);
    this.#turn = run.catch(() => {});
    return run;
  }

  async #again() {
    const kept = await this.#negotiate({ iceRestart: true }).catch((error) => {
      if (error.code === "offline" || error.code === "timeout") throw error;
      return false;
    });
    if (kept) this.#watch();
    else await this.#fresh();
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
    await this.#negotiate({});
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

  /** Resolves to false if the answer comes from another leg than the connection was made with. */
  async #negotiate(options) {
    const pc = this.pc;
    if (!pc) return true; // closed while this waited for its turn
    await pc.setLocalDescription(await pc.createOffer(options));
    const sources = Object.fromEntries(SOURCES.map((source) => [source, this.#senders[source].mid]));
    const { sdp } = await this.#offer({ sdp: pc.localDescription.sdp, sources });
    if (pc !== this.pc || pc.signalingState === "closed") return true;
    const mark = legMark(sdp);
    if (this.#mark !== null && mark !== this.#mark) return false;
    await pc.setRemoteDescription({ type: "answer", sdp });
    this.#mark = mark;
    this.#several = sdp.includes("a=simulcast:");
    this.#negotiated = performance.now();
    this.#shape();
    this.dispatchEvent(new Event("receivers"));
    return true;
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

  /** The bridge says which encodings of a source somebody takes; the last word about a source counts. */
  demand(source, encodings) {
    if (!(source in this.#senders)) return;
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
    if (state === "failed" || state === "disconnected") this.dispatchEvent(new Event("doubt"));
    else if (state === "connected") clearTimeout(this.#timer);
    this.dispatchEvent(new Event("state"));
  }

  /** After an ICE restart: if it does not help, nothing but a new connection will. */
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
    if (this.#flow.take(performance.now(), received(stats))) this.dispatchEvent(new Event("doubt"));
  }

  close() {
    clearTimeout(this.#timer);
    clearInterval(this.#looks);
    clearInterval(this.#sizes);
    this.pc?.close();
    this.pc = null;
    this.#mark = null;
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
