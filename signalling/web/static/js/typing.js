// What is being typed, on its way to the others: cleaned, cut where it can be read as a whole, and told not too often.

const EVERY_MS = 150; // a character is at the others within half a second (EN 301 549, 6.2.4)
const AGAIN_MS = 1000;
const SENTENCE = 100; // a line that is longer ends with a sentence, if there is one in it
const LONGEST = 180; // ... and one that is longer than this between two words
const PASSING = new Set(["offline", "timeout", "too_many"]);
// What the bridge refuses: control characters, and what turns the direction of other text.
const UNFIT = /[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]+/g;

const pause = (ms) => new Promise((done) => { setTimeout(done, ms); });

/** The text with a space for each run of characters that no line may hold. */
export const clean = (text) => (text.toWellFormed?.() ?? text).replace(UNFIT, " ");

/** Where a line that goes on for ever is cut, so that readers have whole ones; 0 for not yet. */
export function cutAt(text) {
  if (text.length <= SENTENCE) return 0;
  const ends = [...text.matchAll(/[.!?…] /g)].map(({ index }) => index + 2);
  if (ends.length > 0) return ends.at(-1);
  if (text.length <= LONGEST) return 0;
  return text.lastIndexOf(" ") + 1 || text.length;
}

/** Tells a text as it changes: the first change at once, then the newest state when the last one has arrived. */
export class Typing {
  #send;
  #wanted = "";
  #told = "";
  #busy = false;

  /** `send(text)` resolves when the bridge has told it, and rejects with a `code` if not. */
  constructor(send) {
    this.#send = send;
  }

  change(text) {
    this.#wanted = text;
    if (!this.#busy) this.#tell();
  }

  /** The line was sent as a whole, or nobody is to see it any more: there is nothing to tell of it. */
  over() {
    this.#wanted = "";
    this.#told = "";
  }

  async #tell() {
    this.#busy = true;
    while (this.#wanted !== this.#told) {
      const text = this.#wanted;
      this.#told = text;
      const begun = performance.now();
      const failure = await this.#send(text).then(() => null, (error) => error.code ?? "other");
      const again = PASSING.has(failure) && this.#told === text;
      if (again) this.#told = null;
      await pause(again ? AGAIN_MS : EVERY_MS - (performance.now() - begun));
    }
    this.#busy = false;
  }
}
