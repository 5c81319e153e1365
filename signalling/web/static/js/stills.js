// Still pictures of a visit: the doctor asks, the person says yes or no, and it goes from the one page to the other.

import { notice, say } from "./announce.js";
import { attempt } from "./acts.js";
import { t } from "./i18n.js";
import { encode } from "./photo.js";
import { makeKey, open, seal } from "./stillcrypt.js";
import { Question } from "./stillquestion.js";
import { Strip } from "./stillstrip.js";
import { Viewer } from "./stillviewer.js";
import { receive, send } from "./stillway.js";

const GOING = new Set(["asked", "coming"]);
const LARGEST = 15_000_000; // bytes of a picture; the bridge takes a little more, with what encryption adds
const SECONDS = 60; // a picture should come within a minute, on a fifth of what the line upwards carries

/** How many bytes a picture may have on a line that carries so many bit/s; of which nothing is known, all. */
export const budget = (bitrate) => (bitrate ? Math.min(LARGEST, (bitrate / 5 / 8) * SECONDS) : LARGEST);

async function bitrateUp(pc) {
  for (const stat of (await pc?.getStats())?.values() ?? []) {
    if (stat.type === "candidate-pair" && stat.nominated) return stat.availableOutgoingBitrate ?? null;
  }
  return null;
}

export class Stills {
  #session;
  #devices;
  #strip = new Strip();
  #viewer = new Viewer();
  #key = null; // of the picture that is asked for from here
  #asking = false; // the bridge has not said yet whether it may be
  #running = null; // {still, name, mine, abort, question, sealed, moving, again}
  #doubt = null; // {roster}: since the last `welcome` nothing was said of what is running

  constructor(session, devices) {
    this.#session = session;
    this.#devices = devices;
    session.addEventListener("still", ({ detail }) => this.#told(detail));
    session.addEventListener("welcome", () => { this.#doubt = { roster: session.roster }; });
    session.addEventListener("over", () => this.#leave());
    session.addEventListener("change", () => this.#changed());
  }

  /** The doctor asks somebody for a picture. */
  ask(participant) {
    return attempt(async () => {
      if (this.#running || this.#asking) return notice(t("still.busy"), { kind: "problem" });
      this.#asking = true; // another key would be one with which what comes cannot be opened
      try {
        this.#key = await makeKey();
        return await this.#session.act("ask_still", { participant, key: this.#key.text });
      } finally {
        this.#asking = false;
      }
    });
  }

  #nameOf(participant) {
    return this.#session.roster?.people.find((person) => person.participant === participant)?.name ?? "";
  }

  #changed() {
    const { place, roster } = this.#session;
    if (place !== "admitted") return this.#leave();
    // Whoever comes back is told of it before the roster, or it was over meanwhile.
    if (this.#doubt && roster !== this.#doubt.roster) {
      this.#doubt = null;
      this.#end("gone");
    }
    return undefined;
  }

  #told(message) {
    const mine = message.participant === this.#session.welcome.participant;
    this.#doubt = null;
    if (message.still !== this.#running?.still) return this.#new(message, mine);
    if (!GOING.has(message.state)) return this.#end(message.state);
    const { again, moving } = this.#running;
    if (message.state === "coming" && !moving) {
      Object.assign(this.#running, { again: null, moving: true });
      return mine ? this.#send(message) : this.#receive(message);
    }
    return again?.(); // what was said last has not come to the bridge
  }

  /** One of which this page knows nothing: it is new, or the page is, and then has no key and no picture. */
  #new({ still, asker, participant, state, key }, mine) {
    if (!GOING.has(state)) return;
    if (state === "asked" && (mine || this.#key)) this.#begin({ still, asker, participant, key }, mine);
    else if (mine) this.#reply(still, "no_picture");
    else this.#finish(still, "cancelled");
  }

  #reply(still, answer, size = null) {
    this.#say(still, "answer_still", { still, answer, size });
  }

  #finish(still, end) {
    this.#say(still, "end_still", { still, end });
  }

  /** Say what has become of it, and again after a broken line if the bridge does not know it then. */
  #say(still, type, fields) {
    const say = () => this.#session.act(type, fields).catch(() => {});
    if (this.#running?.still === still) this.#running.again = say;
    say();
  }

  #begin({ still, asker, participant, key }, mine) {
    const name = this.#nameOf(mine ? asker : participant);
    this.#running = { still, name, mine, abort: new AbortController() };
    if (mine) return this.#answer(this.#running, key);
    const text = t("still.asked", { name });
    this.#show(text);
    return say(text);
  }

  /** The line in the head, with a button that stops it. */
  #show(text) {
    const { still, mine } = this.#running;
    const stop = () => attempt(() => mine
      ? this.#session.act("answer_still", { still, answer: "declined" })
      : this.#session.act("end_still", { still, end: "cancelled" }));
    this.#strip.show(text, t(mine ? "still.stop" : "dialog.cancel"), stop);
  }

  async #answer(running, key) {
    const { still, name } = running;
    running.question = new Question(this.#session.media, this.#devices);
    try {
      const picture = await running.question.ask(name);
      if (running !== this.#running) return;
      if (!picture) {
        this.#reply(still, "declined");
        return;
      }
      this.#show(t("still.preparing"));
      running.sealed = await seal(await encode(picture, budget(await bitrateUp(this.#session.peer.pc))), key, still);
      if (running === this.#running) this.#reply(still, "take", running.sealed.size);
    } catch (error) {
      console.warn(`no still picture: ${error.name}`);
      if (running === this.#running) this.#reply(still, "no_picture");
    }
  }

  async #send({ still, token }) {
    const { sealed, abort: { signal } } = this.#running;
    const show = (share) => {
      if (!signal.aborted) this.#show(t("still.sending", { percent: Math.floor(share * 100) }));
    };
    show(0);
    say(t("still.sending", { percent: 0 }));
    try {
      await send({ still, token, signal }, sealed, show);
    } catch {
      if (!signal.aborted) this.#reply(still, "no_picture");
    }
  }

  async #receive({ still, token, size }) {
    const { name, abort: { signal } } = this.#running;
    const key = this.#key;
    const show = (share) => {
      if (!signal.aborted) this.#show(t("still.coming", { name, percent: Math.floor(share * 100) }));
    };
    show(0);
    let end = "unreadable";
    try {
      const picture = await open(await receive({ still, token, signal }, size, show), key, still);
      if (signal.aborted) return;
      await this.#viewer.show(picture, name);
      end = "sent";
    } catch {
      if (signal.aborted) return;
    }
    this.#finish(still, end);
  }

  /** It is over, in whatever way, and both are told so. */
  #end(state) {
    if (!this.#running) return;
    const { name, mine } = this.#running;
    this.#drop();
    const text = t(mine ? `still.mine.${state}` : `still.over.${state}`, { name });
    notice(text, { kind: state === "sent" ? "info" : "calm" });
  }

  #drop() {
    this.#running?.abort.abort();
    const question = this.#running?.question;
    this.#running = null;
    this.#key = null;
    question?.withdraw();
    this.#strip.hide();
  }

  #leave() {
    this.#drop();
    this.#viewer.close();
  }
}
