// The test before entry: camera, microphone, loudspeaker, network, each alone on the screen, then what came of it.

import { audioContext, chime, say } from "./announce.js";
import { byTelephone } from "./cannot.js";
import { byId, el, icon, setText } from "./dom.js";
import { exchange } from "./exchange.js";
import { language, t, tCode } from "./i18n.js";
import { showTrack } from "./preview.js";
import { testFigures } from "./stats.js";

const STEPS = ["camera", "mic", "speaker", "network"];
const TEST_LOUDNESS = 0.3;
const LEVEL_MS = 100;
const SIGNS = { good: "good", weak: "fair", unusable: "poor", works: "good", fails: "poor" };
// What can be done about each reason, the easiest first.
const ADVICE = ["blocked", "near", "mobile", "close", "browser", "phone"];
const REMEDIES = {
  blocked: ["blocked"],
  bridge: [], // but to wait, which the result itself says
  loss_up: ["near", "mobile", "close"],
  loss_down: ["near", "mobile", "close"],
  rate_up: ["near", "mobile", "close"],
  rate_down: ["near", "mobile", "close"],
  jitter_up: ["near", "mobile", "close"],
  jitter_down: ["near", "mobile", "close"],
  delay: ["mobile", "close"],
  no_picture: ["browser"],
  no_sound: ["browser"],
};

/** Keys of the advice for a verdict and its reasons; one that is new to this page gets none. */
export function adviceFor({ verdict, reasons, calls }) {
  const wanted = new Set(reasons.flatMap((reason) => REMEDIES[reason] ?? []));
  if (verdict === "unusable") {
    if (!calls) wanted.add("phone");
    wanted.delete("close"); // three are as many as anybody tries
  }
  return ADVICE.filter((each) => wanted.has(each));
}

/** The word for the network: what the bridge lost, or only this browser did not bring back, is not held against it. */
export function networkWord({ verdict, reasons }) {
  if (reasons.includes("bridge")) return "busy";
  const own = reasons.every((reason) => REMEDIES[reason]?.includes("browser"));
  return verdict === "weak" && own ? "good" : verdict;
}

/** The word for the whole: the network's, but for something else that fails on a good one. */
export function headline(found, advice) {
  if (found.network !== "good") return found.network;
  return Object.values(found).includes("fails") || advice.length > 0 ? "devices" : "good";
}

export class SelfTest {
  #media;
  #level;
  #speaker;
  #show;
  #over;
  #step = null;
  #found = {};
  #tested = null;
  #helped = false; // whether this step's "no" was pressed
  #played = false;
  #network = null;
  #connect = null;

  /** `speaker()` gives the chosen loudspeaker; `show(screen, title)` changes the screen; `over(code)` ends the page. */
  constructor(media, { level, speaker, show, over }) {
    this.#media = media;
    this.#level = level;
    this.#speaker = speaker;
    this.#show = show;
    this.#over = over;
    setInterval(() => this.#drawLevel(), LEVEL_MS);
    media.addEventListener("change", () => this.draw());
  }

  /** Begin; `connect` is {url, token}. */
  begin(connect) {
    audioContext().resume().catch(() => {}); // this press is what browsers wait for before they let sound through
    this.#found = {};
    this.#tested = null;
    byId("test-yes").onclick = () => this.#answer(true);
    byId("test-no").onclick = () => this.#answer(false);
    byId("test-replay").onclick = () => this.#play();
    byId("test-again").onclick = () => this.#again(connect);
    this.#connect = connect;
    this.#go("camera");
  }

  /** Only what is in question: the network alone where all devices work. */
  #again(connect) {
    if (Object.values(this.#found).includes("fails")) this.begin(connect);
    else this.#go("network");
  }

  /** Leave the test, wherever it is. */
  stop() {
    this.#network?.abort();
    this.#step = null;
    showTrack(byId("test-video"), null);
  }

  #go(step) {
    this.#step = step;
    this.#helped = false;
    this.#played = false;
    byId("screen-test").dataset.step = step;
    this.#show("test", t("app.name"));
    this.draw();
    if (step === "network") this.#tryNetwork();
    byId("test-title").focus();
  }

  /** The buttons: the first says that it works, or does what that takes; the second that it does not, then to go on. */
  #answer(yes) {
    const step = this.#step;
    if (yes && !this.#given(step)) return step === "camera" ? this.#media.setCamera(true) : this.#media.setMuted(false);
    if (yes && step === "speaker" && !this.#played) return this.#play();
    if (!yes && !this.#helped && this.#given(step)) return this.#help();
    this.#found[step] = yes ? "works" : "fails";
    return this.#go(STEPS[STEPS.indexOf(step) + 1]);
  }

  #help() {
    this.#helped = true;
    this.draw();
    say(t(`test.${this.#step}.help`));
  }

  #play() {
    this.#played = true;
    chime(this.#speaker() || null, TEST_LOUDNESS);
    this.draw();
  }

  /** Whether there is a device to look at or speak to; the others cannot be known. */
  #given(step) {
    return step === "camera" ? this.#media.cameraLive : step === "mic" ? this.#media.micLive : true;
  }

  async #tryNetwork() {
    const control = new AbortController();
    this.#network = control;
    const hooks = {
      picture: (track) => showTrack(byId("test-video"), track),
      progress: (share) => byId("test-progress").style.setProperty("--share", String(share)),
      signal: control.signal,
    };
    hooks.progress(0);
    try {
      const tested = await exchange(this.#connect.url, this.#connect.token, this.#media, hooks);
      this.#tested = tested;
      this.#found.network = networkWord(tested);
    } catch (error) {
      if (!control.signal.aborted && /^(link|room)_/.test(error.code ?? "")) return this.#over(error.code);
      this.#tested = { code: error.code ?? "other" };
      this.#found.network = "unknown";
    }
    if (control.signal.aborted) return undefined;
    return this.#go("result");
  }

  draw() {
    const step = this.#step;
    if (!step) return;
    const own = STEPS.indexOf(step);
    setText(byId("test-count"), own < 0 ? "" : t("test.count", { number: own + 1, total: STEPS.length }));
    byId("test-count").hidden = own < 0;
    if (step === "result") this.#drawResult();
    else this.#drawStep(step);
    this.#drawPicture(step);
    byId("test-level-box").hidden = step !== "mic" || !this.#media.micLive;
    byId("test-progress").hidden = step !== "network";
    byId("test-result").hidden = step !== "result";
    byId("test-answers").hidden = own < 0 || step === "network";
    byId("test-replay").hidden = step !== "speaker" || !this.#played;
    setText(byId("test-stop"), t(step === "result" ? "test.back" : "test.stop"));
  }

  #drawPicture(step) {
    const video = byId("test-video");
    const shown = step === "network" || (step === "camera" && this.#media.cameraLive);
    byId("test-picture").hidden = !shown;
    if (step === "camera") showTrack(video, this.#media.tracks.camera);
    else if (step !== "network") showTrack(video, null);
    video.classList.toggle("mirror", step === "camera" && this.#media.facing === "user");
    setText(byId("test-caption"), step === "network" ? t("test.network.picture") : "");
  }

  #drawStep(step) {
    const given = this.#given(step);
    const problem = this.#media.problems[step];
    const why = problem ? `problem.${step}.${problem}` : step === "camera" ? "preview.cameraOff" : "level.off";
    setText(byId("test-title"), t(given ? `test.${step}.title` : `test.${step}.none`));
    setText(byId("test-text"), t(!given ? why : this.#played ? "test.speaker.played" : `test.${step}.text`));
    byId("test-help").hidden = !this.#helped;
    setText(byId("test-help-text"), this.#helped ? t(`test.${step}.help`) : "");
    for (const choice of document.querySelectorAll("#test-help [data-devices]")) choice.hidden = choice.dataset.devices !== step;
    if (step !== "network") this.#drawAnswers(step, given);
  }

  #drawAnswers(step, given) {
    const play = step === "speaker" && !this.#played;
    setText(byId("test-yes"), t(!given ? "problem.again" : play ? "test.speaker.play" : `test.${step}.yes`));
    setText(byId("test-no"), t(!given || this.#helped ? "test.goOn" : `test.${step}.no`));
    byId("test-no").hidden = play;
  }

  #drawLevel() {
    if (this.#step !== "mic") return;
    byId("test-level").style.setProperty("--level", String(this.#level.value));
    const word = this.#level.heard ? "test.mic.heard" : "test.mic.silent";
    setText(byId("test-level-text"), t(word));
    byId("test-level-box").classList.toggle("fine", this.#level.heard);
  }

  #drawResult() {
    const network = this.#found.network ?? "unknown";
    const advice = this.#tested?.verdict ? adviceFor(this.#tested) : [];
    const word = headline({ ...this.#found, network }, advice);
    setText(byId("test-title"), t(`test.${word}.title`));
    const code = this.#tested?.code;
    setText(byId("test-text"), code ? tCode("why", code, "other") : t(`test.${word}.text`));
    byId("test-help").hidden = true;
    const lines = STEPS.map((step) => resultLine(step, step === "network" ? network : this.#found[step] ?? "skipped"));
    byId("test-lines").replaceChildren(...lines);
    byId("test-advice-box").hidden = advice.length === 0;
    byId("test-advice").replaceChildren(...advice.map((each) => el("li", { textContent: t(`test.advice.${each}`) })));
    this.#drawTelephone(network === "unusable" && this.#tested?.calls);
    const retry = network === "unusable";
    const [enter, again] = [byId("test-enter"), byId("test-again")];
    for (const [button, first] of [[enter, !retry], [again, retry]]) {
      button.classList.toggle("primary", first);
      button.classList.toggle("huge", first);
    }
    (retry ? enter : again).before(retry ? again : enter);
    setText(enter, t(retry ? "test.enterAnyway" : "start.enter"));
    drawFigures(this.#tested);
  }

  /** Drawn once for each language: who has asked for the number keeps it. */
  #drawTelephone(fits) {
    const box = byId("test-call");
    box.hidden = !fits;
    if (!fits || box.lang === language()) return;
    box.lang = language();
    box.replaceChildren(byTelephone(this.#connect.token));
  }
}

function resultLine(step, word) {
  const name = el("span", { textContent: t(`test.${step}.name`) });
  return el("li", { data: { word } }, icon(SIGNS[word] ?? "unknown"), name, el("strong", { textContent: t(`test.is.${word}`) }));
}

/** The figures, for whoever helps on the telephone. */
function drawFigures(tested) {
  const box = byId("test-figures");
  box.hidden = !tested?.verdict;
  if (box.hidden) return;
  const { up, down, rtt } = testFigures(tested, language());
  const text = (way, flow) => t(`test.figures.${way}`, { loss: flow.loss, jitter: flow.jitter, rate: flow.rate });
  const lines = [text("up", up), text("down", down), t("test.figures.rtt", { rtt })];
  byId("test-figures-list").replaceChildren(...lines.map((line) => el("li", { textContent: line })));
}
