"""How fast the page of `tsp serve` is, measured in a real Chromium on this machine.

First paint is what the browser reports for a new page, without its cache. The first tour is the time from the click on
*Solve* until the picture with it is drawn, of 100 nodes on a warm server. Frames are counted while the map of 1,000
nodes and its tour is moved by the mouse, once a frame. Each is measured several times; the median counts.

Needs playwright and Chromium: `pip install playwright`, and a browser named by `--chromium`.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import statistics
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")
TARGETS = {"first paint (ms)": 1000.0, "first tour of 100 nodes (ms)": 300.0, "frames per second, 1,000 nodes": 60.0}

FIRST_TOUR = """() => new Promise((resolve) => {
  const start = performance.now();
  const watch = () => {
    if (document.querySelector('#lanes td.best')) requestAnimationFrame(() => resolve(performance.now() - start));
    else requestAnimationFrame(watch);
  };
  document.querySelector('#go').click();
  requestAnimationFrame(watch);
})"""
"""Milliseconds from the click to the frame after the first tour was drawn."""

FRAMES = """() => new Promise((resolve) => {
  const map = document.querySelector('#map'), frame = map.getBoundingClientRect();
  const send = (type, x, y) => map.dispatchEvent(new PointerEvent(type, {
    pointerId: 1, clientX: frame.left + x, clientY: frame.top + y, bubbles: true, pointerType: 'mouse' }));
  map.setPointerCapture = () => {};
  send('pointerdown', 300, 200);
  const start = performance.now();
  let count = 0;
  const move = () => {
    count += 1;
    send('pointermove', 300 + 90 * Math.sin(count / 12), 200 + 60 * Math.cos(count / 9));
    const passed = performance.now() - start;
    if (passed < 2000) requestAnimationFrame(move);
    else { send('pointerup', 300, 200); resolve(1000 * count / passed); }
  };
  requestAnimationFrame(move);
})"""
"""Frames a second while the map is moved in each of them for two seconds."""

COST = """async () => {
  const { paint, readTheme } = await import('/static/scene.js');
  const n = 1000, points = Array.from({ length: 2 * n }, () => Math.random());
  const strip = (i) => Math.floor(25 * points[2 * i]), up = (i) => (strip(i) % 2 ? 1 : -1) * points[2 * i + 1];
  const order = Array.from({ length: n }, (_, i) => i).sort((a, b) => strip(a) - strip(b) || up(a) - up(b));
  const stops = [...order, order[0]];
  const view = { points, depot: null, end: null, names: null, numbers: {}, visits_all: true };
  const canvas = document.createElement('canvas');
  [canvas.width, canvas.height] = [1000, 560];
  const g = canvas.getContext('2d'), theme = readTheme(), box = { x: 0, y: 0, w: 1000, h: 560 };
  const times = [];
  for (let i = 0; i < 60; i++) {
    const start = performance.now();
    g.fillStyle = theme.ground;
    g.fillRect(0, 0, 1000, 560);
    const lens = { x: 200 + i, y: 540, scale: 500 };
    paint(g, { view, box, lens, theme, colour: '#07b', hover: null, answer: { stops: [stops], tours: [stops] } });
    g.getImageData(0, 0, 1, 1);
    times.push(performance.now() - start);
  }
  return times.sort((a, b) => a - b)[30];
}"""
"""Median milliseconds to draw 1,000 nodes and their tour, its rasterization included."""


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--chromium", default=shutil.which("chromium"), help="path of the browser")
    parser.add_argument("--times", type=int, default=5, help="number of measurements (default 5)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    arguments = parser.parse_args()
    from playwright.sync_api import sync_playwright

    words = [sys.executable, "-m", "tsp", "serve", "--port", "0"]
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as server, sync_playwright() as started:
        try:
            assert server.stderr is not None
            found = re.search(r"http://\S+/", server.stderr.readline())
            assert found is not None
            browser = started.chromium.launch(executable_path=arguments.chromium, args=list(FLAGS))
            measured = _measure(browser, found[0], arguments.times)
        finally:
            server.terminate()
    if arguments.json:
        print(json.dumps(measured))
        return
    print("| what | median | all | target |\n| --- | --: | --- | --: |")
    for name, values in measured.items():
        listed = ", ".join(f"{value:.1f}" for value in values)
        print(f"| {name} | {statistics.median(values):.1f} | {listed} | {TARGETS.get(name, '')} |")


def _measure(browser: Browser, address: str, times: int) -> dict[str, list[float]]:
    solving = "distribution=uniform&size=100&problem=tsp&solvers=ls&seconds=0.5"
    _first_tour(browser, f"{address}#{solving}&seed=1")  # warms the server up
    paints = [_first_paint(browser, address) for _ in range(times)]
    tours = [_first_tour(browser, f"{address}#{solving}&seed={seed}") for seed in range(2, times + 2)]
    page = _open(browser, f"{address}#distribution=uniform&size=1000&problem=tsp&solvers=ls&seconds=0.5&seed=1")
    page.evaluate(FIRST_TOUR)
    page.wait_for_selector("#go:text-is('Solve')")
    frames = [float(page.evaluate(FRAMES)) for _ in range(times)]
    cost = [float(page.evaluate(COST)) for _ in range(times)]
    return {**dict(zip(TARGETS, (paints, tours, frames), strict=True)), "drawing 1,000 nodes (ms)": cost}


def _open(browser: Browser, address: str) -> Page:
    page = browser.new_context(viewport={"width": 1280, "height": 800}).new_page()
    page.goto(address)
    page.wait_for_selector("#map:not([aria-label=Map])", timeout=180_000)
    page.wait_for_selector("#panel:not([aria-busy])", timeout=180_000)
    return page


def _first_paint(browser: Browser, address: str) -> float:
    page = _open(browser, address)
    paint = "performance.getEntriesByName('first-contentful-paint')[0].startTime"
    value = float(page.evaluate(paint))
    page.context.close()
    return value


def _first_tour(browser: Browser, address: str) -> float:
    page = _open(browser, address)
    value = float(page.evaluate(FIRST_TOUR))
    page.context.close()
    return value


if __name__ == "__main__":
    main()
