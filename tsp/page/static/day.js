// A day with hidden values, lived visit by visit.

import { short } from "./chart.js";
import { ready, withInstance } from "./instance.js";
import { $, complain, loadPlayer, page, remember, say, shownName, state } from "./page.js";
import { ask, Refusal } from "./server.js";

export const PLANNERS = {
  "session-recourse": "Recourse: all outcomes at once", "session-rollout": "Rollout: one step ahead", means: "Means: certainty equivalence",
  recourse: "Recourse: order of least average cost", policy: "Policy", ls: "Local search on expected prizes",
};

export const momentAt = () => page.moments[Math.min(page.moments.length - 1, Math.round(page.player.value))];
export const planner = () => state.planner || Object.keys(PLANNERS).find((spec) => page.view?.solvers[spec]) || "session-recourse";

/** Begin the day, or go on with the visits of a link. */
export async function startDay(isLink = false) {
  await ready();
  if (!page.view.can_live) throw new Refusal("Nothing is hidden in this problem. Choose one with an uncertain day, and 200 places or fewer.");
  page.moments = [];
  state.run = true;
  if (!isLink) state.visited = [];
  page.player.reset();
  remember();
  return go(null);
}

export async function go(node, ends = false) {
  if (page.running) return;
  const now = momentAt();
  if (now?.over) return;
  const visited = now ? [...now.visited, ...(node === null ? [] : [node])] : state.visited;
  page.running = new AbortController();
  const { signal } = page.running;
  page.refresh();
  try {
    const seconds = Math.min(state.seconds, 10);
    const next = await withInstance((instance) => ask("day", { instance, visited, solver: planner(), seconds, ends }, signal));
    page.moments = [...page.moments.slice(0, now ? Math.round(page.player.value) + 1 : 0), next];
    state.visited = next.visited;
    remember();
    loadPlayer();
    page.player.live = false;
    page.player.set(page.moments.length - 1);
    say(describe(next), true);
  } catch (error) {
    page.player.pause();
    if (error.name !== "AbortError") complain(error.message);
  } finally {
    if (page.running?.signal === signal) page.running = null;
    page.refresh();
  }
}

function describe(moment) {
  const here = moment.visited[moment.visited.length - 1];
  const known = here === undefined ? "" : outcomes(moment, here);
  if (moment.over) return `The day is over: ${moment.text ?? "no quota met"}.`;
  return `${here === undefined ? "At the start" : `At ${shownName(here)}`}${known ? `: ${known}` : ""}.`;
}

export function outcomes(moment, node) {
  const words = { service_times: "took", waits: "queue", prizes: "prize" };
  return Object.entries(moment.revealed[node] || {})
    .map(([name, value]) => (value === null ? "nobody there" : `${words[name]} ${short(Number(value.toPrecision(3)))}`)).join(", ");
}

export function showChoice() {
  const box = $("choice"), now = state.mode === "day" ? momentAt() : null;
  box.hidden = !now;
  if (!now) return;
  const here = now.visited[now.visited.length - 1], next = now.plan[0];
  const facts = document.createElement("span");
  const clock = now.limit === null ? "" : `${short(Number((now.elapsed ?? 0).toPrecision(3)))} of ${short(Number(now.limit.toPrecision(3)))} used · `;
  facts.textContent = `${clock}${now.text === null ? "quota open" : page.view.sense === "max" ? `${now.text} collected` : `cost ${now.text}`}${here === undefined ? "" : ` · ${describe(now)}`}`;
  const parts = [facts];
  const button = (text, isPlanned, act) => {
    const one = document.createElement("button");
    one.type = "button";
    one.className = isPlanned ? "primary" : "quiet";
    one.textContent = text;
    if (isPlanned) one.title = "What the planner would do";
    one.disabled = Boolean(page.running);
    one.addEventListener("click", act);
    parts.push(one);
  };
  if (now.over) facts.textContent = `The day is over · ${now.text === null ? now.reasons[0] || "quota not met" : page.view.sense === "max" ? `${now.text} collected` : `cost ${now.text}`}`;
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
