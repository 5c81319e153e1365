// The exchange of a test: one connection sends own picture and sound to the bridge, another gets them back.

import { audioContext } from "./announce.js";
import { LevelMeter } from "./level.js";
import { preferCodecs, usable } from "./peer.js";
import { TrialLine } from "./trialline.js";

const TEST_MAX_BPS = 1_500_000; // as much as a camera sends in a call
const CONNECT_MS = 8000;
const FIRST_PICTURE_MS = 4000;
const LOOK_MS = 250;
const TONE_HZ = 440;
const TONE_GAIN = 0.05;
const HEARD = 0.05; // as LevelMeter gives it; the tone alone is at 0.14
const DRAWN = { width: 640, height: 360, fps: 15 };

const pause = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

/** What is sent: the person's own tracks, with a soft tone in the sound so that silence is never taken for a fault. */
function makeSource(media) {
  const audio = audioContext();
  audio.resume().catch(() => {});
  const mixed = audio.createMediaStreamDestination();
  const tone = new OscillatorNode(audio, { frequency: TONE_HZ });
  tone.connect(new GainNode(audio, { gain: TONE_GAIN })).connect(mixed);
  tone.start();
  const mic = media.tracks.mic ? audio.createMediaStreamSource(new MediaStream([media.tracks.mic])) : null;
  mic?.connect(mixed);
  const drawn = media.tracks.camera ? null : drawPicture();
  return {
    mic: mixed.stream.getAudioTracks()[0],
    camera: media.tracks.camera ?? drawn.track,
    stop() {
      tone.stop();
      mic?.disconnect();
      drawn?.stop();
    },
  };
}

/** A picture that moves, in place of a camera that is off or missing: the network is tried all the same. */
function drawPicture() {
  const canvas = Object.assign(document.createElement("canvas"), { width: DRAWN.width, height: DRAWN.height });
  const paint = canvas.getContext("2d");
  let step = 0;
  const timer = setInterval(() => {
    step += 1;
    for (let x = 0; x < DRAWN.width; x += 40) {
      paint.fillStyle = `hsl(${(x + step * 7) % 360} 40% ${30 + ((x / 40 + step) % 5) * 10}%)`;
      paint.fillRect(x, 0, 40, DRAWN.height);
    }
  }, 1000 / DRAWN.fps);
  const [track] = canvas.captureStream(DRAWN.fps).getVideoTracks();
  return {
    track,
    stop() {
      clearInterval(timer);
      track.stop();
    },
  };
}

async function negotiate(line, pc, sources) {
  await pc.setLocalDescription(await pc.createOffer());
  const named = Object.fromEntries(Object.entries(sources).map(([name, transceiver]) => [name, transceiver.mid]));
  const { sdp } = await line.ask("offer", { sdp: pc.localDescription.sdp, sources: named });
  await pc.setRemoteDescription({ type: "answer", sdp });
  return reached(pc, CONNECT_MS);
}

/** Resolves to whether the connection comes up within so many milliseconds. */
function reached(pc, milliseconds) {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(false), milliseconds);
    const look = () => {
      if (!["connected", "failed", "closed"].includes(pc.connectionState)) return;
      clearTimeout(timer);
      resolve(pc.connectionState === "connected");
    };
    pc.addEventListener("connectionstatechange", look);
    look();
  });
}

async function connectSender(line, pc, source) {
  const mic = pc.addTransceiver(source.mic, { direction: "sendonly" });
  const sendEncodings = [{ active: false, maxBitrate: TEST_MAX_BPS }];
  const camera = pc.addTransceiver(source.camera, { direction: "sendonly", sendEncodings });
  preferCodecs(camera);
  return (await negotiate(line, pc, { mic, camera })) ? camera.sender : null;
}

/**
 * Send the picture from now on: before, it would fill a thin link while the other connection is still being made. Nobody waits for
 * this, since it never ends where the connection is closed meanwhile; a browser that cannot has sent it all the time.
 */
async function showPicture(sender) {
  const parameters = sender.getParameters();
  for (const encoding of parameters.encodings ?? []) encoding.active = true;
  await sender.setParameters(parameters);
}

async function connectReceiver(line, pc, gotPicture) {
  const sound = pc.addTransceiver("audio", { direction: "recvonly" });
  const picture = pc.addTransceiver("video", { direction: "recvonly" });
  preferCodecs(picture);
  gotPicture(picture.receiver.track);
  return (await negotiate(line, pc, {})) ? new Ear(sound.receiver.track) : null;
}

/** Listens, without letting the person hear it, whether what comes back is more than silence. */
class Ear {
  heard = false;
  #meter = new LevelMeter();
  #silent = new Audio(); // some browsers decode sound only for an element that plays it

  constructor(track) {
    Object.assign(this.#silent, { muted: true, srcObject: new MediaStream([track]) });
    this.#silent.play().catch(() => {});
    this.#meter.follow(track);
  }

  /** Look once; where the browser holds all sound back, nothing can be said, and nothing is held against it. */
  listen() {
    const level = this.#meter.read();
    this.heard ||= level === null || level > HEARD;
  }

  close() {
    this.#meter.follow(null);
    this.#silent.srcObject = null;
  }
}

/** The counters that matter, summed over both kinds; jitter in ms is that of the worse one. */
async function look(pc) {
  const sum = { at: performance.now(), packets: 0, lost: 0, bytes: 0, sent: 0, jitter: 0, frames: 0, samples: 0, concealed: 0, rtt: null, capacity: null };
  for (const stat of (await pc.getStats()).values()) {
    if (stat.type === "outbound-rtp") sum.sent += stat.bytesSent;
    if (stat.type === "candidate-pair" && stat.nominated) {
      sum.rtt = stat.currentRoundTripTime === undefined ? null : stat.currentRoundTripTime * 1000;
      sum.capacity = stat.availableOutgoingBitrate === undefined ? null : stat.availableOutgoingBitrate / 1000;
    }
    if (stat.type !== "inbound-rtp") continue;
    sum.packets += stat.packetsReceived;
    sum.lost += stat.packetsLost;
    sum.bytes += stat.bytesReceived;
    sum.frames += stat.framesDecoded ?? 0;
    sum.samples += stat.totalSamplesReceived ?? 0;
    sum.concealed += (stat.concealedSamples ?? 0) - (stat.silentConcealedSamples ?? 0);
    sum.jitter = Math.max(sum.jitter, (stat.jitter ?? 0) * 1000);
  }
  return sum;
}

async function firstPicture(pc, signal) {
  for (let waited = 0; waited < FIRST_PICTURE_MS && !signal.aborted; waited += LOOK_MS) {
    const now = await look(pc);
    if (now.frames > 0) return;
    await pause(LOOK_MS);
  }
}

const share = (part, whole) => (whole > 0 ? Math.min(100, Math.max(0, (100 * part) / whole)) : null);
const kbps = (bytes, from, to) => Math.max(0, (bytes * 8) / Math.max(1, to.at - from.at));

/** The report of what came between two looks at the receiver and two at the sender. */
export function report([from, to], [sentFrom, sentTo], heard) {
  const received = to.packets - from.packets;
  const lost = Math.max(0, to.lost - from.lost);
  const down = {
    loss_percent: received > 0 ? (100 * lost) / (received + lost) : 0,
    jitter_ms: to.jitter,
    bitrate_kbps: kbps(to.bytes - from.bytes, from, to),
  };
  return {
    sent_kbps: kbps(sentTo.sent - sentFrom.sent, sentFrom, sentTo),
    down: received > 0 ? down : null,
    rtt_ms: sentTo.rtt,
    capacity_kbps: sentTo.capacity,
    concealed_percent: share(to.concealed - from.concealed, to.samples - from.samples),
    frames: Math.max(0, to.frames - from.frames),
    sound: heard,
  };
}

const NOTHING = { sent_kbps: 0, down: null, rtt_ms: null, capacity_kbps: null, concealed_percent: null, frames: 0, sound: false };

async function measure(line, pcs, source, seconds, hooks) {
  const [sender, receiver] = pcs;
  const camera = await connectSender(line, sender, source);
  if (!camera) return NOTHING;
  const ear = await connectReceiver(line, receiver, hooks.picture);
  if (!ear) return NOTHING;
  showPicture(camera).catch(() => {});
  await firstPicture(receiver, hooks.signal);
  const before = [await look(receiver), await look(sender)];
  const steps = Math.ceil((seconds * 1000) / LOOK_MS);
  for (let step = 1; step <= steps && !hooks.signal.aborted; step += 1) {
    await pause(LOOK_MS);
    ear.listen();
    hooks.progress(step / steps);
  }
  ear.close();
  const after = [await look(receiver), await look(sender)];
  return report([before[0], after[0]], [before[1], after[1]], ear.heard);
}

/**
 * Send own picture and sound to the bridge and back, for some seconds. Resolves to the bridge's `tested`; rejects with
 * ProtocolError. `hooks`: picture(track) gives what comes back, progress(share) counts to 1, signal aborts all of it.
 */
export async function exchange(url, token, media, hooks) {
  const line = new TrialLine(url);
  const pcs = [];
  let source = null;
  let over = false;
  const stop = () => {
    if (over) return;
    over = true;
    for (const pc of pcs) pc.close();
    source?.stop();
    line.close();
  };
  hooks.signal.addEventListener("abort", stop);
  try {
    const { seconds, ice_servers: servers } = await line.begin(token);
    source = makeSource(media);
    for (let count = 0; count < 2; count += 1) {
      pcs.push(new RTCPeerConnection({ bundlePolicy: "max-bundle", iceServers: usable(servers) }));
    }
    const told = await measure(line, pcs, source, seconds, hooks);
    return await line.ask("test_report", told);
  } finally {
    stop();
  }
}
