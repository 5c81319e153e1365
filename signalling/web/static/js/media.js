// This person's microphone, camera and shared screen. Emits `change` whenever a track or a problem changes.

const VIDEO = { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30, max: 30 } };
const AUDIO = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };
const KINDS = { mic: "audio", camera: "video" };
const PROBLEMS = {
  NotAllowedError: "refused",
  SecurityError: "refused",
  NotFoundError: "missing",
  OverconstrainedError: "missing",
  NotReadableError: "busy",
  AbortError: "busy",
};

/** Word for why a device could not be had: refused, missing, busy or failed. */
export const problemOf = (error) => PROBLEMS[error.name] ?? "failed";

export class LocalMedia extends EventTarget {
  tracks = { mic: null, camera: null, content: null };
  problems = { mic: null, camera: null };
  chosen = { mic: null, camera: null };
  facing = "user";
  muted = false; // the person's own wish
  heldMute = false; // the host's
  cameraOn = true;
  #closed = false;
  #turning = 0; // steps of the camera that are under way or to come
  #turn = Promise.resolve();

  /** Ask for both devices; if that fails, for each alone, so that one missing device does not cost the other. */
  async acquire() {
    this.problems = { mic: null, camera: null };
    const wanted = ["mic", "camera"].filter((source) => source === "mic" || this.cameraOn);
    try {
      this.#take(await navigator.mediaDevices.getUserMedia(this.#constraints(wanted)), wanted);
    } catch (error) {
      if (wanted.length === 1) this.problems[wanted[0]] = problemOf(error);
      else for (const source of wanted) await this.#acquireOne(source);
    }
    this.#changed();
  }

  async #acquireOne(source) {
    if (this.#closed) return;
    try {
      this.#take(await navigator.mediaDevices.getUserMedia(this.#constraints([source])), [source]);
      this.problems[source] = null;
    } catch (error) {
      this.problems[source] = problemOf(error);
    }
  }

  #constraints(sources) {
    const constraints = {};
    if (sources.includes("mic")) constraints.audio = { ...AUDIO, ...exactly(this.chosen.mic) };
    if (sources.includes("camera")) {
      const which = this.chosen.camera ? exactly(this.chosen.camera) : { facingMode: this.facing };
      constraints.video = { ...VIDEO, ...which };
    }
    return constraints;
  }

  #take(stream, sources) {
    for (const source of sources) {
      const [track] = source === "mic" ? stream.getAudioTracks() : stream.getVideoTracks();
      if (this.#closed || (source === "camera" && !this.cameraOn)) track.stop();
      else this.#put(source, track);
    }
  }

  #put(source, track) {
    this.tracks[source]?.stop();
    this.tracks[source] = track;
    if (source === "mic") this.#applyMute();
    if (source === "camera") track.contentHint = "motion"; // let sharpness give way before smoothness: people sign
    track.addEventListener("ended", () => this.#unplugged(source, track));
  }

  #unplugged(source, track) {
    if (this.tracks[source] !== track) return;
    this.tracks[source] = null;
    if (source in this.problems) this.problems[source] = "lost";
    this.#changed();
  }

  #drop(source) {
    const track = this.tracks[source];
    this.tracks[source] = null;
    track?.stop();
  }

  /** Whether the microphone is heard if the bridge lets it. */
  get micLive() {
    return Boolean(this.tracks.mic) && !this.muted && !this.heldMute;
  }

  get cameraLive() {
    return Boolean(this.tracks.camera);
  }

  /** Whether it is live, or will be when what is under way with it is done. */
  get cameraComes() {
    return this.cameraOn && (this.cameraLive || this.#turning > 0);
  }

  /** One step of the camera after the other: many telephones open one camera at a time, and the last wish counts. */
  #inTurn(step) {
    this.#turning += 1;
    const run = this.#turn.then(step).finally(() => { this.#turning -= 1; });
    this.#turn = run.catch(() => {});
    return run;
  }

  #applyMute() {
    if (this.tracks.mic) this.tracks.mic.enabled = !this.muted && !this.heldMute;
  }

  /** The person mutes or unmutes; unmuting without a microphone asks for one again. */
  async setMuted(muted) {
    this.muted = muted;
    if (!muted && !this.tracks.mic) await this.#acquireOne("mic");
    this.#applyMute();
    this.#changed();
  }

  /** The host's mute: the track is silenced here too, so that the sign on the page is true. */
  setHeldMute(held) {
    if (held === this.heldMute) return;
    this.heldMute = held;
    this.#applyMute();
    this.#changed();
  }

  /** Camera off releases the device, so that its light goes out. */
  async setCamera(on) {
    this.cameraOn = on;
    if (on) await this.#inTurn(() => this.cameraOn && this.#acquireOne("camera"));
    else this.#drop("camera");
    this.#changed();
  }

  /** Use another microphone or camera. */
  async choose(source, deviceId) {
    this.chosen[source] = deviceId || null;
    if (source === "mic") await this.#acquireOne("mic");
    else if (this.cameraOn) await this.#inTurn(() => this.#reopen());
    this.#changed();
  }

  async #reopen() {
    this.#drop("camera");
    await this.#acquireOne("camera");
  }

  /**
   * From the front camera to the back one or the reverse, or where cameras do not say where they are, to the next. Where
   * it cannot be had, the one before comes back. Resolves to whether it is another one now.
   */
  flip() {
    return this.#inTurn(() => this.#flip());
  }

  async #flip() {
    const before = { facing: this.facing, chosen: this.chosen.camera };
    const device = this.tracks.camera?.getSettings().deviceId;
    this.facing = this.facing === "user" ? "environment" : "user";
    this.chosen.camera = null;
    if (!this.cameraOn) return true;
    this.#drop("camera");
    const found = (await this.#open({ facingMode: { exact: this.facing } })) || (await this.#open(await nextTo(device)));
    if (!found) {
      Object.assign(this, { facing: before.facing });
      this.chosen.camera = before.chosen;
      await this.#acquireOne("camera");
    }
    this.#changed();
    return found;
  }

  /** Open one certain camera; resolves to whether that went well. */
  async #open(which) {
    if (!which || this.#closed) return false;
    try {
      this.#take(await navigator.mediaDevices.getUserMedia({ video: { ...VIDEO, ...which } }), ["camera"]);
    } catch {
      return false;
    }
    this.problems.camera = null;
    return true;
  }

  /** Share a screen or window. Resolves to false if the person changed their mind. */
  async share() {
    try {
      const stream = await navigator.mediaDevices.getDisplayMedia({ video: { frameRate: { max: 15 } }, audio: false });
      const [track] = stream.getVideoTracks();
      track.contentHint = "detail";
      if (this.#closed) {
        track.stop();
        return false;
      }
      this.#put("content", track);
    } catch (error) {
      if (error.name === "NotAllowedError" || error.name === "AbortError") return false;
      throw error;
    }
    this.#changed();
    return true;
  }

  stopSharing() {
    this.#drop("content");
    this.#changed();
  }

  /** Release everything. */
  close() {
    this.#closed = true;
    for (const source of Object.keys(this.tracks)) this.#drop(source);
  }

  #changed() {
    if (!this.#closed) this.dispatchEvent(new Event("change"));
  }
}

/** The camera that follows one, if there are several. */
async function nextTo(deviceId) {
  const { camera } = await listDevices();
  const next = camera[(camera.findIndex((each) => each.deviceId === deviceId) + 1) % (camera.length || 1)];
  return next && next.deviceId !== deviceId ? exactly(next.deviceId) : null;
}

function exactly(deviceId) {
  return deviceId ? { deviceId: { exact: deviceId } } : {};
}

/** Devices of the browser by use; the labels are empty until the person has allowed one. */
export async function listDevices() {
  const all = (await navigator.mediaDevices?.enumerateDevices?.()) ?? [];
  const of = (kind) => all.filter((device) => device.kind === kind && device.deviceId);
  return { mic: of(`${KINDS.mic}input`), camera: of(`${KINDS.camera}input`), speaker: of("audiooutput") };
}
