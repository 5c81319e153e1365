// Signs that the network may be another one, or back: none of them is sure, and a question to the bridge is cheap.

const TICK_MS = 500;
const SLEPT_MS = 2000; // a timer that is later than this has slept, and the computer with it

/** Calls `sign(sure)` at each of them between `start` and `stop`; `sure` where the network is most likely another one. */
export class Signs {
  #sign;
  #until = null;

  constructor(sign) {
    this.#sign = sign;
  }

  start() {
    this.#until = new AbortController();
    const on = (target, name, handler) => target?.addEventListener(name, handler, { signal: this.#until.signal });
    on(window, "online", () => this.#sign(true));
    on(window, "offline", () => this.#sign(false));
    on(window, "pageshow", () => this.#sign(false));
    on(document, "resume", () => this.#sign(false));
    let network = navigator.connection?.type; // what else changes of it are estimates
    on(navigator.connection, "change", () => {
      if (network !== navigator.connection.type) this.#sign(true);
      network = navigator.connection.type;
    });
    on(document, "visibilitychange", () => {
      if (!document.hidden) this.#sign(false);
    });
    this.#watchSleep(this.#until.signal);
  }

  stop() {
    this.#until?.abort();
  }

  #watchSleep(signal) {
    let before = performance.now();
    const timer = setInterval(() => {
      const now = performance.now();
      if (now - before > TICK_MS + SLEPT_MS) this.#sign(false);
      before = now;
    }, TICK_MS);
    signal.addEventListener("abort", () => clearInterval(timer));
  }
}
