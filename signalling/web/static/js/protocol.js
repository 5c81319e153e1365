// The conversation with the bridge: JSON over one WebSocket, with join, replies by `ref`, and reconnection.

export const VERSION = 1;
const REPLY_MS = 10_000;
const WELCOME_MS = 10_000;
const BACKOFF_MS = [500, 1000, 2000, 4000, 5000];
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

/** Milliseconds to wait before attempt number `attempt` (from 0); `random` in [0, 1) spreads clients by a fifth. */
export function backoff(attempt, random) {
  const base = BACKOFF_MS[Math.min(attempt, BACKOFF_MS.length - 1)];
  return Math.min(5000, Math.max(500, base * (0.9 + 0.2 * random)));
}

/**
 * Events (CustomEvent, `detail` is the message): welcome, roster, layout, stats, demand, and
 * `over` {code, message} when there is no way on, `down` when the line broke and is being tried again.
 */
export class Channel extends EventTarget {
  #url;
  #hello;
  #socket = null;
  #joined = false;
  #everJoined = false;
  #stopped = false;
  #attempt = 0;
  #timer = 0;
  #welcomeTimer = 0;
  #nextRef = 1;
  #waiting = new Map();
  #offlineNow = () => this.#socket?.close();
  #onlineNow = () => this.#hurry();

  /** `hello()` gives the fields of `join` at each (re)connection. */
  constructor(url, hello) {
    super();
    this.#url = url;
    this.#hello = hello;
  }

  get joined() {
    return this.#joined;
  }

  open() {
    window.addEventListener("offline", this.#offlineNow);
    window.addEventListener("online", this.#onlineNow);
    this.#connect();
  }

  /** Stop for good; nothing is sent. */
  close() {
    this.#stopped = true;
    window.removeEventListener("offline", this.#offlineNow);
    window.removeEventListener("online", this.#onlineNow);
    clearTimeout(this.#timer);
    clearTimeout(this.#welcomeTimer);
    this.#failWaiting("offline");
    this.#joined = false;
    this.#socket?.close();
  }

  /** Send a message without a reply (`leave`). */
  tell(message) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }

  /** Send a message with a `ref`; resolves to the reply, rejects with ProtocolError. */
  request(type, fields = {}) {
    if (!this.#joined) return Promise.reject(new ProtocolError("offline"));
    const ref = this.#nextRef++;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(ref);
        reject(new ProtocolError("timeout"));
        this.#socket?.close(); // a bridge that does not answer is a broken line
      }, REPLY_MS);
      this.#waiting.set(ref, { resolve, reject, timer });
      this.tell({ type, ...fields, ref });
    });
  }

  #connect() {
    const socket = new WebSocket(this.#url);
    this.#socket = socket;
    clearTimeout(this.#welcomeTimer);
    this.#welcomeTimer = setTimeout(() => {
      if (!this.#joined) this.#lost(socket);
    }, WELCOME_MS);
    socket.onopen = () => this.tell({ type: "join", version: VERSION, ...this.#hello() });
    socket.onmessage = (event) => {
      if (socket === this.#socket && !this.#stopped) this.#receive(event.data);
    };
    socket.onclose = () => this.#lost(socket);
  }

  #lost(socket) {
    if (socket !== this.#socket || this.#stopped) return;
    this.#socket = null;
    socket.close();
    this.#joined = false;
    this.#failWaiting("offline");
    this.#emit("down", { first: !this.#everJoined });
    this.#timer = setTimeout(() => this.#connect(), backoff(this.#attempt++, Math.random()));
  }

  #hurry() {
    if (this.#socket || this.#stopped) return;
    clearTimeout(this.#timer);
    this.#connect();
  }

  #receive(text) {
    let message;
    try {
      message = JSON.parse(text);
    } catch {
      return; // a bridge newer or older than this page may say things we cannot read
    }
    switch (message.type) {
      case "welcome": return this.#welcome(message);
      case "bye": return this.#over(message);
      case "error": return this.#error(message);
      case "ok":
      case "answer":
      case "invited": return this.#reply(message.ref, (waiting) => waiting.resolve(message));
      default: return this.#emit(message.type, message);
    }
  }

  #welcome(message) {
    this.#joined = true;
    this.#attempt = 0;
    clearTimeout(this.#welcomeTimer);
    const again = this.#everJoined;
    this.#everJoined = true;
    this.#emit("welcome", { ...message, again });
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
      this.#lost(this.#socket);
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

  #failWaiting(code) {
    for (const ref of [...this.#waiting.keys()]) {
      this.#reply(ref, (waiting) => waiting.reject(new ProtocolError(code)));
    }
  }

  #emit(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}
