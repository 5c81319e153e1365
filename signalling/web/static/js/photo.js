// One picture of a camera at its full resolution, while the call goes on with the same track.

const PHOTO_MS = 8000; // some telephones never answer
const SETTLE_MS = 3000;
const MOST_PIXELS = 16_700_000; // as large as a canvas may be on every telephone
const RATHER = { width: 4096, height: 2304 }; // asked for where a browser does not say what its camera can
const FORMS = [["image/jpeg", 0.92], ["image/webp", 0.8], ["image/jpeg", 0.8], ["image/webp", 0.6], ["image/jpeg", 0.6]];

const within = (milliseconds, promise) =>
  Promise.race([promise, new Promise((_, reject) => setTimeout(() => reject(new Error("timeout")), milliseconds))]);

const pixels = (picture) => (picture ? picture.width * picture.height : 0);

/** What the camera says that it can at most, in pixels; 0 where it says nothing. */
const most = (able) => (able.width?.max ?? 0) * (able.height?.max ?? 0);

/** By the camera's own shutter (Image Capture, W3C), which gives all that the sensor has. */
async function shutter(track) {
  if (!window.ImageCapture?.prototype.takePhoto) return null;
  const capture = new ImageCapture(track);
  const able = await capture.getPhotoCapabilities().catch(() => ({}));
  const largest = able.imageWidth?.max ? { imageWidth: able.imageWidth.max, imageHeight: able.imageHeight.max } : {};
  return createImageBitmap(await within(PHOTO_MS, capture.takePhoto(largest)));
}

/** The next picture of the track once it has the size that its settings say. */
async function frame(track) {
  const video = Object.assign(document.createElement("video"), { muted: true, playsInline: true });
  video.srcObject = new MediaStream([track]);
  await video.play();
  const until = performance.now() + SETTLE_MS;
  const settled = () => {
    const { width, height } = track.getSettings();
    return !width || video.videoWidth * video.videoHeight >= width * height;
  };
  while ((video.readyState < HTMLMediaElement.HAVE_CURRENT_DATA || !settled()) && performance.now() < until) {
    await new Promise((done) => setTimeout(done, 50));
  }
  const picture = await createImageBitmap(video);
  video.srcObject = null;
  return picture;
}

/** By the track itself, brought to its highest resolution for a moment and back. */
async function raised(track) {
  const able = track.getCapabilities?.() ?? {};
  const before = track.getConstraints();
  const now = track.getSettings();
  const higher = { width: { ideal: able.width?.max ?? RATHER.width }, height: { ideal: able.height?.max ?? RATHER.height } };
  const gains = most(able) === 0 || most(able) > now.width * now.height;
  if (gains) await track.applyConstraints({ ...before, ...higher }).catch(() => {});
  try {
    return await frame(track);
  } finally {
    if (gains) await track.applyConstraints(before).catch(() => {});
  }
}

/** One picture of the camera whose track this is, as large as it can be had; rejects where it gives none. */
export async function photograph(track) {
  const photo = await shutter(track).catch(() => null);
  if (photo && pixels(photo) >= most(track.getCapabilities?.() ?? {})) return photo;
  const picture = await raised(track).catch(() => null);
  const best = pixels(picture) > pixels(photo) ? picture : photo;
  if (!best) throw new Error("the camera gave no picture");
  return best;
}

/**
 * The picture as a file of at most `budget` bytes, if it can be that small: in fewer pixels only where a canvas cannot hold
 * them. What the camera wrote beside the picture, such as the place, is not in it.
 */
export async function encode(picture, budget) {
  const scale = Math.min(1, Math.sqrt(MOST_PIXELS / pixels(picture)));
  const size = { width: Math.floor(picture.width * scale), height: Math.floor(picture.height * scale) };
  const canvas = Object.assign(document.createElement("canvas"), size);
  canvas.getContext("2d").drawImage(picture, 0, 0, size.width, size.height);
  let best = null;
  for (const [type, quality] of FORMS) {
    const file = await new Promise((done) => canvas.toBlob(done, type, quality));
    // A browser that cannot write a form gives another instead, which is larger.
    if (file?.type === type && (!best || file.size < best.size)) best = file;
    if (best && best.size <= budget) break;
  }
  picture.close();
  if (!best) throw new Error("the picture cannot be encoded");
  return best;
}
