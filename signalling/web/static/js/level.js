// How loud a local microphone is, measured in the page.

import { audioContext } from "./announce.js";

const FULL_SCALE_RMS = 0.25;

/** Meter for one microphone track at a time. */
export class LevelMeter {
  #source = null;
  #analyser = null;
  #samples = new Float32Array(512);

  /** Follow `track`, or nothing when null. */
  follow(track) {
    this.#source?.disconnect();
    this.#source = null;
    if (!track) return;
    const audio = audioContext();
    this.#analyser ??= new AnalyserNode(audio, { fftSize: 512 });
    this.#source = audio.createMediaStreamSource(new MediaStream([track]));
    this.#source.connect(this.#analyser);
  }

  /** 0 silent .. 1 loud; null while the browser holds sound back until somebody touches the page. */
  read() {
    if (!this.#source) return 0;
    if (audioContext().state !== "running") return null;
    this.#analyser.getFloatTimeDomainData(this.#samples);
    const power = this.#samples.reduce((sum, value) => sum + value * value, 0) / this.#samples.length;
    return Math.min(1, Math.sqrt(power) / FULL_SCALE_RMS);
  }
}
