// A canvas context that writes SVG: the part of it that `scene.js` draws with.

export class SvgContext {
  constructor(width, height) {
    Object.assign(this, {
      width, height, parts: [], path: "", clips: 0, clip: null, strokeStyle: "#000", fillStyle: "#000", lineWidth: 1, globalAlpha: 1,
      lineCap: "butt", lineJoin: "miter", font: "12px sans-serif", textAlign: "left", textBaseline: "alphabetic", dash: [],
    });
  }
  beginPath() { this.path = ""; }
  moveTo(x, y) { this.path += `M${number(x)} ${number(y)}`; }
  lineTo(x, y) { this.path += `L${number(x)} ${number(y)}`; }
  closePath() { this.path += "Z"; }
  rect(x, y, w, h) { this.path += `M${number(x)} ${number(y)}h${number(w)}v${number(h)}h${number(-w)}Z`; }
  arc(x, y, r) {
    this.path += `M${number(x - r)} ${number(y)}a${number(r)} ${number(r)} 0 1 0 ${number(2 * r)} 0a${number(r)} ${number(r)} 0 1 0 ${number(-2 * r)} 0`;
  }
  setLineDash(dash) { this.dash = dash; }
  measureText(text) { return { width: 0.56 * parseFloat(/[\d.]+px/.exec(this.font)[0]) * text.length }; }
  clipTo(x, y, w, h) {
    this.clip = `c${this.clips++}`;
    this.parts.push(`<clipPath id="${this.clip}"><rect x="${number(x)}" y="${number(y)}" width="${number(w)}" height="${number(h)}"/></clipPath>`);
  }
  unclip() { this.clip = null; }
  stroke() {
    const dash = this.dash.length ? ` stroke-dasharray="${this.dash.join(" ")}"` : "";
    this.add(`<path d="${this.path}" fill="none" stroke="${this.strokeStyle}" stroke-width="${number(this.lineWidth)}" stroke-linecap="${this.lineCap}" stroke-linejoin="${this.lineJoin}"${dash}`, "/>");
  }
  fill() { this.add(`<path d="${this.path}" fill="${this.fillStyle}"`, "/>"); }
  fillRect(x, y, w, h) { this.add(`<rect x="${number(x)}" y="${number(y)}" width="${number(w)}" height="${number(h)}" fill="${this.fillStyle}"`, "/>"); }
  fillText(text, x, y) {
    const [, weight, size] = /^(?:(\d+) )?([\d.]+)px/.exec(this.font);
    const anchor = { left: "start", center: "middle", right: "end" }[this.textAlign];
    const base = { middle: "central", top: "hanging" }[this.textBaseline] || "auto";
    this.add(`<text x="${number(x)}" y="${number(y)}" fill="${this.fillStyle}" font-family="system-ui, sans-serif" font-size="${size}" font-weight="${weight || 400}" text-anchor="${anchor}" dominant-baseline="${base}"`, `>${escape(text)}</text>`);
  }
  add(head, tail) {
    const alpha = this.globalAlpha < 1 ? ` opacity="${number(this.globalAlpha)}"` : "";
    this.parts.push(`${head}${alpha}${this.clip ? ` clip-path="url(#${this.clip})"` : ""}${tail}`);
  }
  toString() {
    return `<svg xmlns="http://www.w3.org/2000/svg" width="${this.width}" height="${this.height}" viewBox="0 0 ${this.width} ${this.height}">\n${this.parts.join("\n")}\n</svg>\n`;
  }
}

const number = (value) => String(Math.round(value * 100) / 100);
const escape = (text) => String(text).replace(/[&<>"]/g, (letter) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[letter]);
