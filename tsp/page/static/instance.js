// The instance: made by the server whenever the form changes, and made again where the server has forgotten it.

import { $, complain, hint, page, remember, say, state, stop } from "./page.js";
import { ask, Refusal } from "./server.js";
import { toRequest } from "./state.js";

const hasDepot = () => !["tsp", "atsp", "shpp"].includes(state.problem);

function localView() {
  return {
    local: true, points: state.points.flat(), depot: state.points.length && hasDepot() ? 0 : null, end: null, names: null, numbers: {}, windows: null,
    walls: null, frame: { x: 0, y: 0, w: 1, h: 1 }, visits_all: true, several: false, directed: false, solvers: {}, limits: {}, notes: [], command: [],
  };
}

/** Forget what was found, and make the instance of the form after a delay in milliseconds. */
export function changed(delay = 0) {
  stop();
  page.lanes = []; page.steps = []; page.moments = []; page.alone = null;
  state.run = false;
  state.visited = [];
  page.player.reset();
  page.making?.abort();
  if (state.kind === "points") page.view = localView();
  clearTimeout(changed.timer);
  page.made = new Promise((resolve) => { changed.timer = setTimeout(() => make().then(resolve), delay); });
  remember();
  page.refresh();
  return page.made;
}

async function make() {
  const request = toRequest(state);
  if (!request) {
    if (state.kind === "file") page.view = null;
    page.refresh();
    return;
  }
  page.making = new AbortController();
  const { signal } = page.making;
  $("panel").setAttribute("aria-busy", "true");
  const waiting = setTimeout(() => { if (!page.view || !page.view.points.length) hint(page.info.ready ? "Making the instance …" : "Warming up the solvers. The first time this takes a minute …"); }, 400);
  try {
    const answer = await ask("instance", request, signal);
    page.info.ready = true;
    if (state.kind === "points") answer.frame = { x: 0, y: 0, w: 1, h: 1 };
    const kept = page.view && page.view.frame && answer.frame;
    page.view = answer;
    if (!kept) page.map.fit();
    say(`${page.view.size} places, ${page.view.title}.`, true);
  } catch (error) {
    if (error.name === "AbortError") return;
    if (state.kind !== "points") page.view = null;
    complain(error.message);
  } finally {
    clearTimeout(waiting);
    if (page.making?.signal === signal) { page.making = null; $("panel").removeAttribute("aria-busy"); }
  }
  page.refresh();
}

/** Wait for the instance under way; without one there is nothing to do. */
export async function ready() {
  await page.made;
  if (!page.view || page.view.local) throw new Refusal(state.kind === "file" ? "Choose a file first." : "Draw three places or more first.");
}

/** Ask about the instance; where the server has forgotten it, make it again first. */
export async function withInstance(work) {
  await ready();
  try {
    return await work(page.view.id);
  } catch (error) {
    if (error.status !== 404) throw error;
    const answer = await ask("instance", toRequest(state));
    return work(answer.id);
  }
}
