// The question whether somebody sends a still picture, with what the camera sees.

import { chime } from "./announce.js";
import { el, setFace, setText } from "./dom.js";
import { t } from "./i18n.js";
import { photograph } from "./photo.js";
import { showTrack } from "./preview.js";

const SETTLE_MS = 700; // a finger that was on its way to something else takes no picture
const LARGE = { width: { ideal: 4096 }, height: { ideal: 2304 } };

/** A camera that is off in the call is opened for the question alone. */
class OwnCamera {
  track = null;
  #facing;
  #turn = 0;

  constructor(facing) {
    this.#facing = facing;
  }

  get facing() {
    return this.#facing;
  }

  /** A camera that comes after it was closed, or opened once more, is let go of again. */
  async open() {
    const turn = (this.#turn += 1);
    const stream = await navigator.mediaDevices.getUserMedia({ video: { ...LARGE, facingMode: this.#facing } });
    const [track] = stream.getVideoTracks();
    if (turn === this.#turn) this.track = track;
    else track.stop();
  }

  async flip() {
    this.close();
    this.#facing = this.#facing === "user" ? "environment" : "user";
    await this.open();
  }

  close() {
    this.#turn += 1;
    this.track?.stop();
    this.track = null;
  }
}

export class Question {
  #media;
  #devices;
  #own = null;
  #flipped = false;
  #settle;
  #shown;
  #dialog;
  #video = el("video", { muted: true, autoplay: true, playsInline: true });
  #none = el("p", { className: "no-picture" });
  #status = el("p", { role: "status", className: "still-status" });
  #take = el("button", { type: "button", className: "button primary huge", onclick: () => this.#photograph() });
  #flip = el("button", { type: "button", className: "button", onclick: () => this.#turn() });
  #no = el("button", { type: "button", className: "button huge", onclick: () => this.#dialog.close() });

  constructor(media, devices) {
    this.#media = media;
    this.#devices = devices;
    this.#shown = () => this.#draw();
  }

  /** Ask for `name`; resolves to an ImageBitmap, or to null for no; rejects where the camera gives no picture. */
  ask(name) {
    this.#build(name);
    const answer = new Promise((resolve, reject) => { this.#settle = { resolve, reject }; });
    this.#dialog.showModal();
    chime(this.#devices.speakerId || null);
    this.#media.addEventListener("change", this.#shown);
    this.#open().catch(() => this.#draw());
    return answer;
  }

  /** Take the question back. */
  withdraw() {
    this.#dialog?.close();
  }

  #build(name) {
    const title = el("h2", { id: "still-title", tabIndex: -1, autofocus: true, textContent: t("still.ask.title", { name }) });
    const lead = el("p", { id: "still-lead", textContent: t("still.ask.lead", { name }) });
    this.#video.setAttribute("aria-label", t("still.ask.preview"));
    setFace(this.#take, "still", t("still.ask.take"));
    setFace(this.#flip, "flip", t("control.flip"));
    setText(this.#no, t("still.ask.no"));
    const preview = el("div", { className: "preview" }, this.#video, this.#none);
    const buttons = el("div", { className: "answers" }, this.#take, this.#flip, this.#no);
    this.#dialog = el("dialog", { id: "dialog-still" }, title, lead, preview, this.#status, buttons);
    this.#dialog.setAttribute("aria-labelledby", "still-title");
    this.#dialog.setAttribute("aria-describedby", "still-lead");
    this.#dialog.addEventListener("close", () => this.#done(null));
    document.body.append(this.#dialog);
    this.#hold(true);
    setTimeout(() => this.#hold(false), SETTLE_MS);
  }

  #hold(held) {
    for (const button of [this.#take, this.#flip, this.#no]) button.setAttribute("aria-disabled", String(held));
  }

  get #held() {
    return this.#take.getAttribute("aria-disabled") === "true";
  }

  async #open() {
    if (!this.#media.cameraLive) {
      this.#own = new OwnCamera(this.#media.facing);
      await this.#own.open();
      if (!this.#dialog.open) this.#own.close();
    }
    await this.#devices.refresh();
    this.#draw();
  }

  get #track() {
    return this.#own ? this.#own.track : this.#media.tracks.camera;
  }

  #draw() {
    const track = this.#track;
    showTrack(this.#video, track);
    this.#video.hidden = !track;
    this.#none.hidden = Boolean(track);
    setText(this.#none, t("preview.noPicture"));
    this.#video.classList.toggle("mirror", (this.#own ?? this.#media).facing === "user");
    this.#flip.hidden = this.#devices.cameras < 2;
  }

  async #turn() {
    if (this.#held) return;
    this.#hold(true);
    if (this.#own) await this.#own.flip().catch(() => {});
    else {
      this.#flipped = !this.#flipped;
      await this.#media.flip();
    }
    this.#draw();
    this.#hold(false);
  }

  async #photograph() {
    if (this.#held || !this.#track) return;
    this.#hold(true);
    setText(this.#status, t("still.taking"));
    try {
      this.#done(await photograph(this.#track));
    } catch (error) {
      this.#settle.reject(error);
      this.#done(null);
    }
  }

  /** The dialog is gone, whatever it was: what was opened for it is closed, and the camera looks as before. */
  #done(picture) {
    if (!this.#dialog.isConnected) return;
    this.#settle.resolve(picture);
    this.#media.removeEventListener("change", this.#shown);
    this.#video.srcObject = null;
    this.#dialog.close();
    this.#dialog.remove();
    this.#own?.close();
    if (this.#flipped) this.#media.flip();
  }
}
