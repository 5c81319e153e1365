// The conversation with the bridge: JSON over one line, with join, replies by `ref`, and joining again.

import { Line } from "./line.js";

export const VERSION = 1;
const REPLY_MS = 10_000;
const WELCOME_MS = 10_000;
const WELCOME_AGAIN_MS = 3000;
const QUIET_MS = 10_000; // then the bridge is asked whether it is there
const ANSWER_MS = { least: 100, trips: 1.5 };
const PASSING = new Set(["restarting", "too_slow", "join_timeout"]);
const PASSING_WHEN_REJOINING = new Set(["internal", "too_many"]);

/** A refusal by the bridge, or `offline` / `timeout` from this side. */
export class ProtocolError extends Error {
  constructor(code, message = code) {
    super(message);
    this.name = "ProtocolError";
    this.code = code;
  }
}

/**
 * Events (CustomEvent, `detail` is the message): welcome, roster, turned_away, cancelled, missed, written, layout, stats, demand, and
 * `over` {code, message} when there is no way on, `down` when the bridge cannot be reached and is being tried again,
 * `up` when it was there all the same. After a `down` there is an `up` or a `welcome`.
 */
export class Channel extends EventTarget {
  #line;
  #hello;
  #joined = false;
  #everJoined = false;
  #down = false;
  #stopped = false;
  #welcomeTimer = 0;
  #quietTimer = 0;
  #asked = 0; // when `join` was sent
  #trip = null; // the quickest answer so far
  #probing = null;
  #nextRef = 1;
  #waiting = new Map();

  /** `hello()` gives the fields of `join` at each (re)connection. */
  constructor(url, hello) {
    super();
    this.#hello = hello;
    this.#line = new Line(url);
    this.#line.addEventListener("open", () => this.#join());
    this.#line.addEventListener("text", ({ detail }) => this.#receive(detail));
    this.#line.addEventListener("away", ({ detail }) => this.#away(detail));
  }

  get joined() {
    return this.#joined;
  }

  open() {
    this.#line.start();
  }

  /** Stop for good; nothing is sent. */
  close() {
    this.#stopped = true;
    clearTimeout(this.#welcomeTimer);
    clearTimeout(this.#quietTimer);
    this.#unjoin();
    this.#line.stop();
  }

  /** Send a message without a reply (`leave`). */
  tell(message) {
    this.#line.send(JSON.stringify(message));
  }

  /** Send a message with a `ref`; resolves to the reply, rejects with ProtocolError. */
  request(type, fields = {}) {
    if (!this.#joined) return Promise.reject(new ProtocolError("offline"));
    const ref = this.#nextRef++;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(ref);
        reject(new ProtocolError("timeout"));
        this.#line.break(); // a bridge that does not answer is a broken line
      }, REPLY_MS);
      this.#waiting.set(ref, { resolve, reject, timer });
      this.tell({ type, ...fields, ref });
    });
  }

  /**
   * The network may have changed: see whether the bridge answers, and try another socket if not soon, or at once where
   * it is `sure`. Resolves to whether it did answer on this one; if not, a `welcome` comes as soon as can be.
   */
  probe(sure = false) {
    this.#line.hurry();
    if (!this.#joined) return Promise.resolve(false);
    this.#probing ??= this.#ask().finally(() => {
      this.#probing = null;
    });
    if (sure) this.#line.doubt();
    return this.#probing;
  }

  async #ask() {
    const doubt = setTimeout(() => this.#line.doubt(), ANSWER_MS.least + ANSWER_MS.trips * (this.#trip ?? 0));
    const answered = await this.#ping();
    clearTimeout(doubt);
    return answered;
  }

  /** Resolves to whether the bridge answers, and notes how long that takes. */
  async #ping() {
    const sent = performance.now();
    try {
      await this.request("ping");
    } catch {
      return false;
    }
    this.#timed(sent);
    return true;
  }

  #join() {
    this.#unjoin();
    this.tell({ type: "join", version: VERSION, ...this.#hello() });
    clearTimeout(this.#welcomeTimer);
    this.#welcomeTimer = setTimeout(() => this.#line.break(), this.#everJoined ? WELCOME_AGAIN_MS : WELCOME_MS);
    this.#asked = performance.now();
  }

  #unjoin() {
    this.#joined = false;
    for (const ref of [...this.#waiting.keys()]) {
      this.#reply(ref, (waiting) => waiting.reject(new ProtocolError("offline")));
    }
  }

  #away(perhaps) {
    if (!perhaps) {
      this.#unjoin();
      clearTimeout(this.#welcomeTimer);
    }
    if (this.#down) return;
    this.#down = true;
    this.#emit("down", { first: !this.#everJoined });
  }

  #receive(text) {
    let message;
    try {
      message = JSON.parse(text);
    } catch {
      return; // a bridge newer or older than this page may say things we cannot read
    }
    if (this.#joined) this.#heard();
    switch (message.type) {
      case "welcome": return this.#welcome(message);
      case "bye": return this.#over(message);
      case "error": return this.#error(message);
      case "ok":
      case "answer":
      case "pong":
      case "invited":
      case "to_call": return this.#reply(message.ref, (waiting) => waiting.resolve(message));
      default: return this.#emit(message.type, message);
    }
  }

  #timed(sent) {
    const took = performance.now() - sent;
    this.#trip = Math.min(this.#trip ?? took, took);
  }

  #heard() {
    this.#line.trust();
    clearTimeout(this.#quietTimer);
    this.#quietTimer = setTimeout(() => this.probe(), QUIET_MS);
    if (!this.#down) return;
    this.#down = false;
    this.#emit("up");
  }

  #welcome(message) {
    this.#joined = true;
    this.#down = false;
    clearTimeout(this.#welcomeTimer);
    this.#timed(this.#asked);
    this.#heard();
    const again = this.#everJoined;
    this.#everJoined = true;
    this.#emit("welcome", { ...message, again });
    this.#ping(); // for the next time that an answer is missed
  }

  #error(message) {
    if (message.ref !== null && message.ref !== undefined) {
      this.#reply(message.ref, (waiting) => waiting.reject(new ProtocolError(message.code, message.message)));
    } else if (this.#joined) {
      this.#emit("complaint", message);
    } else {
      this.#over(message);
    }
  }

  /** The end of this connection: of the visit too, unless the reason passes by itself. */
  #over(message) {
    if (PASSING.has(message.code) || (this.#everJoined && PASSING_WHEN_REJOINING.has(message.code))) {
      this.#line.break();
      return;
    }
    this.close();
    this.#emit("over", message);
  }

  #reply(ref, settle) {
    const waiting = this.#waiting.get(ref);
    if (!waiting) return;
    this.#waiting.delete(ref);
    clearTimeout(waiting.timer);
    settle(waiting);
  }

  #emit(name, detail = null) {
    if (!this.#stopped || name === "over") this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}
