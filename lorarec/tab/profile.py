"""What the history says about its user, drawn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from ..api import history
from ..api.history import ProfileOf
from ..history.statements import Favourite, LoraName, Preference, Profile, TimePattern
from ..present import number
from ..readable import day, size
from . import charts, markup
from .compat import Ui
from .markup import Html, Part, tag
from .texts import TEXTS, Say

if TYPE_CHECKING:
    from ..api.context import Context

SHOWN = 12  # rows of a table
FEW = 6  # of each kind of preference
PREFERENCES = ("styles", "subjects", "tones", "roles", "base_models")
_ABOUT = {  # what a statement is about: the text that names it
    **{name: f"of_{name}" for name in (*PREFERENCES, "sessions")},
    **{f"times.{kind}": f"by_{kind}" for kind in ("hour", "weekday", "month")},
    **{name: name for name in ("favourites", "pairs", "personas", "changes")},
    "strengths": "strengths_used",
    "profile": "tab_profile",
    "LoRAs": "loras",
}


def build(ui: Ui, context: Context) -> tuple[Any, ...]:
    """Make the sub-tab; returns what fills it: a handler, its inputs, its outputs."""
    say = ui.say
    project = ui.make(
        "Textbox", "profile_project", label=say("project"), info=say("project_help"), lines=1, max_lines=1
    )
    with ui.make("Row"):
        again = ui.make("Button", "profile_refresh", value=say("refresh"), size="sm")
    note = ui.note("profile")
    place = ui.html("profile_page")

    def fill(name: str) -> Any:
        found = history.profile(context, ProfileOf(project=(name or "").strip()[:1000] or None))
        return page(found, say), ""

    ui.on(again.click, fill, [project], [place, note])
    ui.on(project.submit, fill, [project], [place, note])
    return fill, [project], [place, note]


def page(profile: Profile, say: Say) -> Html:
    """The whole profile; parts with nothing to say are left out."""
    if not profile.totals.generations:
        return tag("p", say("profile_empty"), class_="lrt-empty")
    parts: Sequence[Callable[[Profile, Say], Html]] = (
        _totals,
        _favourites,
        _personas,
        _preferences,
        _strengths,
        _pairs,
        _times,
        _changes,
        _worth_a_look,
        _duplicates,
        _not_yet,
    )
    return tag("div", *(tag("section", inner) for part in parts if (inner := part(profile, say))), class_="lrt-profile")


def _totals(profile: Profile, say: Say) -> Html:
    totals, sessions = profile.totals, profile.sessions
    tiles: list[tuple[str, str]] = [
        (f"{totals.generations:,}", say("generations")),
        (f"{totals.images:,}", say("count_images")),
        (f"{totals.used:,} / {totals.installed:,}", say("used_of_installed")),
    ]
    if sessions:
        tiles.append((f"{sessions.n:,}", say("sessions", minutes=round(sessions.minutes))))
    if totals.first is not None and totals.last is not None:
        tiles.append((f"{day(totals.first)} –", day(totals.last)))
    drawn = (tag("div", tag("b", value), tag("span", name), class_="lrt-tile-figure") for value, name in tiles)
    return markup.join(
        (tag("div", *drawn, class_="lrt-tiles"), *(tag("p", say.told(one), class_="lrt-dim") for one in profile.notes))
    )


def _favourites(profile: Profile, say: Say) -> Html:
    rows = [
        (_name(one.lora), f"{one.n:,}", charts.spark(one.spans, say("last_year")), _favourite(one, say))
        for one in profile.favourites[:SHOWN]
    ]
    columns = (say("lora"), say("times_used"), say("last_year"), "")
    return _table(say("favourites"), columns, rows)


def _favourite(one: Favourite, say: Say) -> Html:
    words = [say(f"trend_{one.trend}")] if one.trend else []
    words += [say("liked")] if one.opinion > 0 else [say("disliked")] if one.opinion < 0 else []
    words += [say("kept", share=f"{one.kept:.0%}", count=one.images)] if one.kept is not None else []
    words += [] if one.lora.lora else [say("not_installed")]
    return markup.chips(words)


def _personas(profile: Profile, say: Say) -> Html:
    rows = [
        (
            markup.bar(one.share),
            tag("b", ", ".join(one.label) or "–"),
            markup.chips(f"{favoured.lora.name} {favoured.share:.0%}" for favoured in one.loras),
            tag("span", one.example, class_="lrt-value lrt-dim"),
        )
        for one in profile.personas
    ]
    columns = (say("share"), say("persona"), say("loras"), say("example"))
    return _table(say("personas"), columns, rows)


def _preferences(profile: Profile, say: Say) -> Html:
    found: dict[str, tuple[Preference, ...]] = {name: getattr(profile, name)[:FEW] for name in PREFERENCES}
    drawn = [
        tag(
            "div",
            tag("h4", say(f"of_{name}")),
            charts.bars([_preference(one, name, say) for one in some], say(f"of_{name}")),
        )
        for name, some in found.items()
        if some
    ]
    return (
        markup.join((markup.heading(say("preferences")), tag("div", *drawn, class_="lrt-grid-cards")))
        if drawn
        else Html("")
    )


def _preference(one: Preference, what: str, say: Say) -> tuple[Part, float, str]:
    lift = "" if one.lift is None else f" · {say('lift', times='>20' if one.lift >= 20 else f'{one.lift:.1f}')}"
    return say(f"role_{one.name}") if what == "roles" else one.name, one.share, f"{one.share:.0%}{lift}"


def _strengths(profile: Profile, say: Say) -> Html:
    found = profile.strengths[:SHOWN]
    if not found:
        return Html("")
    scale = (min(0.0, *(one.low for one in found)), max(1.0, *(one.high for one in found)))
    rows = [
        (
            _name(one.lora),
            one.base_model or say("unknown"),
            charts.span(one.low, one.lower_quartile, one.median, one.upper_quartile, one.high, scale),
            tag("b", number(one.median)),
            say("range", low=number(one.lower_quartile), high=number(one.upper_quartile)),
            f"{one.n:,}",
        )
        for one in found
    ]
    columns = (say("lora"), say("base_model"), "", say("usual"), say("half"), say("times_used"))
    return _table(say("strengths_used"), columns, rows)


def _pairs(profile: Profile, say: Say) -> Html:
    rows = [
        (_name(one.first), _name(one.second), markup.bar(one.second_given_first), f"{one.lift:.1f}×", f"{one.n:,}")
        for one in profile.pairs[:SHOWN]
    ]
    columns = (say("pair_first"), say("pair_second"), say("how_often"), say("than_chance"), say("times_used"))
    return _table(say("pairs"), columns, rows)


def _times(profile: Profile, say: Say) -> Html:
    drawn = [tag("div", tag("h4", say(f"by_{one.kind}")), _time(one, say)) for one in profile.times]
    return (
        markup.join((markup.heading(say("times")), tag("div", *drawn, class_="lrt-grid-cards"))) if drawn else Html("")
    )


def _time(one: TimePattern, say: Say) -> Html:
    names = [str(hour) for hour in range(24)] if one.kind == "hour" else say(f"{one.kind}s").split()
    chart = charts.columns(one.shares, names, say(f"by_{one.kind}"), every=3 if one.kind == "hour" else 1)
    peaks = "; ".join(f"{_peak(peak.name, one.kind, say)} {peak.share:.0%}" for peak in one.peaks[:3])
    return markup.join((chart, tag("p", peaks, class_="lrt-dim")))


def _peak(name: str, kind: str, say: Say) -> str:
    """A span such as "18:00 to 21:00" or "Saturday to Sunday", or one day or month, in the language of the page."""
    called: dict[str, str] = {}
    if kind != "hour":
        called = dict(zip(TEXTS[f"{kind}_names"][0].split(), say(f"{kind}_names").split(), strict=True))
    first, *last = (called.get(one, one) for one in name.split(" to "))
    return say("range", low=first, high=last[0]) if last else first


def _changes(profile: Profile, say: Say) -> Html:
    rows = [
        (
            f"{one.before} → {one.after}",
            say(_ABOUT[one.kind]),
            markup.chips(f"{move.name} {move.before:.0%} → {move.after:.0%}" for move in one.more),
            markup.chips(f"{move.name} {move.before:.0%} → {move.after:.0%}" for move in one.less),
        )
        for one in profile.changes
    ]
    return _table(say("changes"), (say("quarters"), "", say("more_of"), say("less_of")), rows)


def _worth_a_look(profile: Profile, say: Say) -> Html:
    rows = []
    for one in profile.worth_a_look[:SHOWN]:
        why = [say("is_like", name=one.like.name, count=one.like_n)] if one.like else []
        why += [say("shares", names=", ".join(one.themes))] if one.themes else []
        rows.append((_name(one.lora), "; ".join(why)))
    return _table(say("worth_a_look"), (say("lora"), say("why")), rows)


def _duplicates(profile: Profile, say: Say) -> Html:
    rows = [
        (_name(one.used), f"{one.n:,}", markup.chips(spare.lora.lora for spare in one.spare), size(one.bytes))
        for one in profile.duplicates[:SHOWN]
    ]
    return _table(say("duplicates"), (say("you_use"), say("times_used"), say("beside_it"), say("size")), rows)


def _not_yet(profile: Profile, say: Say) -> Html:
    if not profile.not_yet:
        return Html("")
    lines = (tag("li", f"{say(_ABOUT[one.about])}: {say.told(one.why)}") for one in profile.not_yet)
    return markup.more(say("not_yet"), tag("ul", *lines))


def _table(title: str, columns: Sequence[Part], rows: Sequence[Sequence[Part]]) -> Html:
    if not rows:
        return Html("")
    return markup.join((markup.heading(title), markup.table(columns, rows, label=title)))


def _name(lora: LoraName) -> Html:
    return tag("span", lora.name or lora.lora or lora.id, title=lora.lora)
