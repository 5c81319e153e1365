// The conversation of somebody on duty with the bridge: the queue as it comes, and rooms that one takes. A line that is
// dead and does not say so would ring for nobody, so the bridge is asked whenever it has been quiet for a while.

import { Line } from "../line.js";
import { ProtocolError, VERSION } from "../protocol.js";

const REPLY_MS = 8000;
const QUIET_MS = 10_000;
const ANSWER_MS = 4000;
const PASSING = new Set(["restarting", "too_slow", "join_timeout", "internal", "too_many"]);

/**
 * Events (CustomEvent, `detail` is the message): on_duty, queue; `down` when the bridge cannot be reached and is being tried
 * again, after which there is another on_duty; `over` {code} when there is no way on.
 */
export class DutyChannel extends EventTarget {
  #line;
  #nextRef = 1;
  #waiting = new Map();
  #on = false;
  #down = false;
  #quiet = 0;

  constructor(url) {
    super();
    this.#line = new Line(url);
    this.#line.addEventListener("open", () => this.#begin());
    this.#line.addEventListener("text", ({ detail }) => this.#receive(detail));
    this.#line.addEventListener("away", () => this.#away());
  }

  open() {
    this.#line.start();
  }

  close() {
    clearTimeout(this.#quiet);
    this.#fail("offline");
    this.#line.stop();
  }

  /** The network may be back. */
  hurry() {
    this.#line.hurry();
    if (this.#on) this.#probe();
  }

  /** Take a room; resolves to `taken`, rejects with ProtocolError. */
  take(room) {
    return this.#on ? this.#ask("take", { room }) : Promise.reject(new ProtocolError("offline"));
  }

  #ask(type, fields, patience = REPLY_MS) {
    const ref = this.#nextRef++;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#settle(ref, ({ reject: fail }) => fail(new ProtocolError("timeout")));
        this.#line.break(); // a bridge that does not answer is a broken line
      }, patience);
      this.#waiting.set(ref, { resolve, reject, timer });
      this.#line.send(JSON.stringify({ type, ...fields, ref }));
    });
  }

  #begin() {
    this.#fail("offline");
    this.#on = false;
    this.#ask("duty", { version: VERSION }).catch(() => {}); // what comes of it is `on_duty`, `over` or another try
  }

  #probe() {
    this.#ask("ping", {}, ANSWER_MS).catch(() => {}); // an answer is heard as anything else is
  }

  #receive(text) {
    let message;
    try {
      message = JSON.parse(text);
    } catch {
      return; // a bridge newer or older than this page may say things we cannot read
    }
    this.#heard();
    switch (message.type) {
      case "on_duty": return this.#begun(message);
      case "queue": return this.#emit("queue", message);
      case "bye": return this.#over(message.code);
      case "error": return this.#settle(message.ref, ({ reject }) => reject(new ProtocolError(message.code)));
      default: return this.#settle(message.ref, ({ resolve }) => resolve(message));
    }
  }

  #heard() {
    this.#line.trust();
    clearTimeout(this.#quiet);
    this.#quiet = setTimeout(() => this.#probe(), QUIET_MS);
  }

  #begun(message) {
    this.#on = true;
    this.#down = false;
    this.#settle(message.ref, ({ resolve }) => resolve(message));
    this.#emit("on_duty", message);
  }

  #away() {
    clearTimeout(this.#quiet);
    this.#on = false;
    this.#fail("offline");
    if (this.#down) return;
    this.#down = true;
    this.#emit("down");
  }

  #over(code) {
    if (PASSING.has(code)) {
      this.#line.break();
      return;
    }
    this.close();
    this.#emit("over", { code });
  }

  #fail(code) {
    for (const ref of [...this.#waiting.keys()]) this.#settle(ref, ({ reject }) => reject(new ProtocolError(code)));
  }

  #settle(ref, settle) {
    const waiting = this.#waiting.get(ref);
    if (!waiting) return;
    this.#waiting.delete(ref);
    clearTimeout(waiting.timer);
    settle(waiting);
  }

  #emit(name, detail = null) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}
