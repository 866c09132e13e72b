// What the page holds, which the other modules read and change, and its words to the reader.

import { DEFAULTS, toFragment } from "./state.js";

export const state = structuredClone(DEFAULTS); // what a link holds
export const page = {
  info: null, // what the server can do
  theme: null, // colours
  player: null, map: null, // where the reader is in time, and in space
  view: null, // the instance as the server shows it
  making: null, running: null, // controllers of what the server does now
  made: null, // the promise of the instance under way
  lanes: [], alone: null, // what solvers found, and the one that has the whole map
  steps: [], // of the policy
  moments: [], // of the day
  refresh() {}, // show the whole state: the form, and everything beside it
  update() {}, // show what has changed, once a frame
};

export const $ = (id) => document.getElementById(id);
export const all = (selector) => [...document.querySelectorAll(selector)];

/** Show a sentence for some seconds. */
export function complain(sentence) {
  $("toast").textContent = sentence;
  $("toast").hidden = false;
  clearTimeout(complain.timer);
  complain.timer = setTimeout(() => { $("toast").hidden = true; }, 9000);
}

let said = 0; // when something was last said

/** Say a text to a screen reader, at most every 2.5 seconds unless forced. */
export function say(text, force = false) {
  const now = performance.now();
  if (!force && now - said < 2500) return;
  said = now;
  $("said").textContent = text;
}

/** Show a text in the empty map. */
export function hint(text) {
  $("empty").textContent = text;
  $("empty").hidden = !text;
}

export const shownName = (node) => (page.view.names ? page.view.names[node] : `Place ${node + 1}`);
export const problemOf = (name) => page.info.problems.find((one) => one.name === name);

/** End what the server does now. */
export function stop() {
  page.running?.abort();
  page.running = null;
  for (const lane of page.lanes) if (!lane.done) { lane.state = "stopped"; lane.done = true; }
}

/** Write the state into the address. */
export function remember() {
  clearTimeout(remember.timer);
  remember.timer = setTimeout(async () => history.replaceState(null, "", `#${await toFragment(state)}`), 150);
}

/** Tell the player what there is to play. */
export function loadPlayer() {
  if (state.mode === "policy") {
    page.player.load({ max: Math.max(0, page.steps.length - 1), marks: page.steps.map((_, i) => i), rate: 5, write: (v) => `step ${Math.floor(v) + 1}/${page.steps.length}` });
  } else if (state.mode === "day") {
    page.player.load({ max: Math.max(0, page.moments.length - 1), marks: page.moments.map((_, i) => i), rate: 1.2, write: (v) => `step ${Math.round(v)}` });
  } else {
    const times = page.lanes.flatMap((lane) => lane.events.map((one) => one.seconds));
    page.player.load({ max: Math.max(0, ...times), marks: [...new Set(times)].sort((a, b) => a - b), rate: 1, write: (v) => `${v.toFixed(2)} s` });
  }
}
