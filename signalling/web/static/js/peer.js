// The media connection: one RTCPeerConnection with every slot in its first offer.
// m-lines in order: mic, camera, content (sendonly), then the audio, video and content slots (recvonly).

import { PlayoutBuffer } from "./buffer.js";
import { canSwitch } from "./codec.js";
import { cameraOffers, contentOffers, firstTaken, ladder, send, shape } from "./encodings.js";
import { LEAST_MS, LOOK_MS } from "./flow.js";
import { answerFor, Way } from "./way.js";

const RESTART_MS = 5000;
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
  #codecs = {};
  #shaping = Promise.resolve();
  #syncing = Promise.resolve();
  #leg = null; // by the bridge's word
  #way = null;
  #timer = 0;
  #buffer = null;
  #several = false;
  #held = true;
  #sizes = 0;
  #looks = 0;
  #turn = Promise.resolve();

  /** `offer({sdp, sources, switches})` sends the offer and resolves to the answer. */
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
    if (this.#leg === null || this.#leg !== welcome.leg || !this.#way?.mayLive) return this.renew();
    this.#watch();
    return this.#way.regain(false);
  }

  /** There is a sign that the network may be back, or is `surely` another one. */
  async seek(surely) {
    await this.#way?.seek(surely);
  }

  /** Nothing else has helped: make another connection, unless another sign has already brought one in place of `stuck`. */
  async renew(stuck = this.pc) {
    await this.#inTurn(() => (stuck === this.pc ? this.#fresh() : undefined));
  }

  /** Resolves to whether packets come; true too where none are to be expected. */
  async flows() {
    return this.#way ? this.#way.flows() : true;
  }

  /** One negotiation at a time; a failed one does not stop the next. */
  #inTurn(step) {
    const run = this.#turn.then(step);
    this.#turn = run.catch(() => {});
    return run;
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
    this.#lookIn(LOOK_MS);
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
    const { sdp, leg } = await this.#offer({ sdp: pc.localDescription.sdp, sources, switches: canSwitch() });
    if (pc !== this.pc || pc.signalingState === "closed") return;
    this.#leg = leg;
    await pc.setRemoteDescription({ type: "answer", sdp: answerFor(sdp, 0) });
    this.#way = new Way(pc, sdp, { lost: () => this.#watch(pc), stuck: () => this.#stuck(pc) });
    this.#several = sdp.includes("a=simulcast:");
    this.#shape();
    this.dispatchEvent(new Event("receivers"));
  }

  /**
   * Put the current local tracks on their senders; never a new offer. One time after the other: a track that is still
   * being put on is not seen there, and who stopped it meanwhile could not take it off.
   */
  syncTracks() {
    const step = this.#syncing.then(() => this.#putTracks());
    this.#syncing = step.catch(() => {});
    return step;
  }

  async #putTracks() {
    const { pc } = this;
    for (const source of SOURCES) {
      if (!pc || pc !== this.pc) return;
      const { sender } = this.#senders[source];
      if (sender.track !== this.#media.tracks[source]) await sender.replaceTrack(this.#media.tracks[source]);
    }
    this.#shape();
  }

  /**
   * Whether anything is sent at all. Who waits sends nothing: the bridge would take none of it, and it may be dear. The
   * connection is up meanwhile, so that being let in costs no more than beginning to send.
   */
  hold(held) {
    if (held === this.#held) return;
    this.#held = held;
    this.#shape();
  }

  /** The bridge says which encodings of a source somebody takes; the last word about a source of this leg counts. */
  demand({ leg, source, encodings }) {
    if (leg !== this.#leg || !(source in this.#senders)) return;
    this.#demands[source] = encodings;
    this.#shape();
  }

  /** The bridge says in which codec a source is best sent; the last word counts. */
  codec({ leg, source, payload_type: payloadType }) {
    if (leg !== this.#leg || !(source in this.#senders)) return;
    this.#codecs[source] = payloadType;
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
      const shaped = shape(ladder(width, height), count, this.#demands.camera);
      const camera = this.#held ? shaped.map(() => ({ active: false })) : shaped;
      const active = !this.#held;
      await send(this.#senders.mic.sender, [{ active }]);
      if (sender.track) await send(sender, camera, this.#codecs.camera);
      await send(this.#senders.content.sender, [{ active }], this.#codecs.content);
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
  #watch(pc = this.pc) {
    if (pc !== this.pc) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      if (!this.connected) this.#stuck(pc);
    }, RESTART_MS);
  }

  #stuck(pc) {
    if (pc === this.pc) this.dispatchEvent(new Event("stuck"));
  }

  #lookIn(milliseconds) {
    const { pc } = this;
    this.#looks = setTimeout(() => {
      const begun = performance.now();
      this.#look(pc).catch(() => {}).finally(() => {
        if (pc === this.pc) this.#lookIn(Math.max(LEAST_MS, (this.#way?.pause(begun) ?? LOOK_MS) - (performance.now() - begun)));
      });
    }, milliseconds);
  }

  async #look(pc) {
    if (!this.connected) return;
    const stats = await pc.getStats();
    if (pc !== this.pc) return;
    this.#buffer.take(stats);
    if (this.#way?.look(stats)) this.#doubt();
  }

  #doubt() {
    this.dispatchEvent(new Event("doubt"));
    this.#way?.regain(true).catch(() => {}); // a connection that was closed meanwhile
  }

  close() {
    clearTimeout(this.#timer);
    clearTimeout(this.#looks);
    clearInterval(this.#sizes);
    this.pc?.close();
    this.pc = null;
    // What a closed connection was being asked for is never answered.
    this.#syncing = Promise.resolve();
    this.#shaping = Promise.resolve();
    this.#leg = null;
    this.#way = null;
    this.#senders = {};
    this.#demands = {};
    this.#codecs = {};
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
