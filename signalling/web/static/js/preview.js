// Own picture, own level and the two switches, as the start and waiting screens show them.

import { byId, setFace, setText } from "./dom.js";
import { t } from "./i18n.js";
import { LevelMeter } from "./level.js";

const HEARD = 0.04;
const LEVEL_MS = 100;

/** Show `track` in `video` unless it is there already. */
export function showTrack(video, track) {
  if ((video.srcObject?.getVideoTracks()[0] ?? null) === track) return;
  video.srcObject = track ? new MediaStream([track]) : null;
}

/** The own picture, or a line that says why there is none. */
export function drawOwnPicture(prefix, media) {
  const video = byId(`${prefix}-video`);
  const words = byId(`${prefix}-no-picture`);
  showTrack(video, media.tracks.camera);
  video.hidden = !media.cameraLive;
  video.classList.toggle("mirror", media.facing === "user");
  video.parentElement.classList.toggle("empty", !media.cameraLive);
  words.hidden = media.cameraLive;
  setText(words, t(media.cameraOn ? "preview.noPicture" : "preview.cameraOff"));
}

/** Faces of a microphone and a camera button: the words say what a press does. */
export function drawSwitches(micButton, cameraButton, media, forbidden = false) {
  const live = media.micLive;
  setFace(micButton, live ? "mic" : "mic-off", t(live ? "mic.turnOff" : forbidden ? "mic.forbidden" : "mic.turnOn"));
  micButton.classList.toggle("off", !live);
  micButton.setAttribute("aria-disabled", String(forbidden));
  const on = media.cameraLive;
  setFace(cameraButton, on ? "camera" : "camera-off", t(on ? "camera.turnOff" : "camera.turnOn"));
  cameraButton.classList.toggle("off", !on);
}

/** The own microphone's level: drives the bar of the start screen and the own speaking sign. */
export class OwnLevel {
  value = 0;
  #meter = new LevelMeter();
  #track = null;
  #heard = false;

  /** Whether the microphone has given any sound since it was last changed. */
  get heard() {
    return this.#heard;
  }

  start(media) {
    setInterval(() => this.#tick(media), LEVEL_MS);
  }

  #tick(media) {
    const track = media.micLive ? media.tracks.mic : null;
    if (track !== this.#track) {
      this.#track = track;
      this.#heard = false;
      this.#meter.follow(track);
    }
    const level = this.#meter.read();
    this.value = level ?? 0;
    this.#heard ||= this.value > HEARD;
    if (!byId("screen-start").hidden) this.#draw(level);
  }

  #draw(level) {
    byId("start-level").style.setProperty("--level", String(this.value));
    const words = !this.#track ? "level.off" : level === null ? "level.touch" : this.#heard ? "level.heard" : "level.silent";
    setText(byId("start-level-text"), t(words));
  }
}
