"""The pages in a browser: no error, every picture, light and dark, a narrow screen, the keyboard."""

import io

import numpy as np
import pytest
from PIL import Image

from gemax_cli.cli.main import run
from gemax_cli.reports.page import report
from gemax_cli.stack.tables import Failure, write_failures
from tests.browser import started
from tests.reports.folders import PAPERS, make_folder, put_scan
from tests.reports.test_page import EVIL, ODD

pytest.importorskip("plotly")
pytestmark = pytest.mark.slow
WIDTHS = (380, 1100)
SMALL = {"width": 640, "height": 700}
DRAWN = "plot.ariaBusy === 'false'"


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with started(tmp_path_factory.mktemp("profile")) as made:
        yield made


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """A report with failures, doubtful scans, odd names and a link to a page in 3D."""
    place = tmp_path_factory.mktemp("report")
    scans = tuple(f"BU-3DFE/F{i:04d}/F{i:04d}_{code}WH" for i in (1, 2, 9, 10) for code in ("AN01", "HA02"))
    out = make_folder(place / "out", scans, PAPERS)
    put_scan(out, ODD, PAPERS, warnings=(EVIL * 9, "w" * 300))
    write_failures(out, [Failure(f"s{i}/{'x' * 200}", "read", "EmptyScan", f"s{i}: {EVIL}") for i in range(5)])
    report(out, place / "report.html", views=1)
    return place / "report.html"


@pytest.fixture(scope="module")
def face(raw, tmp_path_factory):
    place = tmp_path_factory.mktemp("view")
    assert run(["view", str(min(raw.rglob("*_F3D.wrl"))), "-o", str(place / "view.html")]) == 0
    return place / "view.html"


def opened(browser, path, **shown):
    found = browser.open(path, **shown)
    found.evaluate("document.querySelectorAll('details').forEach(part => part.open = true)")
    return found


def ratio(found, selector):
    """Contrast of a text with the page, as WCAG 2 counts it."""
    colours = (
        "[[document.body, 'backgroundColor'], [document.querySelector(%r), 'color']].map(([part, name]) =>"
        " getComputedStyle(part)[name].match(/\\d+/g).slice(0, 3).map(Number))"
    )
    parts = np.array(found.evaluate(colours % selector)) / 255
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    low, high = sorted(linear @ [0.2126, 0.7152, 0.0722])
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", WIDTHS)
def test_the_report_has_no_error_and_fits(browser, page, width, dark):
    found = opened(browser, page, width=width, dark=dark)
    assert found.evaluate("document.querySelector('script') !== null && document.querySelector('th button') !== null")
    assert found.width_of_content() == width
    assert ratio(found, "h1") >= 7
    assert ratio(found, "a[href^='#']:not(.skip)") >= 4.5
    light = found.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert light != dark
    assert found.errors == []


def test_every_picture_loads_here_and_where_it_leads(browser, page):
    found = opened(browser, page)
    found.evaluate("document.querySelectorAll('img').forEach(image => image.loading = 'eager')")
    found.wait_for("[...document.images].every(image => image.complete)")
    assert found.evaluate("document.images.length") >= 8
    assert found.evaluate("[...document.images].every(image => image.naturalWidth > 0)")
    for link in found.evaluate("[...new Set([...document.querySelectorAll('a.pic')].map(a => a.href))]"):
        found.call("Page.navigate", url=link)
        found.wait_for("document.images.length === 1 && document.images[0].complete")
        assert found.evaluate("document.images[0].naturalWidth") == 32
    assert found.errors == []


TABLE = "[...document.querySelectorAll('table')].find(table => table.caption.textContent.includes('{}'))"
CARD = TABLE.format("Scans per subject and expression")


def rows(found, table):
    shown = f"[...{table}.tBodies[0].rows].filter(row => !row.hidden)"
    return found.evaluate(f"{shown}.map(row => [...row.cells].map(cell => cell.textContent))")


def test_tables_sort_by_keyboard(browser, page):
    found = opened(browser, page)
    found.evaluate(f"{CARD}.tHead.rows[0].cells[1].firstChild.focus()")
    found.press("Enter")
    order = [row[1] for row in rows(found, CARD)]
    assert order == ["F0001", "F0002", "F0009", "F0010"]
    assert found.evaluate(f"{CARD}.tHead.rows[0].cells[1].ariaSort") == "ascending"
    found.press(" ")
    assert [row[1] for row in rows(found, CARD)] == order[::-1]
    found.press("Tab")
    assert found.evaluate("document.activeElement.textContent") == "NE"
    assert found.errors == []


def test_numbers_sort_by_value_and_text_in_its_order(browser, page):
    found = opened(browser, page)
    table = TABLE.format("Entropy by dataset")
    headings = found.evaluate(f"[...{table}.tHead.rows[0].cells].map(cell => cell.textContent)")
    for name, key in (("tau", lambda tau: float(tau or "-inf")), ("max", float), ("map", str)):
        column = headings.index(name)
        found.evaluate(f"{table}.tHead.rows[0].cells[{column}].firstChild.click()")
        values = [row[column] for row in rows(found, table)]
        assert len(set(values)) > 1
        assert values == sorted(values, key=key)


def test_numbers_of_any_spelling_sort_by_value(browser, page):
    found = opened(browser, page)
    values = ["0.5", "1,200", "", "0.12"]
    found.evaluate(f"{values}.forEach((value, i) => {{ {CARD}.tBodies[0].rows[i].cells[2].textContent = value; }})")
    found.evaluate(f"{CARD}.tHead.rows[0].cells[2].firstChild.click()")
    assert [row[2] for row in rows(found, CARD)] == ["", "0.12", "0.5", "1,200"]


def test_tables_filter_by_keyboard(browser, page):
    found = opened(browser, page)
    label = f"{CARD}.parentElement.previousElementSibling"
    found.evaluate(f"{label}.querySelector('input').focus()")
    found.type("f0010")
    assert [row[1] for row in rows(found, CARD)] == ["F0010"]
    assert found.evaluate(f"{label}.querySelector('output').textContent") == "1 of 4 rows"
    assert found.errors == []


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", WIDTHS)
def test_the_view_has_no_error_and_fits(browser, face, width, dark):
    found = opened(browser, face, width=width, dark=dark)
    found.wait_for(DRAWN)
    assert found.width_of_content() == width
    assert ratio(found, "h1") >= 7
    assert found.errors == []


def pixels(found, place):
    """The drawing as RGB, without what stands around it."""
    found.screenshot(place)
    image = np.asarray(Image.open(io.BytesIO(place.read_bytes())).convert("RGB")).astype(int)
    box = found.evaluate("(b => [b.left, b.top, b.right, b.bottom].map(Math.round))(plot.getBoundingClientRect())")
    return image[box[1] : box[3], box[0] : box[2]]


def settled_pixels(found, place):
    """The drawing once two pictures in a row are the same."""
    before = pixels(found, place)
    for _ in range(50):
        found.evaluate("new Promise(done => setTimeout(done, 100))")
        now = pixels(found, place)
        if np.array_equal(before, now):
            return now
        before = now
    raise AssertionError("the drawing never comes to rest")


def is_red(image):
    return (image[..., 0] > 180) & (image[..., 1] < 60) & (image[..., 2] < 80)


def test_the_face_is_upright_and_its_tip_in_the_middle(browser, face, tmp_path):
    found = opened(browser, face, **SMALL)
    found.wait_for(DRAWN)
    image = settled_pixels(found, tmp_path / "front.png")
    place = np.argwhere(is_red(image)).mean(axis=0) / image.shape[:2]
    np.testing.assert_allclose(place, 0.5, atol=0.04)
    skin = (image[..., 0] > image[..., 2] + 40) & ~is_red(image)
    up, down = skin[: len(skin) // 2].sum(axis=1).max(), skin[-len(skin) // 2 :].sum(axis=1)
    assert up > 100
    assert np.nonzero(down)[0].max() > 100  # the chin: narrower than the brow
    assert down[np.nonzero(down)[0].max() - 10] < 0.6 * up


def test_the_keyboard_turns_the_face(browser, face, tmp_path):
    found = opened(browser, face, **SMALL)
    found.wait_for(DRAWN)
    front = settled_pixels(found, tmp_path / "front.png")
    found.evaluate("page('turn').focus()")
    for _ in range(9):
        found.press("ArrowRight")
    assert found.evaluate("page('turn').value") == "45"
    turned = settled_pixels(found, tmp_path / "turned.png")
    assert np.argwhere(is_red(turned))[:, 1].mean() < np.argwhere(is_red(front))[:, 1].mean() - 20  # seen from its left
    found.evaluate("document.querySelector('button[data-turn=\"0\"]').focus()")
    found.press("Enter")
    assert np.abs(settled_pixels(found, tmp_path / "again.png") - front).mean() < 1
    assert found.errors == []


def test_every_colour_and_mark_can_be_chosen(browser, face, tmp_path):
    found = opened(browser, face, **SMALL)
    found.wait_for(DRAWN)
    seen = [settled_pixels(found, tmp_path / "a.png")]
    names = found.evaluate("[...page('colour').options].map(option => option.textContent)")
    assert {"shape", "depth", "range image", "GEMax, tau 20", "GEMax, tau 20: bin width", "texture"} <= set(names)
    for name in ("shape", "range image", "GEMax, tau 20: bin width"):
        found.evaluate(f"page('colour').value = {names.index(name)}; page('colour').dispatchEvent(new Event('change'))")
        image = settled_pixels(found, tmp_path / "a.png")
        assert all(np.abs(image - other).mean() > 0.5 for other in seen), name
        seen.append(image)
    found.evaluate("page('tip').focus()")
    found.press(" ")
    assert is_red(seen[-1]).sum() > 10
    assert is_red(settled_pixels(found, tmp_path / "a.png")).sum() == 0
    assert found.errors == []


def test_brightness_is_nearness_in_a_range_image(browser, face, tmp_path):
    found = opened(browser, face, **SMALL)
    found.wait_for(DRAWN)
    for name in ("tip", "landmarks", "walls"):
        found.evaluate(f"page('{name}').checked = false")
    found.evaluate("page('colour').value = 2; page('colour').dispatchEvent(new Event('change'))")
    image = settled_pixels(found, tmp_path / "a.png").mean(axis=2)
    row, column = np.array(image.shape) // 2
    assert image[row - 3 : row + 3, column - 3 : column + 3].mean() > 200
    assert image[row, column - 85 : column - 65].mean() < 170


def test_an_odd_name_runs_nothing(browser, page):
    view = page.with_name("report-view-001.html")
    found = opened(browser, view)
    found.wait_for(DRAWN)
    assert found.evaluate("document.querySelector('h1').textContent") == ODD
    assert found.evaluate("document.scripts.length") == 3
    assert found.errors == []
