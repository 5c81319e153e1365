// What a host says of an invitation beside role and name: on what it rests, how surely the person is to be known,
// whether they may take over, and whether the link is for many.

import { GROUNDS } from "./basis.js";
import { byId, el, setText } from "./dom.js";
import { onLanguage, t } from "./i18n.js";

const USUAL = { patient: "appointment", interpreter: "interpreting", specialist: "care", assistant: "care", doctor: "on_duty" };
const LEVELS = ["none", "substantial", "high"];
const CLINICIANS = new Set(["doctor", "specialist"]);
let usual = {};
export const COMPANY = ["relative", "interpreter", "assistant"];

const label = (id) => el("label", { htmlFor: id, data: { text: id } });
const check = (id) => el("label", { className: "check", id: `${id}-box` }, el("input", { type: "checkbox", id }), " ", el("span", { data: { text: id } }));

/** Put the fields into the dialog. */
export function wireDetails() {
  if (byId("invite-more")) return;
  const fields = el("details", { id: "invite-more", className: "devices" }, el("summary", { data: { text: "invite-more" } }),
    label("invite-ground"), el("select", { id: "invite-ground" }),
    label("invite-reference"), el("input", { type: "text", id: "invite-reference", maxLength: 80, autocomplete: "off" }),
    check("invite-substitute"), check("invite-many"));
  const login = el("div", { id: "invite-login" }, label("invite-requires"), el("select", { id: "invite-requires" }), el("p", { id: "invite-login_hint", className: "hint", data: { text: "invite-login_hint" } }));
  byId("invite-problem").before(login, fields);
  byId("invite-requires").setAttribute("aria-describedby", "invite-login_hint");
  byId("invite-role").addEventListener("change", () => suitRole());
  byId("invite-many").addEventListener("change", () => suit());
  byId("invite-requires").addEventListener("change", () => explain());
  onLanguage(() => draw());
}

function draw() {
  for (const node of byId("invite-form").querySelectorAll("[data-text]")) {
    const name = node.dataset.text.replace("invite-", "");
    setText(node, t(`inviting.${name}`));
  }
  const keep = (select, options) => {
    const before = select.value;
    select.replaceChildren(...options.map(([value, text]) => el("option", { value, textContent: text })));
    if (before) select.value = before;
  };
  keep(byId("invite-ground"), [["", t("ground.none")], ...GROUNDS.filter((each) => each !== "patients_wish").map((each) => [each, t(`ground.${each}`)])]);
  keep(byId("invite-requires"), LEVELS.map((level) => [level, t(`inviting.level.${level}`)]));
}

/** Begin anew; a patient is not asked, since what they say of it is that they wish it. `asked` is the login usual of patients. */
export function clearDetails(host, asked = "none") {
  usual = { patient: asked };
  for (const id of ["invite-more", "invite-login"]) byId(id).hidden = !host;
  byId("invite-more").open = false;
  byId("invite-reference").value = "";
  for (const id of ["invite-substitute", "invite-many"]) byId(id).checked = false;
  suitRole();
}

/** What is usual of those who come in a role. */
function suitRole() {
  byId("invite-requires").value = usual[byId("invite-role").value] ?? "none";
  explain();
  suit();
}

/** What becomes of who does not log in, where that is asked. */
function explain() {
  byId("invite-login_hint").hidden = byId("invite-requires").value === "none";
}

function suit() {
  const many = byId("invite-many").checked;
  byId("invite-ground").value = many ? "drop_in" : (USUAL[byId("invite-role").value] ?? "");
  const clinician = CLINICIANS.has(byId("invite-role").value) && !many;
  byId("invite-substitute-box").hidden = !clinician;
  if (!clinician) byId("invite-substitute").checked = false;
}

/** The fields of `invite`. */
export function details() {
  if (byId("invite-more").hidden) return {};
  return {
    ground: byId("invite-ground").value || null,
    reference: byId("invite-reference").value.trim() || null,
    requires: byId("invite-requires").value,
    substitute: byId("invite-substitute").checked,
    many: byId("invite-many").checked,
  };
}
