"""The report's page in a real browser, from the disk, without a network."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Any

import pytest

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install -e .[test]")

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
PHONE, DESKTOP = {"width": 390, "height": 844}, {"width": 1280, "height": 900}
# contrast of text to the ground that it stands on (WCAG 2.2, 1.4.3), of every element with text of its own
LOW_CONTRAST = """
() => {
  const channels = (colour) => (colour.match(/[\\d.]+/g) || []).map(Number);
  const light = (c) => {
    const [r, g, b] = c.map((v) => v / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (element) => {
    for (let e = element; e; e = e.parentElement) {
      const c = channels(getComputedStyle(e).backgroundColor);
      if (c.length === 3 || c[3] === 1) return c.slice(0, 3);
    }
    return [255, 255, 255];
  };
  const low = [];
  for (const element of document.querySelectorAll("body *:not(script)")) {
    const own = [...element.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
    if (!own || element.closest("svg")) continue;
    const [a, b] = [light(channels(getComputedStyle(element).color).slice(0, 3)), light(ground(element))];
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (contrast < 4.5) low.push([element.tagName, element.textContent.slice(0, 40), contrast]);
  }
  return low;
}
"""
OPACITIES = "() => [...document.querySelectorAll('.heat')].map((e) => Number(getComputedStyle(e).opacity))"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    program = next((found for name in PROGRAMS if (found := shutil.which(name))), None)
    if program is None:
        pytest.skip(f"no browser: none of {', '.join(PROGRAMS)} is on the PATH")
    with playwright.sync_playwright() as p:
        started = p.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield started
        started.close()


class Opened:
    """The page in a window, and what it complained of or asked for."""

    def __init__(self, browser: Any, report: Any, **context: Any) -> None:
        self.context = browser.new_context(**context)
        self.page = self.context.new_page()
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("dialog", lambda dialog: (self.complaints.append(dialog.message), dialog.dismiss()))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.url = (report / "report.html").as_uri()
        self.page.goto(self.url)

    def __enter__(self) -> Opened:
        return self

    def __exit__(self, *_: object) -> None:
        self.context.close()


def test_it_opens_from_the_disk_without_a_word_and_without_a_request(browser, report):
    with Opened(browser, report, viewport=DESKTOP) as opened:
        opened.page.wait_for_load_state("networkidle")
        assert opened.complaints == []
        assert [url for url in opened.requests if not url.startswith("data:")] == [opened.url]
        broken = "() => [...document.images].filter((i) => !(i.complete && i.naturalWidth > 0)).length"
        assert opened.page.evaluate(broken) == 0
        assert opened.page.evaluate("() => document.images.length") > 20
        assert opened.page.locator("svg path").count() > 20
        assert "onerror=alert(1)" in opened.page.inner_text("main")  # the name of a file, as text


def test_the_slider_sets_the_opacity_of_every_map_by_keyboard_and_by_mouse(browser, report):
    with Opened(browser, report, viewport=DESKTOP) as opened:
        slider = opened.page.get_by_label("Opacity of the anomaly maps")
        told = opened.page.locator(".control output")
        assert set(opened.page.evaluate(OPACITIES)) == {0.5}
        slider.focus()
        opened.page.keyboard.press("ArrowRight")
        assert set(opened.page.evaluate(OPACITIES)) == {0.55}
        assert (told.inner_text(), slider.get_attribute("aria-valuetext")) == ("55 %", "55 %")
        opened.page.keyboard.press("Home")
        assert set(opened.page.evaluate(OPACITIES)) == {0}
        box = slider.bounding_box()
        opened.page.mouse.click(box["x"] + 0.9 * box["width"], box["y"] + box["height"] / 2)
        assert min(opened.page.evaluate(OPACITIES)) >= 0.8
        assert opened.complaints == []


def test_the_maps_lie_on_their_images(browser, report):
    with Opened(browser, report, viewport=DESKTOP) as opened:
        stack = opened.page.locator(".stack:has(.heat)").first
        image, heat = (stack.locator("img").nth(i).bounding_box() for i in (0, 1))
        assert image == pytest.approx(heat)
        boxed = opened.page.locator(".stack:has(.heat):has(svg)").first
        assert boxed.locator("svg").bounding_box() == pytest.approx(boxed.locator("img").first.bounding_box())
        inside = "(e) => { const b = e.getBBox(); return [b.x, b.y, b.width, b.height]; }"
        assert boxed.locator("path").first.evaluate(inside) == [8, 16, 8, 8]  # the data list's box, of 32 px
        assert boxed.locator("svg").get_attribute("viewBox") == "0 0 32 32"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read_on_its_ground(scheme, browser, report):
    with Opened(browser, report, viewport=DESKTOP, color_scheme=scheme) as opened:
        opened.page.evaluate("() => document.querySelectorAll('details').forEach((d) => { d.open = true; })")
        assert opened.page.evaluate(LOW_CONTRAST) == []
        ground = opened.page.evaluate("() => getComputedStyle(document.body).backgroundColor")
        assert (int(ground[4:].split(",")[0]) > 128) == (scheme == "light")
        inked = "() => getComputedStyle(document.querySelector('.figures svg text')).fill"
        assert (int(opened.page.evaluate(inked)[4:].split(",")[0]) > 128) == (scheme == "dark")


@pytest.mark.parametrize("viewport", [PHONE, DESKTOP])
def test_nothing_reaches_out_of_the_window(viewport, browser, report):
    with Opened(browser, report, viewport=viewport) as opened:
        opened.page.evaluate("() => document.querySelectorAll('details').forEach((d) => { d.open = true; })")
        assert opened.page.evaluate("() => document.documentElement.scrollWidth") <= viewport["width"]


def test_it_prints_on_white_without_the_slider(browser, report):
    with Opened(browser, report, viewport=DESKTOP, color_scheme="dark") as opened:
        opened.page.emulate_media(media="print", color_scheme="dark")
        look = "() => [getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color]"
        assert opened.page.evaluate(look) == ["rgb(255, 255, 255)", "rgb(0, 0, 0)"]
        assert not opened.page.locator(".control").is_visible()
        assert opened.page.locator(".heat").first.is_visible()
        assert opened.page.evaluate(LOW_CONTRAST) == []
        assert opened.page.pdf().startswith(b"%PDF")


def test_paper_unfolds_the_settings_and_the_screen_folds_them_again(browser, report):
    with Opened(browser, report, viewport=DESKTOP) as opened:
        settings = opened.page.locator(".settings")
        assert not settings.is_visible()
        opened.page.evaluate("() => dispatchEvent(new Event('beforeprint'))")
        assert settings.is_visible()
        assert "sha256 of the weights" in settings.inner_text()
        opened.page.evaluate("() => dispatchEvent(new Event('afterprint'))")
        assert not settings.is_visible()


def test_figures_leave_no_holes(browser, report):
    """Every row of figures is as wide as the section, on a desktop and on a phone."""
    ends = """() => [...document.querySelectorAll('.figures')].flatMap((grid) => {
      const rows = new Map();
      for (const figure of grid.children) {
        const b = figure.getBoundingClientRect();
        rows.set(b.top, Math.max(rows.get(b.top) || 0, b.right));
      }
      return [...rows.values()].map((right) => grid.getBoundingClientRect().right - right);
    })"""
    for viewport in (DESKTOP, PHONE):
        with Opened(browser, report, viewport=viewport) as opened:
            assert all(abs(gap) < 1 for gap in opened.page.evaluate(ends))


def test_without_scripts_it_is_whole_but_for_the_slider(browser, report):
    with Opened(browser, report, viewport=DESKTOP, java_script_enabled=False) as opened:
        assert not opened.page.locator(".control").is_visible()
        assert opened.page.locator(".heat").first.is_visible()
        assert opened.page.locator("h3").first.is_visible()


def test_every_stop_of_the_tab_key_is_shown(browser, report):
    with Opened(browser, report, viewport=DESKTOP) as opened:
        stops = set()
        for _ in range(15):
            opened.page.keyboard.press("Tab")
            stop = opened.page.evaluate("() => document.activeElement.tagName")
            stops.add(stop)
            style = opened.page.evaluate("() => getComputedStyle(document.activeElement).outlineStyle")
            assert style == "solid" or stop == "BODY"  # behind the last stop
        assert {"A", "DIV", "INPUT"} <= stops
