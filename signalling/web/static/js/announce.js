// Things said to screen readers, the soft chime, and the line of notice at the top.

import { byId } from "./dom.js";

const CHIME_HZ = [659.25, 880];
const CHIME_GAIN = 0.08;
const NOTE_SECONDS = 0.35;
const NOTICE_MS = 8000;
const GATHER_MS = 100; // of two texts that a region gets at once, readers of screens say the second alone
const REGIONS = ["polite", "assertive"];
const waiting = new Map(REGIONS.map((name) => [name, []]));
const regions = new Map(); // kept, since a dialog may take the one that is in it out of the document
let context = null;
let noticeTimer = 0;

/** Say `text` when the reader has finished; `urgent` interrupts. The same text twice is said twice. */
export function say(text, urgent = false) {
  const name = urgent ? "assertive" : "polite";
  if (waiting.get(name).push(text) === 1) setTimeout(() => speak(name), GATHER_MS);
}

function regionOf(name) {
  if (!regions.has(name)) regions.set(name, byId(name));
  return regions.get(name);
}

function speak(name) {
  const region = regionOf(name);
  const text = waiting.get(name).splice(0).join(" ");
  region.textContent = region.textContent === text ? `${text}\u00a0` : text;
}

/** Behind an open dialog nothing is said: the regions go into it, and out again with it. */
export function speakInDialogs() {
  const place = () => {
    const home = [...document.querySelectorAll("dialog:modal")].at(-1) ?? document.body;
    for (const region of REGIONS.map(regionOf).filter((each) => each.parentElement !== home)) {
      region.textContent = "";
      home.append(region);
    }
  };
  REGIONS.forEach(regionOf);
  new MutationObserver(place).observe(document.body, { subtree: true, attributeFilter: ["open"] });
}

/** The one AudioContext of the page (browsers limit their number). */
export function audioContext() {
  context ??= new AudioContext();
  return context;
}

/** Two notes: somebody is waiting, or the loudspeaker test. Resolves to false if the browser holds sound back. */
export async function chime(sink = null, loudness = CHIME_GAIN) {
  const audio = audioContext();
  if (sink !== null && audio.setSinkId) await audio.setSinkId(sink).catch(() => {});
  if (audio.state === "suspended") audio.resume().catch(() => {});
  CHIME_HZ.forEach((frequency, index) => {
    const start = audio.currentTime + index * NOTE_SECONDS * 0.6;
    const tone = audio.createOscillator();
    const gain = audio.createGain();
    tone.frequency.value = frequency;
    gain.gain.setValueAtTime(0, start);
    gain.gain.linearRampToValueAtTime(loudness, start + 0.03);
    gain.gain.exponentialRampToValueAtTime(0.0001, start + NOTE_SECONDS);
    tone.connect(gain).connect(audio.destination);
    tone.start(start);
    tone.stop(start + NOTE_SECONDS);
  });
  return audio.state === "running";
}

/** Show a line of notice and say it. It stays until replaced when `lasting`, else goes by itself. */
export function notice(text, { urgent = false, ...look } = {}) {
  showLine(text, look);
  say(text, urgent);
}

/** Show a line of notice of which more is said than that. */
export function showLine(text, { lasting = false, kind = "info" } = {}) {
  const box = byId("notice");
  clearTimeout(noticeTimer);
  box.dataset.kind = kind;
  box.dataset.lasting = String(lasting);
  box.textContent = text;
  box.hidden = false;
  if (!lasting) noticeTimer = setTimeout(() => { box.hidden = true; }, NOTICE_MS);
}

/** Take away a lasting notice; a passing one has its own time, unless `all` are to go. */
export function clearNotice(all = false) {
  const box = byId("notice");
  if (all || box.dataset.lasting === "true") box.hidden = true;
}
