// How long pictures wait before they are shown. On a link that loses packets a picture waits for its repair; without
// room in the buffer it is late then, and comes in a bunch with the next ones, of which a screen shows the last.

const LOOK_MS = 1000;
const KEPT_LOOKS = 5;
const HELD_LOOKS = 8;
// Below this share a repair is so rare that a lower delay is worth more.
const LOSSY = 0.005;
const MOST_MS = 160;
// In steps, so that not every look is a change.
const STEP_MS = 20;
// The round trip is the shortest that there was, forgotten by so much a look: one that queues make long is over when
// the rate fits, and waiting for it would keep it.
const FORGET = 1.02;

/**
 * The buffer in ms for this share of packets lost and this round trip, or null for the browser's own choice: time for
 * two rounds of asking and answering, and for more where answers are lost, too. Where the round trip is so long that
 * this would be too much, no wait is long enough, and the bridge repairs in other ways.
 */
export function bufferFor(loss, roundTripMs) {
  if (!(loss >= LOSSY) || !(roundTripMs > 0) || roundTripMs === Infinity) return null;
  const rounds = 2 + 5 * Math.min(loss, 0.25);
  return Math.min(MOST_MS, STEP_MS * Math.ceil((10 + rounds * roundTripMs) / STEP_MS));
}

/** What getStats() says of the pictures received so far: packets that came, packets that never did, round trip in ms. */
export function lookAt(stats) {
  const entries = [...stats.values()];
  const pictures = entries.filter((each) => each.type === "inbound-rtp" && each.kind === "video");
  const sum = (name) => pictures.reduce((so, each) => so + (each[name] ?? 0), 0);
  const path = entries.find((each) => each.type === "transport" && each.selectedCandidatePairId);
  const trip = stats.get(path?.selectedCandidatePairId)?.currentRoundTripTime ?? 0;
  return { came: sum("packetsReceived"), lost: sum("packetsLost"), roundTripMs: 1000 * trip };
}

/** Follows one RTCPeerConnection until `stop`. */
export class PlayoutBuffer {
  #pc;
  #looks = [];
  #target = null;
  #held = 0;
  #trip = Infinity;
  #timer;

  constructor(pc) {
    this.#pc = pc;
    this.#timer = setInterval(() => this.#look().catch(() => {}), LOOK_MS);
  }

  stop() {
    clearInterval(this.#timer);
  }

  async #look() {
    if (this.#pc.connectionState !== "connected") return;
    this.#looks = [...this.#looks, lookAt(await this.#pc.getStats())].slice(-KEPT_LOOKS);
    const [first, last] = [this.#looks[0], this.#looks.at(-1)];
    const [came, lost] = [last.came - first.came, last.lost - first.lost];
    this.#trip = Math.min(last.roundTripMs || Infinity, this.#trip * FORGET);
    const wanted = bufferFor(lost / (came + lost), this.#trip);
    // More at once, less only when the link has been better for a while: a buffer that swings is seen.
    this.#held = (wanted ?? 0) >= (this.#target ?? 0) ? HELD_LOOKS : this.#held - 1;
    if (wanted === this.#target || ((wanted ?? 0) < (this.#target ?? 0) && this.#held > 0)) return;
    this.#target = wanted;
    for (const receiver of this.#pc.getReceivers()) {
      if (receiver.track.kind === "video") receiver.jitterBufferTarget = wanted;
    }
  }
}
