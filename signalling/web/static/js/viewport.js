// Tells the bridge how many lines of picture each tile can show, so that it sends no more than that.

const SETTLE_MS = 500; // a window that is being resized is told of once
const ROUND = 30; // lines; smaller changes are not worth a message
const MOST = 4320;

/** Lines that a picture can show in a box of CSS pixels that it fits into whole; a picture of unknown shape is 16:9. */
export function linesShown({ width, height }, picture, ratio) {
  const shape = picture.width > 0 && picture.height > 0 ? picture.height / picture.width : 9 / 16;
  const lines = Math.min(height, width * shape) * ratio;
  return Math.min(MOST, Math.max(ROUND, Math.ceil(lines / ROUND) * ROUND));
}

export class Viewport {
  #tell;
  #wanted = "[]";
  #told = "[]";
  #timer = 0;

  /** `tell(slots)` sends them and rejects if they did not arrive. */
  constructor(tell) {
    this.#tell = tell;
  }

  /** The slots as they are now: {mid, height} of each that has a tile. */
  show(slots) {
    this.#wanted = JSON.stringify(slots);
    if (this.#wanted === this.#told) {
      clearTimeout(this.#timer);
      this.#timer = 0;
    } else {
      this.#timer ||= setTimeout(() => this.#send(), SETTLE_MS);
    }
  }

  /** The bridge may know nothing any more: the next `show` tells it. */
  forget() {
    this.#told = "[]";
  }

  async #send() {
    this.#timer = 0;
    const before = this.#told;
    this.#told = this.#wanted;
    // What did not arrive is told by the next change, or after the next welcome.
    await this.#tell(JSON.parse(this.#wanted)).catch(() => { this.#told = before; });
  }
}
