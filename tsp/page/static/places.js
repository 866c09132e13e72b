// Places that the reader gives: by clicks, as coordinates, or in files.

import { go, momentAt } from "./day.js";
import { changed } from "./instance.js";
import { $, complain, page, say, state } from "./page.js";
import { encode, GRID } from "./state.js";

const WALLS = ".walls.csv";

export function click(node, world) {
  if (state.mode === "day") {
    const now = momentAt();
    if (node !== null && now && !now.over && node !== page.view.depot) go(node);
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

export function useTyped() {
  const lines = $("typed").value.split("\n").map((line) => line.trim()).filter(Boolean);
  const points = [];
  for (const [i, line] of lines.entries()) {
    const numbers = line.split(/[\s,;]+/).map(Number);
    if (numbers.length !== 2 || !numbers.every((v) => v >= 0 && v <= 1)) { complain(`Line ${i + 1}: “${line.slice(0, 40)}”, expected two numbers from 0 to 1.`); return; }
    points.push(numbers.map((v) => Math.round(v * GRID) / GRID));
  }
  setPoints(points);
}

export function setPoints(points) {
  state.points = points;
  changed(250);
}

export async function takeFiles(files) {
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
