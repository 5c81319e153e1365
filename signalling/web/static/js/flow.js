// Whether packets of the media connection still come. Their number is looked at a few times a second; it stands still
// within some hundred milliseconds of an outage, of which ICE takes seconds to be sure.

export const LOOK_MS = 200;
const STALL_MS = 400;
export const LEAST_MS = 20; // between two looks
const LIVELY = 10; // packets in the second before they stopped: less may be a silence

/** Judges the number of packets that have come so far, as one looks at it from time to time. Times in ms. */
export class Flow {
  #looks = [];
  #looked = -Infinity;
  #grown = null;
  #told = false;

  /**
   * Note how many have come, and when the `newest` did where that is known; true once for each time that many came and then
   * none for a while.
   */
  take(at, packets, newest = at) {
    const before = this.#looked;
    this.#looked = at;
    const last = this.#looks.at(-1);
    if (last === undefined || packets !== last.packets) {
      this.#looks.push({ at, packets });
      this.#grown = before <= newest && newest <= at ? newest : at;
      this.#told = false;
      while (this.#looks.length > 2 && this.#looks[1].at <= at - 1000) this.#looks.shift();
      return false;
    }
    if (this.#told || at - this.#grown < STALL_MS || !this.lively) return false;
    this.#told = true;
    return true;
  }

  /** How long after a look at `at` the next one is due: sooner where they may have stopped. */
  pause(at) {
    const left = this.#grown === null ? LOOK_MS : this.#grown + STALL_MS - at;
    return left > 0 ? Math.min(LOOK_MS, Math.max(LEAST_MS, left)) : LOOK_MS;
  }

  /** Whether many came in the second before the last one. */
  get lively() {
    const [first, last] = [this.#looks.at(0), this.#looks.at(-1)];
    return first !== undefined && last.packets - first.packets >= LIVELY;
  }
}

/** How many packets of any kind a connection has received, by its getStats(). */
export function received(stats) {
  let packets = 0;
  for (const each of stats.values()) {
    if (each.type === "transport") packets += each.packetsReceived ?? 0;
  }
  return packets;
}

/** When the newest of them came, in ms of the time `at` of these figures; undefined where a browser does not tell. */
export function newest(stats, at) {
  const told = [...stats.values()].filter((each) => each.lastPacketReceivedTimestamp);
  const ages = told.map((each) => each.timestamp - each.lastPacketReceivedTimestamp); // both by the same clock
  return ages.length > 0 ? at - Math.min(...ages) : undefined;
}

/** How many have come with the answers to checks of ICE, which come where nobody sends anything. */
export function heard(stats) {
  let answers = 0;
  for (const each of stats.values()) {
    if (each.type === "candidate-pair") answers += each.responsesReceived ?? 0;
  }
  return received(stats) + answers;
}
