// The front page: for those who come without their link.

import { byId } from "./dom.js";
import { languageButtons, onLanguage, startLanguage, t } from "./i18n.js";
import { tokenIn } from "./token.js";

function openLink(event) {
  event.preventDefault();
  const text = byId("index-link").value.trim();
  const token = text.includes("#") ? tokenIn(text.slice(text.indexOf("#"))) : tokenIn(text);
  const problem = byId("index-problem");
  problem.hidden = token !== null;
  problem.textContent = token ? "" : t("index.problem");
  if (token) location.assign(`/join#${token}`);
  else byId("index-link").focus();
}

await startLanguage();
languageButtons(byId("languages"));
onLanguage(() => { document.title = t("app.name"); });
byId("index-form").addEventListener("submit", openLink);
byId("main").removeAttribute("aria-busy");
