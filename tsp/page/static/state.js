// The state that a link holds: where places come from, the problem, limits, solvers and seconds.

export const DEFAULTS = Object.freeze({
  mode: "solve", kind: "generated", distribution: "hall", size: 50, seed: 7, points: [], file: null,
  problem: "tsp", limits: {}, solvers: ["ls", "ortools", "policy", "bound"], other: "", planner: "", seconds: 5, visited: [], run: false,
});
export const GRID = 10000; // drawn points lie on this grid, so that a link holds them exactly
const LONGEST = 30000; // characters of a file in a link
const MODES = ["solve", "policy", "day"], KINDS = ["generated", "points", "file"];
export const LIMITS = { max_length: "Length", capacity: "Capacity", min_prize: "Least prize", num_tours: "Tours", late_price: "Price of a late end" };

/** The state as the fragment of a link. */
export async function toFragment(state) {
  const words = new URLSearchParams();
  const put = (name, value) => { if (value !== DEFAULTS[name]) words.set(name, value); };
  put("mode", state.mode);
  put("kind", state.kind);
  if (state.kind === "generated") for (const name of ["distribution", "size", "seed"]) words.set(name, state[name]);
  if (state.kind === "points") {
    put("seed", state.seed);
    const bytes = new Uint8Array(Uint16Array.from(state.points.flat(), (v) => Math.round(v * GRID)).buffer);
    words.set("points", encode(bytes));
  }
  if (state.kind === "file" && state.file) {
    words.set("name", state.file.name);
    const packed = await Promise.all(["content", "walls"].map(async (part) => encode(await squeeze(decode(state.file[part] || "")))));
    if (packed.join("").length <= LONGEST) {
      words.set("content", packed[0]);
      if (state.file.walls) words.set("walls", packed[1]);
    }
  }
  if (state.problem) words.set("problem", state.problem);
  for (const name of Object.keys(LIMITS)) if (state.limits[name] !== undefined) words.set(name, state.limits[name]);
  words.set("solvers", state.solvers.join(" "));
  put("other", state.other);
  put("planner", state.planner);
  words.set("seconds", state.seconds);
  if (state.run) words.set("run", "1");
  if (state.run && state.visited.length) words.set("visited", state.visited.join(" "));
  return words.toString();
}

/** The state of a fragment; what it does not hold, or holds wrongly, is as in DEFAULTS. */
export async function fromFragment(text) {
  const words = new URLSearchParams(text.replace(/^#/, ""));
  const state = structuredClone(DEFAULTS);
  const number = (name, least, most) => {
    const value = Number(words.get(name));
    return words.get(name) && value >= least && value <= most ? value : undefined;
  };
  if (MODES.includes(words.get("mode"))) state.mode = words.get("mode");
  if (KINDS.includes(words.get("kind"))) state.kind = words.get("kind");
  if (words.has("distribution")) state.distribution = words.get("distribution");
  state.size = Math.round(number("size", 2, 20000) ?? state.size);
  state.seed = Math.round(number("seed", 0, 2 ** 32 - 1) ?? state.seed);
  state.seconds = number("seconds", 0.05, 120) ?? state.seconds;
  try {
    if (words.has("points")) {
      const flat = new Uint16Array(decode(words.get("points")).slice().buffer);
      for (let i = 0; i + 1 < flat.length; i += 2) state.points.push([Math.min(1, flat[i] / GRID), Math.min(1, flat[i + 1] / GRID)]);
    }
    if (words.has("content")) {
      const unpack = async (part) => encode(await unsqueeze(decode(words.get(part))), false);
      state.file = { name: words.get("name") || "file", content: await unpack("content") };
      if (words.has("walls")) state.file.walls = await unpack("walls");
    }
  } catch { /* a damaged link: without its points */ }
  if (words.has("problem")) state.problem = words.get("problem");
  for (const name of Object.keys(LIMITS)) if (number(name, 0, 1e100) !== undefined) state.limits[name] = number(name, 0, 1e100);
  if (words.has("solvers")) state.solvers = words.get("solvers").split(" ").filter(Boolean).slice(0, 8);
  if (words.has("other")) state.other = words.get("other").slice(0, 300);
  if (words.has("planner")) state.planner = words.get("planner").slice(0, 300);
  state.run = words.get("run") === "1";
  state.visited = (words.get("visited") || "").split(" ").filter((one) => /^\d{1,5}$/.test(one)).map(Number).slice(0, 400);
  return state;
}

/** What the server needs to make the instance; null where there is nothing to make yet. */
export function toRequest(state) {
  const { kind } = state;
  const limits = state.limits;
  const problem = state.problem || null;
  if (kind === "generated") {
    const { distribution, size, seed } = state;
    return { problem, limits, source: { kind, distribution, size, seed } };
  }
  if (kind === "points") {
    if (state.points.length < 3) return null;
    return { problem, limits, source: { kind, points: state.points, seed: state.seed } };
  }
  if (!state.file) return null;
  return { problem, limits, source: { kind, ...state.file } };
}

/** Bytes as base64, in the letters of links unless `plain`. */
export function encode(bytes, forLink = true) {
  let text = "";
  for (let i = 0; i < bytes.length; i += 8192) text += String.fromCharCode(...bytes.subarray(i, i + 8192));
  const packed = btoa(text);
  return forLink ? packed.replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "") : packed;
}

/** The bytes of base64 in either alphabet. */
export function decode(text) {
  return Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (letter) => letter.charCodeAt(0));
}

async function through(bytes, stream) {
  return new Uint8Array(await new Response(new Blob([bytes]).stream().pipeThrough(stream)).arrayBuffer());
}
const squeeze = (bytes) => through(bytes, new CompressionStream("deflate-raw"));
const unsqueeze = (bytes) => through(bytes, new DecompressionStream("deflate-raw"));
