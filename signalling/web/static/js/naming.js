// Links that are for many: whoever opens one says who they are before they go in. The bridge says which those are.

import { byId, el, setText } from "./dom.js";
import { onLanguage, t } from "./i18n.js";
import { forgetNaming, forgetResume, keepNaming, readNaming, resumeKey } from "./token.js";

export class Naming {
  #box = null;
  #known = readNaming();

  /** Whether this tab's link is for many. */
  get wanted() {
    return this.#known !== null;
  }

  /** What `join` says, or null. */
  get name() {
    return this.#known?.name || null;
  }

  /** The bridge wants a name: begin again with the question. */
  ask() {
    keepNaming({ name: null });
    location.reload();
  }

  /** Put the question on the start screen, if there is one. */
  show() {
    if (!this.wanted) return;
    const input = el("input", { type: "text", id: "start-name", maxLength: 80, required: true, autocomplete: "off", autocapitalize: "words" });
    input.setAttribute("aria-describedby", "start-name-hint");
    input.value = this.name ?? "";
    const label = el("label", { htmlFor: "start-name", data: { i18n: "naming.label" } });
    const hint = el("p", { id: "start-name-hint", className: "hint", data: { i18n: "naming.hint" } });
    this.#box = el("div", { className: "naming" }, label, input, hint, el("p", { id: "start-name-problem", className: "problem", role: "alert" }));
    byId("enter").before(this.#box);
    onLanguage(() => this.#draw());
  }

  #draw() {
    for (const node of this.#box.querySelectorAll("[data-i18n]")) setText(node, t(node.dataset.i18n));
    if (byId("start-name-problem").textContent) setText(byId("start-name-problem"), t("naming.missing"));
  }

  /** Whether the question is answered, or there is none; else the person is shown what is missing. */
  answered() {
    if (!this.#box) return true;
    const name = byId("start-name").value.trim();
    setText(byId("start-name-problem"), name ? "" : t("naming.missing"));
    if (!name) {
      byId("start-name").focus();
      return false;
    }
    this.#known = { name };
    keepNaming(this.#known);
    return true;
  }

  /** The visit is over: the next one at this computer may be somebody else, and is nobody's successor. */
  over(code, token) {
    if (!this.wanted || code === "replaced") return;
    forgetNaming();
    if (["left", "ended", "cancelled"].includes(code)) resumeKey(token).then(forgetResume);
    if (code === "left") keepNaming({ name: null });
  }
}
