"""The page in a real Chromium: every control, bad files, no error in the console."""

import json
import os
import re
import shutil
from pathlib import Path

import pytest
from command_line import BERLIN, POSTERS
from pages import served

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = [
    f"--{flag}"
    for flag in (
        "headless",
        "no-sandbox",
        "disable-gpu",
        "disable-quic",
        "no-first-run",
        "disable-background-networking",
        "disable-component-update",
        "disable-sync",
    )
]
PATIENCE = 180_000  # milliseconds: the first compilation of some kernels, on a busy machine

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium (CHROMIUM names one)"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # of playwright's own pipes
]


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as started:
        found = started.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield found
        found.close()


@pytest.fixture(scope="module")
def address():
    with served(workers=3) as (where, _):
        yield where


@pytest.fixture
def open_page(browser, address):
    """Open the page with a fragment; at the end nothing must have been said in the console."""
    contexts, errors = [], []

    def opened(fragment="", *, width=1280, height=800, **options):
        context = browser.new_context(viewport={"width": width, "height": height}, accept_downloads=True, **options)
        context.set_default_timeout(PATIENCE)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda one: errors.append(one.text) if one.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(f"{address}#{fragment}")
        page.wait_for_selector("main:not([inert])")  # before, nothing hears of a file that is chosen
        return page

    opened.errors = errors
    yield opened
    for context in contexts:
        context.close()
    refused = [text for text in errors if "422" in text or "404" in text]  # the browser's line for a refused request
    assert [text for text in errors if text not in refused] == []


SMALL = "distribution=uniform&size=12&seed=3&problem=tsp&solvers=ls%20ortools%20policy%20bound&seconds=0.5"


def ready(page):
    page.wait_for_selector("#map:not([aria-label=Map])")
    page.wait_for_selector("#panel:not([aria-busy])")


def done(page):
    page.wait_for_selector("#go:not(:text-is('Stop'))")


def solve(page):
    ready(page)
    page.click("#go")
    page.wait_for_selector("#lanes tr")
    done(page)


def rows(page):
    return [row.split("\t") for row in page.locator("#lanes tr:not(.reason)").all_inner_texts()]


def test_solvers_run_beside_each_other_and_are_checked_against_a_proof(open_page):
    page = open_page(SMALL)
    solve(page)
    found = {row[0].strip(): row for row in rows(page)}
    assert set(found) == {"Local search", "OR-Tools", "Policy", "Bound"}
    assert found["Bound"][2] == "optimal"
    assert found["Local search"][1] == found["Bound"][1]
    assert found["Local search"][2] == "0.00 %"
    assert "Gap to optimum" in page.inner_text(".lanes thead").replace("\xa0", " ")


def test_a_link_gives_the_same_picture(open_page):
    page = open_page(SMALL)
    solve(page)
    value = rows(page)[0][1]
    page.wait_for_timeout(400)
    again = open_page(page.evaluate("location.hash").lstrip("#"))
    ready(again)
    again.wait_for_selector("#lanes tr")
    done(again)
    assert rows(again)[0][1] == value


def test_places_are_drawn_removed_and_typed(open_page):
    page = open_page(SMALL)
    ready(page)
    page.click("[data-source=points]")
    box = page.locator("#map").bounding_box()
    middle = box["width"] / 2, box["height"] / 2
    spots = [(-150, -120), (150, -120), (140, 130), (-140, 130), (0, 0)]
    for dx, dy in spots:
        page.click("#map", position={"x": middle[0] + dx, "y": middle[1] + dy})
    assert page.inner_text("#count") == "5 places"
    page.click("#map", position={"x": middle[0], "y": middle[1]})  # removes the last
    assert page.inner_text("#count") == "4 places"
    page.click("#undo")
    assert page.inner_text("#count") == "3 places"
    page.focus("#map")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    assert page.inner_text("#count") == "4 places"
    solve(page)
    assert float(rows(page)[0][1]) > 0
    page.click("text=Type coordinates")
    page.fill("#typed", "0 0\n1 0\n1 1\n0 1")
    page.click("#use-typed")
    solve(page)
    assert float(rows(page)[0][1]) == 4.0
    page.fill("#typed", "0 0\n1 zero")
    page.click("#use-typed")
    assert "Line 2" in page.inner_text("#toast")
    page.click("#clear")
    assert page.inner_text("#count") == "0 places"
    page.click("#go")
    page.wait_for_selector("#toast:has-text('three places')")


def test_a_drawn_link_holds_its_places_exactly(open_page):
    page = open_page("kind=points&problem=tsp&solvers=ls&seconds=0.2")
    page.click("text=Type coordinates")
    page.fill("#typed", "0.1234 0.9\n0.5 0.0001\n0.7777 0.3")
    page.click("#use-typed")
    page.wait_for_timeout(1000)
    again = open_page(page.evaluate("location.hash").lstrip("#"))
    ready(again)
    assert again.inner_text("#count") == "3 places"
    again.hover("#map")
    assert again.evaluate("location.hash") == page.evaluate("location.hash")


@pytest.mark.parametrize(("path", "count"), [(BERLIN, "52"), (POSTERS, "41")])
def test_files_are_read_and_solved(open_page, path, count):
    page = open_page("kind=file&problem=&solvers=ls&seconds=0.5")
    page.set_input_files("#file", path)
    page.wait_for_selector(f"#map[aria-label='Map of {count} places']")
    solve(page)
    assert rows(page)[0][1] != "–"


BAD = {
    "empty.csv": b"",
    "words.csv": b"name,x,y\na,1,2\nb,two,3\n",
    "noise.npz": bytes(range(256)) * 40,
    "zip.npz": b"PK\x03\x04" + b"\0" * 100,
    "picture.png": b"\x89PNG\r\n\x1a\n" + b"\0" * 50,
    "page.html": b"<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>.csv": b"name,x,y\na,1\n",
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_refused_in_a_sentence(open_page, name):
    page = open_page(SMALL)
    ready(page)
    page.set_input_files("#file", {"name": name, "mimeType": "text/plain", "buffer": BAD[name]})
    page.wait_for_selector("#toast:not([hidden])")
    sentence = page.inner_text("#toast")
    assert "Traceback" not in sentence
    assert "/tmp" not in sentence
    assert page.locator("#toast *").count() == 0  # text, never elements
    page.click("[data-source=generated]")
    solve(page)  # and the page goes on


def test_a_link_with_a_script_in_it_runs_none(open_page):
    page = open_page(
        "problem=%3Cscript%3E&other=%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E&solvers=ls&points=!!&seconds=0.2&size=9"
    )
    solve(page)
    assert page.locator("#lanes img").count() == 0
    assert page.locator(".reason").count() == 1


def test_the_player_steps_plays_and_pauses(open_page):
    page = open_page(SMALL.replace("size=12", "size=120").replace("ls%20ortools%20policy%20bound", "ls%20ortools"))
    solve(page)
    end = page.inner_text("#now")
    steps = 0
    while page.inner_text("#now") == end:  # the last steps may be less than a hundredth of a second apart
        assert steps < 20
        page.click("#back")
        steps += 1
    for _ in range(steps):
        page.click("#forward")
    assert page.inner_text("#now") == end
    page.locator("#cursor").fill("0")
    assert page.inner_text("#now") == "0.00 s"
    page.select_option("#speed", "4")
    page.click("#play")
    page.wait_for_selector(f"#now:text-is('{end}')")
    assert page.get_attribute("#play", "aria-label") == "Play"


def test_a_solver_is_shown_alone_and_its_tour_as_a_table(open_page):
    page = open_page(SMALL)
    solve(page)
    page.click("#lanes button >> nth=1")
    page.wait_for_selector("#lanes button[aria-pressed=true]")
    page.click("#stops-box summary")
    page.wait_for_selector("#stops tr")
    assert page.locator("#stops tr").count() == 14  # the heading, twelve places and the return
    page.click("#lanes button >> nth=1")
    page.wait_for_selector("#lanes button[aria-pressed=true]", state="detached")


def test_the_map_zooms_pans_and_tells_of_places(open_page):
    page = open_page(SMALL)
    ready(page)
    page.focus("#map")
    page.keyboard.press("n")
    page.wait_for_selector("#tip:not([hidden])")
    assert "Place 1" in page.inner_text("#tip")
    page.keyboard.press("p")
    assert "Place 12" in page.inner_text("#tip")
    page.keyboard.press("Escape")
    assert page.is_hidden("#tip")

    def picture():
        return page.evaluate("document.querySelector('#map').toDataURL()")

    page.focus("#seed")
    page.wait_for_timeout(100)
    before = picture()
    page.focus("#map")
    page.keyboard.press("+")
    page.keyboard.press("ArrowLeft")
    page.click("#zoom-in")
    page.click("#zoom-out")
    page.mouse.move(700, 300)
    page.mouse.wheel(0, -300)
    page.mouse.down()
    page.mouse.move(760, 340, steps=4)
    page.mouse.up()
    page.wait_for_timeout(100)
    assert picture() != before
    page.click("#zoom-fit")
    page.mouse.move(2, 2)
    page.focus("#seed")
    page.wait_for_timeout(100)
    assert picture() == before


def test_what_is_saved_is_what_is_shown(open_page, tsp, tmp_path):
    page = open_page(SMALL)
    solve(page)

    def saved(kind):
        page.click("#save summary")
        with page.expect_download() as waiting:
            page.click(f"[data-save={kind}]")
        path = tmp_path / waiting.value.suggested_filename
        waiting.value.save_as(path)
        return path

    instance, tour = saved("instance"), saved("csv")
    code, out, _ = tsp("check", instance, tour)
    assert code == 0
    assert rows(page)[0][1][:5] in out
    (solution,) = json.loads(saved("json").read_text())["solutions"]
    assert solution["feasible"]
    assert saved("svg").read_text().count("<path") > 3
    assert saved("png").read_bytes().startswith(b"\x89PNG")
    page.click("#save summary")
    page.click("[data-save=command]")
    lines = page.inner_text("#command-text").splitlines()
    code, _, err = tsp(*lines[0].split()[1:])
    assert code == 0, err
    code, out, err = tsp(*lines[1].split()[1:])
    assert code == 0, err
    assert rows(page)[0][1][:5] in out


def test_the_policy_is_watched_step_by_step(open_page):
    page = open_page(SMALL)
    ready(page)
    page.click("[data-mode=policy]")
    page.click("#go")
    page.wait_for_selector("#lanes tr")
    done(page)
    if page.get_attribute("#play", "aria-label") == "Pause":
        page.click("#play")
    page.locator("#cursor").fill("0")
    assert page.inner_text("#now").startswith("step 1/")
    assert "%" in page.inner_text("#lanes")
    page.locator("#cursor").fill("1000")
    assert "checked" in page.inner_text("#lanes")


def test_a_day_is_lived_with_the_planner_and_by_hand(open_page):
    page = open_page("mode=day&problem=opq&distribution=uniform&size=8&seed=3&seconds=0.2")
    ready(page)
    page.click("#go")
    page.wait_for_selector("#choice button.primary")
    page.click("#choice button.primary")  # goes to the first place, where she decides
    page.wait_for_selector("#choice button:text-matches('^(Stay|Leave)') >> nth=1")
    page.click("#choice button.quiet")  # against the planner
    page.wait_for_selector("#panel:has(#go:not(:disabled))")
    page.click("#back")
    page.wait_for_selector("#choice button:text-matches('^(Stay|Leave)') >> nth=1")
    page.click("#choice button.primary")
    for _ in range(30):
        page.wait_for_selector("#panel:has(#go:not(:disabled))")
        if "over" in page.inner_text("#choice"):
            break
        page.click("#forward")
    page.wait_for_timeout(400)
    again = open_page(page.evaluate("location.hash").lstrip("#"))
    again.wait_for_selector("#choice:not([hidden])")
    assert again.inner_text("#choice") == page.inner_text("#choice")
    assert re.search(r"The day is over · [\d.]+ collected", page.inner_text("#choice"))


@pytest.mark.parametrize("problem", ["opst", "spctsp"])
def test_other_days_play_to_their_end(open_page, problem):
    page = open_page(f"mode=day&problem={problem}&distribution=uniform&size=8&seed=3&seconds=0.1")
    ready(page)
    page.click("#go")
    page.wait_for_selector("#choice:not([hidden])")
    page.select_option("#speed", "4")
    page.click("#play")
    page.wait_for_selector("#choice:has-text('The day is over')")


def test_limits_seconds_problems_and_kinds_can_be_chosen(open_page):
    page = open_page(SMALL)
    ready(page)
    page.select_option("#problem", "cvrp")
    page.wait_for_selector("#limit-capacity")
    page.fill("#limit-capacity", "100")
    page.fill("#size", "15")
    page.press("#size", "Enter")
    ready(page)
    page.select_option("#distribution", "clusters")
    page.click("#dice")
    page.locator("#seconds-range").fill("-2")
    assert page.input_value("#seconds") == "0.2"
    page.fill("#other", "insertion")
    page.uncheck("#solvers input[value=ortools]")
    ready(page)
    done(page)
    page.click("#go")
    page.wait_for_selector("#lanes tr:has-text('insertion')")
    done(page)
    assert not any("OR-Tools" in row[0] for row in rows(page))


def test_a_session_may_end_late_and_the_command_line_says_so(open_page, tsp):
    page = open_page("problem=opst&distribution=uniform&size=8&seed=3&solvers=&other=session-recourse&seconds=0.2")
    ready(page)
    page.fill("#limit-late_price", "0")
    page.press("#limit-late_price", "Enter")
    page.focus("#size")
    ready(page)
    solve(page)
    assert page.locator(".reason").count() == 0
    page.click("#save summary")
    page.click("[data-save=command]")
    lines = page.inner_text("#command-text").splitlines()
    assert "--late-price 0 " in lines[1]
    for line in lines:
        code, _, err = tsp(*line.split()[1:])
        assert code == 0, err
    page.click("#command .primary")
    page.wait_for_timeout(400)
    assert "late_price=0" in page.evaluate("location.hash")
    page.select_option("#problem", "cvrp")
    page.wait_for_selector("#limit-capacity")
    assert page.locator("#limits input").evaluate_all("all => all.map((one) => one.id)") == [
        "limit-max_length",
        "limit-capacity",
        "limit-num_tours",
    ]


def test_a_search_is_stopped_and_begins_again_at_once(open_page):
    page = open_page(SMALL.replace("seconds=0.5", "seconds=60").replace("ls%20ortools%20policy%20bound", "ls"))
    ready(page)
    page.click("#go")
    page.wait_for_selector("#lanes td.best")
    page.click("#go")
    done(page)
    page.fill("#seconds", "0.3")
    solve(page)
    assert rows(page)[0][3].endswith("s")


def test_a_phone_shows_everything_within_its_width(open_page):
    page = open_page(SMALL, width=390, height=844, has_touch=True, is_mobile=True)
    solve(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_every_control_has_a_name(open_page):
    page = open_page(SMALL)
    ready(page)
    nameless = page.evaluate(
        """() => [...document.querySelectorAll('button, input, select, textarea, summary')]
        .filter((one) => !(one.textContent.trim() || one.getAttribute('aria-label') || one.labels?.length))
        .map((one) => one.outerHTML)"""
    )
    assert nameless == []


def test_light_and_dark_follow_the_system_and_the_button(open_page):
    page = open_page(SMALL, color_scheme="dark")
    ready(page)
    assert page.get_attribute("html", "data-theme") == "dark"
    page.click("#theme")
    assert page.get_attribute("html", "data-theme") == "light"
    page.reload()
    assert page.get_attribute("html", "data-theme") == "light"


def test_copy_link_gives_the_link(open_page, address):
    page = open_page(SMALL, permissions=["clipboard-read", "clipboard-write"])
    ready(page)
    page.click("#link")
    page.wait_for_selector("#link:text-is('Copied')")
    assert page.evaluate("navigator.clipboard.readText()").startswith(f"{address}#distribution=uniform")


def test_static_files_need_no_network():
    folder = Path(__file__).parents[3] / "tsp" / "page" / "static"
    for path in folder.iterdir():
        text = path.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
        assert "http:" not in text, path
        assert "https:" not in text, path
