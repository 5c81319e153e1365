// What others write, large over the pictures. Readers of screens have the same lines from a log of their own.

import { byId, el, reconcile, setText } from "./dom.js";

const ROWS = 3;
const LONGEST = 180; // characters of a row; of a longer one the end is shown, which is new
const LINGER_MS = 15_000;

const shortened = (text) => {
  const letters = [...text];
  return letters.length > LONGEST ? `… ${letters.slice(-LONGEST).join("")}` : text;
};

export class Captions {
  #done = []; // {key, name, text}
  #shown = false;
  #next = 0;
  #timer = 0;
  #box = el("div", { id: "captions", className: "captions", "aria-hidden": "true", hidden: true });

  constructor() {
    byId("stage").append(this.#box);
  }

  show(shown) {
    this.#shown = shown;
  }

  /** A line is done. */
  add(name, text) {
    this.#done = [...this.#done, { key: `done ${this.#next++}`, name, text }].slice(-ROWS);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#done = [];
      this.draw([]);
    }, LINGER_MS);
  }

  clear() {
    this.#done = [];
    clearTimeout(this.#timer);
    this.draw([]);
  }

  /** Draw with those who are writing: {participant, name, text}. */
  draw(writing) {
    const live = writing.filter(({ text }) => text).map((each) => ({ ...each, key: `live ${each.participant}` }));
    const rows = [...this.#done, ...live].slice(-ROWS);
    this.#box.hidden = !this.#shown || rows.length === 0;
    const make = () => el("p", {}, el("bdi", { className: "name" }), " ", el("bdi", { className: "text" }));
    reconcile(this.#box, rows, ({ key }) => key, make, (row, { name, text }) => {
      setText(row.querySelector(".name"), name);
      setText(row.querySelector(".text"), shortened(text));
    });
  }
}
