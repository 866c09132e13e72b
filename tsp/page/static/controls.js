// The form, as the state has it.

import { PLANNERS } from "./day.js";
import { changed } from "./instance.js";
import { $, all, hint, page, problemOf, remember, state } from "./page.js";
import { shownAnswer } from "./picture.js";
import { laneColour, SOLVERS } from "./solving.js";
import { LIMITS } from "./state.js";

export const SCALE = [0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120]; // seconds at the marks of the slider, from -4 to 6

/** Show the whole state: the form, and everything beside it. */
export function refresh() {
  for (const button of all("[data-mode]")) button.setAttribute("aria-pressed", String(button.dataset.mode === state.mode));
  for (const button of all("[data-source]")) button.setAttribute("aria-pressed", String(button.dataset.source === state.kind));
  for (const part of all("[data-for]")) part.hidden = part.dataset.for !== state.kind;
  for (const part of all("[data-mode-for]")) part.hidden = part.dataset.modeFor !== state.mode;
  const put = (id, value) => { if (document.activeElement !== $(id)) $(id).value = value; };
  put("distribution", state.distribution.split("-")[0]);
  put("size", state.size);
  put("seed", state.seed);
  put("other", state.other);
  put("seconds", state.seconds);
  const nearest = SCALE.reduce((best, s, i) => (Math.abs(Math.log(s / state.seconds)) < Math.abs(Math.log(SCALE[best] / state.seconds)) ? i : best), 0);
  put("seconds-range", nearest - 4);
  $("seconds-row").hidden = state.mode === "policy";
  $("seconds-label").textContent = state.mode === "day" ? "Seconds a plan" : "Seconds";
  $("count").textContent = `${state.points.length} place${state.points.length === 1 ? "" : "s"}`;
  $("undo").disabled = $("clear").disabled = !state.points.length;
  $("drop").querySelector("span").textContent = state.file ? state.file.name : "Choose a file, or drop it anywhere";
  showProblem();
  showSolvers();
  const go = $("go");
  go.textContent = page.running && state.mode !== "day" ? "Stop" : { solve: "Solve", policy: "Build the tour", day: page.moments.length ? "Start again" : "Start the day" }[state.mode];
  go.disabled = state.mode === "day" && Boolean(page.running);
  if (page.view && !page.lanes.length && !page.steps.length) $("notes").textContent = [...page.view.notes, page.view.remark].filter(Boolean).join("\n");
  const drawing = state.kind === "points" && state.mode !== "day";
  page.map.drawing = drawing;
  $("map").classList.toggle("draws", drawing);
  hint(drawing && !state.points.length ? "Click to set a place" : state.kind === "file" && !state.file ? "Drop a file here" : "");
  for (const button of all("[data-save]")) {
    const needsTour = ["csv", "json"].includes(button.dataset.save);
    button.disabled = !page.view || page.view.local || (needsTour && !shownAnswer()?.tours);
  }
  $("map").setAttribute("aria-label", page.view ? `Map of ${page.view.points.length / 2} places` : "Map");
  page.update();
}

/** The limits that can be set; where the file could not be read yet, all of them. */
function limitsOf(problem) {
  if (state.kind === "file" && !state.problem && !page.view) return Object.keys(LIMITS);
  return page.view?.takes || problem?.limits || [];
}

function showProblem() {
  const select = $("problem");
  const names = page.info.problems.filter((one) => state.mode !== "day" || one.lives).map((one) => [one.name, one.title]);
  if (state.kind === "file") names.unshift(["", "As the file says"]);
  const wanted = names.map((n) => n.join()).join("|");
  if (select.dataset.names !== wanted) {
    select.dataset.names = wanted;
    select.replaceChildren(...names.map(([value, text]) => new Option(text[0].toUpperCase() + text.slice(1), value)));
  }
  select.value = state.problem;
  const problem = problemOf(state.problem || page.view?.problem || "tsp");
  $("story").textContent = problem ? `${problem.story[0].toUpperCase()}${problem.story.slice(1)}.` : "";
  const limits = $("limits");
  if (limits.contains(document.activeElement)) return;
  limits.replaceChildren(...limitsOf(problem).map((name) => {
    const label = document.createElement("label"), input = document.createElement("input");
    input.type = "number";
    input.min = name === "num_tours" ? "1" : "0";
    input.step = name === "num_tours" ? "1" : "any";
    input.id = `limit-${name}`;
    input.value = state.limits[name] ?? "";
    input.placeholder = page.view?.limits?.[name] ?? "none";
    input.addEventListener("change", () => {
      if (!input.reportValidity()) return;
      if (input.value === "") delete state.limits[name];
      else state.limits[name] = Number(input.value);
      changed();
    });
    label.append(LIMITS[name], input);
    return label;
  }));
}

function showSolvers() {
  const box = $("solvers");
  if (!box.children.length) {
    box.replaceChildren(...Object.entries(SOLVERS).map(([spec, [label, what]]) => {
      const row = document.createElement("label"), input = document.createElement("input"), swatch = document.createElement("span"), text = document.createElement("span"), small = document.createElement("small");
      input.type = "checkbox";
      input.value = spec;
      input.addEventListener("change", () => {
        state.solvers = Object.keys(SOLVERS).filter((one) => (one === spec ? input.checked : state.solvers.includes(one)));
        remember();
      });
      swatch.className = "swatch";
      small.textContent = ` ${what}`;
      text.append(label, small);
      row.append(input, swatch, text);
      return row;
    }));
  }
  for (const input of box.querySelectorAll("input")) {
    input.checked = state.solvers.includes(input.value);
    input.disabled = Boolean(page.view) && page.view.solvers[input.value] === false;
    input.nextElementSibling.style.background = input.value === "bound" ? page.theme.bound : page.theme.lanes[laneColour(input.value, 0)];
    input.parentElement.title = input.disabled ? "Does not solve this problem, or so many places" : "";
  }
  const options = Object.entries(PLANNERS).filter(([spec]) => !page.view || page.view.local || page.view.solvers[spec]);
  const select = $("planner"), wanted = options.map((o) => o[0]).join();
  if (select.dataset.names !== wanted) {
    select.dataset.names = wanted;
    select.replaceChildren(...options.map(([value, text]) => new Option(text, value)));
  }
  select.value = options.some(([spec]) => spec === state.planner) ? state.planner : options[0]?.[0] ?? "";
}
