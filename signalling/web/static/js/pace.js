// How fast a picture goes beside a call: pieces so small that the queue which each makes on its way is shorter than
// sound notices, and rests between them that leave half of the way to the call. Pure.
//
// A piece is answered when it has come to the other page, so the time that one takes beyond the shortest is what it
// adds on both lines: what is above `TARGET_MS` makes the next one smaller. Now and then a small piece finds out how
// long the way takes without one.

const LEAST = 512;
const MOST = 65_536;
const TARGET_MS = 60;
const MOST_REST_MS = 1000;
const REMEMBERED = 32; // pieces
const PROBE_EVERY = 12;

export class Pace {
  #size = LEAST;
  #times = [];
  #count = 0;

  /** How many bytes the next piece should have. */
  get size() {
    return this.#probes ? LEAST : this.#size;
  }

  get #probes() {
    return this.#count % PROBE_EVERY === PROBE_EVERY - 1;
  }

  /** Note how long the piece took, in ms; gives how long to rest before the next. */
  took(milliseconds) {
    const probed = this.#probes;
    this.#count += 1;
    this.#times.push(milliseconds);
    if (this.#times.length > REMEMBERED) this.#times.shift();
    const added = milliseconds - Math.min(...this.#times);
    if (!probed) {
      const scale = added > TARGET_MS ? Math.max(0.5, TARGET_MS / added) : 2 - added / TARGET_MS;
      this.#size = Math.round(Math.min(MOST, Math.max(LEAST, this.#size * scale)));
    }
    return Math.min(added, MOST_REST_MS);
  }
}
