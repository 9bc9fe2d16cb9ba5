"""What the tab is made of, without Gradio: escaped HTML, charts, texts, prompts, forms."""

from __future__ import annotations

import ast
import io
import re
import string
import sys
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import pytest

from lorarec.errors import UsageError
from lorarec.jobs import JobState
from lorarec.progress import STAGES
from lorarec.settings import OPTIONS, Settings
from lorarec.tab import charts, details, history, jobs, markup, pictures, profile, prompts, recommend, settings
from lorarec.tab.compat import Ui
from lorarec.tab.texts import TEXTS, Say
from lorarec.types import Progress

NASTY = "\"><script>alert(1)</script>' onload=x &amp; \ud800"
FOLDER = Path(markup.__file__).parent
say = Say("en")


@pytest.fixture
def ui(monkeypatch):
    """Makes a `Ui` over a Gradio that has nothing but a version: ``ui(machine=True)``."""
    monkeypatch.setitem(sys.modules, "gradio", SimpleNamespace(__version__="4.40.0", update=lambda **changes: changes))
    return lambda language="en", **given: Ui(Say(language), lambda text: text.replace("/home/me/", "me/"), **given)


class Seen(HTMLParser):
    """Elements and attributes that a browser would see."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.names: set[str] = set()
        self.data = ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.names |= {name for name, _ in attrs}

    def handle_data(self, data):
        self.data += data


@pytest.mark.parametrize(
    "made",
    [
        markup.note(NASTY, "error"),
        markup.table([NASTY], [[NASTY]], label=NASTY),
        markup.facts([(NASTY, NASTY)]),
        markup.chips([NASTY]),
        markup.button(NASTY, "to", NASTY, title=NASTY),
        markup.more(NASTY, NASTY),
        charts.bars([(NASTY, 1.0, NASTY)], NASTY),
        charts.columns([1.0], [NASTY], NASTY),
        charts.points([(1.0, 0.5, NASTY)], NASTY),
        charts.spark([1.0], NASTY),
        jobs.job(
            JobState(
                job="index",
                state="running",
                error=NASTY,
                progress=Progress(stage=NASTY, done=1, total=2, rate=1.0, seconds_left=None, note=NASTY),
            ),
            say,
        ),
        jobs.job(JobState(job="x", state="done", report={"problems": [{"path": NASTY, "message": NASTY}]}), say),
    ],
)
def test_no_text_becomes_html(made):
    seen = Seen(made)
    assert "script" not in seen.tags and "onload" not in seen.names
    made.encode()


def test_what_is_html_already_is_not_escaped_twice():
    assert markup.tag("p", markup.tag("b", "<")) == "<p><b>&lt;</b></p>"


def test_a_picture_too_large_to_shrink_is_not_decoded_for_the_gallery(monkeypatch):
    image = pytest.importorskip("PIL.Image")
    file = io.BytesIO()
    image.new("RGB", (40, 30), "red").save(file, "PNG")
    context = SimpleNamespace(
        lora=lambda id_: id_, previews=SimpleNamespace(get=lambda lora, side: SimpleNamespace(data=file.getvalue()))
    )
    card = SimpleNamespace(id="0" * 16, safety=None)
    assert pictures.image(context, card, 192, "safe").size == (40, 30)
    monkeypatch.setattr(pictures, "PIXELS", 40 * 30 - 1)
    assert pictures.image(context, card, 192, "safe").size == (192, 192), "the tile of what has no picture"


def test_a_bar_is_as_long_as_its_share_of_the_longest():
    made = charts.bars([("a", 10, "10"), ("b", 5, "5")], "x")
    assert re.findall(r"width:([\d.]+)%", made) == ["100.0", "50.0"]


def test_points_stand_at_their_values_and_times():
    made = charts.points([(0.0, 0.0, ""), (100.0, 1.0, ""), (50.0, 0.5, "")], "x")
    dots = [(float(x), float(y)) for x, y in re.findall(r'cx="([\d.]+)" cy="([\d.]+)"', made)]
    (x0, low), (x1, high), (x2, middle) = dots
    assert x0 < x2 < x1 and x2 == pytest.approx((x0 + x1) / 2, abs=0.1)
    assert high < middle < low and middle == pytest.approx((low + high) / 2, abs=0.1)
    assert charts.points([], "x") == ""


@pytest.mark.parametrize(
    ("prompt", "chosen", "expected"),
    [
        ("", [("a/ink.safetensors", 0.8, ["ink wash"])], "<lora:ink:0.8>, ink wash"),
        ("an Ink  Wash of hills", [("ink.safetensors", 1.0, ["ink wash"])], "<lora:ink:1>"),
        ("<lora:ink wash:1>", [("b.safetensors", 0.756, ["ink wash"])], "<lora:b:0.76>, ink wash"),
        (
            "inky",
            [("b.v1.safetensors", 0.5, ["ink"]), ("c.pt", 1.5, ["ink", "c"])],
            "<lora:b.v1:0.5>, ink, <lora:c:1.5>, c",
        ),
    ],
)
def test_the_text_to_add_has_the_words_that_are_missing(prompt, chosen, expected):
    assert prompts.insertion(prompt, chosen) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("<lora:rain:0.6> <lora:ink:te=0.5:unet=0.7>", [("rain", 0.6), ("ink", 0.7)]),
        ("rain:0.6, styles/ink wash\nsnow", [("rain", 0.6), ("styles/ink wash", 1.0), ("snow", 1.0)]),
        ("C:ink, :0.4", [("C:ink", 1.0), ("0.4", 1.0)]),
    ],
)
def test_loras_in_use_as_people_write_them(text, expected):
    assert [(one.name, one.strength) for one in prompts.active(text)] == expected


def form(**given):
    names = ("prompt", "negative", "base_model", "active", "roles", "exclude_roles", "folders", "exclude_folders")
    empty = {name: None for name in names}
    return {**empty, "safety": "auto", "own": False, "top": 9, "min_score": 0.5, "diversity": 0.5, "explore": 0.5,
            "collapse": False, **given}  # fmt: skip


def test_dials_count_only_where_they_are_set_here():
    asked = recommend.question(form(prompt="x", folders="a, b"), say)
    assert (asked.top, asked.min_score, asked.collapse, asked.safety) == (None, None, None, None)
    assert asked.folders == ("a", "b")
    asked = recommend.question(form(prompt="x", own=True, safety="safe"), say)
    assert (asked.top, asked.min_score, asked.collapse, asked.safety) == (9, 0.5, False, "safe")
    with pytest.raises(UsageError):
        recommend.question(form(prompt="  "), say)


def test_every_setting_has_its_field_and_reads_its_own_value_back(ui):
    named = [name for names in settings.GROUPS.values() for name in names]
    assert set(named) <= set(OPTIONS) and len(named) == len(set(named))
    shown = settings._shown(
        ui(), Settings(loras=("a", "b")), dict.fromkeys(OPTIONS, SimpleNamespace(lorarec_values={}))
    )
    given = {name: settings.read(name, value) for name, value in zip(OPTIONS, shown, strict=True)}
    assert Settings(**given) == Settings(loras=("a", "b"))


@pytest.mark.parametrize(("name", "value"), [("top", None), ("top", 2.5), ("min_score", "much"), ("history", None)])
def test_a_value_of_another_kind_is_told_by_name(name, value):
    with pytest.raises(UsageError, match=f"^{name} is "):
        settings.read(name, value)


def test_texts_are_all_there_in_both_languages_and_take_the_same_values():
    def fields(text):
        return {name for _, name, _, _ in string.Formatter().parse(text) if name}

    for name, (english, chinese) in TEXTS.items():
        assert english and chinese and fields(english) == fields(chinese), name
    assert Say("zh-CN")("tab_recommend") == "推荐" and Say("fr")("tab_recommend") == "Recommend"


def test_every_text_that_is_asked_for_exists():
    asked = set()
    for path in FOLDER.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) == "say":
                first = node.args[0] if node.args else None
                if isinstance(first, ast.Constant):
                    asked.add(first.value)
    assert len(asked) > 100 and asked <= set(TEXTS)


@pytest.mark.parametrize("error", [UsageError("/home/me/loras is not there"), OSError("/home/me/loras is not there")])
def test_what_went_wrong_names_no_folders(ui, error):
    def fail():
        raise error

    *_, said = ui()._guarded(fail, 2)()
    assert "me/loras is not there" in said and "/home/me" not in said


@pytest.mark.parametrize(("machine", "name"), [(True, "pattern"), (False, "text")])
def test_words_of_prompts_are_a_pattern_only_on_this_machine(ui, machine, name):
    assert history.part(ui(machine=machine), None, "", "", "", " red.* ") == {name: "red.*"}
    assert history.part(ui(machine=machine), None, "", "", "", " ") == {}


class Made(SimpleNamespace):
    """A Gradio whose components keep the options they are made with."""

    def __getattr__(self, kind):
        class Component:
            def __init__(self, label="", info="", placeholder="", choices=(), value=None, elem_id=""):
                self.said = (label, info, placeholder)
                self.choices = choices

            def __enter__(self):
                return self

            def __exit__(self, *_):
                pass

        return Component


def words(text):
    """English words in a Chinese text that are neither names nor commands nor values."""
    known = {"auto", "lora", "lorarec", "harvest", "http", "hugging", "face", "nvidia"}
    found = re.findall(r"[A-Za-z]{4,}", re.sub(r"https?://\S*", "", text))
    return [word for word in found if word.lower() not in known]


def test_a_chinese_page_speaks_chinese(ui):
    chinese = ui("zh", machine=True)
    chinese.gr = Made()
    fields = [*recommend._form(chinese).values(), *(settings._field(chinese, name) for name in OPTIONS)]
    for field in fields:
        for said in field.said:
            assert not words(said), said
    for name in ("safety", "profile", "gpu", "precision"):
        labels = [label for label, _ in settings._field(chinese, name).choices]
        assert labels and not any(map(words, set(labels) - {"float16", "bfloat16", "float32"})), labels
    at_work = JobState(job="index", state="running", progress=Progress("scan", 1, 2, 1.0, 3.0))
    report = {"found": 3, "unreadable": 2, "more_problems": 0, "unknown": {"uses": 5, "names": 1, "most": {"ink": 5}}}
    for state in (at_work, JobState(job="index", state="done", report=report)):
        assert not words(Seen(jobs.job(state, chinese.say)).data)
    with pytest.raises(UsageError, match="请先输入提示词"):
        recommend.question(form(prompt=" "), chinese.say)


def test_spans_of_strengths_are_told_in_the_language_of_the_page():
    assert details._strength(0.8, 0.6, 1.0, "author", Say("zh")).startswith("0.80 (0.60 至 1.00)")
    assert details._strength(None, 0.6, 1.0, "author", say) == "0.60 to 1.00 author"


@pytest.mark.parametrize(
    ("name", "kind", "said"),
    [
        ("06:00 to 12:00", "hour", "06:00 至 12:00"),
        ("Saturday to Sunday", "weekday", "周六 至 周日"),
        ("May", "month", "5月"),
    ],
)
def test_times_are_told_in_the_language_of_the_page(name, kind, said):
    assert profile._peak(name, kind, Say("zh")) == said
    assert profile._peak(name, kind, say) == name


def test_every_setting_step_and_figure_has_its_texts():
    from lorarec.history.harvest.harvest import HarvestReport
    from lorarec.types import ScanReport

    named = {name for report in (HarvestReport, ScanReport) for name in report.__struct_fields__}
    assert {f"figure_{name}" for name in named - {"problems", "cancelled"}} <= set(TEXTS)
    assert {f"step_{name}" for name in STAGES} <= set(TEXTS)
    assert {f"setting_{name}{end}" for name in OPTIONS for end in ("", "_help")} <= set(TEXTS)
