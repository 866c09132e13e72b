// The table of answers, and the tour as a table.

import { short } from "./chart.js";
import { momentAt, outcomes } from "./day.js";
import { $, page, shownName, state } from "./page.js";
import { shownAnswer } from "./picture.js";
import { bestLane, colourOf, gapText, lastOf, reference } from "./solving.js";

const MOST_STOPS = 400;

export function showLanes() {
  const [what, goal] = reference();
  const terms = page.view?.terms ? page.view.terms.join(" + ") : "Value";
  const heads = {
    solve: ["Solver", terms, what ? `Gap to ${what}` : "Gap", "Time"], policy: ["Next place", "Probability", "", ""], day: ["Place", "What showed", "", "She"],
  }[state.mode];
  if (state.mode === "policy" && page.steps[Math.floor(page.player.value)]?.done) heads.splice(0, 2, "Answer", terms);
  $("lanes").previousElementSibling.querySelectorAll("th").forEach((head, i) => { head.textContent = heads[i]; });
  const best = bestLane(), rows = [];
  if (state.mode === "solve") {
    page.lanes.forEach((lane, i) => {
      const row = document.createElement("tr"), last = lastOf(lane);
      const button = document.createElement("button"), swatch = document.createElement("span"), first = document.createElement("td");
      swatch.className = "swatch";
      swatch.style.background = colourOf(lane);
      button.type = "button";
      button.append(swatch, lane.label);
      if (!lane.proves) {
        button.title = page.alone === i ? "Show all beside each other" : "Show alone";
        button.setAttribute("aria-pressed", String(page.alone === i));
        button.addEventListener("click", () => { page.alone = page.alone === i ? null : i; page.update(); });
      }
      if (lane.proves) {
        const plain = document.createElement("span");
        plain.className = "plain";
        plain.append(swatch, lane.label);
        first.append(plain);
      } else first.append(button);
      row.className = page.alone === i ? "alone" : "";
      const value = lane.proves ? (lane.bound ? short(lane.bound.value) : "–") : last ? last.text : "–";
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
  } else if (state.mode === "policy" && page.steps.length) {
    const step = page.steps[Math.min(page.steps.length - 1, Math.floor(page.player.value))];
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
  } else if (state.mode === "day" && page.moments.length) {
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

export function showStops() {
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

function cell(text, className = "") {
  const one = document.createElement("td");
  one.textContent = text;
  one.className = className;
  return one;
}
