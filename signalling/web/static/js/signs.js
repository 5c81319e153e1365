// Signs that the network may be another one, or back: none of them is sure, and a question to the bridge is cheap.

const TICK_MS = 500;
const SLEPT_MS = 2000; // a timer that is later than this has slept, and the computer with it

/** Calls `sign()` at each of them between `start` and `stop`. */
export class Signs {
  #sign;
  #until = null;

  constructor(sign) {
    this.#sign = sign;
  }

  start() {
    this.#until = new AbortController();
    const on = (target, names, handler = this.#sign) => {
      for (const name of names) target?.addEventListener(name, () => handler(), { signal: this.#until.signal });
    };
    on(window, ["online", "offline", "pageshow"]);
    on(navigator.connection, ["change"]);
    on(document, ["resume"]);
    on(document, ["visibilitychange"], () => {
      if (!document.hidden) this.#sign();
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
      if (now - before > TICK_MS + SLEPT_MS) this.#sign();
      before = now;
    }, TICK_MS);
    signal.addEventListener("abort", () => clearInterval(timer));
  }
}
