// For browsers that cannot run this page at all: no module, no word of newer JavaScript may stand here. When a module
// fails before anything is shown, or modules are unknown, it says so.
(function () {
  "use strict";
  function tell() {
    if (document.body.getAttribute("data-screen") !== "loading") return;
    document.getElementById("too-old").hidden = false;
    document.getElementById("screen-loading").hidden = true;
  }
  window.addEventListener("error", function (event) {
    if (event.error || (event.target && event.target.tagName === "SCRIPT")) window.setTimeout(tell, 0);
  }, true);
  if (!("noModule" in document.createElement("script"))) document.addEventListener("DOMContentLoaded", tell);
})();
