// Why somebody is offered to go on by telephone: for how long their line has been bad, and what they have put away.
// No document and no clock here.

export const AWAY_MS = 20_000; // where coming back works, it takes less
const LONGEST_LOOK_MS = 2000; // a page that slept knows nothing of the time in between

export class Reasons {
  #poor = false;
  #by = null;
  #away = { at: null, for: 0 };
  #putAway = new Set();

  /** What the bridge says of this line. */
  tellPoor(poor) {
    this.#poor = poor;
  }

  /** The host, `by`, suggests it: also to who has put it away before. */
  suggest(by) {
    this.#by = by;
  }

  /** Whether bridge or media cannot be reached `now`, in ms that rise from look to look. */
  look(now, away) {
    const passed = this.#away.at === null ? 0 : Math.min(now - this.#away.at, LONGEST_LOOK_MS);
    this.#away = { at: now, for: away ? this.#away.for + passed : 0 };
  }

  /** `suggested`, `away`, `poor`, or null where there is nothing to offer. */
  get reason() {
    if (this.#by !== null) return "suggested";
    if (this.#away.for >= AWAY_MS && !this.#putAway.has("away")) return "away";
    return this.#poor && !this.#putAway.has("poor") ? "poor" : null;
  }

  /** Who suggests it. */
  get by() {
    return this.#by;
  }

  /** Somebody does not want what was offered for this `reason`; of the line's own that holds for the rest of the visit. */
  putAway(reason) {
    if (reason === "suggested") this.#by = null;
    else this.#putAway.add(reason);
  }
}
