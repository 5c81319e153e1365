// Choice of microphone, camera and loudspeaker, drawn wherever an element carries data-devices.

import { chime } from "./announce.js";
import { el } from "./dom.js";
import { t } from "./i18n.js";
import { listDevices } from "./media.js";

const canChooseSpeaker = "setSinkId" in HTMLMediaElement.prototype;
let nextId = 0;

export class Devices {
  #media;
  #speaker;
  #found = { mic: [], camera: [], speaker: [] };

  /** `media` is the LocalMedia; `speaker(deviceId)` is told of another loudspeaker. */
  constructor(media, speaker) {
    this.#media = media;
    this.#speaker = speaker;
    this.speakerId = "";
    navigator.mediaDevices?.addEventListener?.("devicechange", () => this.refresh());
  }

  get cameras() {
    return this.#found.camera.length;
  }

  /** Look again which devices there are, and draw. */
  async refresh() {
    this.#found = await listDevices();
    this.draw();
  }

  draw() {
    for (const place of document.querySelectorAll("[data-devices]")) {
      const hadFocus = place.contains(document.activeElement) ? document.activeElement.dataset.device : null;
      place.replaceChildren(...this.#fields(place.dataset.devices));
      if (hadFocus) place.querySelector(`[data-device="${hadFocus}"]`)?.focus();
    }
  }

  /** A choice for each kind of device, and a test sound; `only` leaves one kind. */
  #fields(only) {
    const kinds = canChooseSpeaker && this.#found.speaker.length > 0 ? ["camera", "mic", "speaker"] : ["camera", "mic"];
    if (only) return kinds.filter((kind) => kind === only && this.#found[kind].length > 1).map((kind) => this.#field(kind));
    const fields = kinds.map((kind) => this.#field(kind));
    const test = el("button", {
      type: "button",
      className: "button",
      textContent: t("devices.testSound"),
      onclick: () => chime(this.speakerId || null),
      data: { device: "test" },
    });
    return [...fields, test];
  }

  #field(kind) {
    const id = `device-${kind}-${nextId++}`;
    const select = el("select", { id, data: { device: kind }, onchange: () => this.#chosen(kind, select.value) });
    const devices = this.#found[kind];
    if (devices.length === 0) select.append(el("option", { value: "", textContent: t("devices.none") }));
    devices.forEach((device, index) => {
      const name = device.label || t(`devices.unnamed.${kind}`, { number: index + 1 });
      select.append(el("option", { value: device.deviceId, textContent: name }));
    });
    select.disabled = devices.length === 0;
    const current = this.#current(kind);
    if (devices.some((device) => device.deviceId === current)) select.value = current;
    return el("div", { className: "field" }, el("label", { htmlFor: id, textContent: t(`devices.${kind}`) }), select);
  }

  #current(kind) {
    if (kind === "speaker") return this.speakerId;
    return this.#media.chosen[kind] ?? this.#media.tracks[kind]?.getSettings().deviceId;
  }

  #chosen(kind, deviceId) {
    if (kind === "speaker") {
      this.speakerId = deviceId;
      this.#speaker(deviceId);
    } else {
      this.#media.choose(kind, deviceId);
    }
  }
}
