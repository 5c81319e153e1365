// A line in the head of the call: what becomes of a still picture, with a button to stop it.

import { byId, el, icon, setText } from "./dom.js";

export class Strip {
  #text = el("span");
  #button = el("button", { type: "button", className: "button", onclick: () => this.#act() });
  #box = el("div", { className: "still-strip", hidden: true }, icon("still"), this.#text, this.#button);
  #act = () => {};

  constructor() {
    byId("call-title").parentElement.append(this.#box);
  }

  /** Show `text`, and a button of this name that does `act`. */
  show(text, name, act) {
    setText(this.#text, text);
    setText(this.#button, name);
    this.#act = act;
    this.#box.hidden = false;
  }

  hide() {
    if (this.#box.contains(document.activeElement)) byId("call-title").focus();
    this.#box.hidden = true;
  }
}
