// The chart below the map: values of each solver over time, the probability of each step, or a day's prizes.

/**
 * chart: { series: [{ colour, points: [[x, y], …], kind: "steps" | "bars" | "line", dashed, label }], x: [from, to], cursor, xLabel, yLabel, format }
 */
export function drawChart(canvas, chart, theme) {
  const { clientWidth: width, clientHeight: height } = canvas;
  const ratio = Math.min(2, window.devicePixelRatio || 1);
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  const g = canvas.getContext("2d");
  g.setTransform(ratio, 0, 0, ratio, 0, 0);
  g.clearRect(0, 0, width, height);
  g.font = "11.5px system-ui, sans-serif";
  const values = chart.series.flatMap((one) => one.points.map((p) => p[1])).filter(Number.isFinite);
  if (!values.length) {
    g.fillStyle = theme.muted;
    g.textAlign = "center";
    g.textBaseline = "middle";
    g.font = "13px system-ui, sans-serif";
    g.fillText(chart.empty, width / 2, height / 2);
    return;
  }
  const [low, high] = chart.y || range(values);
  const marks = ticks(low, high, Math.max(2, Math.floor(height / 42)));
  const texts = marks.map((mark) => chart.format(mark));
  const box = { x: 12 + Math.max(...texts.map((t) => g.measureText(t).width)), y: 16, r: width - 8, b: height - 22 };
  const [from, to] = chart.x;
  const px = (x) => box.x + ((x - from) / (to - from || 1)) * (box.r - box.x);
  const py = (y) => box.b - ((y - low) / (high - low || 1)) * (box.b - box.y);
  g.lineWidth = 1;
  g.textBaseline = "middle";
  marks.forEach((mark, i) => {
    g.strokeStyle = theme.line;
    g.beginPath();
    g.moveTo(box.x, Math.round(py(mark)) + 0.5);
    g.lineTo(box.r, Math.round(py(mark)) + 0.5);
    g.stroke();
    g.fillStyle = theme.muted;
    g.textAlign = "right";
    g.fillText(texts[i], box.x - 6, py(mark));
  });
  g.textBaseline = "alphabetic";
  const along = ticks(from, to, Math.max(2, Math.floor((box.r - box.x) / 80))).filter((mark) => !chart.whole || Number.isInteger(mark));
  along.forEach((mark) => {
    g.textAlign = px(mark) > box.r - 12 ? "right" : "center";
    g.fillText(short(mark), px(mark), height - 6);
  });
  g.textAlign = "left";
  g.fillText(chart.yLabel, box.x, 9);
  g.textAlign = "right";
  g.fillText(chart.xLabel, box.r, 9);
  for (const one of chart.series) {
    g.strokeStyle = g.fillStyle = one.colour;
    g.lineWidth = one.dashed ? 1.5 : 2.2;
    g.setLineDash(one.dashed ? [5, 4] : []);
    if (one.kind === "bars") {
      const w = Math.max(1, Math.min(14, (box.r - box.x) / (to - from + 1) - 1));
      one.points.forEach(([x, y]) => {
        g.globalAlpha = chart.cursor !== null && x > chart.cursor ? 0.3 : 1;
        g.fillRect(px(x) - w / 2, py(y), w, box.b - py(y));
      });
      g.globalAlpha = 1;
      continue;
    }
    g.lineJoin = "round";
    g.beginPath();
    one.points.forEach(([x, y], i) => {
      if (i === 0) g.moveTo(px(x), py(y));
      else { if (one.kind === "steps") g.lineTo(px(x), py(one.points[i - 1][1])); g.lineTo(px(x), py(y)); }
    });
    g.stroke();
    g.setLineDash([]);
    const last = one.points[one.points.length - 1];
    if (!one.dashed) { g.beginPath(); g.arc(px(last[0]), py(last[1]), 3, 0, 7); g.fill(); }
  }
  if (chart.cursor !== null) {
    g.strokeStyle = theme.ink;
    g.globalAlpha = 0.45;
    g.lineWidth = 1;
    g.beginPath();
    g.moveTo(px(chart.cursor), box.y - 4);
    g.lineTo(px(chart.cursor), box.b);
    g.stroke();
    g.globalAlpha = 1;
  }
}

function range(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const low = sorted[0], high = sorted[sorted.length - 1], pad = Math.max(0.08 * (high - low), 1e-4 * Math.abs(high)) || 1;
  return [low - pad, high + pad];
}

function ticks(low, high, count) {
  const raw = (high - low) / count || 1, power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= raw * 0.999);
  const out = [];
  for (let k = Math.ceil(low / step - 1e-9); k * step <= high + 1e-9 * step; k++) out.push(Number((k * step).toPrecision(12)));
  return out;
}

/** A number in five digits. */
export function short(value) {
  if (value === null || value === undefined) return "–";
  const size = Math.abs(value);
  if (size && (size >= 1e7 || size < 1e-3)) return value.toExponential(2);
  return size >= 10000 ? Math.round(value).toLocaleString("en") : String(Number(value.toPrecision(5)));
}
