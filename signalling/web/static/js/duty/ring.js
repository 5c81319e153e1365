// What rings while a room waits: two notes over and over, a telephone's buzz, a note where the page is behind another.
// It names nobody who waits.

import { audioContext, chime } from "../announce.js";
import { t } from "../i18n.js";

const EVERY_MS = 2500;
const LOUDNESS = 0.35;
const BUZZ_MS = [250, 150, 250];

export class Ring {
  #timer = 0;
  #held;
  #lock = null;

  /** `held(back)` is told whether the browser holds the sound back. */
  constructor(held) {
    this.#held = held;
    document.addEventListener("visibilitychange", () => this.#wake());
  }

  get ringing() {
    return this.#timer !== 0;
  }

  /** By a press of the person's: browsers give sound, notes and a lit screen to nobody else. */
  async prepare() {
    const audio = audioContext();
    await audio.resume().catch(() => {});
    this.#held(audio.state !== "running");
    if (window.Notification?.permission === "default") Notification.requestPermission().catch(() => {});
    this.wanted = true;
    await this.#wake();
  }

  /** Let the screen go dark again. */
  release() {
    this.stop();
    this.wanted = false;
    this.#lock?.release().catch(() => {});
    this.#lock = null;
  }

  start() {
    if (this.ringing) return;
    this.#note();
    this.#timer = setInterval(() => this.#once(), EVERY_MS);
    this.#once();
  }

  stop() {
    clearInterval(this.#timer);
    this.#timer = 0;
    navigator.vibrate?.(0);
  }

  async #once() {
    navigator.vibrate?.(BUZZ_MS);
    this.#held(!(await chime(null, LOUDNESS)));
  }

  #note() {
    if (!document.hidden || window.Notification?.permission !== "granted") return;
    const note = new Notification(t("duty.note"), { tag: "duty", renotify: true });
    note.addEventListener("click", () => {
      window.focus();
      note.close();
    });
  }

  /** A telephone that sleeps does not ring. */
  async #wake() {
    if (!this.wanted || document.hidden || !navigator.wakeLock) return;
    const lock = await navigator.wakeLock.request("screen").catch(() => null);
    this.#lock?.release().catch(() => {}); // of another request that was under way
    this.#lock = lock;
    if (!this.wanted) this.release();
  }
}
