// What keeps this browser from taking part, and what somebody can do about it: another browser, or the telephone.

import { say } from "./announce.js";
import { drawWay, wayByLink } from "./callinstead.js";
import { byId, el, setText } from "./dom.js";
import { onLanguage, t } from "./i18n.js";
import { linkOf } from "./token.js";

// Apps that show pages in a window of their own, in which camera and microphone are often missing.
const APPS = [
  ["Facebook", /FBAN|FBAV|FB_IAB/],
  ["Messenger", /MessengerForiOS|Orca-Android/],
  ["Instagram", /Instagram/],
  ["Snapchat", /Snapchat/],
  ["LinkedIn", /LinkedInApp/],
  ["TikTok", /musical_ly|BytedanceWebview|TikTok/],
  ["Google", /\bGSA\//],
  ["", /; wv\)/],
];
const CODECS = new Set(["video/vp8", "video/h264"]);

/** The app in whose window this page is: its name, "" for one that does not tell, or null. */
export const appOf = (agent) => APPS.find(([, sign]) => sign.test(agent))?.[0] ?? null;

const app = () => appOf(navigator.userAgent);

/** Why nobody can take part by this browser, as the code of an ending; null where they can. */
export function whyNot() {
  if (!window.isSecureContext || !crypto.subtle) return "insecure";
  if (window.RTCPeerConnection && navigator.mediaDevices?.getUserMedia) return null;
  return app() === null ? "unsupported_browser" : "in_app_browser";
}

/** Whether there are pictures that this browser and the bridge both know. */
export function showsPictures() {
  const codecs = window.RTCRtpReceiver?.getCapabilities?.("video")?.codecs;
  return !codecs || codecs.some(({ mimeType }) => CODECS.has(mimeType.toLowerCase()));
}

async function copy(token, button) {
  try {
    await navigator.clipboard.writeText(linkOf(token));
    setText(button, t("cannot.copied"));
  } catch {
    const field = el("input", { type: "text", readOnly: true, value: linkOf(token) });
    field.setAttribute("aria-label", t("cannot.link"));
    button.replaceWith(field);
    field.select();
    setText(byId("cannot-hint"), t("cannot.copyYourself"));
  }
  say(button.isConnected ? t("cannot.copied") : t("cannot.copyYourself"), true);
}

function otherBrowser(token) {
  const onclick = (event) => copy(token, event.currentTarget);
  const button = el("button", { type: "button", id: "cannot-copy", className: "button", textContent: t("cannot.copy"), onclick });
  return [el("p", { id: "cannot-hint", textContent: t("cannot.other") }), button];
}

/** A button that gives number and PIN for a link, or says whom to call instead. */
export function byTelephone(token) {
  const office = () => el("p", { textContent: t("cannot.office") });
  if (!token) return office();
  const box = el("div", { className: "device-list" });
  const onclick = async () => {
    try {
      drawWay(box, await wayByLink(token));
    } catch {
      box.replaceChildren(office());
    }
    say(box.innerText, true);
  };
  const button = el("button", { type: "button", id: "cannot-call", className: "button", textContent: t("instead.button"), onclick });
  box.append(el("p", { textContent: t("cannot.call") }), button);
  return box;
}

function inApp() {
  const name = app();
  if (name === null) return [];
  return [el("p", { textContent: name ? t("cannot.inApp", { app: name }) : t("cannot.inSomeApp") })];
}

/** Fill `box` with the other ways in, by the link in another browser and by telephone. */
export function drawWays(box, token, copied = true) {
  const key = `${document.documentElement.lang} ${token}`;
  if (box.dataset.ways === key) return;
  box.dataset.ways = key;
  const ways = token && copied ? otherBrowser(token) : [];
  box.replaceChildren(el("h2", { textContent: t("cannot.title") }), ...ways, byTelephone(token));
}

/** On the last screen, after an ending that is the browser's fault. */
export function offerWays(code, token) {
  const box = el("div", { id: "cannot", className: "problems" });
  byId("end-advice").after(box);
  onLanguage(() => drawWays(box, token, code !== "insecure")); // another browser would open it no more securely
}

/** On the start screen: what will be missing in this browser, and how to come in otherwise. */
export class Shortcomings {
  #box = el("div", { id: "start-cannot", className: "problems", hidden: true });
  #ways = el("details", { className: "devices" });
  #token;

  constructor(token) {
    this.#token = token;
    byId("start-problems").after(this.#box);
  }

  draw(media) {
    const deaf = Boolean(media.problems.mic);
    const lines = [...(showsPictures() ? [] : [el("p", { textContent: t("cannot.noPictures") })]), ...(deaf ? inApp() : [])];
    this.#box.hidden = lines.length === 0 && !deaf;
    const key = `${document.documentElement.lang} ${lines.length} ${deaf}`;
    if (this.#box.hidden || this.#box.dataset.key === key) return;
    this.#box.dataset.key = key;
    const inner = el("div", { className: "device-list" });
    drawWays(inner, this.#token);
    this.#ways.replaceChildren(el("summary", { textContent: t("cannot.title") }), inner);
    inner.querySelector("h2").remove();
    this.#box.replaceChildren(...lines, this.#ways);
  }
}
