// How loud the sound of each slot is as it is played. What a bridge forwards or joins says nothing of that in its packets.

export class Hearing {
  #levels = new Map(); // mid -> 0 silent .. 1 full scale
  #asking = false;

  /** Measure these receivers anew, [mid, RTCRtpReceiver] each, unless the last time is not over. */
  async measure(receivers) {
    if (this.#asking) return;
    this.#asking = true;
    try {
      this.#levels = new Map(await Promise.all(receivers.map(async ([mid, receiver]) => [mid, await levelOf(receiver)])));
    } finally {
      this.#asking = false;
    }
  }

  /** What was measured last; 0 for a slot of which nothing is known. */
  level(mid) {
    return this.#levels.get(mid) ?? 0;
  }
}

async function levelOf(receiver) {
  for (const stat of (await receiver.getStats()).values()) if (stat.type === "inbound-rtp") return stat.audioLevel ?? 0;
  return 0;
}
