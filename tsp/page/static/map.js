// The map: panes side by side with one lens, pan and zoom by mouse, touch and keyboard, and places set by hand.

import { paint, paintAbove } from "./scene.js";

const MARGIN = 40;
const SLOW = 6; // milliseconds of drawing above which a picture is moved before it is drawn again

export class Map2D {
  /**
   * canvas: to draw on.
   * source: { panes(): what each pane shows, view(): the instance or null, theme(): colours }
   * events: { hover(node, x, y), click(node, world), changed() }
   */
  constructor(canvas, source, events) {
    Object.assign(this, { canvas, source, events, zoom: 1, centre: null, hover: null, cross: null, boxes: [], painted: [], drawing: false, due: false, stale: true, shift: [0, 0], cost: 0 });
    this.layer = document.createElement("canvas");
    this.pointers = new Map();
    canvas.addEventListener("pointerdown", (event) => this.press(event));
    canvas.addEventListener("pointermove", (event) => this.move(event));
    for (const name of ["pointerup", "pointercancel"]) canvas.addEventListener(name, (event) => this.release(event));
    canvas.addEventListener("pointerleave", () => { if (!this.pointers.size) this.setHover(null); });
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      const [x, y] = this.spot(event);
      this.zoomBy(Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0016)), x, y);
    }, { passive: false });
    canvas.addEventListener("keydown", (event) => this.key(event));
    canvas.addEventListener("blur", () => { this.cross = null; this.invalidate(); });
    new ResizeObserver(() => this.invalidate()).observe(canvas);
  }

  /** Show all. */
  fit() { this.zoom = 1; this.centre = null; this.invalidate(); }

  /** Draw again with the next frame; without `whole`, only what lies above the picture, or the picture moved. */
  invalidate(whole = true) {
    this.stale ||= whole;
    if (this.due) return;
    this.due = true;
    requestAnimationFrame(() => { this.due = false; this.draw(); });
  }

  draw() {
    const { clientWidth: width, clientHeight: height } = this.canvas;
    const ratio = Math.min(2, window.devicePixelRatio || 1);
    const size = [Math.round(width * ratio), Math.round(height * ratio)];
    if (this.canvas.width !== size[0] || this.canvas.height !== size[1]) {
      for (const canvas of [this.canvas, this.layer]) [canvas.width, canvas.height] = size;
      this.stale = true;
    }
    if (this.stale) {
      const start = performance.now();
      const layer = this.layer.getContext("2d");
      layer.setTransform(ratio, 0, 0, ratio, 0, 0);
      this.painted = this.paintPanes(layer, width, height);
      this.boxes = this.painted.map((pane) => pane.box);
      this.shift = [0, 0];
      this.stale = false;
      this.cost = performance.now() - start;
    }
    const g = this.canvas.getContext("2d"), [dx, dy] = this.shift;
    g.setTransform(1, 0, 0, 1, 0, 0);
    if (dx || dy) {
      g.fillStyle = this.source.theme().ground;
      g.fillRect(0, 0, ...size);
      for (const { box } of this.painted) {
        g.save();
        g.beginPath();
        g.rect(box.x * ratio, box.y * ratio, box.w * ratio, box.h * ratio);
        g.clip();
        g.drawImage(this.layer, dx * ratio, dy * ratio);
        g.restore();
      }
    } else g.drawImage(this.layer, 0, 0);
    g.setTransform(ratio, 0, 0, ratio, 0, 0);
    const panes = this.source.panes();
    this.painted.forEach(({ box, lens, at }, i) => {
      if (at) paintAbove(g, { ...panes[i], theme: this.source.theme(), lens, hover: dx || dy ? null : this.hover, cross: this.cross }, box, at);
    });
  }

  /** Draw everything on a context of that size. */
  paintOn(g, width, height) {
    const panes = this.source.panes();
    this.paintPanes(g, width, height).forEach(({ box, lens, at }, i) => {
      if (at) paintAbove(g, { ...panes[i], theme: this.source.theme(), lens, hover: null, cross: null }, box, at);
    });
  }

  /** Draw the panes, and tell where each of them and its nodes are. */
  paintPanes(g, width, height) {
    const view = this.source.view(), theme = this.source.theme(), panes = this.source.panes();
    g.globalAlpha = 1;
    g.fillStyle = theme.ground;
    g.fillRect(0, 0, width, height);
    const bounds = view && (view.bounds ||= boundsOf(view));
    const boxes = split(panes.length, width, height, bounds ? (bounds.w || 1e-9) / (bounds.h || 1e-9) : 1);
    if (!view) return boxes.map((box) => ({ box }));
    return boxes.map((box, i) => {
      const lens = this.lens(box, view);
      clip(g, box);
      const at = paint(g, { ...panes[i], view, box, lens, theme });
      unclip(g);
      g.fillStyle = theme.line;
      if (box.x > 0) g.fillRect(box.x, box.y, 1, box.h);
      if (box.y > 0) g.fillRect(box.x, box.y, box.w, 1);
      return { box, lens, at };
    });
  }

  /** The lens of a box: screen x = lens.x + scale · world x, screen y = lens.y − scale · world y. */
  lens(box, view) {
    const bounds = (view.bounds ||= boundsOf(view));
    const foot = this.source.foot(); // the height of what covers the lower edge
    const fit = Math.min((box.w - 2 * MARGIN) / (bounds.w || 1e-9), (box.h - 2 * MARGIN - 20 - foot) / (bounds.h || 1e-9));
    const scale = Math.max(1e-12, fit) * this.zoom;
    const [cx, cy] = this.centre || [bounds.x + bounds.w / 2, bounds.y + bounds.h / 2];
    return { scale, x: box.x + box.w / 2 - cx * scale, y: box.y + box.h / 2 + (this.centre ? 0 : 8 - foot / 2) + cy * scale };
  }

  /** Where the nodes are in the first pane. */
  get places() { return this.painted[0]?.at; }

  boxAt(x, y) {
    return this.boxes.find((b) => x >= b.x && x < b.x + b.w && y >= b.y && y < b.y + b.h) || this.boxes[0];
  }

  world(x, y) {
    const view = this.source.view(), box = this.boxAt(x, y);
    if (!view || !box) return null;
    const lens = this.lens(box, view);
    return [(x - lens.x) / lens.scale, (lens.y - y) / lens.scale];
  }

  /** The node near a spot of the screen, or null. */
  nodeAt(x, y, reach = 14) {
    const view = this.source.view(), box = this.boxAt(x, y);
    const places = this.places;
    if (!view || !box || !places) return null;
    const first = this.boxes[0];
    const px = x - box.x + first.x, py = y - box.y + first.y;
    let best = null, least = reach * reach;
    for (let i = 0; 2 * i < places.length; i++) {
      const dx = places[2 * i] - px, dy = places[2 * i + 1] - py, squared = dx * dx + dy * dy;
      if (squared < least) { least = squared; best = i; }
    }
    return best;
  }

  spot(event) {
    const frame = this.canvas.getBoundingClientRect();
    return [event.clientX - frame.left, event.clientY - frame.top];
  }

  press(event) {
    this.canvas.setPointerCapture(event.pointerId);
    const [x, y] = this.spot(event);
    this.pointers.set(event.pointerId, { x, y });
    this.start = { x, y, moved: false, button: event.button };
  }

  move(event) {
    const [x, y] = this.spot(event);
    const before = this.pointers.get(event.pointerId);
    if (!before) { this.setHover(this.nodeAt(x, y), x, y); return; }
    const others = [...this.pointers].filter(([id]) => id !== event.pointerId).map(([, p]) => p);
    if (others.length) {
      const o = others[0], was = Math.hypot(before.x - o.x, before.y - o.y), is = Math.hypot(x - o.x, y - o.y);
      this.zoomBy(is / Math.max(1, was), (x + o.x) / 2, (y + o.y) / 2);
      this.start.moved = true;
    } else if (this.start.moved || Math.hypot(x - this.start.x, y - this.start.y) > 5) {
      if (!this.start.moved) { this.start.moved = true; this.canvas.classList.add("grabs"); this.setHover(null); }
      this.panBy(x - before.x, y - before.y, true);
    } else return;
    this.pointers.set(event.pointerId, { x, y });
  }

  release(event) {
    const [x, y] = this.spot(event);
    const known = this.pointers.delete(event.pointerId);
    this.canvas.classList.remove("grabs");
    if (this.shift[0] || this.shift[1]) this.invalidate();
    if (known && event.type === "pointerup" && this.start && !this.start.moved && !this.pointers.size) {
      const node = this.nodeAt(x, y, event.pointerType === "touch" ? 22 : 12);
      if (event.pointerType === "touch") this.setHover(node, x, y);
      this.events.click(node, this.world(x, y));
    }
  }

  panBy(dx, dy, isDragged = false) {
    const view = this.source.view();
    if (!view || !this.boxes.length) return;
    const box = this.boxes[0], lens = this.lens(box, view);
    const cx = (box.x + box.w / 2 - lens.x) / lens.scale, cy = (lens.y - box.y - box.h / 2) / lens.scale;
    this.centre = [cx - dx / lens.scale, cy + dy / lens.scale];
    const isSlow = isDragged && this.cost > SLOW;
    if (isSlow) { // move the picture that there is, and draw it when the hand rests
      this.shift = [this.shift[0] + dx, this.shift[1] + dy];
      clearTimeout(this.settling);
      this.settling = setTimeout(() => this.invalidate(), 120);
    }
    this.invalidate(!isSlow);
  }

  zoomBy(factor, x, y) {
    const view = this.source.view();
    if (!view || !this.boxes.length) return;
    const box = x === undefined ? this.boxes[0] : this.boxAt(x, y);
    const px = x ?? box.x + box.w / 2, py = y ?? box.y + box.h / 2;
    const fixed = this.world(px, py);
    this.zoom = Math.min(400, Math.max(0.3, this.zoom * factor));
    if (!this.centre) this.panBy(0, 0);
    const lens = this.lens(box, view);
    this.panBy(px - (lens.x + fixed[0] * lens.scale), py - (lens.y - fixed[1] * lens.scale));
    this.setHover(null);
  }

  setHover(node, x, y) {
    const changed = node !== this.hover;
    this.hover = node;
    this.canvas.classList.toggle("points", node !== null);
    if (changed) this.invalidate(false);
    if (changed || node !== null) this.events.hover(node, x, y);
  }

  /** Point at a node as the mouse would. */
  pointAt(node) {
    const box = this.boxes[0];
    let x = this.places[2 * node], y = this.places[2 * node + 1];
    const isOut = x < box.x + 10 || x > box.x + box.w - 10 || y < box.y + 10 || y > box.y + box.h - 10;
    if (isOut) { this.panBy(box.x + box.w / 2 - x, box.y + box.h / 2 - y); [x, y] = [box.x + box.w / 2, box.y + box.h / 2]; }
    this.setHover(node, x, y);
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const arrows = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
    const arrow = arrows[event.key];
    const view = this.source.view(), size = view ? view.points.length / 2 : 0;
    if (arrow && this.drawing && !event.shiftKey) {
      this.cross ||= [0.5, 0.5];
      this.cross = this.cross.map((v, i) => Math.min(1, Math.max(0, Math.round((v + 0.02 * arrow[i]) * 1e4) / 1e4)));
      this.events.cross(this.cross);
      this.invalidate();
    } else if (arrow) this.panBy(-60 * arrow[0], 60 * arrow[1]);
    else if (event.key === "+" || event.key === "=") this.zoomBy(1.3);
    else if (event.key === "-") this.zoomBy(1 / 1.3);
    else if (event.key === "0") this.fit();
    else if ((event.key === "n" || event.key === "p") && size && this.places) {
      const order = this.events.order();
      const now = order.indexOf(this.hover);
      this.pointAt(order[(now + (event.key === "n" ? 1 : order.length - 1) + (now < 0 && event.key === "p" ? 1 : 0)) % order.length]);
    } else if (event.key === "Enter" || event.key === " ") {
      if (this.drawing && this.cross) {
        const lens = this.lens(this.boxes[0], view);
        const x = lens.x + this.cross[0] * lens.scale, y = lens.y - this.cross[1] * lens.scale;
        this.events.click(this.nodeAt(x, y, 8), this.cross);
      } else if (this.hover !== null) this.events.click(this.hover, null);
    } else if (event.key === "Escape") this.setHover(null);
    else return;
    event.preventDefault();
  }
}

/** Boxes in rows and columns, in which a picture of that width to height is largest. */
function split(count, width, height, aspect) {
  if (count <= 1) return [{ x: 0, y: 0, w: width, h: height }];
  let best = null;
  for (let columns = 1; columns <= count; columns++) {
    const rows = Math.ceil(count / columns), size = Math.min((width / columns - 2 * MARGIN) / aspect, height / rows - 2 * MARGIN - 20);
    if (!best || size > best.size + 1) best = { columns, rows, size };
  }
  const w = width / best.columns, h = height / best.rows;
  return Array.from({ length: count }, (_, i) => ({ x: (i % best.columns) * w, y: Math.floor(i / best.columns) * h, w, h }));
}

function boundsOf(view) {
  if (view.frame) return view.frame;
  let [x0, y0, x1, y1] = [Infinity, Infinity, -Infinity, -Infinity];
  for (const list of [view.points, view.walls || []]) {
    for (let i = 0; i < list.length; i += 2) {
      x0 = Math.min(x0, list[i]); x1 = Math.max(x1, list[i]);
      y0 = Math.min(y0, list[i + 1]); y1 = Math.max(y1, list[i + 1]);
    }
  }
  return { x: x0, y: y0, w: x1 - x0, h: y1 - y0 };
}

function clip(g, { x, y, w, h }) {
  if (g.clipTo) return g.clipTo(x, y, w, h);
  g.save();
  g.beginPath();
  g.rect(x, y, w, h);
  return g.clip();
}

function unclip(g) { if (g.unclip) g.unclip(); else g.restore(); }
