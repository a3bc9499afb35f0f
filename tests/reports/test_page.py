import base64
import hashlib
import io
import json
import re
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pytest
from PIL import Image

from gemax_cli.errors import NothingToConvert
from gemax_cli.reports import page
from gemax_cli.reports.charts import COLOURS, DARK
from gemax_cli.reports.methods import methods_paragraph
from gemax_cli.reports.page import report, small_map
from gemax_cli.settings import Settings
from gemax_cli.stack.records import NoseRecord
from gemax_cli.stack.tables import Failure, write_failures
from tests.reports.folders import BO, BU, PAPERS, SMALL, edit_run, make_folder, put_scan

VOID = {"meta", "img", "br", "input"}
SCRIPT = (Path(page.__file__).parent / "report.js").read_text(encoding="utf-8")
EVIL = '<script>alert("x")</script>&\'\x1b\u202e'


class Page(HTMLParser):
    """Every tag with its attributes; fails where tags do not nest."""

    def __init__(self, source):
        super().__init__()
        self.tags, self.open, self.words = [], [], []
        self.feed(source)
        self.close()
        assert self.open == []

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)

    def all(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture
def out(tmp_path):
    return make_folder(tmp_path / "out", (BU, BO))


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """The page of a folder with nothing odd."""
    return report(make_folder(tmp_path_factory.mktemp("plain") / "out", (BU, BO))).html


@pytest.fixture(scope="module")
def papers(tmp_path_factory):
    """The page of a folder that was made with the paper's settings."""
    return report(make_folder(tmp_path_factory.mktemp("papers") / "out", (BU,), PAPERS)).html


def words_of(source):
    return " ".join(" ".join(Page(source).words).split())


def cells_of(source):
    """Class and text of every cell of the tables."""
    return [(kind or "", unescape(cell)) for kind, cell in re.findall(r'<td(?: class="(\w+)")?>([^<]*)</td>', source)]


def scripts_of(source):
    """Every script of the page; it must be one that the page's policy names by its hash."""
    found = re.findall(r"<script>(.*?)</script>", source, re.DOTALL)
    assert source.lower().count("<script") == len(found)
    assert not [name for _, attributes in Page(source).tags for name in attributes if name.startswith("on")]
    hashes = [f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" for text in found]
    policy = next(a["content"] for a in Page(source).all("meta") if "http-equiv" in a)
    assert policy.partition("script-src ")[2].split() == hashes
    return found


def test_text_is_escaped_and_printable(tmp_path):
    write_failures(tmp_path, [Failure(EVIL, "read", "EmptyScan", EVIL)])
    source = report(tmp_path).html
    assert "&lt;script&gt;alert(&#34;x&#34;)&lt;/script&gt;&amp;&#39;??" in source
    assert scripts_of(source) == [SCRIPT]
    assert ("long", EVIL[:-2] + "??") in cells_of(source)


@pytest.mark.slow
def test_an_unpaired_surrogate_is_shown_as_a_question_mark(out):
    edit_run(out, lambda run: run.update({"a\ud800b": "c\udfffd"}))
    assert "a?b c?d" in words_of(report(out).html)


@pytest.mark.slow
def test_tables_put_numbers_right_and_round_them(out):
    put_scan(out, "BU-3DFE/F0009/F0009_AN01WH", SMALL, warnings=("odd",))
    source = report(out).html
    assert {a["scope"] for a in Page(source).all("th")} == {"col"}
    cells = cells_of(source)
    row = cells[cells.index(("long", "BU-3DFE/F0009/F0009_AN01WH")) :][:8]
    assert [kind for kind, _ in row] == ["long", "", "", "", "number", "number", "number", "long"]
    assert re.fullmatch(r"\d\.\d{4}", row[4][1])
    assert row[-1] == ("long", "odd")


@pytest.mark.slow
def test_figures_of_the_paper_are_as_printed(papers):
    cells = cells_of(papers)
    assert ("number", "7.811") in cells
    assert ("number", "85.81") in cells


def test_subjects_and_expressions_are_counted(plain):
    words = words_of(plain)
    assert "Subjects who show each expression dataset subjects with all six NE AN DI FE HA SA SU" in words


def test_empty_parts_are_left_out(tmp_path):
    write_failures(tmp_path, [Failure("a", "read", "EmptyScan", "a: empty")])
    assert [a["id"] for a in Page(report(tmp_path).html).all("section")] == ["failures", "worst"]


@pytest.mark.slow
def test_a_picture_has_the_pixels_of_the_map_and_a_clear_background(out):
    put_scan(out, "BU-3DFE/F0009/F0009_AN01WH", SMALL, warnings=("odd",))
    image = Page(report(out).html).all("img")[0]
    assert image["alt"] == "Map of BU-3DFE/F0009/F0009_AN01WH"
    decoded = np.asarray(Image.open(io.BytesIO(base64.b64decode(image["src"].partition(",")[2]))))
    grey = np.asarray(Image.open(out / "BU-3DFE/F0009/F0009_AN01WH/gemax_tau005.png"))
    valid = np.asarray(Image.open(out / "BU-3DFE/F0009/F0009_AN01WH/depth16.png")) > 0
    assert np.array_equal(decoded[..., 0], np.where(valid, grey, 0))
    assert np.array_equal(decoded[..., 1] > 0, valid)


def test_the_background_does_not_darken_a_small_face():
    valid = np.zeros((500, 500), np.bool_)
    valid[100:301, 100:301] = True
    small, cover = small_map(np.where(valid, 200, 0).astype(np.uint8), valid)
    assert small.shape == (page.THUMB, page.THUMB)
    assert np.abs(small[cover > 20].astype(int) - 200).max() <= 10
    assert set(np.unique(cover)) > {0, 255}


def luminance(colour):
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("theme", [COLOURS, DARK])
def test_contrast_is_enough_in_light_and_dark(theme):
    """WCAG 2: 4.5 to 1 for text, 3 to 1 for graphics."""
    paper = luminance(theme["paper"])
    assert set(theme) == set(COLOURS)
    for name, least in [("ink", 7), ("soft", 4.5), *((f"c{i}", 3) for i in range(6))]:
        high, low = sorted((luminance(theme[name]), paper), reverse=True)
        assert (high + 0.05) / (low + 0.05) >= least, name


@pytest.mark.slow
def test_the_page_follows_the_reader_s_system_and_stays_off_the_network(plain):
    light, dark = plain.split("prefers-color-scheme:dark")
    assert all(f"--{name}:{colour};" in light for name, colour in COLOURS.items())
    assert all(f"--{name}:{colour};" in dark for name, colour in DARK.items())
    policy = next(a["content"] for a in Page(plain).all("meta") if "http-equiv" in a)
    assert policy.startswith("default-src 'none'")
    assert Page(plain).all("html") == [{"lang": "en"}]


@pytest.mark.slow
def test_the_report_needs_nothing_but_itself(plain):
    assert scripts_of(plain) == [SCRIPT]
    for tag, attributes in Page(plain).tags:
        assert tag not in ("link", "iframe", "object", "embed", "form")
        assert attributes.get("src", "data:").startswith("data:image/png;base64,") or "src" not in attributes
        assert attributes.get("href", "#").startswith("#") or re.fullmatch(r"[\w/%.-]+\.png", attributes["href"])
    assert "@import" not in plain
    assert "url(" not in plain


@pytest.mark.slow
def test_every_link_leads_to_a_part_and_every_image_says_what_it_is(plain):
    found = Page(plain)
    ids = [a["id"] for _, a in found.tags if "id" in a]
    places = set(ids)
    assert len(ids) == len(places)
    assert {a["href"][1:] for a in found.all("a") if a["href"].startswith("#")} <= places
    assert all(a["alt"] for a in found.all("img"))
    assert [tag for tag, _ in found.tags if tag == "title"] == ["title"] * (1 + len(found.all("svg")))
    headings = [tag for tag, _ in found.tags if re.fullmatch("h[1-6]", tag)]
    assert headings[0] == "h1"
    assert set(headings[1:]) == {"h2"}


@pytest.mark.slow
def test_counts_settings_and_entropy_are_told(plain):
    said = words_of(plain)
    assert "scans converted 2" in said
    assert "BU-3DFE 1, Bosphorus 1" in said
    assert "settings.quantisation.levels 64" in said
    assert "range image" in said
    assert "Beside the paper's tables" not in said


@pytest.mark.slow
def test_the_paper_stands_beside_its_own_settings(papers):
    said = words_of(papers)
    assert "Beside the paper's tables" in said
    assert "on the licensed databases" in said


@pytest.mark.slow
def test_failures_are_counted_by_cause_with_their_reasons(out):
    empty = [Failure(f"s{i}", "read", "EmptyScan", f"s{i}: holds nothing") for i in range(3)]
    write_failures(out, [*empty, Failure("n", "nose", "NoNoseTip", EVIL)])
    source = report(out).html
    assert scripts_of(source) == [SCRIPT]
    said = words_of(source)
    assert "scans failed 4" in said
    assert "read EmptyScan 3" in said
    assert "s1: holds nothing" in said


def test_a_folder_of_failures_alone_has_a_report(tmp_path):
    write_failures(tmp_path, [Failure("a", "read", "EmptyScan", "a: empty")])
    assert "scans failed 1" in words_of(report(tmp_path).html)


@pytest.mark.slow
def test_a_damaged_failures_csv_is_a_problem(out):
    (out / "failures.csv").write_text("a,b\n1,2\n")
    assert "lacks the columns" in report(out).problems[0]


@pytest.mark.slow
def test_doubtful_noses_are_shown_with_a_ring_at_the_tip(out):
    nose = NoseRecord(0.0, 0.0, 0.0, "detected", 0.25)
    put_scan(out, "BU-3DFE/F0009/F0009_AN01WH", SMALL, nose=nose, warnings=("the nose tip is in doubt",))
    source = report(out).html
    said = words_of(source)
    assert "Nose tips in doubt" in said
    assert "detected, confidence 0.25" in said
    (ring,) = (a for a in Page(source).all("span") if a.get("class") == "tip")
    assert ring["style"] == "left:50.0%;top:50.0%"


@pytest.mark.slow
def test_a_tip_outside_the_picture_has_no_ring(out):
    nose = NoseRecord(500.0, 0.0, 0.0, "detected", 0.25)
    put_scan(out, "BU-3DFE/F0009/F0009_AN01WH", SMALL, nose=nose)
    assert not [a for a in Page(report(out).html).all("span") if a.get("class") == "tip"]


@pytest.mark.slow
def test_the_worst_scan_comes_first(out):
    put_scan(
        out, "BU-3DFE/F0009/F0009_AN01WH", SMALL, nose=NoseRecord(0.0, 0.0, 0.0, "detected", 0.1), warnings=("odd",)
    )
    put_scan(out, "BU-3DFE/F0008/F0008_AN01WH", SMALL, warnings=("odd",))
    said = words_of(report(out).html)
    assert said.index("F0009_AN01WH") < said.index("F0008_AN01WH")
    assert "2 of 4 have a reason" in said


@pytest.mark.slow
def test_a_clean_folder_says_so(plain):
    assert "No scan has a warning" in words_of(plain)


@pytest.mark.slow
def test_broken_images_are_named_and_the_rest_shown(out):
    (out / BU / "gemax_tau005.png").write_bytes(b"no png")
    (out / BO / "depth16.png").write_bytes(b"no png")
    made = report(out)
    assert len(made.problems) == 2
    said = words_of(made.html)
    assert "files broken 2" in said
    assert "gemax_tau005.png" in said
    assert "images broken" in said


@pytest.mark.slow
def test_a_map_of_another_size_is_not_shown(out):
    for name in ("gemax_tau005.png", "gemax_tau008.png"):
        Image.new("L", (5, 5), 9).save(out / BU / name)
    assert [a["alt"] for a in Page(report(out).html).all("img")] == [f"Map of {BO}"]


@pytest.mark.slow
def test_names_and_warnings_cannot_break_out(out):
    put_scan(out, "other/<img src=x onerror=alert(1)>", SMALL, dataset=EVIL, warnings=(EVIL * 200,))
    edit_run(out, lambda run: run.update({EVIL: EVIL}))
    source = report(out).html
    assert scripts_of(source) == [SCRIPT]
    found = Page(source)
    assert not [a for a in found.all("img") if "onerror" in a]


@pytest.mark.slow
def test_the_page_stays_small_however_many_scans(tmp_path, monkeypatch):
    monkeypatch.setattr(page, "MOST_THUMBS", 3)
    monkeypatch.setattr(page, "MOST_ROWS", 5)
    out = make_folder(tmp_path / "out", tuple(f"BU-3DFE/F{i:04d}/F{i:04d}_AN01WH" for i in range(9)))
    for i in range(10, 20):
        put_scan(out, f"BU-3DFE/F{i:04d}/F{i:04d}_AN01WH", SMALL, warnings=("nose odd",))
    write_failures(out, [Failure(f"s{i}", "read", "EmptyScan", "empty") for i in range(30)])
    source = report(out).html
    assert len(Page(source).all("img")) == 9
    said = words_of(source)
    assert re.search(r"Table: the first 5 of 1\d \(all are in metadata\.csv\)", said)
    assert "Table: the first 5 of 30 (all are in failures.csv)" in said
    assert said.count("EmptyScan") == 6  # one of the causes, five of the table


@pytest.mark.slow
def test_long_sentences_are_cut(out):
    put_scan(out, "BU-3DFE/F0009/F0009_AN01WH", SMALL, warnings=("long " * 1000,))
    assert len(report(out).html) < 200_000


@pytest.mark.slow
def test_several_depths_and_rgb_stacks(tmp_path):
    made_with = Settings(taus=(5, 6, 8), depths=(50, 60), quantisation=SMALL.quantisation, stack="rgb")
    made = report(make_folder(tmp_path / "out", (BU,), made_with))
    assert made.problems == ()
    assert f"Map of {BU}/d050" in made.html


@pytest.mark.slow
def test_the_same_folder_gives_the_same_bytes_also_where_a_part_of_it_is_named(out, tmp_path):
    report(out, tmp_path / "a.html")
    report(str(out / "BU-3DFE"), str(tmp_path / "b.html"))
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()
    assert (tmp_path / "a.html").read_bytes().startswith(b"<!DOCTYPE html>")


@pytest.mark.slow
def test_a_damaged_record_does_not_stop_the_report(out):
    with (out / "records.jsonl").open("a") as file:
        file.write(json.dumps({"scan": "a/b"}) + "\n")
    assert "scans converted 3" in words_of(report(out).html)


def test_an_empty_folder(tmp_path):
    with pytest.raises(NothingToConvert, match="holds no record"):
        report(tmp_path)


ODD = "BU-3DFE/F0009/a b#%3C&c;ü_AN01WH"


@pytest.mark.slow
@pytest.mark.parametrize("place", ["", "reports of #1/a%20b"])
def test_pictures_lead_to_their_files(out, place):
    put_scan(out, ODD, SMALL, warnings=("odd",))
    (out / place).mkdir(parents=True, exist_ok=True)
    report(out, out / place / "r.html")
    source = (out / place / "r.html").read_text(encoding="utf-8")
    links = [a["href"] for a in Page(source).all("a") if not a["href"].startswith("#")]
    assert {(out / place / unquote(link)).resolve() for link in links} == {
        (out / scan / "gemax_tau005.png").resolve() for scan in (BU, BO, ODD)
    }
    assert all(re.fullmatch(r"[A-Za-z0-9/%._~-]+", link) for link in links)


def test_failures_stand_first_with_their_reasons(tmp_path):
    write_failures(tmp_path, [Failure(f"s{i}", "read", "EmptyScan", f"s{i}: holds nothing") for i in range(21)])
    source = report(tmp_path).html
    assert source.index("<h2>Failures</h2>") < source.index("<h2>Scans to look at first</h2>")
    shown = re.sub(r"<details>.*?</details>", "", source, flags=re.DOTALL)
    assert "s0: holds nothing" in shown
    assert "s1: holds nothing" not in shown
    write_failures(tmp_path, [Failure(f"s{i}", "read", "EmptyScan", f"s{i}: holds nothing") for i in range(20)])
    assert "s19: holds nothing" in re.sub(r"<details>.*?</details>", "", report(tmp_path).html, flags=re.DOTALL)


def test_the_methods_stand_in_the_page_line_by_line(out):
    shown = re.search(r'<pre tabindex="0" aria-label="Methods">(.*?)</pre>', report(out).html, re.DOTALL)[1]
    assert unescape(shown) == methods_paragraph(out)


@pytest.mark.slow
def test_a_card_shows_who_lacks_what(out):
    for scan in ("F0002/F0002_AN01WH", "F0002/F0002_AN02WH", "F0002/F0002_HA01WH"):
        put_scan(out, f"BU-3DFE/{scan}", SMALL)
    source = report(out).html
    card = source[source.index("Scans per subject and expression") :]
    rows = re.findall(r"<tr>\s*(<td.*?)</tr>", card[: card.index("</table>")], re.DOTALL)
    cells = [re.findall(r'<td(?: class="([\w ]+)")?>([^<]*)</td>', row) for row in rows]
    assert [[text for _, text in row] for row in cells] == [
        ["BU-3DFE", "F0001", "0", "1", "0", "0", "0", "0", "0"],
        ["Bosphorus", "bs000", "0", "0", "0", "0", "1", "0", "0"],
        ["BU-3DFE", "F0002", "0", "2", "0", "0", "1", "0", "0"],
    ]
    assert all((kind == "number none") == (text == "0") for row in cells for kind, text in row[2:])


@pytest.mark.slow
def test_doubtful_scans_lead_to_their_pages_in_3d(out, tmp_path):
    pytest.importorskip("plotly")
    put_scan(out, "BU-3DFE/F0009/F0009_AN01WH", SMALL, warnings=("odd",), nose=NoseRecord(0.0, 0.0, 0.0, "x", 0.1))
    put_scan(out, "BU-3DFE/F0008/F0008_AN01WH", SMALL, warnings=("odd",))
    made = report(out, tmp_path / "r s.html", views=1)
    assert [path.name for path in tmp_path.glob("*.html")].count("r s-view-001.html") == 1
    assert len(list(tmp_path.glob("*.html"))) == 2
    assert "<h1>BU-3DFE/F0009/F0009_AN01WH</h1>" in (tmp_path / "r s-view-001.html").read_text(encoding="utf-8")
    links = [a["href"] for a in Page(made.html).all("a") if "view" in a["href"]]
    assert set(links) == {"r%20s-view-001.html"}
    assert len(links) >= 2


@pytest.mark.slow
def test_a_scan_that_cannot_be_shown_in_3d_is_a_problem(out, tmp_path):
    pytest.importorskip("plotly")
    (out / BU / "depth16.png").write_bytes(b"no png")
    made = report(out, tmp_path / "r.html", views=3)
    assert sum("depth16.png" in problem for problem in made.problems) >= 1
    assert list(tmp_path.glob("r-view*")) == []
