// A still picture that has come: over the stage, to be enlarged and moved by pointer, finger and keyboard.
// It is in this page's memory alone, until it is closed.

import { say } from "./announce.js";
import { byId, el, setText } from "./dom.js";
import { onLanguage, t } from "./i18n.js";

const STEP = 1.25;
const REST_MS = 300;
const MOVES = { ArrowLeft: [-60, 0], ArrowRight: [60, 0], ArrowUp: [0, -60], ArrowDown: [0, 60] }; // as far as a browser scrolls, about
const MOST = 8; // pixels of the screen for one of the picture

const typing = () => document.activeElement?.matches("input, textarea, select, [contenteditable]") || document.querySelector("dialog[open]");

export class Viewer {
  #picture = null; // {name, width, height, url}
  #scale = 1;
  #fitted = true;
  #before = null;
  #telling = 0;
  #title = el("h2", { id: "still-view-title", tabIndex: -1 });
  #note = el("p", { className: "still-note" });
  #share = el("span", { className: "still-share" });
  #image = el("img", { draggable: false });
  #area = el("div", { className: "still-area", tabIndex: 0, role: "group" }, this.#image);
  #buttons = Object.fromEntries([
    ["out", () => this.#zoom(1 / STEP)],
    ["in", () => this.#zoom(STEP)],
    ["fit", () => this.#fit()],
    ["full", () => this.#set(1 / devicePixelRatio)],
    ["close", () => this.close()],
  ].map(([name, onclick]) => [name, el("button", { type: "button", className: "button", data: { still: name }, onclick })]));
  #box = this.#build();

  #build() {
    const bar = el("div", { className: "still-bar" }, ...Object.values(this.#buttons), this.#share);
    const box = el("section", { id: "still-view", className: "still-view", hidden: true }, this.#title, bar, this.#area, this.#note);
    box.setAttribute("aria-labelledby", "still-view-title");
    box.addEventListener("keydown", (event) => this.#key(event));
    this.#area.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    this.#wireMouse();
    this.#wireFingers();
    new ResizeObserver(() => { if (this.#picture && this.#fitted) this.#fit(false); }).observe(this.#area);
    byId("stage").append(box);
    onLanguage(() => this.#words());
    return box;
  }

  get isOpen() {
    return this.#picture !== null;
  }

  /** Show a picture (a Blob) of somebody; rejects where it is none. */
  async show(file, name) {
    this.close();
    const url = URL.createObjectURL(file);
    this.#image.src = url;
    try {
      await this.#image.decode();
    } catch (error) {
      URL.revokeObjectURL(url);
      this.#image.removeAttribute("src");
      throw error;
    }
    this.#picture = { name, url, width: this.#image.naturalWidth, height: this.#image.naturalHeight };
    this.#before = document.activeElement;
    document.body.classList.add("still-open");
    this.#box.hidden = false;
    this.#words();
    this.#fit(false);
    if (!typing()) this.#title.focus();
  }

  /** Let the picture go. */
  close() {
    if (!this.#picture) return;
    clearTimeout(this.#telling);
    URL.revokeObjectURL(this.#picture.url);
    this.#image.removeAttribute("src");
    this.#picture = null;
    const had = this.#box.contains(document.activeElement);
    this.#box.hidden = true;
    document.body.classList.remove("still-open");
    if (had) (this.#before?.isConnected && this.#before !== document.body ? this.#before : byId("call-title")).focus();
  }

  #words() {
    for (const [name, button] of Object.entries(this.#buttons)) setText(button, t(`still.view.${name}`));
    this.#area.setAttribute("aria-label", t("still.view.area"));
    if (!this.#picture) return;
    const { name, width, height } = this.#picture;
    setText(this.#title, t("still.view.title", { name }));
    setText(this.#note, t("still.view.note", { width, height }));
    this.#image.alt = t("still.view.title", { name });
  }

  /** The scale at which all of it can be seen, in CSS pixels for one of the picture. */
  get #fitting() {
    const { width, height } = this.#picture;
    return Math.min(this.#area.clientWidth / width, this.#area.clientHeight / height, 1) || 1;
  }

  #fit(told = true) {
    this.#set(this.#fitting, told);
    this.#fitted = true;
  }

  #zoom(by, at = null) {
    this.#set(this.#scale * by, true, at);
  }

  /** Another scale; the point `at` (of the area; its middle, if not given) stays where it is. */
  #set(scale, told = true, at = null) {
    const { width, height } = this.#picture;
    const area = this.#area;
    const [x, y] = at ?? [area.clientWidth / 2, area.clientHeight / 2];
    const point = [(area.scrollLeft + x) / this.#scale, (area.scrollTop + y) / this.#scale];
    this.#scale = Math.min(MOST / devicePixelRatio, Math.max(this.#fitting, scale));
    this.#fitted = this.#scale === this.#fitting;
    this.#image.style.width = `${width * this.#scale}px`;
    this.#image.style.height = `${height * this.#scale}px`;
    area.scrollTo(point[0] * this.#scale - x, point[1] * this.#scale - y);
    const percent = t("still.view.share", { percent: Math.round(this.#scale * devicePixelRatio * 100) });
    setText(this.#share, percent);
    if (told) this.#tell(percent);
  }

  /** Once it has come to rest: of the steps in between nobody wants to hear. */
  #tell(percent) {
    clearTimeout(this.#telling);
    this.#telling = setTimeout(() => say(percent), REST_MS);
  }

  #key(event) {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const move = MOVES[event.key];
    const acts = { "+": "in", "=": "in", "-": "out", 0: "fit", 1: "full", Escape: "close" };
    const name = acts[event.key];
    if (!name && !move) return;
    event.preventDefault();
    event.stopPropagation();
    if (move) this.#area.scrollBy(...move);
    else this.#buttons[name].click();
  }

  #wheel(event) {
    if (!event.ctrlKey) return; // without it, it scrolls
    event.preventDefault();
    const { left, top } = this.#area.getBoundingClientRect();
    this.#set(this.#scale * Math.exp(-event.deltaY / 200), false, [event.clientX - left, event.clientY - top]);
  }

  #wireMouse() {
    const area = this.#area;
    area.addEventListener("pointerdown", (event) => {
      if (event.pointerType === "mouse" && event.button === 0) area.setPointerCapture(event.pointerId);
    });
    area.addEventListener("pointermove", (event) => {
      if (area.hasPointerCapture(event.pointerId)) area.scrollBy(-event.movementX, -event.movementY);
    });
    area.addEventListener("dblclick", () => (this.#fitted ? this.#set(1 / devicePixelRatio) : this.#fit()));
  }

  /** Two fingers enlarge; one scrolls by itself. */
  #wireFingers() {
    let last = 0;
    const spread = ([a, b]) => Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY);
    const middle = ([a, b]) => {
      const { left, top } = this.#area.getBoundingClientRect();
      return [(a.clientX + b.clientX) / 2 - left, (a.clientY + b.clientY) / 2 - top];
    };
    this.#area.addEventListener("touchstart", ({ touches }) => { last = touches.length === 2 ? spread(touches) : 0; }, { passive: true });
    this.#area.addEventListener("touchmove", (event) => {
      if (event.touches.length !== 2 || last === 0) return;
      event.preventDefault();
      const now = spread(event.touches);
      this.#set(this.#scale * (now / last), false, middle(event.touches));
      last = now;
    }, { passive: false });
  }
}
