// For the host: one patient after the other. Seeing off and taking in by one act, who is invited and has not come,
// delay and cancellation, and taking over a room whose host is away.

import { attempt } from "./acts.js";
import { byId, el, reconcile, setText } from "./dom.js";
import { basisWords } from "./basis.js";
import { askNext, askTime } from "./receivingDialogs.js";
import { onLanguage, roleWord, t } from "./i18n.js";
import { timeWords } from "./turn.js";

const MINUTES = [5, 10, 15, 20, 30, 45, 60];

export class Receiving {
  #session;
  #acts;
  #next = button("take-next", "primary");
  #expected = el("ul", { id: "expected-people" });
  #title = el("h3", { id: "panel-expected-title", tabIndex: -1 });
  #section = el("section", { id: "panel-expected", className: "expected-list", hidden: true }, this.#title, this.#expected);
  #delay = button("delay", "");
  #told = el("p", { id: "delay-told", className: "hint", role: "status" });
  #over = el("section", { id: "panel-take-over", className: "take-over", hidden: true }, el("p"), button("take-over-room", "primary"));
  #company = el("section", { id: "panel-company", hidden: true }, el("p", { className: "hint" }), button("invite-company", ""));

  constructor(session, acts) {
    this.#session = session;
    this.#acts = acts;
    for (const id of ["panel-expected", "panel-take-over", "panel-company", "take-next", "delay", "delay-told"]) byId(id)?.remove();
    this.#section.setAttribute("aria-labelledby", "panel-expected-title");
    byId("panel-nobody").after(this.#next);
    byId("panel-called").after(this.#section);
    byId("panel").prepend(this.#over);
    byId("panel").append(this.#company);
    byId("lock").after(this.#delay, this.#told);
    this.#next.addEventListener("click", () => acts.takeNext());
    this.#delay.addEventListener("click", () => this.#askDelay());
    this.#over.lastChild.addEventListener("click", () => attempt(() => session.act("take_host")));
    this.#company.lastChild.addEventListener("click", () => acts.inviteCompany());
    onLanguage(() => this.draw());
  }

  draw() {
    const { roster, host, me } = this.#session;
    if (!roster) return;
    const { waiting, inside } = sorted(roster);
    this.#next.hidden = !host || inside.length === 0 || waiting.length === 0;
    setText(this.#next, t("receive.next"));
    this.#over.hidden = !roster.may_take_over;
    setText(this.#over.firstChild, t("turn.takeOverLead"));
    setText(this.#over.lastChild, t("turn.takeOver"));
    this.#company.hidden = host || me?.role !== "patient";
    setText(this.#company.firstChild, t("company.lead"));
    setText(this.#company.lastChild, t("company.invite"));
    setText(this.#delay, t("delay.open"));
    this.#told.hidden = !host || !roster.late;
    setText(this.#told, roster.late && host ? t("delay.told", { time: timeWords(roster.expected_at) }) : "");
    this.#drawExpected((host && roster.expected) || []);
  }

  #drawExpected(expected) {
    this.#section.hidden = expected.length === 0;
    setText(this.#title, t("expected.title", { count: expected.length }));
    const key = (each) => each.invited.invitation;
    reconcile(this.#expected, expected, key, () => this.#makeExpected(), (row, each) => this.#fillExpected(row, each));
  }

  #makeExpected() {
    const words = el("div", { className: "who" }, el("strong"), el("span", { className: "role" }), el("span", { className: "basis" }));
    const off = el("button", { type: "button", className: "button quiet" });
    const row = el("li", { className: "expected-person" }, words, off);
    off.addEventListener("click", () => this.#callOff(row.expected));
    return row;
  }

  #fillExpected(row, each) {
    row.expected = each;
    const cancels = each.role === "patient" && !each.invited.many;
    const at = each.expected_at ? timeWords(each.expected_at) : "";
    setText(row.querySelector("strong"), each.name);
    setText(row.querySelector(".role"), [t(`role.${each.role}`), at].filter(Boolean).join(", "));
    setText(row.querySelector(".basis"), [each.invited.many ? t("expected.many") : "", basisWords(each.invited)].filter(Boolean).join(" · "));
    const off = row.querySelector("button");
    setText(off, t(cancels ? "expected.cancel" : "expected.withdraw"));
    off.setAttribute("aria-label", t(cancels ? "expected.cancelName" : "expected.withdrawName", { name: each.name }));
  }

  async #callOff({ name, role, invited }) {
    const { invitation } = invited;
    if (role !== "patient" || invited.many) return this.#acts.withdraw(invitation, name);
    const answer = await askTime({ title: t("cancel.title", { name }), lead: t("cancel.lead", { name }), yes: t("cancel.yes"), no: t("dialog.close") });
    return answer && attempt(() => this.#session.act("cancel", { invitation, new_time: answer.time }));
  }

  async #askDelay() {
    const choices = MINUTES.map((minutes) => ({ value: String(minutes), text: t("delay.minutes", { minutes }) }));
    if (this.#session.roster.late) choices.push({ value: "0", text: t("delay.none") });
    const answer = await askTime({ title: t("delay.title"), lead: t("delay.lead"), yes: t("delay.yes"), choices });
    if (!answer) return;
    const minutes = Number(answer.choice);
    const at = minutes === 0 ? null : new Date(Date.now() + minutes * 60_000).toISOString();
    await attempt(() => this.#session.act("delay", { expected_at: at, invitation: null }));
  }
}

/** Who waits and could be let in, and who else is in. */
export function sorted(roster) {
  const others = roster.people.filter((person) => !person.you);
  return {
    waiting: others.filter((person) => person.place === "waiting" && person.connected),
    inside: others.filter((person) => person.place === "admitted"),
  };
}

/** Ask who goes and who comes, and do it; `following` may be chosen already. Resolves to whether it was done. */
export async function receiveNext(session, following, reason) {
  const { waiting, inside } = sorted(session.roster);
  // It is patients who come one after the other; company of theirs may wait before them.
  const line = [...waiting].sort((a, b) => Number(b.role === "patient") - Number(a.role === "patient"));
  const answer = await askNext({ waiting: following ? [following] : line, inside });
  if (!answer) return false;
  const why = await reason(answer.following);
  if (why === undefined) return false;
  // Whatever is on this screen may be about the one who goes.
  if (session.media.tracks.content) session.media.stopSharing();
  const leaving = answer.leaving.map((person) => person.participant);
  return attempt(() => session.act("see_off", { leaving, following: answer.following.participant, reason: why }));
}

function button(id, kind) {
  return el("button", { type: "button", id, className: `button ${kind}`.trim() });
}

/** What is said when somebody found the door closed. */
export const turnedAwayWords = ({ name, role, why }) => t(`closed.${why}`, { name, role: roleWord(role) });
