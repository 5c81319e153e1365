// What only the page can know of its media: pictures shown, freezes, sound that had to be made up, what holds the
// encoder back. Figures only, from WebRTC's own statistics; the bridge takes them as hints.

export const REPORT_MS = 2000;
const SOON_MS = 300; // a key that is held down opens and closes figures thirty times a second
const MAX_SLOTS = 64;
const REASONS = new Set(["none", "cpu", "bandwidth", "other"]);

const whole = (value) => Math.max(0, Math.round(value ?? 0));
const bounded = (value, most) => Math.min(most, Math.max(0, value));

/** `count` a second since `before`, or null where there is nothing to compare with. */
function rate(now, before, count) {
  const seconds = (now.timestamp - (before?.timestamp ?? now.timestamp)) / 1000;
  if (!(seconds > 0) || now[count] === undefined) return null;
  return bounded((now[count] - (before[count] ?? 0)) / seconds, 240);
}

/** Mean time that what was played since `before` had waited, in ms. */
function buffer(now, before) {
  const played = (now.jitterBufferEmittedCount ?? 0) - (before?.jitterBufferEmittedCount ?? 0);
  const waited = (now.jitterBufferDelay ?? 0) - (before?.jitterBufferDelay ?? 0);
  return played > 0 ? bounded((1000 * waited) / played, 60_000) : null;
}

function slot(now, before) {
  const common = { mid: now.mid, buffer_ms: buffer(now, before) };
  if (now.kind === "audio") {
    // Silence that was made up, as between two who speak, is none that anybody misses.
    const concealed = whole((now.concealedSamples ?? 0) - (now.silentConcealedSamples ?? 0));
    return { ...common, concealed, samples: whole(now.totalSamplesReceived) };
  }
  return {
    ...common,
    frames_per_second: rate(now, before, "framesDecoded"),
    arrived_per_second: rate(now, before, "framesReceived"),
    freezes: whole(now.freezeCount),
    frozen_seconds: bounded(now.totalFreezesDuration ?? 0, 1e7),
    width: bounded(whole(now.frameWidth), 16_384),
    height: bounded(whole(now.frameHeight), 16_384),
  };
}

/** All encodings of one picture as one: what holds any of them back holds the picture back. */
function source(name, encodings, before) {
  const most = (value) => encodings.reduce((so, each) => Math.max(so, value(each) ?? 0), 0);
  const spent = (reason) => bounded(most((each) => each.qualityLimitationDurations?.[reason]), 1e7);
  const reasons = encodings.map((each) => each.qualityLimitationReason).filter((reason) => REASONS.has(reason));
  const frames = encodings.map((each) => rate(each, before.get(each.id), "framesEncoded"));
  return {
    source: name,
    limited: reasons.find((reason) => reason !== "none") ?? "none",
    cpu_seconds: spent("cpu"),
    bandwidth_seconds: spent("bandwidth"),
    frames_per_second: frames.some((each) => each !== null) ? Math.max(...frames.map((each) => each ?? 0)) : null,
  };
}

/**
 * The fields of a `report`. `stats` and `before` are maps as getStats() gives them, `before` of the report before;
 * `sourceOf(mid)` names what is sent on an m-line.
 */
export function reportOf(stats, before, sourceOf) {
  const entries = [...stats.values()];
  const received = entries.filter((each) => each.type === "inbound-rtp" && each.mid && each.packetsReceived > 0);
  const sent = entries.filter((each) => each.type === "outbound-rtp" && each.kind === "video" && each.packetsSent > 0);
  const pictures = grouped(sent, sourceOf);
  const path = entries.find((each) => each.type === "transport" && each.selectedCandidatePairId);
  const { currentRoundTripTime: trip, availableOutgoingBitrate: carries } = stats.get(path?.selectedCandidatePairId) ?? {};
  return {
    slots: received.slice(0, MAX_SLOTS).map((each) => slot(each, before.get(each.id))),
    sources: [...pictures].map(([name, encodings]) => source(name, encodings, before)),
    rtt_ms: trip === undefined ? null : bounded(1000 * trip, 60_000),
    capacity_kbps: carries === undefined ? null : whole(carries / 1000),
  };
}

function grouped(entries, sourceOf) {
  const groups = new Map();
  for (const each of entries) {
    const name = sourceOf(each.mid);
    if (name) groups.set(name, [...(groups.get(name) ?? []), each]);
  }
  return groups;
}

/** Tells the bridge every two seconds; `tell(fields)` sends. */
export class Reporter {
  #peer;
  #tell;
  #timer = 0;
  #pc = null;
  #before = new Map();
  #details = false;
  #soon = 0;

  constructor(peer, tell) {
    this.#peer = peer;
    this.#tell = tell;
  }

  start() {
    this.#timer = setInterval(() => this.#report().catch(() => {}), REPORT_MS);
  }

  stop() {
    clearInterval(this.#timer);
    clearTimeout(this.#soon);
  }

  /** Whether the page shows figures of single sources; told soon, with media or without, and never often. */
  set details(shown) {
    if (shown === this.#details) return;
    this.#details = shown;
    this.soon();
  }

  /** Report before the next is due: to a new line, or what has changed. */
  soon() {
    this.#soon ||= setTimeout(() => {
      this.#soon = 0;
      this.#report().catch(() => {});
    }, SOON_MS);
  }

  async #report() {
    const { pc } = this.#peer;
    const stats = pc ? await pc.getStats() : new Map();
    if (pc !== this.#pc) this.#before = new Map();
    this.#tell({ ...reportOf(stats, this.#before, (mid) => this.#peer.sourceOf(mid)), details: this.#details });
    this.#pc = pc;
    this.#before = stats;
  }
}
