// Encryption of still pictures, from one page to another, as PROTOCOL.md section 11 has it. No document here.

const CURVE = { name: "ECDH", namedCurve: "P-256" };
const VERSION = 1;
const POINT = 65;
const CHUNK = 65_536;
const TAG = 16;
const FORMS = ["image/jpeg", "image/webp"]; // by their number, from 1

const base64url = (bytes) =>
  btoa(String.fromCharCode(...bytes)).replace(/\+/g, "-").replace(/\//g, "_").replace(/=/g, "");

const fromBase64url = (text) =>
  Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (letter) => letter.charCodeAt(0));

/** A key pair for one picture: {pair, raw, text}, of which `text` is what is told to the other side. */
export async function makeKey() {
  const pair = await crypto.subtle.generateKey(CURVE, false, ["deriveBits"]);
  const raw = new Uint8Array(await crypto.subtle.exportKey("raw", pair.publicKey));
  return { pair, raw, text: base64url(raw) };
}

/** The key of both sides; `points` are the public keys of who asked and who sends, in this order. */
async function sharedKey(own, others, points, still, usage) {
  const other = await crypto.subtle.importKey("raw", others, CURVE, false, []);
  const secret = await crypto.subtle.deriveBits({ name: "ECDH", public: other }, own.pair.privateKey, 256);
  const base = await crypto.subtle.importKey("raw", secret, "HKDF", false, ["deriveKey"]);
  const info = new TextEncoder().encode(`brotjeneste still ${VERSION} ${still}`);
  const salt = new Uint8Array([...points[0], ...points[1]]);
  const how = { name: "HKDF", hash: "SHA-256", salt, info };
  return crypto.subtle.deriveKey(how, base, { name: "AES-GCM", length: 256 }, false, [usage]);
}

/** STREAM (Hoang, Reyhanitabar, Rogaway, Vizar 2015): number and end are in the nonce. */
function nonce(number, last) {
  const iv = new Uint8Array(12);
  new DataView(iv.buffer).setUint32(7, number);
  iv[11] = Number(last);
  return { name: "AES-GCM", iv };
}

/** Encrypt a picture (a Blob) for the page that has the key `asker` (text); resolves to a Blob. */
export async function seal(picture, asker, still) {
  const own = await makeKey();
  const others = fromBase64url(asker);
  const key = await sharedKey(own, others, [others, own.raw], still, "encrypt");
  const form = FORMS.indexOf(picture.type) + 1;
  if (form === 0) throw new TypeError(`no form for ${picture.type}`);
  const plain = new Blob([Uint8Array.of(form), picture]);
  const parts = [Uint8Array.of(VERSION), own.raw];
  const count = Math.ceil(plain.size / CHUNK);
  for (let number = 0; number < count; number += 1) {
    const chunk = await plain.slice(number * CHUNK, (number + 1) * CHUNK).arrayBuffer();
    parts.push(await crypto.subtle.encrypt(nonce(number, number === count - 1), key, chunk));
  }
  return new Blob(parts);
}

/** Decrypt what `seal` made for the key pair `own`; resolves to a Blob, rejects where anything was changed. */
export async function open(bytes, own, still) {
  if (bytes[0] !== VERSION || bytes.length <= 1 + POINT + TAG) throw new TypeError("no sealed picture");
  const others = bytes.slice(1, 1 + POINT);
  const key = await sharedKey(own, others, [own.raw, others], still, "decrypt");
  const body = bytes.subarray(1 + POINT);
  const count = Math.ceil(body.length / (CHUNK + TAG));
  const parts = [];
  for (let number = 0; number < count; number += 1) {
    const chunk = body.subarray(number * (CHUNK + TAG), (number + 1) * (CHUNK + TAG));
    parts.push(await crypto.subtle.decrypt(nonce(number, number === count - 1), key, chunk));
  }
  const plain = new Blob(parts);
  const [form] = new Uint8Array(await plain.slice(0, 1).arrayBuffer());
  if (!(form - 1 in FORMS)) throw new TypeError("a picture of no known form");
  return plain.slice(1, plain.size, FORMS[form - 1]);
}
