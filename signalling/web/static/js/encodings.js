// What a picture is sent in: the encodings of one sender, lowest quality first, for the size that the camera has and
// for what the bridge demands. Pure but for `send`.

import { choose } from "./codec.js";

export const RIDS = ["l", "m", "h"];
const MODE = "L1T3"; // three temporal layers, so that a thin receiver can get fewer frames of the same picture
const OFF = null;
const CONTENT = { scaleResolutionDownBy: 1, maxBitrate: 2_000_000 };

// Browsers drop the encodings at the end of the list, the sharpest, when a picture is small for their number: above
// 960x540 Chromium makes three, above 480x270 two. The maximum of the one in the middle is more than it gets beside
// a third. The smallest fits 300 kbit/s beside sound, with all its pictures.
const LADDERS = [
  { pixels: 960 * 540, steps: [step(4, 150_000), step(2, 600_000), step(1, 1_500_000)] },
  { pixels: 480 * 270, steps: [step(2, 150_000), step(1, 1_000_000), OFF] },
  { pixels: 0, steps: [step(1, 500_000), OFF, OFF] },
];

function step(scaleResolutionDownBy, maxBitrate) {
  return { scaleResolutionDownBy, maxBitrate };
}

/** For a camera of width x height pixels; a size that is not known counts as small, for which nothing gets lost. */
export function ladder(width = 0, height = 0) {
  return LADDERS.find(({ pixels }) => width * height >= pixels).steps;
}

/** `sendEncodings` of the camera, from the most that a browser may take to the least that it must. */
export function cameraOffers(width, height) {
  const steps = ladder(width, height);
  const plain = steps.map((each, i) => ({ rid: RIDS[i], active: each !== OFF, ...(each ?? step(1, 500_000)) }));
  return [plain.map((each) => ({ ...each, scalabilityMode: MODE })), plain, [sharpest(steps)]];
}

/** The same for shared content: in one size, since small text is no text. */
export function contentOffers() {
  return [[{ ...CONTENT, scalabilityMode: MODE }], [{ ...CONTENT }]];
}

function sharpest(steps) {
  return steps.findLast((each) => each !== OFF);
}

/**
 * The `count` encodings that a sender shall have: what the ladder gives, less what the bridge does not want.
 * `demand` is a list of {active, max_bitrate} in their order, or null while the bridge has wished for nothing. A wish
 * for one that the ladder lacks goes to the best that it has.
 */
export function shape(steps, count, demand = null) {
  const offered = count === 1 ? [sharpest(steps)] : steps.slice(0, count);
  const top = offered.findLastIndex((each) => each !== OFF);
  const wishes = offered.map((each, i) => wishFor(i, top, demand));
  return offered.map((each, i) => {
    if (each === OFF) return { active: false };
    const { active, most } = wishes[i];
    return { active, ...each, maxBitrate: Math.min(each.maxBitrate, most) };
  });
}

function wishFor(index, top, demand) {
  const wishes = demand === null ? [] : index === top ? demand.slice(index) : demand.slice(index, index + 1);
  if (wishes.length === 0) return { active: true, most: Infinity };
  const active = wishes.filter((wish) => wish.active);
  return { active: active.length > 0, most: Math.max(...(active.length > 0 ? active : wishes).map(limit)) };
}

function limit(wish) {
  return wish.max_bitrate ?? Infinity;
}

/** `add(sendEncodings)` with the first of the offers that this browser takes. */
export function firstTaken(offers, add) {
  for (const offer of offers.slice(0, -1)) {
    try {
      return add(offer);
    } catch {
      // An older browser: it does without layers in time, or without several sizes.
    }
  }
  return add(offers.at(-1));
}

/** Give a sender's encodings these values and this codec, if it has others; rejects where the browser refuses. */
export async function send(sender, wanted, payloadType = null) {
  const parameters = sender.getParameters();
  const { encodings } = parameters;
  const changed = encodings.some((encoding, i) =>
    Object.entries(wanted[i] ?? {}).some(([name, value]) => encoding[name] !== value));
  if (!choose(parameters, payloadType) && !changed) return;
  encodings.forEach((encoding, i) => Object.assign(encoding, wanted[i]));
  await sender.setParameters(parameters);
}
