// How fast a picture goes beside a call: pieces so small that the queue which each makes on its way is shorter than
// sound notices, and rests between them that leave half of the way to the call. Pure.
//
// A piece is answered when it has come to the other page, so its size shows in the time that it takes, on both lines.
// So do a busy processor and the other packets on the way, whatever its size: so one of four pieces is small, and the
// quickest of both kinds are compared.

const LEAST = 1024;
const MOST = 65_536;
const SMALL = 1 / 4; // of a large one
const TURN = 4; // pieces, of which the first is small
const ROUND = 8;
const TARGET_MS = 60;
const MOST_REST_MS = 1000;
const CHANGE = 2; // at most, from one round to the next

export class Pace {
  #large = LEAST;
  #count = 0;
  #quickest = [Infinity, Infinity]; // of small and large ones in this round
  #rest = 0; // for a large one

  /** How many bytes the next piece should have. */
  get size() {
    return this.#isLarge ? this.#large : Math.round(this.#large * SMALL);
  }

  get #isLarge() {
    return this.#count % TURN > 0;
  }

  /** Note how long the piece took, in ms; gives how long to rest before the next. */
  took(milliseconds) {
    const kind = Number(this.#isLarge);
    this.#quickest[kind] = Math.min(this.#quickest[kind], milliseconds);
    this.#count += 1;
    if (this.#count % ROUND === 0) this.#learn();
    return Math.min(MOST_REST_MS, kind ? this.#rest : this.#rest * SMALL);
  }

  #learn() {
    const [small, large] = this.#quickest;
    const added = Math.max(0, (large - small) / (1 - SMALL)); // by a large piece's size alone
    const scale = Math.max(1 / CHANGE, Math.min(CHANGE, TARGET_MS / Math.max(added, 1)));
    const before = this.#large;
    this.#large = Math.round(Math.min(MOST, Math.max(LEAST, before * scale)));
    this.#rest = (added * this.#large) / before;
    this.#quickest = [Infinity, Infinity];
  }
}
