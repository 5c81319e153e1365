// A sealed picture on its way through the bridge: pieces put by the one page and fetched by the other.

import { Pace } from "./pace.js";

const TRIES = 20;
const TRY_MS = 500; // so ten seconds for another network to be there

const pause = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

async function piece(method, { still, token, signal }, number, body) {
  const address = `/api/v1/stills/${still}/pieces/${number}`;
  const headers = { Authorization: `Bearer ${token}` };
  const wish = { method, headers, body, signal, cache: "no-store", credentials: "omit" };
  for (let left = TRIES; ; left -= 1) {
    try {
      const answer = await fetch(address, wish);
      if (!answer.ok) throw new Error(`a piece was answered with ${answer.status}`);
      return new Uint8Array(await answer.arrayBuffer());
    } catch (error) {
      // A TypeError is the network's; the bridge takes and gives the same piece again.
      if (signal.aborted || !(error instanceof TypeError) || left === 0) throw error;
      await pause(TRY_MS);
    }
  }
}

/** Send a Blob; `way` has still, token and signal, `progress` is told the share that has come. */
export async function send(way, sealed, progress) {
  const pace = new Pace();
  for (let [at, number] = [0, 0]; at < sealed.size; number += 1) {
    const part = sealed.slice(at, at + pace.size);
    const body = await part.arrayBuffer();
    const began = performance.now();
    await piece("PUT", way, number, body);
    at += part.size;
    progress(at / sealed.size);
    await pause(pace.took(performance.now() - began));
  }
}

/** Fetch `size` bytes; resolves to them. */
export async function receive(way, size, progress) {
  const bytes = new Uint8Array(size);
  for (let [at, number] = [0, 0]; at < size; number += 1) {
    const part = await piece("GET", way, number);
    if (part.length === 0 || at + part.length > size) throw new Error("not the picture that was announced");
    bytes.set(part, at);
    at += part.length;
    progress(at / size);
  }
  return bytes;
}
