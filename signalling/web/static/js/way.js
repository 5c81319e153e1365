// The way of media through the network, and how another one is found: ICE is restarted until packets come. The bridge
// need not hear of that before its first check, since the page applies the bridge's last answer again (PROTOCOL.md, 7),
// so that media wait for no line to the bridge.

import { Flow, heard, newest, received } from "./flow.js";

const SETTLE_MS = 1500; // a first negotiation that is no older may still find a way
const SOON_MS = 400; // packets that come at all come within that time
const POLL_MS = 40;
const TRY_MS = { least: 500, trips: 3, growth: 1.5, most: 4000 }; // how long a restart has to bring packets
const RANK = 1 << 16; // the bridge leaves room for 255 ranks between its paths and a browser's own (RFC 8445, 5.1.2.1)
const RANKS = 200; // then the newest of equals has to do
// Chromium takes the cheaper of two paths before the one of higher rank, and a mobile network is dear to it: it would
// stay for seconds with a Wi-Fi that is gone. So the first paths are given the highest price that there is.
const FIRST_COST = 999;
const CONNECTED = ["connected", "completed"]; // of ICE
const ENDED = ["failed", "closed"];

/**
 * The bridge's answer for restart number `count` since it came; 0 for the answer itself. Browsers take a path for
 * another one than before by the bridge's name in it.
 */
export function answerFor(sdp, count) {
  const raise = RANK * Math.min(count, RANKS);
  const cost = count === 0 ? ` network-cost ${FIRST_COST}` : "";
  return sdp
    .replace(/^a=ice-ufrag:\S+/gm, (line) => (count === 0 ? line : `${line}/${count}`))
    .replace(/^(a=candidate:\S+ \d+ \S+ )(\d+)(.*)$/gm, (_, start, priority, rest) =>
      start + (Number(priority) + raise) + rest + cost);
}

/** The quickest round trip of any path in use, in ms; null while none is known. */
function roundTrip(stats) {
  const trips = [...stats.values()].map(({ type, currentRoundTripTime: trip }) => (type === "candidate-pair" ? trip : undefined));
  const known = trips.filter((trip) => trip !== undefined);
  return known.length > 0 ? 1000 * Math.min(...known) : null;
}

/** Of one connection, once the bridge has answered its offer. */
export class Way {
  #pc;
  #answer;
  #hooks;
  #begun = performance.now();
  #flow = new Flow();
  #restarts = 0;
  #trip = 0;
  #seeking = false;
  #hurry = null; // ends the pause before the next restart

  /** `hooks`: lost() at the first restart in a row, stuck() when none can help, both without arguments. */
  constructor(pc, answer, hooks) {
    this.#pc = pc;
    this.#answer = answer;
    this.#hooks = hooks;
  }

  /** Whether there is a connection that only lacks a way: its DTLS association outlives ICE. */
  get mayLive() {
    const { connectionState, signalingState } = this.#pc;
    const dtls = this.#pc.getSenders()[0]?.transport?.state ?? "new";
    if (signalingState === "closed" || ENDED.includes(dtls)) return false;
    return dtls === "connected" || !ENDED.includes(connectionState);
  }

  get #settling() {
    return this.#pc.connectionState !== "connected" && performance.now() - this.#begun < SETTLE_MS;
  }

  /** See how many packets have come by now; true when they have just stopped. */
  look(stats) {
    const at = performance.now();
    return this.#flow.take(at, received(stats), newest(stats, at));
  }

  /** How long after a look at `at` the next one is due, in ms. */
  pause(at) {
    return this.#flow.pause(at);
  }

  /** Resolves to whether packets come; true too where none are to be expected. */
  flows() {
    return this.#comes(SOON_MS);
  }

  /** There is a sign that the network may be back, or is `surely` another one: what is under way is begun anew. */
  async seek(surely) {
    if (this.#seeking) this.#hurry?.();
    else await this.#seek(surely ? null : SOON_MS);
  }

  /** The bridge can be reached, or packets have `stopped`: restart ICE until they come, if that is not under way. */
  async regain(stopped) {
    if (!this.#seeking) await this.#seek(stopped ? 0 : SOON_MS);
  }

  /** The same if none come within `patience` ms; null does not wait for that, since the old path serves until there is another. */
  async #seek(patience) {
    if (this.#settling) return;
    this.#seeking = true;
    try {
      for (let tries = 0; this.mayLive && (patience === null || !(await this.#comes(patience))); tries += 1) {
        if (tries === 0) this.#hooks.lost();
        await this.#restart();
        patience = Math.min(TRY_MS.most, (TRY_MS.least + TRY_MS.trips * this.#trip) * TRY_MS.growth ** tries);
      }
    } catch (error) {
      if (this.#pc.signalingState !== "closed") throw error; // another connection has taken its place
    } finally {
      this.#seeking = false;
    }
    if (!this.mayLive) this.#hooks.stuck();
  }

  async #restart() {
    const pc = this.#pc;
    this.#restarts += 1;
    await pc.setLocalDescription(await pc.createOffer({ iceRestart: true }));
    await pc.setRemoteDescription({ type: "answer", sdp: answerFor(this.#answer, this.#restarts) });
  }

  /** Whether packets come within so many milliseconds, or until there is a sign that they may. */
  async #comes(milliseconds) {
    if (this.#settling) return true;
    if (!this.mayLive) return false;
    const { lively } = this.#flow;
    if (!lively && CONNECTED.includes(this.#pc.iceConnectionState)) return true;
    const count = lively ? received : heard;
    const before = count(await this.#pc.getStats());
    const end = performance.now() + milliseconds;
    let hurried = false;
    this.#hurry = () => { hurried = true; };
    while (!hurried && performance.now() < end) {
      await new Promise((done) => { setTimeout(done, POLL_MS); });
      const stats = await this.#pc.getStats();
      this.#trip = roundTrip(stats) ?? this.#trip;
      if (count(stats) > before) return true;
    }
    return false;
  }
}
