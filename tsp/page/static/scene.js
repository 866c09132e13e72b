// Draws an instance and an answer into a box, on a canvas or as SVG.

const FONT = "system-ui, sans-serif";
const MANY = 2500; // nodes above which dots are squares without outline
const NAMED = 400; // nodes up to which names keep away from lines
const ARROWS = 300; // nodes up to which legs have arrows

/** The colours of the page, read from its style sheet. */
export function readTheme() {
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(`--${name}`).trim();
  return {
    ...Object.fromEntries(["ground", "surface", "raised", "ink", "muted", "line", "accent", "node", "faint", "wall", "bound"].map((n) => [n, colour(n)])),
    lanes: [0, 1, 2, 3, 4].map((i) => colour(`lane-${i}`)),
    tours: [0, 1, 2, 3, 4, 5, 6, 7].map((i) => colour(`tour-${i}`)),
  };
}

/** Where world points are on the screen: `[x, y]` in turn. */
export function project(points, lens) {
  const out = new Float32Array(points.length);
  for (let i = 0; i < points.length; i += 2) {
    out[i] = lens.x + points[i] * lens.scale;
    out[i + 1] = lens.y - points[i + 1] * lens.scale;
  }
  return out;
}

/**
 * Draw one pane.
 *
 * scene: { view, box, lens, theme, colour, answer, ink, day }
 * Returns the screen places of the nodes.
 */
export function paint(g, scene) {
  const { view, lens, theme } = scene;
  const at = project(view.points, lens);
  const n = at.length / 2;
  g.lineJoin = "round";
  g.lineCap = "round";
  if (view.frame) drawFrame(g, view.frame, theme, lens);
  const walls = view.walls ? project(view.walls, lens) : [];
  drawWalls(g, walls, theme, lens);
  const lines = scene.answer ? drawTours(g, scene, at, n) : [];
  if (scene.ink) drawInk(g, scene, at);
  if (scene.day) drawDay(g, scene, at);
  drawNodes(g, scene, at, n);
  drawNames(g, scene, at, n, n > NAMED ? [] : [...lines.flatMap((line) => segments(line, 2)), ...segments(walls, 4)]);
  if (scene.ink) drawShares(g, scene, at);
  return at;
}

/** Draw what lies above a pane and changes without it: the title, the node pointed at, the cross of the keyboard. */
export function paintAbove(g, scene, box, at) {
  const { hover, cross, theme, lens } = scene;
  if (hover !== null && 2 * hover < at.length) ring(g, at[2 * hover], at[2 * hover + 1], 9, theme.accent, 2.5);
  if (cross) drawCross(g, project(cross, lens), theme);
  if (scene.title) drawTitle(g, scene, box);
}

/** The square in which places can be drawn. */
function drawFrame(g, frame, theme, lens) {
  const x = lens.x + frame.x * lens.scale, y = lens.y - (frame.y + frame.h) * lens.scale;
  g.fillStyle = theme.surface;
  g.fillRect(x - 14, y - 14, frame.w * lens.scale + 28, frame.h * lens.scale + 28);
}

function drawWalls(g, walls, theme, lens) {
  g.strokeStyle = theme.wall;
  g.lineWidth = Math.max(2, Math.min(7, lens.scale * 0.008));
  g.beginPath();
  for (let i = 0; i < walls.length; i += 4) {
    g.moveTo(walls[i], walls[i + 1]);
    g.lineTo(walls[i + 2], walls[i + 3]);
  }
  g.stroke();
}

/** Draw the tours, and return their lines on the screen. */
function drawTours(g, scene, at, n) {
  const { view, lens, theme, answer } = scene;
  const lines = answer.ways ? answer.ways.map((way) => project(way, lens)) : (answer.stops || []).map((stops) => gather(at, stops));
  g.lineWidth = n > MANY ? 1.1 : n > 400 ? 1.7 : 2.6;
  lines.forEach((line, k) => {
    g.strokeStyle = view.several && lines.length > 1 ? theme.tours[k % theme.tours.length] : scene.colour;
    strokeInParts(g, line, n > MANY ? 20 : 1);
    if (view.directed && n <= ARROWS) drawArrows(g, line, answer.ways ? 60 : 34);
  });
  return lines;
}

/** Stroke a line in parts of so many legs: without a graphics card a browser draws many short paths faster than a long one. */
function strokeInParts(g, line, legs) {
  if (!g.save) { trace(g, line); g.stroke(); return; } // SVG
  for (let i = 0; i + 3 < line.length; i += 2 * legs) {
    g.beginPath();
    g.moveTo(line[i], line[i + 1]);
    for (let k = i + 2; k <= i + 2 * legs && k < line.length; k += 2) g.lineTo(line[k], line[k + 1]);
    g.stroke();
  }
}

function gather(at, stops) {
  const line = new Float32Array(2 * stops.length);
  stops.forEach((node, i) => { line[2 * i] = at[2 * node]; line[2 * i + 1] = at[2 * node + 1]; });
  return line;
}

function trace(g, line) {
  g.beginPath();
  for (let i = 0; i < line.length; i += 2) {
    if (i === 0) g.moveTo(line[0], line[1]);
    else g.lineTo(line[i], line[i + 1]);
  }
}

function drawArrows(g, line, shortest) {
  g.fillStyle = g.strokeStyle;
  g.beginPath();
  for (let i = 0; i + 3 < line.length; i += 2) {
    const dx = line[i + 2] - line[i], dy = line[i + 3] - line[i + 1], length = Math.hypot(dx, dy);
    if (length < shortest) continue;
    const x = line[i] + 0.56 * dx, y = line[i + 1] + 0.56 * dy, ux = dx / length, uy = dy / length;
    g.moveTo(x + 5 * ux, y + 5 * uy);
    g.lineTo(x - 4 * ux - 4 * uy, y - 4 * uy + 4 * ux);
    g.lineTo(x - 4 * ux + 4 * uy, y - 4 * uy - 4 * ux);
    g.closePath();
  }
  g.fill();
}

/** The radius of each node's dot, by its prize or demand where it has one. */
export function radii(view) {
  const n = view.points.length / 2;
  const weights = view.numbers?.prizes || view.numbers?.demands;
  const base = n > 1000 ? 2.2 : n > 300 ? 3 : 4.2;
  const out = new Float32Array(n).fill(base);
  if (!weights || n > MANY) return out;
  const most = weights.reduce((a, b) => Math.max(a, b || 0), 0) || 1;
  for (let i = 0; i < n; i++) out[i] = base * (0.62 + 1.05 * Math.sqrt((weights[i] || 0) / most));
  return out;
}

function drawNodes(g, scene, at, n) {
  const { view, theme, box } = scene;
  const inside = (i) => at[2 * i] > box.x - 20 && at[2 * i] < box.x + box.w + 20 && at[2 * i + 1] > box.y - 20 && at[2 * i + 1] < box.y + box.h + 20;
  if (n > MANY) {
    g.fillStyle = theme.node;
    const size = n > 6000 ? 2 : 2.6;
    for (let i = 0; i < n; i++) if (inside(i)) g.fillRect(at[2 * i] - size / 2, at[2 * i + 1] - size / 2, size, size);
  } else {
    const radius = (view.radii ||= radii(view));
    const seen = scene.answer && !view.visits_all ? new Set((scene.answer.tours || []).flat()) : null;
    const stayed = scene.day ? new Set(scene.day.stays) : null;
    const left = scene.day ? new Set(scene.day.visited) : null;
    const hollow = [];
    g.fillStyle = theme.node;
    for (let i = 0; i < n; i++) {
      if (i === view.depot || !inside(i)) continue;
      if ((seen && !seen.has(i)) || (stayed && !stayed.has(i))) { hollow.push(i); continue; }
      g.beginPath();
      g.arc(at[2 * i], at[2 * i + 1], radius[i], 0, 7);
      g.fill();
    }
    if (hollow.length) {
      g.lineWidth = 1.6;
      for (const i of hollow) {
        const isLeft = left && left.has(i);
        g.fillStyle = isLeft ? theme.line : theme.ground;
        g.strokeStyle = isLeft ? theme.faint : scene.day ? theme.node : theme.faint;
        g.beginPath();
        g.arc(at[2 * i], at[2 * i + 1], radius[i], 0, 7);
        g.fill();
        g.stroke();
      }
    }
  }
  for (const [node, isEnd] of [[view.depot, false], [view.end, true]]) {
    if (node === null || node === undefined || node >= n) continue;
    const x = at[2 * node], y = at[2 * node + 1];
    g.fillStyle = theme.ground;
    g.strokeStyle = theme.ink;
    g.lineWidth = 2.4;
    g.beginPath();
    g.rect(x - 6.5, y - 6.5, 13, 13);
    g.fill();
    g.stroke();
    if (isEnd) continue;
    g.fillStyle = theme.ink;
    g.fillRect(x - 2.5, y - 2.5, 5, 5);
  }
}

/** Write each name where there is room, and where it covers the fewest segments of tours and walls. */
function drawNames(g, scene, at, n, avoided) {
  const { view, theme, box } = scene;
  if (!view.names || n > 1500) return;
  g.font = `11.5px ${FONT}`;
  g.textAlign = "left";
  g.textBaseline = "middle";
  const taken = [];
  const radius = (view.radii ||= radii(view));
  for (let i = 0; i < n; i++) {
    const r = i === view.depot ? 8 : radius[i] + 2;
    taken.push([at[2 * i] - r, at[2 * i + 1] - r, 2 * r, 2 * r, i]);
  }
  const order = view.depot === null ? [] : [view.depot];
  for (let i = 0; i < n; i++) if (i !== view.depot) order.push(i);
  let drawn = 0;
  for (const i of order) {
    const x = at[2 * i], y = at[2 * i + 1];
    if (x < box.x || x > box.x + box.w || y < box.y || y > box.y + box.h) continue;
    const text = view.names[i].length > 24 ? `${view.names[i].slice(0, 23)}…` : view.names[i];
    const width = g.measureText(text).width;
    let best = null, fewest = Infinity;
    for (const [dx, dy] of [[11, 0], [-11 - width, 0], [-width / 2, -16], [-width / 2, 16], [7, -12], [7, 12], [-7 - width, -12], [-7 - width, 12]]) {
      const spot = [x + dx, y + dy - 7, width, 14];
      if (spot[0] < box.x + 2 || spot[0] + width > box.x + box.w - 2) continue;
      if (taken.some((t) => t[4] !== i && overlaps(t, spot))) continue;
      const covered = avoided.reduce((count, segment) => count + crosses(segment, spot), 0);
      if (covered < fewest) [best, fewest] = [spot, covered];
      if (!covered) break;
    }
    if (!best) continue;
    g.globalAlpha = 0.72; // the name stays readable above a tour
    g.fillStyle = theme.ground;
    g.fillRect(best[0] - 2, best[1], width + 4, 14);
    g.globalAlpha = 1;
    g.fillStyle = theme.ink;
    g.fillText(text, best[0], best[1] + 7);
    taken.push(best);
    drawn += 1;
    if (drawn > 160) return;
  }
}

/** The segments `[x, y, x, y]` that begin after every so many numbers. */
function segments(numbers, step) {
  const found = [];
  for (let i = 0; i + 3 < numbers.length; i += step) found.push(numbers.slice(i, i + 4));
  return found;
}

/** Whether a segment meets a box: it is not beyond one of its sides, and the box's corners are on both sides of it. */
function crosses([ax, ay, bx, by], [x, y, w, h]) {
  if (Math.max(ax, bx) < x || Math.min(ax, bx) > x + w || Math.max(ay, by) < y || Math.min(ay, by) > y + h) return false;
  const side = (cx, cy) => (bx - ax) * (cy - ay) - (by - ay) * (cx - ax) > 0;
  const first = side(x, y);
  return side(x + w, y) !== first || side(x, y + h) !== first || side(x + w, y + h) !== first;
}

const overlaps = (a, b) => a[0] < b[0] + b[2] && b[0] < a[0] + a[2] && a[1] < b[1] + b[3] && b[1] < a[1] + a[3];

function drawInk(g, scene, at) {
  const { ink, view, lens } = scene;
  const stops = ink.visited;
  const here = stops.length ? stops[stops.length - 1] : view.depot;
  g.strokeStyle = scene.colour;
  g.lineWidth = 2.8;
  trace(g, gather(at, view.depot === null ? stops : [view.depot, ...stops]));
  g.stroke();
  for (const [node, share] of here === null ? [] : [...ink.ink].reverse()) {
    g.globalAlpha = 0.18 + 0.82 * share;
    g.lineWidth = 1 + 9 * share;
    g.beginPath();
    g.moveTo(at[2 * here], at[2 * here + 1]);
    g.lineTo(at[2 * node], at[2 * node + 1]);
    g.stroke();
  }
  g.globalAlpha = 1;
  void lens;
  if (here !== null) ring(g, at[2 * here], at[2 * here + 1], 10, scene.colour, 3);
}

function drawShares(g, scene, at) {
  const { theme, ink } = scene;
  g.font = `600 12px ${FONT}`;
  g.textAlign = "center";
  g.textBaseline = "middle";
  ink.ink.slice(0, 4).forEach(([node, share]) => {
    if (share < 0.02) return;
    const text = `${Math.round(100 * share)} %`, x = at[2 * node], y = at[2 * node + 1] - 17;
    const width = g.measureText(text).width + 10;
    g.fillStyle = theme.raised;
    g.globalAlpha = 0.92;
    g.fillRect(x - width / 2, y - 9, width, 18);
    g.globalAlpha = 1;
    g.fillStyle = node === ink.chosen ? scene.colour : theme.ink;
    g.fillText(text, x, y);
    if (node === ink.chosen) ring(g, x, y + 17, 8, scene.colour, 2);
  });
}

function drawDay(g, scene, at) {
  const { day, view, theme, lens } = scene;
  const walk = [view.depot, ...day.visited];
  const home = view.end ?? view.depot;
  if (day.over) walk.push(home);
  if (!day.over && day.plan.length) {
    g.strokeStyle = scene.colour;
    g.globalAlpha = 0.75;
    g.lineWidth = 2;
    g.setLineDash([2, 7]);
    trace(g, day.plan_way ? project(day.plan_way, lens) : gather(at, [walk[walk.length - 1], ...day.plan, home]));
    g.stroke();
    g.setLineDash([]);
    g.globalAlpha = 1;
  }
  g.strokeStyle = scene.colour;
  g.lineWidth = 3.2;
  trace(g, day.way ? project(day.way, lens) : gather(at, walk));
  g.stroke();
  const here = walk[walk.length - 1];
  if (!day.over && day.plan.length && day.plan[0] !== here) ring(g, at[2 * day.plan[0]], at[2 * day.plan[0] + 1], 10, scene.colour, 1.6);
  const x = at[2 * here], y = at[2 * here + 1];
  g.fillStyle = scene.colour;
  g.globalAlpha = 0.22;
  g.beginPath();
  g.arc(x, y, 17, 0, 7);
  g.fill();
  g.globalAlpha = 1;
  ring(g, x, y, 11, scene.colour, 3);
  void theme;
}

function ring(g, x, y, radius, colour, width) {
  g.strokeStyle = colour;
  g.lineWidth = width;
  g.beginPath();
  g.arc(x, y, radius, 0, 7);
  g.stroke();
}

function drawCross(g, [x, y], theme) {
  g.strokeStyle = theme.accent;
  g.lineWidth = 1.5;
  g.beginPath();
  for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
    g.moveTo(x + 4 * dx, y + 4 * dy);
    g.lineTo(x + 14 * dx, y + 14 * dy);
  }
  g.stroke();
}

function drawTitle(g, scene, box) {
  const { theme } = scene;
  g.textAlign = "left";
  g.textBaseline = "middle";
  g.font = `600 13px ${FONT}`;
  const title = g.measureText(scene.title).width;
  g.font = `13px ${FONT}`;
  const subtitle = scene.subtitle ? g.measureText(scene.subtitle).width + 10 : 0;
  const x = box.x + 12, y = box.y + 12;
  g.globalAlpha = 0.9;
  g.fillStyle = theme.raised;
  g.fillRect(x, y, 34 + title + subtitle, 26);
  g.globalAlpha = 1;
  g.fillStyle = scene.colour;
  g.fillRect(x + 8, y + 8, 10, 10);
  g.fillStyle = theme.ink;
  g.font = `600 13px ${FONT}`;
  g.fillText(scene.title, x + 25, y + 13.5);
  if (!scene.subtitle) return;
  g.font = `13px ${FONT}`;
  g.fillStyle = theme.muted;
  g.fillText(scene.subtitle, x + 25 + title + 10, y + 13.5);
}
