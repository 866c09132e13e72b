// Files and texts that the page gives: pictures, tours, instances, and the command line that does the same.

import { LIMITS } from "./state.js";
import { SvgContext } from "./svg.js";

/** Give a file to the reader. */
export function download(name, content, type) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([content], { type }));
  link.download = name;
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

/** The map as it is shown, as SVG. */
export function svgOf(map) {
  const { clientWidth: width, clientHeight: height } = map.canvas;
  const context = new SvgContext(width, height);
  map.paintOn(context, width, height);
  return context.toString();
}

/** The map as it is shown, as PNG in twice the resolution. */
export async function pngOf(map) {
  const { clientWidth: width, clientHeight: height } = map.canvas;
  const canvas = document.createElement("canvas");
  canvas.width = 2 * width;
  canvas.height = 2 * height;
  const g = canvas.getContext("2d");
  g.scale(2, 2);
  map.paintOn(g, width, height);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
}

/** The command lines that do what the page shows. */
export function commandOf(state, view, specs) {
  const lines = [];
  let file = view.file;
  if (view.command.length) lines.push(view.command.map(quoted).join(" "));
  else if (state.kind === "points") lines.push(`# Save → Instance gives ${file = view.instance_file || file}`);
  const limits = { ...(state.kind === "points" ? view.limits : {}), ...state.limits };
  const options = Object.keys(LIMITS).filter((name) => limits[name] !== undefined && limits[name] !== null).flatMap((name) => [`--${name.replace("_", "-")}`, String(limits[name])]);
  for (const spec of specs) {
    const words = ["tsp", "solve", file, "--problem", view.problem, ...options, "--solver", spec, "--time-limit", String(state.seconds)];
    lines.push(words.map(quoted).join(" "));
  }
  return lines.join("\n");
}

const quoted = (word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`);

