(function () {
  "use strict";
  var root = document.documentElement;
  var button = document.getElementById("theme");
  var order = ["system", "light", "dark"];

  function stored() {
    try { return localStorage.getItem("faceprobe-theme"); } catch (e) { return null; }
  }

  function show(theme) {
    if (theme === "system") { root.removeAttribute("data-theme"); } else { root.setAttribute("data-theme", theme); }
    button.querySelector("span").textContent = theme;
    try { localStorage.setItem("faceprobe-theme", theme); } catch (e) { /* the page works without it */ }
  }

  var theme = order.indexOf(stored()) < 0 ? "system" : stored();
  button.hidden = false;
  show(theme);
  button.addEventListener("click", function () {
    theme = order[(order.indexOf(theme) + 1) % order.length];
    show(theme);
  });

  document.querySelectorAll(".focusable").forEach(function (group) {
    group.querySelectorAll(".legend button").forEach(function (choice) {
      choice.addEventListener("click", function () {
        var on = choice.getAttribute("aria-pressed") !== "true";
        choice.setAttribute("aria-pressed", String(on));
        var chosen = Array.from(group.querySelectorAll('.legend button[aria-pressed="true"]'), function (b) {
          return b.dataset.series;
        });
        group.querySelectorAll("g[data-series]").forEach(function (series) {
          series.classList.toggle("faded", chosen.length > 0 && chosen.indexOf(series.dataset.series) < 0);
        });
      });
    });
  });

  /* What is wider than its place says that it scrolls; also when a part is opened or the page turned. */
  function cue() {
    document.querySelectorAll(".scroll").forEach(function (part) {
      part.classList.remove("wider");
      var wider = part.scrollWidth > part.clientWidth + 1;
      part.classList.toggle("wider", wider);
      if (wider) { part.tabIndex = 0; }
    });
  }
  cue();
  window.addEventListener("resize", cue);
  document.addEventListener("toggle", cue, true);

  /* Closed parts are printed open, and closed again afterwards. */
  var opened = [];
  window.addEventListener("beforeprint", function () {
    opened = Array.from(document.querySelectorAll("details:not([open])"));
    opened.forEach(function (part) { part.open = true; });
  });
  window.addEventListener("afterprint", function () {
    opened.forEach(function (part) { part.open = false; });
  });
})();
