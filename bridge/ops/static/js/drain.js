// Emptying the node: what it would mean and why, before it is done; how far it has come; and taking it back.

import { byId, el, openAndAsk, setText } from "/static/js/dom.js";
import { hasText, t, tCode } from "/static/js/i18n.js";
import { clock, counted, number } from "./words.js";

const REASONS = ["upgrade", "maintenance", "fault", "overload", "exercise"];

function people({ in_call, waiting, rooms }) {
  return in_call + waiting ? counted("ask.people", in_call, { rooms: counted("unit.rooms", rooms), waiting: number(waiting) }) : t("ask.nobody");
}

export function drawDrain({ drain }) {
  const values = drain.active ? { since: clock(drain.since, false), reason: reasonWord(drain.reason) } : {};
  setText(byId("drain-state"), t(drain.active ? "drain.on" : "drain.off", values));
  const left = drain.in_call + drain.waiting ? people(drain) : t("drain.empty");
  setText(byId("drain-left"), drain.active ? (drain.due ? `${left} ${t("drain.due")}` : left) : "");
  byId("drain-begin").hidden = drain.active;
  byId("drain-undo").hidden = !drain.active;
  setText(byId("ask-people"), people(drain));
}

const reasonWord = (word) => (hasText(`reason.${word}`) ? t(`reason.${word}`) : word);

function ask() {
  const choice = byId("ask-reason");
  return openAndAsk(byId("dialog-drain"), () => choice.value, () => {
    const chosen = choice.value || REASONS[0];
    choice.replaceChildren(...REASONS.map((word) => el("option", { value: word, textContent: reasonWord(word) })));
    choice.value = chosen;
  });
}

/** `send(method, body)` does it and resolves when the page shows it; `failed` errors have a code. */
export function wireDrain(send) {
  const act = async (method, body, focus) => {
    const problem = byId("drain-problem");
    problem.hidden = true;
    try {
      await send(method, body);
      byId(focus).focus();
    } catch (error) {
      setText(problem, tCode("failed", error.code, "other"));
      problem.hidden = false;
    }
  };
  byId("drain-begin").addEventListener("click", async () => {
    const reason = await ask();
    if (reason) await act("PUT", { reason }, "drain-undo");
  });
  byId("drain-undo").addEventListener("click", () => act("DELETE", undefined, "drain-begin"));
}
