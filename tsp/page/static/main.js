// The page: its form, what runs, and what is shown of it.

import { drawChart, short } from "./chart.js";
import { Map2D } from "./map.js";
import { Player } from "./player.js";
import { commandOf, download, pngOf, svgOf } from "./save.js";
import { readTheme } from "./scene.js";
import { about, ask, listen, Refusal } from "./server.js";
import { decode, encode, fromFragment, GRID, toFragment, toRequest } from "./state.js";

const $ = (id) => document.getElementById(id);
const all = (selector) => [...document.querySelectorAll(selector)];

const SOLVERS = {
  ls: ["Local search", "ls"], ortools: ["OR-Tools", "ortools"], policy: ["Policy", "policy"], bound: ["Bound", "how far from optimal"],
};
const PLANNERS = {
  "session-recourse": "Recourse: all outcomes at once", "session-rollout": "Rollout: one step ahead", means: "Means: certainty equivalence",
  recourse: "Recourse: order of least average cost", policy: "Policy", ls: "Local search on expected prizes",
};
const LIMITS = { max_length: "Length", capacity: "Capacity", min_prize: "Least prize", num_tours: "Tours" };
const SCALE = [0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120]; // seconds at the marks of the slider, from -4 to 6
const WALLS = ".walls.csv";
const MOST_STOPS = 400;
const HEAVY = 3e6; // nodes × kept answers above which older answers of a solver are thinned out

let state, info, theme;
let view = null; // the instance as the server shows it
let lanes = []; // what solvers found
let alone = null; // the solver that has the whole map, or null
let steps = []; // of the policy
let moments = []; // of the day
let making = null, running = null; // controllers of what the server does now
let made = null; // the promise of the instance under way
let said = 0;

/* ---- Words to the reader ---- */

function complain(sentence) {
  $("toast").textContent = sentence;
  $("toast").hidden = false;
  clearTimeout(complain.timer);
  complain.timer = setTimeout(() => { $("toast").hidden = true; }, 9000);
}

function say(text, force = false) {
  const now = performance.now();
  if (!force && now - said < 2500) return;
  said = now;
  $("said").textContent = text;
}

const shownName = (node) => (view.names ? view.names[node] : `Place ${node + 1}`);

/* ---- The instance ---- */

function localView() {
  return {
    local: true, points: state.points.flat(), depot: state.points.length && hasDepot() ? 0 : null, end: null, names: null, numbers: {}, windows: null,
    walls: null, frame: { x: 0, y: 0, w: 1, h: 1 }, visits_all: true, several: false, directed: false, solvers: {}, limits: {}, notes: [], command: [],
  };
}

const problemOf = (name) => info.problems.find((one) => one.name === name);
const hasDepot = () => !["tsp", "atsp", "shpp"].includes(state.problem);

function changed(delay = 0) {
  stop();
  lanes = []; steps = []; moments = []; alone = null;
  state.run = false;
  state.visited = [];
  player.reset();
  making?.abort();
  if (state.kind === "points") view = localView();
  clearTimeout(changed.timer);
  made = new Promise((resolve) => { changed.timer = setTimeout(() => make().then(resolve), delay); });
  remember();
  refresh();
  return made;
}

async function make() {
  const request = toRequest(state);
  if (!request) {
    if (state.kind === "file") view = null;
    refresh();
    return;
  }
  making = new AbortController();
  const { signal } = making;
  $("panel").setAttribute("aria-busy", "true");
  const waiting = setTimeout(() => { if (!view || !view.points.length) hint(info.ready ? "Making the instance …" : "Warming up the solvers. The first time this takes a minute …"); }, 400);
  try {
    const answer = await ask("instance", request, signal);
    info.ready = true;
    if (state.kind === "points") answer.frame = { x: 0, y: 0, w: 1, h: 1 };
    const kept = view && view.frame && answer.frame;
    view = answer;
    if (!kept) map.fit();
    say(`${view.size} places, ${view.title}.`, true);
  } catch (error) {
    if (error.name === "AbortError") return;
    if (state.kind !== "points") view = null;
    complain(error.message);
  } finally {
    clearTimeout(waiting);
    if (making?.signal === signal) { making = null; $("panel").removeAttribute("aria-busy"); }
  }
  refresh();
}

/** Ask about the instance; where the server has forgotten it, make it again first. */
async function withInstance(work) {
  await ready();
  try {
    return await work(view.id);
  } catch (error) {
    if (error.status !== 404) throw error;
    const answer = await ask("instance", toRequest(state));
    return work(answer.id);
  }
}

/** Wait for the instance under way; without one there is nothing to do. */
async function ready() {
  await made;
  if (!view || view.local) throw new Refusal(state.kind === "file" ? "Choose a file first." : "Draw three places or more first.");
}

/* ---- Solving ---- */

function specs() {
  const chosen = state.solvers.filter((spec) => view && view.solvers[spec] !== false);
  return [...new Set([...chosen, ...(state.other.trim() ? [state.other.trim()] : [])])];
}

function stop() {
  running?.abort();
  running = null;
  for (const lane of lanes) if (!lane.done) { lane.state = "stopped"; lane.done = true; }
}

async function solve() {
  await ready();
  const chosen = specs();
  if (!chosen.length) throw new Refusal("Choose a solver that knows this problem.");
  const order = ["policy", "bound"]; // those that end soon begin first
  running = new AbortController();
  const { signal } = running;
  lanes = chosen.map((spec, i) => ({
    spec, proves: spec === "bound", label: SOLVERS[spec]?.[0] || spec, colour: laneColour(spec, i), events: [], state: "waiting", done: false, bound: null, reasons: [],
  }));
  alone = null;
  state.run = true;
  player.reset();
  remember();
  refresh();
  const begun = [...lanes].sort((a, b) => order.includes(b.spec) - order.includes(a.spec));
  if (lanes[0].spec === "ls") begun.sort((a, b) => (b.spec === "ls") - (a.spec === "ls"));
  await Promise.all(begun.map((lane) => follow(lane, signal)));
  if (running?.signal === signal) running = null;
  const best = bestLane();
  if (best) say(`Done. Best: ${best.label}, ${lastOf(best).text}${gapText(best, true)}.`, true);
  refresh();
}

async function follow(lane, signal) {
  const solver = lane.proves ? view.proof : lane.spec;
  const seconds = solver === "bound" ? Math.min(state.seconds, 2) : state.seconds;
  try {
    await withInstance((instance) => listen("solve", { instance, solver, seconds }, (kind, content) => {
      if (signal.aborted) return;
      if (kind === "state") lane.state = content.state;
      else if (kind === "refused") { lane.state = "refused"; lane.reasons = [content.error]; } else hear(lane, kind, content);
      update();
    }, signal));
  } catch (error) {
    if (error.name === "AbortError") { lane.state = "stopped"; } else { lane.state = "refused"; lane.reasons = [error.message]; }
  }
  lane.done = true;
  update();
}

function hear(lane, kind, answer) {
  if (answer.bound !== null) lane.bound = { value: answer.bound, at: answer.seconds };
  if (lane.proves) {
    if (kind === "done" && !lane.bound) lane.reasons = answer.reasons.length ? answer.reasons : ["No bound is known for this problem."];
    lane.proved = answer.proved;
  } else if (answer.feasible) {
    const last = lastOf(lane);
    if (!last || last.objective !== answer.objective || kind === "done") lane.events.push(answer);
    if (lane.events.length * view.size > HEAVY) lane.events = lane.events.filter((_, i) => i % 2 === 0 || i > lane.events.length - 3);
    say(`${lane.label}: ${answer.text} after ${answer.seconds.toFixed(1)} seconds.`);
  } else if (kind === "done" && answer.bound === null) lane.reasons = answer.reasons;
  if (kind === "done") {
    lane.state = "done";
    lane.proved = answer.proved && lane.bound !== null;
    lane.seconds = answer.seconds;
    if (answer.notes?.length) $("notes").textContent = [...new Set([...view.notes, ...answer.notes])].join("\n");
  }
}

const lastOf = (lane) => lane.events[lane.events.length - 1];
const answerAt = (lane, time) => lane.events.findLast((one) => one.seconds <= time + 1e-9) || (time >= player.max ? lastOf(lane) : undefined);
const isBetter = (a, b) => (view.sense === "min" ? a < b : a > b);

function bestLane() {
  return lanes.filter(lastOf).reduce((best, lane) => (!best || isBetter(lastOf(lane).objective, lastOf(best).objective) ? lane : best), null);
}

/** What gaps are to: a proved bound, else the best known value, else the best found. */
function reference() {
  const bounds = lanes.filter((lane) => lane.bound).map((lane) => lane.bound.value);
  const proved = lanes.filter((lane) => lane.proved).map((lane) => lane.bound.value);
  if (proved.length) return ["optimum", proved[0]];
  if (view?.best_known !== null && view?.best_known !== undefined) return ["best known", view.best_known];
  if (bounds.length) return ["bound", view.sense === "min" ? Math.max(...bounds) : Math.min(...bounds)];
  const best = bestLane();
  return best ? ["best", lastOf(best).objective] : ["", null];
}

function gapOf(value) {
  const [, goal] = reference();
  if (goal === null || value === undefined || value === null || !goal) return null;
  return view.sense === "min" ? (value - goal) / Math.abs(goal) : (goal - value) / Math.abs(goal);
}

function gapText(lane, inWords = false) {
  const gap = gapOf(lastOf(lane)?.objective);
  if (gap === null) return "";
  return inWords ? `, ${(100 * gap).toFixed(2)} percent to the ${reference()[0]}` : `${(100 * Math.max(0, gap)).toFixed(2)} %`;
}

function laneColour(spec, i) {
  const own = { ls: 0, ortools: 1, policy: 2 }[spec];
  return spec === "bound" ? "bound" : own ?? 3 + (i % 2);
}
const colourOf = (lane) => (lane.colour === "bound" ? theme.bound : theme.lanes[lane.colour]);

/* ---- The policy ---- */

async function build() {
  await ready();
  if (!view.can_step) throw new Refusal("No policy is shipped for this problem, or the places are more than 300.");
  running = new AbortController();
  const { signal } = running;
  steps = [];
  state.run = true;
  player.reset();
  player.live = false;
  remember();
  refresh();
  let ended = false;
  const hears = (kind, content) => {
    if (signal.aborted) return;
    if (kind === "found") steps.push(content);
    else if (kind === "refused") complain(content.error);
    else if (kind === "done") {
      steps.push({ ...content, done: true });
      ended = true;
      if (content.notes.length) $("notes").textContent = content.notes.join("\n");
      say(content.feasible ? `The policy's tour: ${content.text}.` : `The policy's tour breaks a rule: ${content.reasons[0]}.`, true);
    }
    if (steps.length === 1) { player.value = 0; loadPlayer(); player.play(); }
    update();
  };
  try {
    await withInstance((instance) => listen("steps", { instance }, hears, signal));
  } finally {
    if (running?.signal === signal) running = null;
    if (!ended && steps.length && !signal.aborted) complain("The policy has stopped before its end.");
    refresh();
  }
}

/* ---- The day ---- */

const momentAt = () => moments[Math.min(moments.length - 1, Math.round(player.value))];

async function go(node, ends = false) {
  if (running) return;
  const now = momentAt();
  if (now?.over) return;
  const visited = now ? [...now.visited, ...(node === null ? [] : [node])] : state.visited;
  running = new AbortController();
  const { signal } = running;
  refresh();
  try {
    const seconds = Math.min(state.seconds, 10);
    const next = await withInstance((instance) => ask("day", { instance, visited, solver: planner(), seconds, ends }, signal));
    moments = [...moments.slice(0, now ? Math.round(player.value) + 1 : 0), next];
    state.visited = next.visited;
    remember();
    loadPlayer();
    player.live = false;
    player.set(moments.length - 1);
    say(describe(next), true);
  } catch (error) {
    player.pause();
    if (error.name !== "AbortError") complain(error.message);
  } finally {
    if (running?.signal === signal) running = null;
    refresh();
  }
}

const planner = () => state.planner || Object.keys(PLANNERS).find((spec) => view?.solvers[spec]) || "session-recourse";

/** Begin the day, or go on with the visits of a link. */
async function startDay(isLink = false) {
  await ready();
  if (!view.can_live) throw new Refusal("Nothing is hidden in this problem. Choose one with an uncertain day, and 200 places or fewer.");
  moments = [];
  state.run = true;
  if (!isLink) state.visited = [];
  player.reset();
  remember();
  return go(null);
}

function describe(moment) {
  const here = moment.visited[moment.visited.length - 1];
  const known = here === undefined ? "" : outcomes(moment, here);
  if (moment.over) return `The day is over: ${moment.text ?? "no quota met"}.`;
  return `${here === undefined ? "At the start" : `At ${shownName(here)}`}${known ? `: ${known}` : ""}.`;
}

function outcomes(moment, node) {
  const words = { service_times: "took", waits: "queue", prizes: "prize" };
  return Object.entries(moment.revealed[node] || {})
    .map(([name, value]) => (value === null ? "nobody there" : `${words[name]} ${short(Number(value.toPrecision(3)))}`)).join(", ");
}

function showChoice() {
  const box = $("choice"), now = state.mode === "day" ? momentAt() : null;
  box.hidden = !now;
  if (!now) return;
  const here = now.visited[now.visited.length - 1], next = now.plan[0];
  const facts = document.createElement("span");
  const clock = now.limit === null ? "" : `${short(Number((now.elapsed ?? 0).toPrecision(3)))} of ${short(Number(now.limit.toPrecision(3)))} used · `;
  facts.textContent = `${clock}${now.text === null ? "quota open" : view.sense === "max" ? `${now.text} collected` : `cost ${now.text}`}${here === undefined ? "" : ` · ${describe(now)}`}`;
  const parts = [facts];
  const button = (text, isPlanned, act) => {
    const one = document.createElement("button");
    one.type = "button";
    one.className = isPlanned ? "primary" : "quiet";
    one.textContent = text;
    if (isPlanned) one.title = "What the planner would do";
    one.disabled = Boolean(running);
    one.addEventListener("click", act);
    parts.push(one);
  };
  if (now.over) facts.textContent = `The day is over · ${now.text === null ? now.reasons[0] || "quota not met" : view.sense === "max" ? `${now.text} collected` : `cost ${now.text}`}`;
  else if (now.deciding) {
    const stays = next === here, onward = stays ? now.plan[1] : next;
    button("Stay", stays, () => go(here));
    button(onward === undefined ? "Leave, go home" : "Leave", !stays, () => (onward === undefined ? go(null, true) : go(onward)));
  } else {
    button(`Go to ${shownName(next)}`, true, () => go(next));
    button("Go home", false, () => go(null, true));
  }
  box.replaceChildren(...parts);
}

/* ---- What is shown ---- */

function panes() {
  const colour = theme.lanes[0];
  if (!view) return [{}];
  if (state.mode === "policy") {
    const step = steps[Math.min(steps.length - 1, Math.floor(player.value))];
    const base = { colour: theme.lanes[2], title: steps.length ? "Policy" : "" };
    if (!step) return [base];
    if (step.done) return [{ ...base, answer: step, subtitle: step.feasible ? `${step.text}` : "breaks a rule" }];
    return [{ ...base, ink: step, subtitle: `step ${Math.floor(player.value) + 1}` }];
  }
  if (state.mode === "day") {
    const day = momentAt();
    return [day ? { colour, day, title: "Day", subtitle: day.over ? "over" : `${day.visited.length} steps` } : { colour }];
  }
  const drawn = lanes.filter((lane) => !lane.proves);
  if (!drawn.length) return [{ colour }];
  const chosen = alone !== null && lanes[alone] ? [lanes[alone]] : matchMedia("(max-width: 820px)").matches ? [bestLane() || drawn[0]] : drawn;
  return chosen.map((lane) => {
    const answer = answerAt(lane, player.value);
    return { colour: colourOf(lane), title: lane.label, answer, subtitle: answer ? `${answer.text} · ${answer.seconds.toFixed(2)} s` : lane.done && !lastOf(lane) ? "no answer" : lane.state };
  });
}

function loadPlayer() {
  if (state.mode === "policy") {
    player.load({ max: Math.max(0, steps.length - 1), marks: steps.map((_, i) => i), rate: 5, write: (v) => `step ${Math.floor(v) + 1}/${steps.length}` });
  } else if (state.mode === "day") {
    player.load({ max: Math.max(0, moments.length - 1), marks: moments.map((_, i) => i), rate: 1.2, write: (v) => `step ${Math.round(v)}` });
  } else {
    const times = lanes.flatMap((lane) => lane.events.map((one) => one.seconds));
    player.load({ max: Math.max(0, ...times), marks: [...new Set(times)].sort((a, b) => a - b), rate: 1, write: (v) => `${v.toFixed(2)} s` });
  }
}

/** Show what has changed, once a frame. */
function update() {
  if (update.due) return;
  update.due = true;
  requestAnimationFrame(() => {
    update.due = false;
    loadPlayer();
    map.invalidate();
    showLanes();
    showChart();
    showChoice();
  });
}

function cell(text, className = "") {
  const one = document.createElement("td");
  one.textContent = text;
  one.className = className;
  return one;
}

function showLanes() {
  const [what, goal] = reference();
  const terms = view?.terms ? view.terms.join(" + ") : "Value";
  const heads = {
    solve: ["Solver", terms, what ? `Gap to ${what}` : "Gap", "Time"], policy: ["Next place", "Probability", "", ""], day: ["Place", "What showed", "", "She"],
  }[state.mode];
  if (state.mode === "policy" && steps[Math.floor(player.value)]?.done) heads.splice(0, 2, "Answer", terms);
  $("lanes").previousElementSibling.querySelectorAll("th").forEach((head, i) => { head.textContent = heads[i]; });
  const best = bestLane(), rows = [];
  if (state.mode === "solve") {
    lanes.forEach((lane, i) => {
      const row = document.createElement("tr"), last = lastOf(lane);
      const button = document.createElement("button"), swatch = document.createElement("span"), first = document.createElement("td");
      swatch.className = "swatch";
      swatch.style.background = colourOf(lane);
      button.type = "button";
      button.append(swatch, lane.label);
      if (!lane.proves) {
        button.title = alone === i ? "Show all beside each other" : "Show alone";
        button.setAttribute("aria-pressed", String(alone === i));
        button.addEventListener("click", () => { alone = alone === i ? null : i; update(); });
      }
      if (lane.proves) {
        const plain = document.createElement("span");
        plain.className = "plain";
        plain.append(swatch, lane.label);
        first.append(plain);
      } else first.append(button);
      row.className = alone === i ? "alone" : "";
      const value = lane.proves ? (lane.bound ? short(lane.bound.value, 6) : "–") : last ? last.text : "–";
      const time = lane.done ? (lane.seconds === undefined ? lane.state : `${lane.seconds.toFixed(2)} s`) : lane.state === "running" ? "running" : `${lane.state} …`;
      row.append(first, cell(value, lane === best ? "best" : ""), cell(lane.proves ? (lane.proved ? "optimal" : "") : goal === null ? "" : gapText(lane)), cell(time, "state"));
      rows.push(row);
      if (lane.reasons.length && !last) {
        const reason = document.createElement("tr"), text = cell(lane.reasons.join("; "));
        reason.className = "reason";
        text.colSpan = 4;
        reason.append(text);
        rows.push(reason);
      }
    });
  } else if (state.mode === "policy" && steps.length) {
    const step = steps[Math.min(steps.length - 1, Math.floor(player.value))];
    for (const [node, share] of step.done ? [] : step.ink.slice(0, 5)) {
      const row = document.createElement("tr");
      row.append(cell(shownName(node)), cell(`${(100 * share).toFixed(1)} %`, node === step.chosen ? "best" : ""), cell(""), cell(node === step.chosen ? "chosen" : "", "state"));
      rows.push(row);
    }
    if (step.done) {
      const row = document.createElement("tr");
      row.append(cell("Policy, greedy"), cell(step.text || "–", "best"), cell(""), cell(step.feasible ? "checked" : step.reasons[0], "state"));
      rows.push(row);
    }
  } else if (state.mode === "day" && moments.length) {
    const now = momentAt();
    now.visited.forEach((node, i) => {
      if (node === now.visited[i - 1]) return;
      const row = document.createElement("tr");
      row.append(cell(shownName(node)), cell(outcomes(now, node)), cell(""), cell(now.stays.includes(node) ? "stayed" : now.deciding && i === now.visited.length - 1 ? "deciding" : "left", "state"));
      rows.unshift(row);
    });
  }
  const text = rows.map((row) => row.outerHTML).join("");
  if (text !== showLanes.text) { // else the focus would be lost for nothing
    showLanes.text = text;
    const focused = [...$("lanes").querySelectorAll("button")].indexOf(document.activeElement);
    $("lanes").replaceChildren(...rows);
    if (focused >= 0) $("lanes").querySelectorAll("button")[focused]?.focus();
  }
  if ($("stops-box").open) showStops();
}

function shownAnswer() {
  if (state.mode === "policy") return steps.findLast((step) => step.done);
  if (state.mode === "day") return null;
  const lane = alone !== null ? lanes[alone] : bestLane();
  return lane ? answerAt(lane, player.value) : null;
}

function showStops() {
  const answer = shownAnswer(), table = document.createElement("table");
  const rows = [];
  for (const [k, stops] of (answer?.stops || []).entries()) {
    for (const [i, node] of stops.entries()) {
      if (rows.length >= MOST_STOPS) break;
      const row = document.createElement("tr"), times = answer.times?.[k];
      row.append(cell(answer.stops.length > 1 ? `${k + 1}.${i}` : String(i)), cell(shownName(node)), ...(times ? times.map((t) => cell(t[i] ?? "")) : []));
      rows.push(row);
    }
  }
  const head = document.createElement("tr");
  for (const name of ["Stop", "Place", ...(answer?.times ? ["Arrive", "Begin", "Leave"] : [])]) {
    const one = document.createElement("th");
    one.scope = "col";
    one.textContent = name;
    head.append(one);
  }
  table.append(head, ...rows);
  $("stops").replaceChildren(rows.length ? table : "No tour yet.");
}

function showChart() {
  const chart = { series: [], x: [0, 1], cursor: null, xLabel: "", yLabel: "", format: short, empty: "" };
  if (state.mode === "policy") {
    chart.empty = "How sure the policy is at each step shows here.";
    const shares = steps.filter((step) => !step.done).map((step, i) => [i + 1, step.ink[0]?.[1] ?? 0]);
    Object.assign(chart, { x: [0.5, Math.max(2, shares.length + 0.5)], y: [0, 1], cursor: shares.length ? Math.floor(player.value) + 1 : null, whole: true, xLabel: "step", yLabel: "probability of the node chosen", format: (v) => `${Math.round(100 * v)} %` });
    if (shares.length) chart.series.push({ colour: theme.lanes[2], points: shares, kind: "bars" });
  } else if (state.mode === "day") {
    chart.empty = "What she collects shows here.";
    const points = moments.filter((one) => one.collected !== null).map((one) => [one.elapsed ?? one.visited.length, one.collected]);
    const now = momentAt();
    Object.assign(chart, { x: [0, moments[0]?.limit ?? Math.max(1, ...points.map((p) => p[0]))], cursor: now ? now.elapsed ?? now.visited.length : null, xLabel: moments[0]?.limit ? "time" : "visits", yLabel: view?.sense === "max" ? "collected" : "cost if she went home" });
    if (points.length && view.sense === "max") chart.y = [0, 1.1 * Math.max(...points.map((p) => p[1])) || 1];
    if (points.length) chart.series.push({ colour: theme.lanes[0], points, kind: "steps" });
  } else {
    chart.empty = "Values over time show here.";
    const end = Math.max(player.max, lanes.some((lane) => !lane.done) ? player.max : 0) || 1;
    Object.assign(chart, { x: [0, end], cursor: player.marks.length && !player.live ? player.value : null, xLabel: "seconds", yLabel: view?.terms ? view.terms.join(" + ") : "" });
    for (const lane of lanes) {
      const points = lane.events.map((one) => [one.seconds, one.objective]);
      if (points.length) {
        if (lane.done || points.length) points.push([Math.max(end, points[points.length - 1][0]), points[points.length - 1][1]]);
        chart.series.push({ colour: colourOf(lane), points, kind: "steps" });
      }
    }
    const [what, goal] = reference();
    if (goal !== null && what !== "best" && chart.series.length) chart.series.push({ colour: theme.bound, points: [[0, goal], [end, goal]], kind: "line", dashed: true });
  }
  drawChart($("chart"), chart, theme);
  const best = bestLane();
  $("chart").setAttribute("aria-label", state.mode === "solve" && best ? `Chart of values over time. Best: ${best.label}, ${lastOf(best).text}${gapText(best, true)}.` : chart.yLabel || chart.empty);
}

function showTip(node, x, y) {
  const tip = $("tip");
  tip.hidden = node === null || !view;
  if (tip.hidden) return;
  const title = document.createElement("b"), list = document.createElement("dl");
  title.textContent = shownName(node) + (node === view.depot ? " (start)" : "");
  const facts = [];
  const words = { prizes: "Prize", penalties: "Penalty", demands: "Demand", service_times: "Duration", waits: "Wait" };
  const hidden = new Set(view.reveals || []);
  for (const [name, word] of Object.entries(words)) {
    const value = view.numbers?.[name]?.[node];
    if (value !== undefined && value !== null && node !== view.depot) facts.push([hidden.has(name) ? `${word}, expected` : word, short(value)]);
  }
  if (view.windows?.[node]) facts.push(["Window", `${view.windows[node][0] ?? "–"} to ${view.windows[node][1] ?? "any time"}`]);
  const answer = shownAnswer();
  (answer?.stops || []).forEach((stops, k) => {
    const i = stops.indexOf(node);
    if (i < 0) return;
    facts.push(["Stop", answer.stops.length > 1 ? `${i}, tour ${k + 1}` : `${i} of ${stops.length - 1}`]);
    if (answer.times) facts.push(["Arrival", answer.times[k][0][i]], ["Visit begins", answer.times[k][1][i]]);
  });
  const step = state.mode === "policy" ? steps[Math.floor(player.value)] : null;
  const share = step?.ink?.find(([one]) => one === node);
  if (share) facts.push(["Probability", `${(100 * share[1]).toFixed(1)} %`]);
  const now = state.mode === "day" ? momentAt() : null;
  if (now?.revealed[node]) facts.push(["Showed", outcomes(now, node)]);
  if (!facts.length && !view.names) facts.push(["At", `${short(view.points[2 * node])}, ${short(view.points[2 * node + 1])}`]);
  for (const [name, value] of facts) {
    const dt = document.createElement("dt"), dd = document.createElement("dd");
    dt.textContent = name;
    dd.textContent = value;
    list.append(dt, dd);
  }
  tip.replaceChildren(title, list);
  const stage = $("map");
  if (x !== undefined) {
    tip.style.left = `${Math.max(6, Math.min(x + 16, stage.clientWidth - tip.offsetWidth - 8))}px`;
    tip.style.top = `${Math.max(6, y + 18 + tip.offsetHeight > stage.clientHeight ? y - tip.offsetHeight - 12 : y + 16)}px`;
  }
  if (document.activeElement === stage) say(`${title.textContent}. ${facts.map((f) => f.join(" ")).join(", ")}`, true);
}

function hint(text) {
  $("empty").textContent = text;
  $("empty").hidden = !text;
}

/** Show the whole state: the form, and everything beside it. */
function refresh() {
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
  go.textContent = running && state.mode !== "day" ? "Stop" : { solve: "Solve", policy: "Build the tour", day: moments.length ? "Start again" : "Start the day" }[state.mode];
  go.disabled = state.mode === "day" && Boolean(running);
  if (view && !lanes.length && !steps.length) $("notes").textContent = [...view.notes, view.remark].filter(Boolean).join("\n");
  const drawing = state.kind === "points" && state.mode !== "day";
  map.drawing = drawing;
  $("map").classList.toggle("draws", drawing);
  hint(drawing && !state.points.length ? "Click to set a place" : state.kind === "file" && !state.file ? "Drop a file here" : "");
  for (const button of all("[data-save]")) {
    const needsTour = ["csv", "json"].includes(button.dataset.save);
    button.disabled = !view || view.local || (needsTour && !shownAnswer()?.tours);
  }
  $("map").setAttribute("aria-label", view ? `Map of ${view.points.length / 2} places` : "Map");
  update();
}

/** The limits that can be set; where the file could not be read yet, all of them. */
function limitsOf(problem) {
  return state.kind === "file" && !state.problem && !view ? Object.keys(LIMITS) : problem?.limits || [];
}

function showProblem() {
  const select = $("problem");
  const names = info.problems.filter((one) => state.mode !== "day" || one.lives).map((one) => [one.name, one.title]);
  if (state.kind === "file") names.unshift(["", "As the file says"]);
  const wanted = names.map((n) => n.join()).join("|");
  if (select.dataset.names !== wanted) {
    select.dataset.names = wanted;
    select.replaceChildren(...names.map(([value, text]) => new Option(text[0].toUpperCase() + text.slice(1), value)));
  }
  select.value = state.problem;
  const problem = problemOf(state.problem || view?.problem || "tsp");
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
    input.placeholder = view?.limits?.[name] ?? "none";
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
    input.disabled = Boolean(view) && view.solvers[input.value] === false;
    input.nextElementSibling.style.background = input.value === "bound" ? theme.bound : theme.lanes[laneColour(input.value, 0)];
    input.parentElement.title = input.disabled ? "Does not solve this problem, or so many places" : "";
  }
  const options = Object.entries(PLANNERS).filter(([spec]) => !view || view.local || view.solvers[spec]);
  const select = $("planner"), wanted = options.map((o) => o[0]).join();
  if (select.dataset.names !== wanted) {
    select.dataset.names = wanted;
    select.replaceChildren(...options.map(([value, text]) => new Option(text, value)));
  }
  select.value = options.some(([spec]) => spec === state.planner) ? state.planner : options[0]?.[0] ?? "";
}

/* ---- Links ---- */

function remember() {
  clearTimeout(remember.timer);
  remember.timer = setTimeout(async () => history.replaceState(null, "", `#${await toFragment(state)}`), 150);
}

async function load(fragment) {
  stop();
  state = await fromFragment(fragment);
  if (state.problem && !problemOf(state.problem)) state.problem = "tsp";
  const { run, visited } = state;
  await changed();
  state.visited = visited;
  if (run && view && !view.local) act(true);
}

/* ---- Acts of the reader ---- */

async function act(isLink = false) {
  if (running && state.mode !== "day") { stop(); refresh(); return; }
  try {
    await ({ solve, policy: build, day: () => startDay(isLink) })[state.mode]();
  } catch (error) {
    if (error.name !== "AbortError") complain(error.message);
    refresh();
  }
}

function setMode(mode) {
  if (mode === state.mode) return;
  stop();
  state.mode = mode;
  state.run = false;
  player.reset();
  const before = state.problem;
  const lives = problemOf(state.problem)?.lives;
  if (mode === "day" && !lives) { setMode.before = state.problem; state.problem = "opq"; state.limits = {}; }
  if (mode !== "day" && lives && setMode.before !== undefined) { state.problem = setMode.before; state.limits = {}; }
  if (mode === "day" && state.seconds > 2) state.seconds = 1;
  if (state.problem !== before) changed();
  else { remember(); refresh(); }
  if (state.mode === "policy" && steps.length) player.set(player.max);
}

async function takeFiles(files) {
  const file = files.find((one) => !one.name.endsWith(WALLS)), walls = files.find((one) => one.name.endsWith(WALLS));
  if (!file) { if (walls) complain(`${walls.name}: walls, expected the file of places beside it.`); return; }
  const size = file.size + (walls?.size ?? 0);
  if (size > 11e6) { complain(`${file.name}: ${(size / 1e6).toFixed(0)} MB, expected at most 11 MB on this page; tsp solve takes more.`); return; }
  const read = async (one) => encode(new Uint8Array(await one.arrayBuffer()), false);
  const content = { name: file.name, content: await read(file), ...(walls ? { walls: await read(walls) } : {}) };
  Object.assign(state, { kind: "file", file: content, problem: "", limits: {} });
  if (state.mode === "day") state.mode = "solve";
  await changed();
}

async function save(kind) {
  $("save").open = false;
  try {
    await made;
    const stem = view.file.replace(/\.[^.]*$/, "");
    if (kind === "png") download(`${stem}.png`, await pngOf(map), "image/png");
    else if (kind === "svg") download(`${stem}.svg`, svgOf(map), "image/svg+xml");
    else if (kind === "command") {
      $("command-text").textContent = commandOf(state, view, state.mode === "solve" ? specs().filter((spec) => spec !== "bound") : [state.mode === "policy" ? "policy(decoding=greedy,starts=1)" : planner()]);
      $("command").showModal();
    } else {
      const tours = kind === "instance" ? undefined : shownAnswer().tours;
      const file = await withInstance((instance) => ask("export", { instance, kind, ...(tours ? { tours } : {}) }));
      download(file.name, decode(file.content), "application/octet-stream");
    }
  } catch (error) { complain(error.message); }
}

function setPoints(points) {
  state.points = points;
  changed(250);
}

function click(node, world) {
  if (state.mode === "day") {
    const now = momentAt();
    if (node !== null && now && !now.over && node !== view.depot) go(node);
    return;
  }
  if (state.kind !== "points" || !world) return;
  if (node !== null) setPoints(state.points.filter((_, i) => i !== node));
  else {
    const [x, y] = world.map((v) => Math.round(v * GRID) / GRID);
    if (x < 0 || x > 1 || y < 0 || y > 1) { complain("Places are drawn in the square."); return; }
    setPoints([...state.points, [x, y]]);
  }
  say(`${state.points.length} places.`, true);
}

function useTyped() {
  const lines = $("typed").value.split("\n").map((line) => line.trim()).filter(Boolean);
  const points = [];
  for (const [i, line] of lines.entries()) {
    const numbers = line.split(/[\s,;]+/).map(Number);
    if (numbers.length !== 2 || !numbers.every((v) => v >= 0 && v <= 1)) { complain(`Line ${i + 1}: “${line.slice(0, 40)}”, expected two numbers from 0 to 1.`); return; }
    points.push(numbers.map((v) => Math.round(v * GRID) / GRID));
  }
  setPoints(points);
}

/* ---- Wiring ---- */

const player = new Player(
  { back: $("back"), play: $("play"), forward: $("forward"), cursor: $("cursor"), now: $("now"), speed: $("speed") },
  {
    moved() { map.invalidate(); showChart(); showChoice(); showLanes(); },
    atEnd(isPlaying) { // true: there is nothing more to play
      if (state.mode === "day") {
        const now = momentAt();
        if (now && !now.over && !running) go(now.plan[0]);
        return !isPlaying || !now || now.over;
      }
      return !running;
    },
  },
);

const map = new Map2D($("map"), { panes, view: () => view, theme: () => theme, foot: () => (state.mode === "day" ? 60 : 0) }, {
  hover: showTip,
  click,
  cross: ([x, y]) => say(`${Math.round(100 * x)} right, ${Math.round(100 * y)} up`, true),
  order: () => shownAnswer()?.stops?.flat() || Array.from({ length: view.points.length / 2 }, (_, i) => i),
});

function setTheme(name) {
  document.documentElement.dataset.theme = name;
  theme = readTheme();
  if (state) refresh();
}

function wire() {
  for (const button of all("[data-mode]")) button.addEventListener("click", () => setMode(button.dataset.mode));
  for (const button of all("[data-source]")) {
    button.addEventListener("click", () => {
      if (state.kind === button.dataset.source) return;
      state.kind = button.dataset.source;
      if (state.kind !== "file" && !state.problem) state.problem = view?.problem || "tsp";
      map.fit();
      changed();
    });
  }
  const number = (id, name) => $(id).addEventListener("change", () => {
    if (!$(id).reportValidity()) return;
    state[name] = Number($(id).value);
    if (name === "seconds") { remember(); refresh(); } else changed();
  });
  number("size", "size");
  number("seed", "seed");
  number("seconds", "seconds");
  $("seconds-range").addEventListener("input", () => { state.seconds = SCALE[Number($("seconds-range").value) + 4]; remember(); refresh(); });
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
  $("zoom-in").addEventListener("click", () => map.zoomBy(1.4));
  $("zoom-out").addEventListener("click", () => map.zoomBy(1 / 1.4));
  $("zoom-fit").addEventListener("click", () => map.fit());
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
  $("save").addEventListener("toggle", () => refresh());
  document.addEventListener("click", (event) => { if (!$("save").contains(event.target)) $("save").open = false; });
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") $("save").open = false; });
  let depth = 0;
  const veil = (change) => { depth = Math.max(0, depth + change); $("veil").hidden = depth === 0; };
  window.addEventListener("dragenter", (event) => { event.preventDefault(); veil(1); });
  window.addEventListener("dragleave", () => veil(-1));
  window.addEventListener("dragover", (event) => event.preventDefault());
  window.addEventListener("drop", (event) => { event.preventDefault(); depth = 0; veil(0); takeFiles([...event.dataTransfer.files]); });
  window.addEventListener("hashchange", () => load(location.hash));
  window.addEventListener("resize", () => update());
}

const dark = matchMedia("(prefers-color-scheme: dark)");
setTheme(localStorage.getItem("theme") || (dark.matches ? "dark" : "light"));
dark.addEventListener("change", () => { if (!localStorage.getItem("theme")) setTheme(dark.matches ? "dark" : "light"); });
try {
  info = await about();
  wire();
  document.querySelector("main").inert = false; // until here nothing would have heard a click
  await load(location.hash);
} catch (error) {
  hint("The server does not answer. Is tsp serve still running?");
  throw error;
}
