// Solvers beside each other: what each has found, and the gap of each.

import { ready, withInstance } from "./instance.js";
import { $, page, remember, say, state } from "./page.js";
import { listen, Refusal } from "./server.js";

export const SOLVERS = {
  ls: ["Local search", "ls"], ortools: ["OR-Tools", "ortools"], policy: ["Policy", "policy"], bound: ["Bound", "how far from optimal"],
};
const HEAVY = 3e6; // nodes × kept answers above which older answers of a solver are thinned out

export function specs() {
  const chosen = state.solvers.filter((spec) => page.view && page.view.solvers[spec] !== false);
  return [...new Set([...chosen, ...(state.other.trim() ? [state.other.trim()] : [])])];
}

export async function solve() {
  await ready();
  const chosen = specs();
  if (!chosen.length) throw new Refusal("Choose a solver that knows this problem.");
  const order = ["policy", "bound"]; // those that end soon begin first
  page.running = new AbortController();
  const { signal } = page.running;
  page.lanes = chosen.map((spec, i) => ({
    spec, proves: spec === "bound", label: SOLVERS[spec]?.[0] || spec, colour: laneColour(spec, i), events: [], state: "waiting", done: false, bound: null, reasons: [],
  }));
  page.alone = null;
  state.run = true;
  page.player.reset();
  remember();
  page.refresh();
  const begun = [...page.lanes].sort((a, b) => order.includes(b.spec) - order.includes(a.spec));
  if (page.lanes[0].spec === "ls") begun.sort((a, b) => (b.spec === "ls") - (a.spec === "ls"));
  await Promise.all(begun.map((lane) => follow(lane, signal)));
  if (page.running?.signal === signal) page.running = null;
  const best = bestLane();
  if (best) say(`Done. Best: ${best.label}, ${lastOf(best).text}${gapText(best, true)}.`, true);
  page.refresh();
}

async function follow(lane, signal) {
  const solver = lane.proves ? page.view.proof : lane.spec;
  const seconds = solver === "bound" ? Math.min(state.seconds, 2) : state.seconds;
  try {
    await withInstance((instance) => listen("solve", { instance, solver, seconds }, (kind, content) => {
      if (signal.aborted) return;
      if (kind === "state") lane.state = content.state;
      else if (kind === "refused") { lane.state = "refused"; lane.reasons = [content.error]; } else hear(lane, kind, content);
      page.update();
    }, signal));
  } catch (error) {
    if (error.name === "AbortError") { lane.state = "stopped"; } else { lane.state = "refused"; lane.reasons = [error.message]; }
  }
  lane.done = true;
  page.update();
}

function hear(lane, kind, answer) {
  if (answer.bound !== null) lane.bound = { value: answer.bound, at: answer.seconds };
  if (lane.proves) {
    if (kind === "done" && !lane.bound) lane.reasons = answer.reasons.length ? answer.reasons : ["No bound is known for this problem."];
    lane.proved = answer.proved;
  } else if (answer.feasible) {
    const last = lastOf(lane);
    if (!last || last.objective !== answer.objective || kind === "done") lane.events.push(answer);
    if (lane.events.length * page.view.size > HEAVY) lane.events = lane.events.filter((_, i) => i % 2 === 0 || i > lane.events.length - 3);
    say(`${lane.label}: ${answer.text} after ${answer.seconds.toFixed(1)} seconds.`);
  } else if (kind === "done" && answer.bound === null) lane.reasons = answer.reasons;
  if (kind === "done") {
    lane.state = "done";
    lane.proved = answer.proved && lane.bound !== null;
    lane.seconds = answer.seconds;
    if (answer.notes?.length) $("notes").textContent = [...new Set([...page.view.notes, ...answer.notes])].join("\n");
  }
}

export const lastOf = (lane) => lane.events[lane.events.length - 1];
export const answerAt = (lane, time) => lane.events.findLast((one) => one.seconds <= time + 1e-9) || (time >= page.player.max ? lastOf(lane) : undefined);
const isBetter = (a, b) => (page.view.sense === "min" ? a < b : a > b);

export function bestLane() {
  return page.lanes.filter(lastOf).reduce((best, lane) => (!best || isBetter(lastOf(lane).objective, lastOf(best).objective) ? lane : best), null);
}

/** What gaps are to: a proved bound, else the best known value, else the best found. */
export function reference() {
  const bounds = page.lanes.filter((lane) => lane.bound).map((lane) => lane.bound.value);
  const proved = page.lanes.filter((lane) => lane.proved).map((lane) => lane.bound.value);
  if (proved.length) return ["optimum", proved[0]];
  if (page.view?.best_known !== null && page.view?.best_known !== undefined) return ["best known", page.view.best_known];
  if (bounds.length) return ["bound", page.view.sense === "min" ? Math.max(...bounds) : Math.min(...bounds)];
  const best = bestLane();
  return best ? ["best", lastOf(best).objective] : ["", null];
}

function gapOf(value) {
  const [, goal] = reference();
  if (goal === null || value === undefined || value === null || !goal) return null;
  return page.view.sense === "min" ? (value - goal) / Math.abs(goal) : (goal - value) / Math.abs(goal);
}

export function gapText(lane, inWords = false) {
  const gap = gapOf(lastOf(lane)?.objective);
  if (gap === null) return "";
  return inWords ? `, ${(100 * gap).toFixed(2)} percent to the ${reference()[0]}` : `${(100 * Math.max(0, gap)).toFixed(2)} %`;
}

export function laneColour(spec, i) {
  const own = { ls: 0, ortools: 1, policy: 2 }[spec];
  return spec === "bound" ? "bound" : own ?? 3 + (i % 2);
}

export const colourOf = (lane) => (lane.colour === "bound" ? page.theme.bound : page.theme.lanes[lane.colour]);
