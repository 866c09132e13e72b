// A policy that builds its tour, node by node.

import { ready, withInstance } from "./instance.js";
import { $, complain, loadPlayer, page, remember, say, state } from "./page.js";
import { listen, Refusal } from "./server.js";

export async function build() {
  await ready();
  if (!page.view.can_step) throw new Refusal("No policy is shipped for this problem, or the places are more than 300.");
  page.running = new AbortController();
  const { signal } = page.running;
  page.steps = [];
  state.run = true;
  page.player.reset();
  page.player.live = false;
  remember();
  page.refresh();
  let ended = false;
  const hears = (kind, content) => {
    if (signal.aborted) return;
    if (kind === "found") page.steps.push(content);
    else if (kind === "refused") complain(content.error);
    else if (kind === "done") {
      page.steps.push({ ...content, done: true });
      ended = true;
      if (content.notes.length) $("notes").textContent = content.notes.join("\n");
      say(content.feasible ? `The policy's tour: ${content.text}.` : `The policy's tour breaks a rule: ${content.reasons[0]}.`, true);
    }
    if (page.steps.length === 1) { page.player.value = 0; loadPlayer(); page.player.play(); }
    page.update();
  };
  try {
    await withInstance((instance) => listen("steps", { instance }, hears, signal));
  } finally {
    if (page.running?.signal === signal) page.running = null;
    if (!ended && page.steps.length && !signal.aborted) complain("The policy has stopped before its end.");
    page.refresh();
  }
}
