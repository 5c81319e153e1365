// One tile of the stage: picture or initials, name and role, signs for mute, speech and pin.

import { el, icon, setText } from "./dom.js";
import { standing, t } from "./i18n.js";

/** Up to two initials. */
export function initials(name) {
  const words = name.trim().split(/\s+/).filter(Boolean);
  const letters = words.length > 1 ? [words[0], words.at(-1)] : words;
  return letters.map((word) => [...word][0].toLocaleUpperCase()).join("");
}

/** The tile of what somebody shares. */
export function contentTile(person) {
  return { key: `content ${person.participant}`, person, content: true, mirror: false, muted: false, pinned: false, pin: null };
}

export function makeTile(tag, tile) {
  const video = el("video", { muted: true, autoplay: true, playsInline: true });
  video.setAttribute("playsinline", "");
  const signs = el("span", { className: "signs" });
  signs.append(
    el("span", { className: "sign muted-sign" }, icon("mic-off"), el("span")),
    el("span", { className: "sign speaking-sign" }, icon("speaking"), el("span")),
  );
  const caption = el("div", { className: "caption" }, el("span", { className: "name" }), el("span", { className: "role" }));
  const node = el(
    tag,
    { className: tile.content ? "tile content" : "tile" },
    video,
    el("div", { className: "no-camera" }, el("span", { className: "initials", ariaHidden: "true" }), el("span", { className: "why" })),
    el("div", { className: "foot" }, caption, signs),
  );
  video.addEventListener("loadeddata", () => node.classList.add("seen"));
  video.addEventListener("emptied", () => node.classList.remove("seen"));
  if (!tile.content) node.dataset.participant = tile.person.participant;
  if (tile.pin) node.append(el("button", { type: "button", className: "pin", onclick: tile.pin }, icon("pin"), el("span")));
  return node;
}

function reason(tile) {
  if (!tile.person.connected && !tile.person.you) return t("tile.lineLost");
  if (tile.picture) return t("tile.coming");
  if (tile.content) return t("tile.coming");
  if (tile.person.line === "telephone") return t("tile.telephone");
  return t(tile.person.camera && !tile.person.you ? "tile.noSlot" : "tile.noCamera");
}

export function fillTile(node, tile) {
  const { person } = tile;
  const video = node.querySelector("video");
  if (video.srcObject !== tile.picture) video.srcObject = tile.picture;
  node.classList.toggle("picture", Boolean(tile.picture));
  node.classList.toggle("mirror", tile.mirror);
  node.classList.toggle("muted", tile.muted);
  node.classList.toggle("pinned", tile.pinned);
  node.classList.toggle("lost", !person.connected && !person.you);
  const name = tile.content ? t("tile.shares", { name: person.name }) : person.you ? t("tile.you") : person.name;
  setText(node.querySelector(".name"), name);
  setText(node.querySelector(".role"), tile.content ? "" : standing(person));
  setText(node.querySelector(".initials"), initials(person.name));
  setText(node.querySelector(".why"), reason(tile));
  setText(node.querySelector(".muted-sign span"), t("tile.muted"));
  setText(node.querySelector(".speaking-sign span"), t("tile.speaking"));
  video.setAttribute("aria-label", t(tile.content ? "tile.sharedPicture" : "tile.picture", { name: person.name }));
  const pin = node.querySelector(".pin");
  if (!pin) return;
  setText(pin.lastChild, t(tile.pinned ? "tile.unpin" : "tile.pin"));
  pin.setAttribute("aria-label", t(tile.pinned ? "tile.unpinName" : "tile.pinName", { name: person.name }));
}
