// What axe leaves to a person, settled: contrast over pictures, by the worst picture there can be, and captions of video.
// Texts that it leaves over are given back with the rule.
"use strict";
window.__unsettled ??= (() => {
  const BIG_PX = 24;
  const BIG_AND_BOLD_PX = 18.66;
  const pictures = "video, img, canvas, picture";
  const worst = [[0, 0, 0, 1], [255, 255, 255, 1]];

  // Any colour that CSS can name, as red, green, blue (to 255) and alpha.
  const paint = Object.assign(document.createElement("canvas"), { width: 1, height: 1 })
    .getContext("2d", { willReadFrequently: true });
  const colour = (css) => {
    paint.clearRect(0, 0, 1, 1);
    paint.fillStyle = css;
    paint.fillRect(0, 0, 1, 1);
    const [red, green, blue, alpha] = paint.getImageData(0, 0, 1, 1).data;
    return [red, green, blue, alpha / 255];
  };
  const over = ([...top], below) => [...[0, 1, 2].map((at) => top[at] * top[3] + below[at] * (1 - top[3])), 1];
  const light = (rgb) => {
    const [red, green, blue] = rgb.map((one) => one / 255).map((one) => (one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4));
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const contrast = (one, other) => {
    const [less, more] = [light(one), light(other)].sort((a, b) => a - b);
    return (more + 0.05) / (less + 0.05);
  };

  const meets = (one, other) => one.left < other.right && other.left < one.right && one.top < other.bottom && other.top < one.bottom;
  // Whether a picture lies beside `node` in its parent, and so under it or over it.
  const pictured = (node, box) => [...node.parentElement?.children ?? []].some((each) => each !== node
    && [each, ...each.querySelectorAll(pictures)].some((one) => one.matches(pictures) && meets(one.getBoundingClientRect(), box)));

  // What may be behind the words of `node`: its own background and those around it, down to one that hides all, to a
  // picture, which may be black or white, or to the page. Null where there is a drawn background.
  const behind = (node) => {
    const layers = [];
    const box = node.getBoundingClientRect();
    for (let at = node; at; at = at.parentElement) {
      const style = getComputedStyle(at);
      if (style.backgroundImage !== "none" || style.opacity !== "1") return null;
      const layer = colour(style.backgroundColor);
      layers.unshift(layer);
      if (layer[3] === 1) return [layers.reduce((below, each) => over(each, below))];
      if (at.matches("dialog") || !at.parentElement) break;
      if (pictured(at, box)) return worst.map((picture) => layers.reduce((below, each) => over(each, below), picture));
    }
    return [layers.reduce((below, each) => over(each, below), [255, 255, 255, 1])];
  };

  const readable = (node) => {
    const grounds = behind(node);
    if (grounds === null) return false;
    const { color, fontSize, fontWeight } = getComputedStyle(node);
    const px = parseFloat(fontSize);
    const wanted = px >= BIG_PX || (px >= BIG_AND_BOLD_PX && Number(fontWeight) >= 700) ? 3 : 4.5;
    return grounds.every((ground) => contrast(over(colour(color), ground), ground) >= wanted);
  };

  // What is seen live has no captions but what somebody writes meanwhile: what is played from a file has to have them.
  const settles = {
    "color-contrast": readable,
    "video-caption": (node) => node.srcObject instanceof MediaStream,
  };
  return (incomplete) => incomplete.flatMap(({ id, nodes }) => nodes.flatMap(({ target, element }) =>
    (settles[id]?.(element) ? [] : [`${id}, not settled: ${target.join(" ")}`])));
})();
