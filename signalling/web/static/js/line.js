// The WebSocket under the conversation: one at a time, opened again when it breaks, and beside it another one that is
// tried when it may be dead. TCP takes many seconds to find out that a network is another one; a new socket takes two
// or three round trips, and shows by opening that the network is there.

const FIRST_OPEN_MS = 3000;
const OPEN_MS = { least: 400, most: 10_000, times: 4, growth: 1.3 };
const BACKOFF_MS = [200, 500, 1000, 2000, 4000, 5000];
const FRESH_MS = 150; // an attempt that is no older need not be begun anew
const HURRY_MS = 1000; // a socket that is found broken so soon after a sign that something was wrong had broken before it

/** Milliseconds between the beginnings of attempt number `attempt` (from 0) and the next; `random` in [0, 1) spreads clients. */
export function backoff(attempt, random) {
  return BACKOFF_MS[Math.min(attempt, BACKOFF_MS.length - 1)] * (0.5 + random);
}

/**
 * How long an attempt may take to open, where the quickest so far took `known` ms (or null). Short at first, since what
 * was sent before the network came back is sent again only after a second, and longer each time for a slow network.
 */
export function patience(attempt, known) {
  if (known === null) return Math.min(OPEN_MS.most, FIRST_OPEN_MS * OPEN_MS.growth ** attempt);
  return Math.min(OPEN_MS.most, Math.max(OPEN_MS.least, OPEN_MS.times * known) * OPEN_MS.growth ** attempt);
}

/**
 * Events: `open` when there is a new socket, which nothing was said on yet; `text` with what came as `detail`; `away`
 * when the bridge could not be reached, with `detail` true if the old socket is still there.
 */
export class Line extends EventTarget {
  #url;
  #socket = null;
  #next = null;
  #begun = 0;
  #attempt = 0;
  #timer = 0;
  #quickest = null;
  #hurried = -Infinity;
  #stopped = false;

  constructor(url) {
    super();
    this.#url = url;
  }

  start() {
    this.#connect();
  }

  stop() {
    this.#stopped = true;
    this.#dropNext();
    this.#drop();
  }

  send(text) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(text);
  }

  /** The bridge has said something on the socket: it is alive, and needs no other. */
  trust() {
    this.#attempt = 0;
    if (this.#socket) this.#dropNext();
  }

  /** The socket may be dead: try another. Whichever is heard of first stays. */
  doubt() {
    if (this.#socket && !this.#trying) this.#connect();
  }

  /** Give the socket up. */
  break() {
    if (!this.#socket) return;
    this.#drop();
    this.#tell("away", false);
    const hurried = performance.now() - this.#hurried < HURRY_MS;
    this.#hurried = -Infinity;
    if (this.#trying || this.#stopped) return;
    if (hurried) this.#connect();
    else this.#again(0);
  }

  /** The network may have been away: what was begun before is begun anew, and a socket that has broken is replaced at once. */
  hurry() {
    this.#hurried = performance.now();
    if (this.#stopped || !this.#trying || performance.now() - this.#begun < FRESH_MS) return;
    this.#dropNext();
    this.#attempt = 0;
    this.#connect();
  }

  get #trying() {
    return this.#next !== null || this.#timer !== 0;
  }

  #connect() {
    const socket = new WebSocket(this.#url);
    this.#next = socket;
    this.#begun = performance.now();
    socket.onopen = () => this.#opened(socket);
    socket.onclose = () => this.#failed(socket);
    this.#timer = setTimeout(() => this.#failed(socket), patience(this.#attempt, this.#quickest));
  }

  #opened(socket) {
    if (socket !== this.#next) return;
    const took = performance.now() - this.#begun;
    this.#quickest = Math.min(this.#quickest ?? took, took);
    clearTimeout(this.#timer);
    this.#timer = 0;
    this.#next = null;
    this.#drop();
    this.#socket = socket;
    socket.onmessage = ({ data }) => this.#tell("text", data);
    socket.onclose = () => {
      if (socket === this.#socket) this.break();
    };
    this.#tell("open");
  }

  #failed(socket) {
    if (socket !== this.#next) return;
    this.#dropNext();
    this.#tell("away", this.#socket !== null);
    if (!this.#trying) this.#again(performance.now() - this.#begun);
  }

  #again(spent) {
    if (this.#stopped) return;
    this.#timer = setTimeout(() => this.#connect(), Math.max(0, backoff(this.#attempt, Math.random()) - spent));
    this.#attempt += 1;
  }

  #drop() {
    const socket = this.#socket;
    this.#socket = null;
    forget(socket);
  }

  #dropNext() {
    clearTimeout(this.#timer);
    this.#timer = 0;
    const next = this.#next;
    this.#next = null;
    forget(next);
  }

  #tell(name, detail = null) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}

/** Close a socket of which nothing more is to be heard. */
function forget(socket) {
  if (!socket) return;
  socket.onopen = null;
  socket.onmessage = null;
  socket.onclose = null;
  socket.close();
}
