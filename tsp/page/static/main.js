// The page: what its buttons do, and its begin.

import { build } from "./building.js";
import { refresh, SCALE } from "./controls.js";
import { go, momentAt, planner, showChoice, startDay } from "./day.js";
import { changed, withInstance } from "./instance.js";
import { Map2D } from "./map.js";
import { $, all, complain, hint, loadPlayer, page, problemOf, remember, say, state, stop } from "./page.js";
import { panes, showChart, shownAnswer, showTip } from "./picture.js";
import { click, setPoints, takeFiles, useTyped } from "./places.js";
import { Player } from "./player.js";
import { commandOf, download, pngOf, svgOf } from "./save.js";
import { readTheme } from "./scene.js";
import { about, ask } from "./server.js";
import { solve, specs } from "./solving.js";
import { decode, fromFragment, toFragment } from "./state.js";
import { showLanes, showStops } from "./tables.js";

page.player = new Player(
  { back: $("back"), play: $("play"), forward: $("forward"), cursor: $("cursor"), now: $("now"), speed: $("speed") },
  {
    moved() { page.map.invalidate(); showChart(); showChoice(); showLanes(); },
    atEnd(isPlaying) { // true: there is nothing more to play
      if (state.mode === "day") {
        const now = momentAt();
        if (now && !now.over && !page.running) go(now.plan[0]);
        return !isPlaying || !now || now.over;
      }
      return !page.running;
    },
  },
);

page.map = new Map2D($("map"), { panes, view: () => page.view, theme: () => page.theme, foot: () => (state.mode === "day" ? 60 : 0) }, {
  hover: showTip,
  click,
  cross: ([x, y]) => say(`${Math.round(100 * x)} right, ${Math.round(100 * y)} up`, true),
  order: () => shownAnswer()?.stops?.flat() || Array.from({ length: page.view.points.length / 2 }, (_, i) => i),
});

function update() {
  if (update.due) return;
  update.due = true;
  requestAnimationFrame(() => {
    update.due = false;
    loadPlayer();
    page.map.invalidate();
    showLanes();
    showChart();
    showChoice();
  });
}

async function load(fragment) {
  stop();
  Object.assign(state, await fromFragment(fragment));
  if (state.problem && !problemOf(state.problem)) state.problem = "tsp";
  const { run, visited } = state;
  await changed();
  state.visited = visited;
  if (run && page.view && !page.view.local) act(true);
}

async function act(isLink = false) {
  if (page.running && state.mode !== "day") { stop(); page.refresh(); return; }
  try {
    await ({ solve, policy: build, day: () => startDay(isLink) })[state.mode]();
  } catch (error) {
    if (error.name !== "AbortError") complain(error.message);
    page.refresh();
  }
}

function setMode(mode) {
  if (mode === state.mode) return;
  stop();
  state.mode = mode;
  state.run = false;
  page.player.reset();
  const before = state.problem;
  const lives = problemOf(state.problem)?.lives;
  if (mode === "day" && !lives) { setMode.before = state.problem; state.problem = "opq"; state.limits = {}; }
  if (mode !== "day" && lives && setMode.before !== undefined) { state.problem = setMode.before; state.limits = {}; }
  if (mode === "day" && state.seconds > 2) state.seconds = 1;
  if (state.problem !== before) changed();
  else { remember(); page.refresh(); }
  if (state.mode === "policy" && page.steps.length) page.player.set(page.player.max);
}

async function save(kind) {
  $("save").open = false;
  try {
    await page.made;
    const stem = page.view.file.replace(/\.[^.]*$/, "");
    if (kind === "png") download(`${stem}.png`, await pngOf(page.map), "image/png");
    else if (kind === "svg") download(`${stem}.svg`, svgOf(page.map), "image/svg+xml");
    else if (kind === "command") {
      $("command-text").textContent = commandOf(state, page.view, state.mode === "solve" ? specs().filter((spec) => spec !== "bound") : [state.mode === "policy" ? "policy(decoding=greedy,starts=1)" : planner()]);
      $("command").showModal();
    } else {
      const tours = kind === "instance" ? undefined : shownAnswer().tours;
      const file = await withInstance((instance) => ask("export", { instance, kind, ...(tours ? { tours } : {}) }));
      download(file.name, decode(file.content), "application/octet-stream");
    }
  } catch (error) { complain(error.message); }
}

function setTheme(name) {
  document.documentElement.dataset.theme = name;
  page.theme = readTheme();
  if (page.info) page.refresh();
}

function wire() {
  for (const button of all("[data-mode]")) button.addEventListener("click", () => setMode(button.dataset.mode));
  for (const button of all("[data-source]")) {
    button.addEventListener("click", () => {
      if (state.kind === button.dataset.source) return;
      state.kind = button.dataset.source;
      if (state.kind !== "file" && !state.problem) state.problem = page.view?.problem || "tsp";
      page.map.fit();
      changed();
    });
  }
  const number = (id, name) => $(id).addEventListener("change", () => {
    if (!$(id).reportValidity()) return;
    state[name] = Number($(id).value);
    if (name === "seconds") { remember(); page.refresh(); } else changed();
  });
  number("size", "size");
  number("seed", "seed");
  number("seconds", "seconds");
  $("seconds-range").addEventListener("input", () => { state.seconds = SCALE[Number($("seconds-range").value) + 4]; remember(); page.refresh(); });
  $("distribution").addEventListener("change", () => { state.distribution = $("distribution").value; changed(); });
  $("dice").addEventListener("click", () => { state.seed = Math.floor(Math.random() * 1e6); changed(); });
  $("problem").addEventListener("change", () => { state.problem = $("problem").value; state.limits = {}; changed(); });
  $("planner").addEventListener("change", () => { state.planner = $("planner").value; remember(); });
  $("other").addEventListener("change", () => { state.other = $("other").value; remember(); });
  $("undo").addEventListener("click", () => setPoints(state.points.slice(0, -1)));
  $("clear").addEventListener("click", () => setPoints([]));
  $("use-typed").addEventListener("click", useTyped);
  $("file").addEventListener("change", () => { takeFiles([...$("file").files]); $("file").value = ""; });
  $("panel").addEventListener("submit", (event) => { event.preventDefault(); act(); });
  $("zoom-in").addEventListener("click", () => page.map.zoomBy(1.4));
  $("zoom-out").addEventListener("click", () => page.map.zoomBy(1 / 1.4));
  $("zoom-fit").addEventListener("click", () => page.map.fit());
  $("stops-box").addEventListener("toggle", showStops);
  $("theme").addEventListener("click", () => {
    const name = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
    localStorage.setItem("theme", name);
    setTheme(name);
  });
  $("link").addEventListener("click", async () => {
    const fragment = await toFragment(state);
    const whole = `${location.origin}/#${fragment}`;
    try { await navigator.clipboard.writeText(whole); $("link").textContent = "Copied"; } catch { history.replaceState(null, "", `#${fragment}`); $("link").textContent = "See the address"; }
    if (state.kind === "file" && state.file && !fragment.includes("content=")) complain("The file is too large for a link: whoever follows it has to load the file too.");
    setTimeout(() => { $("link").textContent = "Copy link"; }, 1800);
  });
  for (const button of all("[data-save]")) button.addEventListener("click", () => save(button.dataset.save));
  $("copy-command").addEventListener("click", () => navigator.clipboard.writeText($("command-text").textContent).catch(() => {}));
  $("save").addEventListener("toggle", () => page.refresh());
  document.addEventListener("click", (event) => { if (!$("save").contains(event.target)) $("save").open = false; });
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") $("save").open = false; });
  let depth = 0;
  const veil = (change) => { depth = Math.max(0, depth + change); $("veil").hidden = depth === 0; };
  window.addEventListener("dragenter", (event) => { event.preventDefault(); veil(1); });
  window.addEventListener("dragleave", () => veil(-1));
  window.addEventListener("dragover", (event) => event.preventDefault());
  window.addEventListener("drop", (event) => { event.preventDefault(); depth = 0; veil(0); takeFiles([...event.dataTransfer.files]); });
  window.addEventListener("hashchange", () => load(location.hash));
  window.addEventListener("resize", () => page.update());
}

page.refresh = refresh;
page.update = update;

const dark = matchMedia("(prefers-color-scheme: dark)");
setTheme(localStorage.getItem("theme") || (dark.matches ? "dark" : "light"));
dark.addEventListener("change", () => { if (!localStorage.getItem("theme")) setTheme(dark.matches ? "dark" : "light"); });
try {
  page.info = await about();
  wire();
  document.querySelector("main").inert = false; // until here nothing would have heard a click
  await load(location.hash);
} catch (error) {
  hint("The server does not answer. Is tsp serve still running?");
  throw error;
}
