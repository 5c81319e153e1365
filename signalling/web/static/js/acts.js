// What the buttons of a call do: each act is asked for where it cannot be undone, sent, and its refusal told.

import { notice, say } from "./announce.js";
import { openDial } from "./calling.js";
import { byId } from "./dom.js";
import { askReason, confirm, openInvite } from "./dialogs.js";
import { t, tCode } from "./i18n.js";
import { wouldMeet } from "./basis.js";
import { lacksProof } from "./person.js";
import { receiveNext } from "./receiving.js";

/** Tell in words why an act failed. */
export function tellFailure(error) {
  const text = tCode("failed", error.code, "other");
  notice(text, { kind: "problem" });
}

/** Run `step`, telling of a refusal; resolves to whether it went well. */
export async function attempt(step) {
  try {
    await step();
    return true;
  } catch (error) {
    if (!error.code) throw error;
    tellFailure(error);
    return false;
  }
}

const nameOf = (session, id) => session.roster?.people.find((person) => person.participant === id)?.name ?? "";

/** Why somebody of whom too little is proven is let in: null where none is needed, undefined where it was given up. */
async function reasonFor(person) {
  return lacksProof(person) ? ((await askReason(person.name)) ?? undefined) : null;
}

const invitationOf = (session, id) =>
  session.roster.people.find((person) => person.participant === id)?.invited?.invitation ?? "";

/** The host's acts, for the panel. */
export function hostActs(session) {
  // Of a visit that is over nothing has failed, such as the request to end it.
  const send = (type, fields) => attempt(() => session.act(type, fields).catch((error) => {
    if (session.place !== null) throw error;
  }));
  const sure = async (key, values, step) => {
    if (await confirm(t(`sure.${key}.title`, values), t(`sure.${key}.text`, values), t(`sure.${key}.yes`))) await step();
  };
  const named = (key, type) => (participant) =>
    sure(key, { name: nameOf(session, participant) }, () => send(type, { participant }));
  const mute = (muted, mayUnmute) => (participant) => send("mute", { participant, muted, may_unmute: mayUnmute });
  return {
    admit: async (person) => {
      const { participant } = person;
      if (wouldMeet(session.roster, person).length > 0) return receiveNext(session, person, reasonFor);
      if (!lacksProof(person)) return send("admit", { participant, reason: null });
      const reason = await askReason(person.name);
      return reason === null ? false : send("admit", { participant, reason });
    },
    refuse: ({ participant, name }) => sure("refuse", { name }, () => send("refuse", { participant, reason: null })),
    takeNext: () => receiveNext(session, null, reasonFor),
    withdraw: (invitation, name) => sure("withdraw", { name }, () => send("withdraw", { invitation })),
    appoint: (participant) => send("appoint", { invitation: invitationOf(session, participant) }),
    admitAll: () => send("admit_all"),
    lock: (locked) => send("lock", { locked }),
    invite: () => openInvite({ callable: Boolean(session.roster.number), texts: Boolean(session.roster.texts), host: true, asked: session.roster.asked_of_patients }),
    inviteCompany: () => openInvite({ callable: false, texts: false, host: false }),
    dial: () => openDial(),
    cancelCall: (participant) => send("remove", { participant }),
    callAgain: (wish) => send("dial", wish),
    confirmIdentity: (participant) => send("confirm_identity", { participant, confirmed: true }),
    withdrawIdentity: (participant) => send("confirm_identity", { participant, confirmed: false }),
    endAll: () => sure("end", {}, () => send("end")),
    mute: mute(true, true),
    muteHold: mute(true, false),
    unmute: mute(false, true),
    toWaiting: named("toWaiting", "to_waiting"),
    handOver: named("handOver", "hand_over"),
    remove: named("remove", "remove"),
    suggestCall: async (participant) => {
      if (!(await send("suggest_call", { participant }))) return;
      const text = t("panel.callSuggested", { name: nameOf(session, participant) });
      notice(text);
    },
  };
}

/** Acts on oneself, for the bar, the waiting room and the shortcuts. */
export function ownActs(session, devices) {
  const { media } = session;
  return {
    mic: () => attempt(async () => {
      const { me } = session;
      const off = media.micLive || session.unmuting;
      if (!off && me?.muted && !me.may_unmute) return notice(t("mic.forbiddenLong"));
      if (!(await session.setMuted(off))) {
        return notice(t("mic.onLater"), { lasting: true, kind: "calm" });
      }
      if (!media.muted && media.problems.mic) return notice(t(`problem.mic.${media.problems.mic}`), { kind: "problem" });
      return say(t(media.micLive ? "mic.isOn" : "mic.isOff"));
    }),
    camera: async () => {
      await media.setCamera(!media.cameraComes);
      if (media.cameraOn && media.problems.camera) notice(t(`problem.camera.${media.problems.camera}`), { kind: "problem" });
      else say(t(media.cameraLive ? "camera.isOn" : "camera.isOff"));
    },
    flip: async () => {
      if (!(await media.flip())) return notice(t("camera.notFlipped"), { kind: "problem" });
      return say(t(`camera.facing.${media.facing}`));
    },
    share: () => attempt(async () => {
      if (media.tracks.content) return media.stopSharing();
      const taken = session.roster?.people.some((person) => person.sharing && !person.you);
      return taken ? notice(t("failed.somebody_shares"), { kind: "problem" }) : media.share();
    }),
    settings: async () => {
      await devices.refresh();
      byId("dialog-settings").showModal();
    },
    leave: async () => {
      const key = session.host ? "leaveHost" : "leave";
      if (await confirm(t(`sure.${key}.title`), t(`sure.${key}.text`), t(`sure.${key}.yes`))) session.leave();
    },
  };
}
