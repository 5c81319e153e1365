// How long pictures wait before they are shown. On a way that loses packets a picture waits for its repair; without
// room in the buffer it is late then, and comes in a bunch with the next ones, of which a screen shows the last.

// Looks, at one each 200 ms, over which losses are counted: the last second shows at once that a link has become bad,
// four seconds how bad it is.
const SUDDEN_LOOKS = 5;
const KEPT_LOOKS = 20;
const HELD_LOOKS = 40;
// What others overtake counts as lost until it comes. Where that was so in the last looks, what is lost is the least that
// was told in that time.
const LATE_LOOKS = 10;
// Packets lost in the last second, or asked for, at the least: one is an accident, for which no picture needs to wait.
const SUDDEN = { lost: 2, asked: 4 };
// Below this share a repair is so rare that a lower delay is worth more, and packets that others overtake look like it.
const LOSSY = 0.01;
// The same for packets that were asked for and came: fewer may as well be the queue of a thin link.
const MENDED = 0.02;
// The bridge may send pictures twice where packets are lost. While so few are lost together with their copy, hardly a
// picture waits for longer than the copy takes.
const LOSSY_TWICE = 0.005;
const MOST_COPIED_MS = 60;
// Looks over which the copies are counted: whether there are any now.
const COPIED_LOOKS = 2;
// With so many copies what the own way has lost hardly shows in how long pictures take.
const MANY_COPIES = 0.5;
const MOST_MS = 130;
// And for repairs on the sender's way, each of which takes longer.
const MOST_MENDED_MS = 140;
// In steps, so that not every look is a change.
const STEP_MS = 10;
// Until a loss is noticed.
const NOTICED_MS = 20;
// Where the delay varies by less, none overtakes another, and what is missing is lost.
const IN_ORDER_MS = 5;
// Packets that overtake one another are asked for, too, and come soon; the browser waits for them of its own accord.
const JITTERS = 2;
// How often a browser asks for one packet on such ways, on the average, and what a repair takes at the least.
const TIMES_ASKED = 1.3;
const REPAIRED_MS = 15;
// At first many pictures are passed over, and how long they would have waited is not told: as long as on the own way.
const SUDDENLY_REPAIRED_MS = 8;
// What a picture takes to come in whole when nothing of it is missing.
const WHOLE_MS = 3;
// The round trip is the shortest that there was, forgotten by so much a look: one that queues make long is over when
// the rate fits, and waiting for it would keep it.
const FORGET = 1.004;

/**
 * The buffer in ms for this share of packets lost and this round trip, or null for the browser's own choice: time for
 * two rounds of asking and answering, and for more where answers are lost, too. Where the round trip is so long that
 * this would be too much, no wait is long enough, and the bridge repairs in other ways.
 */
export function bufferFor(loss, roundTripMs, mostMs = MOST_MS) {
  if (!(loss >= LOSSY) || !(roundTripMs > 0) || roundTripMs === Infinity) return null;
  const rounds = 2 + 7 * Math.min(loss, 0.25);
  return Math.min(mostMs, STEP_MS * Math.ceil((NOTICED_MS + rounds * roundTripMs) / STEP_MS));
}

/**
 * What getStats() says of the pictures received so far: packets that came, packets that never did, packets that came
 * on the stream of retransmissions, how often packets were asked for, pictures of several packets and the ms from their
 * first packet to their last; and jitter and round trip in ms.
 */
export function lookAt(stats) {
  const entries = [...stats.values()];
  const pictures = entries.filter((each) => each.type === "inbound-rtp" && each.kind === "video");
  const sum = (name) => pictures.reduce((so, each) => so + (each[name] ?? 0), 0);
  const path = entries.find((each) => each.type === "transport" && each.selectedCandidatePairId);
  const trip = stats.get(path?.selectedCandidatePairId)?.currentRoundTripTime ?? 0;
  // The browser counts among those that came also what came on the stream of retransmissions.
  const again = sum("retransmittedPacketsReceived");
  return {
    came: sum("packetsReceived") - again,
    lost: sum("packetsLost"),
    again,
    asked: sum("nackCount"),
    whole: sum("framesAssembledFromMultiplePackets"),
    waitedMs: 1000 * sum("totalAssemblyTime"),
    jitterMs: 1000 * Math.max(0, ...pictures.map((each) => each.jitter ?? 0)),
    roundTripMs: 1000 * trip,
  };
}

/** The share of packets that came a second time between two looks, 0 to 1. */
export function copiedBetween(first, last) {
  const [came, lost, again] = ["came", "lost", "again"].map((name) => last[name] - first[name]);
  return Math.min(1, again / (came + lost)) || 0;
}

/**
 * The buffer by two looks at the statistics, with the round trip to the bridge in ms and the share of packets that come
 * twice now. What is lost before the bridge comes late, not never, so that it counts among the losses of neither; but
 * pictures wait for it, and that is seen.
 */
export function bufferBetween(first, last, roundTripMs, copied = 0, isSudden = false) {
  const [came, lost, requests, whole, waitedMs] = ["came", "lost", "asked", "whole", "waitedMs"].map(
    (name) => last[name] - first[name]);
  const share = lost / (came + lost);
  // What was asked for comes again, too: copies are lost as often as any packet.
  const twice = share * Math.max(share, 1 - copied);
  const own = bufferFor(share, roundTripMs, twice < LOSSY_TWICE ? MOST_COPIED_MS : MOST_MS);
  // What the own way has lost is asked for, too, several packets by one request where they are lost together.
  const asked = requests - (copied >= MANY_COPIES ? Math.min(lost, requests / 2) : 0);
  const eachMs = TIMES_ASKED * (waitedMs - WHOLE_MS * whole) / asked - JITTERS * last.jitterMs;
  const isMended = asked / came >= MENDED && eachMs >= (isSudden ? SUDDENLY_REPAIRED_MS : REPAIRED_MS);
  if (!isMended) return own;
  const repairedMs = isSudden ? Math.max(roundTripMs, eachMs) : eachMs;
  return Math.max(own, bufferFor(asked / came, repairedMs, own === null ? MOST_MENDED_MS : MOST_MS));
}

/** The same by all looks that are kept, the last one last: what has just begun counts by itself. */
export function bufferAfter(looks, roundTripMs) {
  const last = looks.at(-1);
  const before = looks.at(-1 - SUDDEN_LOOKS) ?? looks[0];
  const copied = copiedBetween(looks.at(-1 - COPIED_LOOKS) ?? looks[0], last);
  // The copies end before what was lost with them is forgotten.
  const since = (first, isSudden) =>
    bufferBetween(first, last, roundTripMs, Math.max(copied, copiedBetween(first, last)), isSudden);
  const found = [since(looks[0])];
  if (last.lost - before.lost >= SUDDEN.lost) found.push(since(before));
  if (last.asked - before.asked >= SUDDEN.asked) found.push(since(before, true));
  return found.every((each) => each === null) ? null : Math.max(...found);
}

/** Packets that are lost and not only late, by how many were told as lost at each look; the jitter is that of the last. */
export function lostBy(told, jitterMs) {
  const isOvertaken = told.some((each, at) => each < told[at - 1]);
  if (isOvertaken) return Math.min(...told.slice(-LATE_LOOKS));
  return jitterMs < IN_ORDER_MS ? told.at(-1) : Math.min(...told.slice(-2));
}

/** Follows one RTCPeerConnection by what it is shown of it. */
export class PlayoutBuffer {
  #pc;
  #looks = [];
  #target = null;
  #held = 0;
  #trip = Infinity;
  #told = [];

  constructor(pc) {
    this.#pc = pc;
  }

  /** Take a look: `stats` is of the connection's getStats(), once in 200 ms, and sooner where packets may have stopped. */
  take(stats) {
    const now = lookAt(stats);
    this.#told = [...this.#told, now.lost].slice(-KEPT_LOOKS);
    this.#looks = [...this.#looks, { ...now, lost: lostBy(this.#told, now.jitterMs) }].slice(-KEPT_LOOKS);
    this.#trip = Math.min(now.roundTripMs || Infinity, this.#trip * FORGET);
    const wanted = bufferAfter(this.#looks, this.#trip);
    // More at once, less only when the link has been better for a while: a buffer that swings is seen.
    this.#held = (wanted ?? 0) >= (this.#target ?? 0) ? HELD_LOOKS : this.#held - 1;
    if (wanted === this.#target || ((wanted ?? 0) < (this.#target ?? 0) && this.#held > 0)) return;
    this.#target = wanted;
    for (const receiver of this.#pc.getReceivers()) {
      if (receiver.track.kind === "video") receiver.jitterBufferTarget = wanted;
    }
  }
}
