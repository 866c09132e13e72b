// What the map and the chart show of the moment that the player is at, and the words at a place.

import { drawChart, short } from "./chart.js";
import { momentAt, outcomes } from "./day.js";
import { $, page, say, shownName, state } from "./page.js";
import { answerAt, bestLane, colourOf, gapText, lastOf, reference } from "./solving.js";

export function panes() {
  const colour = page.theme.lanes[0];
  if (!page.view) return [{}];
  if (state.mode === "policy") {
    const step = page.steps[Math.min(page.steps.length - 1, Math.floor(page.player.value))];
    const base = { colour: page.theme.lanes[2], title: page.steps.length ? "Policy" : "" };
    if (!step) return [base];
    if (step.done) return [{ ...base, answer: step, subtitle: step.feasible ? `${step.text}` : "breaks a rule" }];
    return [{ ...base, ink: step, subtitle: `step ${Math.floor(page.player.value) + 1}` }];
  }
  if (state.mode === "day") {
    const day = momentAt();
    return [day ? { colour, day, title: "Day", subtitle: day.over ? "over" : `${day.visited.length} steps` } : { colour }];
  }
  const drawn = page.lanes.filter((lane) => !lane.proves);
  if (!drawn.length) return [{ colour }];
  const chosen = page.alone !== null && page.lanes[page.alone] ? [page.lanes[page.alone]] : matchMedia("(max-width: 820px)").matches ? [bestLane() || drawn[0]] : drawn;
  return chosen.map((lane) => {
    const answer = answerAt(lane, page.player.value);
    return { colour: colourOf(lane), title: lane.label, answer, subtitle: answer ? `${answer.text} · ${answer.seconds.toFixed(2)} s` : lane.done && !lastOf(lane) ? "no answer" : lane.state };
  });
}

export function shownAnswer() {
  if (state.mode === "policy") return page.steps.findLast((step) => step.done);
  if (state.mode === "day") return null;
  const lane = page.alone !== null ? page.lanes[page.alone] : bestLane();
  return lane ? answerAt(lane, page.player.value) : null;
}

export function showChart() {
  const chart = { series: [], x: [0, 1], cursor: null, xLabel: "", yLabel: "", format: short, empty: "" };
  if (state.mode === "policy") {
    chart.empty = "How sure the policy is at each step shows here.";
    const shares = page.steps.filter((step) => !step.done).map((step, i) => [i + 1, step.ink[0]?.[1] ?? 0]);
    Object.assign(chart, { x: [0.5, Math.max(2, shares.length + 0.5)], y: [0, 1], cursor: shares.length ? Math.floor(page.player.value) + 1 : null, whole: true, xLabel: "step", yLabel: "probability of the node chosen", format: (v) => `${Math.round(100 * v)} %` });
    if (shares.length) chart.series.push({ colour: page.theme.lanes[2], points: shares, kind: "bars" });
  } else if (state.mode === "day") {
    chart.empty = "What she collects shows here.";
    const points = page.moments.filter((one) => one.collected !== null).map((one) => [one.elapsed ?? one.visited.length, one.collected]);
    const now = momentAt();
    Object.assign(chart, { x: [0, page.moments[0]?.limit ?? Math.max(1, ...points.map((p) => p[0]))], cursor: now ? now.elapsed ?? now.visited.length : null, xLabel: page.moments[0]?.limit ? "time" : "visits", yLabel: page.view?.sense === "max" ? "collected" : "cost if she went home" });
    if (points.length && page.view.sense === "max") chart.y = [0, 1.1 * Math.max(...points.map((p) => p[1])) || 1];
    if (points.length) chart.series.push({ colour: page.theme.lanes[0], points, kind: "steps" });
  } else {
    chart.empty = "Values over time show here.";
    const end = Math.max(page.player.max, page.lanes.some((lane) => !lane.done) ? page.player.max : 0) || 1;
    Object.assign(chart, { x: [0, end], cursor: page.player.marks.length && !page.player.live ? page.player.value : null, xLabel: "seconds", yLabel: page.view?.terms ? page.view.terms.join(" + ") : "" });
    for (const lane of page.lanes) {
      const points = lane.events.map((one) => [one.seconds, one.objective]);
      if (points.length) {
        if (lane.done || points.length) points.push([Math.max(end, points[points.length - 1][0]), points[points.length - 1][1]]);
        chart.series.push({ colour: colourOf(lane), points, kind: "steps" });
      }
    }
    const [what, goal] = reference();
    if (goal !== null && what !== "best" && chart.series.length) chart.series.push({ colour: page.theme.bound, points: [[0, goal], [end, goal]], kind: "line", dashed: true });
  }
  drawChart($("chart"), chart, page.theme);
  const best = bestLane();
  $("chart").setAttribute("aria-label", state.mode === "solve" && best ? `Chart of values over time. Best: ${best.label}, ${lastOf(best).text}${gapText(best, true)}.` : chart.yLabel || chart.empty);
}

export function showTip(node, x, y) {
  const tip = $("tip");
  tip.hidden = node === null || !page.view;
  if (tip.hidden) return;
  const title = document.createElement("b"), list = document.createElement("dl");
  title.textContent = shownName(node) + (node === page.view.depot ? " (start)" : "");
  const facts = [];
  const words = { prizes: "Prize", penalties: "Penalty", demands: "Demand", service_times: "Duration", waits: "Wait" };
  const hidden = new Set(page.view.reveals || []);
  for (const [name, word] of Object.entries(words)) {
    const value = page.view.numbers?.[name]?.[node];
    if (value !== undefined && value !== null && node !== page.view.depot) facts.push([hidden.has(name) ? `${word}, expected` : word, short(value)]);
  }
  if (page.view.windows?.[node]) facts.push(["Window", `${page.view.windows[node][0] ?? "–"} to ${page.view.windows[node][1] ?? "any time"}`]);
  const answer = shownAnswer();
  (answer?.stops || []).forEach((stops, k) => {
    const i = stops.indexOf(node);
    if (i < 0) return;
    facts.push(["Stop", answer.stops.length > 1 ? `${i}, tour ${k + 1}` : `${i} of ${stops.length - 1}`]);
    if (answer.times) facts.push(["Arrival", answer.times[k][0][i]], ["Visit begins", answer.times[k][1][i]]);
  });
  const step = state.mode === "policy" ? page.steps[Math.floor(page.player.value)] : null;
  const share = step?.ink?.find(([one]) => one === node);
  if (share) facts.push(["Probability", `${(100 * share[1]).toFixed(1)} %`]);
  const now = state.mode === "day" ? momentAt() : null;
  if (now?.revealed[node]) facts.push(["Showed", outcomes(now, node)]);
  if (!facts.length && !page.view.names) facts.push(["At", `${short(page.view.points[2 * node])}, ${short(page.view.points[2 * node + 1])}`]);
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
