// Draws the page's figures, and draws them anew when the theme changes. The figures name their colours ("@alloc");
// the values are the page's custom properties ("--alloc") of the theme that is shown.
(function () {
  "use strict";
  var root = document.documentElement;
  var button = document.getElementById("theme");
  var figures = JSON.parse(document.getElementById("figures").textContent);
  var prefersDark = window.matchMedia("(prefers-color-scheme: dark)");
  var config = {
    responsive: true,
    displaylogo: false,
    modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d"],
  };

  function isDark() {
    var chosen = root.getAttribute("data-theme");
    return chosen ? chosen === "dark" : prefersDark.matches;
  }

  // A copy of `value` with its colours in place. Only what stands under a key that names colours is one: a thread
  // may be called "@alloc".
  function themed(value, inColor, style) {
    if (typeof value === "string") {
      return inColor && value.charAt(0) === "@" ? style.getPropertyValue("--" + value.slice(1)).trim() : value;
    }
    if (Array.isArray(value)) {
      return value.map(function (item) { return themed(item, inColor, style); });
    }
    if (value && typeof value === "object") {
      var copy = {};
      Object.keys(value).forEach(function (key) {
        copy[key] = themed(value[key], inColor || /color/i.test(key), style);
      });
      return copy;
    }
    return value;
  }

  function draw() {
    var style = getComputedStyle(root);
    button.textContent = isDark() ? "Light" : "Dark";
    Object.keys(figures).forEach(function (name) {
      var place = document.getElementById("plot-" + name);
      var figure = themed(figures[name], false, style);
      figure.layout.height = figures[name].height;
      Plotly.react(place, figure.data, figure.layout, config);
    });
  }

  button.addEventListener("click", function () {
    root.setAttribute("data-theme", isDark() ? "light" : "dark");
    draw();
  });
  prefersDark.addEventListener("change", draw);
  draw();
  root.setAttribute("data-ready", "true");
})();
