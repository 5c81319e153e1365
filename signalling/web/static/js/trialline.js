// The line of a test to the bridge: JSON over a WebSocket of its own, on which nobody joins.

import { ProtocolError, VERSION } from "./protocol.js";

const REPLY_MS = 10_000;

export class TrialLine {
  #socket;
  #opened;
  #nextRef = 1;
  #waiting = new Map();

  constructor(url) {
    this.#socket = new WebSocket(url);
    this.#opened = new Promise((resolve) => {
      this.#socket.onopen = resolve;
      this.#socket.onclose = () => {
        resolve();
        this.#fail("offline");
      };
    });
    this.#socket.onmessage = (event) => this.#receive(event.data);
  }

  /** Ask for a test with a link; resolves to `testing`. */
  begin(token) {
    return this.ask("test", { version: VERSION, token });
  }

  /** Send a message; resolves to the reply, rejects with ProtocolError. */
  async ask(type, fields) {
    const ref = this.#nextRef++;
    const reply = new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#fail("timeout"), REPLY_MS);
      this.#waiting.set(ref, { resolve, reject, timer });
    });
    reply.catch(() => {}); // it may fail before anybody waits for it
    await this.#opened;
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify({ type, ...fields, ref }));
    else this.#fail("offline");
    return reply;
  }

  close() {
    this.#socket.close();
    this.#fail("offline");
  }

  #receive(text) {
    let message;
    try {
      message = JSON.parse(text);
    } catch {
      return; // a bridge newer or older than this page may say things we cannot read
    }
    if (message.type === "error" || message.type === "bye") this.#fail(message.code, message.ref);
    else this.#settle(message.ref, ({ resolve }) => resolve(message));
  }

  /** Fail the message `ref`, or all that wait. */
  #fail(code, ref = null) {
    const failing = ref === null ? [...this.#waiting.keys()] : [ref];
    for (const each of failing) this.#settle(each, ({ reject }) => reject(new ProtocolError(code)));
  }

  #settle(ref, settle) {
    const waiting = this.#waiting.get(ref);
    if (!waiting) return;
    this.#waiting.delete(ref);
    clearTimeout(waiting.timer);
    settle(waiting);
  }
}
