"""A profile as a page: sections of short tables, with bars where a share is easier seen than read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..present import number, plain
from ..readable import day, size
from .pages import BAR_CELLS, Cells, Page, cut

if TYPE_CHECKING:
    from rich.console import Console

    from ..history.statements import Change, Favourite, LoraName, Profile, Spare, TimePattern, WorthALook

SHOWN = 10  # rows of a section; --json lists all
FEW = 5  # rows of each kind of preference
_DAYS = ("Mo", "Tu", "We", "Th", "Fr", "Sa", "Su")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def show_profile(profile: Profile, out: Console) -> None:
    """Print a profile; sections of which nothing can be said are left to the list at the end."""
    page = _Sections(profile, Page(out))
    page.head()
    if profile.totals.generations or profile.favourites:
        page.favourites()
        page.personas()
        page.preferences()
        page.strengths()
        page.pairs()
        page.times()
        page.changes()
    page.worth_a_look()
    page.duplicates()
    page.not_yet()


class _Sections:
    """Prints one section after the other."""

    def __init__(self, profile: Profile, page: Page) -> None:
        self._profile = profile
        self._page = page

    def head(self) -> None:
        """How much there is."""
        totals, sessions = self._profile.totals, self._profile.sessions
        project = plain(self._profile.project)
        scope = f"Profile of the project {project}" if project else "Your profile"
        self._page.line((scope, "bold"))
        if totals.generations:
            period = f", {day(totals.first)} to {day(totals.last)}" if totals.first and totals.last else ""
            self._page.line(f"{totals.generations:,} generations, {totals.images:,} images{period}")
        if sessions:
            self._page.line(
                f"{sessions.n:,} sessions; the usual one has {_round(sessions.generations)} generations "
                f"in {_round(sessions.minutes)} minutes"
            )
        if totals.unlinked:
            self._page.line((f"{totals.unlinked:,} uses of LoRAs that are not installed, or not certain which", "dim"))
        if totals.used_share is not None:
            self._page.line(
                f"{totals.used:,} of {totals.installed:,} installed LoRAs ever used ",
                (self._page.bar(totals.used_share), "cyan"),
                f" {totals.used_share:.0%}",
            )
        for note in self._profile.notes:
            self._page.line((plain(note), "dim"))

    def favourites(self) -> None:
        """LoRAs used most lately."""
        found = self._profile.favourites
        columns = ["#", "LoRA", "n", "last 12 months", ""]
        rows = [self._favourite(*one) for one in enumerate(found[:SHOWN], 1)]
        self._page.table("Favourites, by recent use", columns, rows, len(found) - SHOWN)

    def _favourite(self, rank: int, one: Favourite) -> Cells:
        remarks = [one.trend, "liked" if one.opinion > 0 else "disliked" if one.opinion < 0 else ""]
        if one.kept is not None:
            remarks.append(f"kept {one.kept:.0%} (n={one.images:,})")
        if one.elsewhere:
            remarks.append(f"{one.elsewhere:,}x in other tools")
        if not one.lora.lora:
            remarks.append("not installed")
        style = {"rising": "green", "new": "green", "fading": "yellow"}.get(one.trend, "dim")
        chart = self._page.spark(one.spans)
        return [
            (f"{rank}", "dim"),
            self._name(one.lora, 50),
            f"{one.n:,}",
            (chart, "cyan"),
            (", ".join(filter(None, remarks)), style),
        ]

    def personas(self) -> None:
        """The distinct things the user makes."""
        found = self._profile.personas
        if not found:
            return
        self._page.title(f"What you make: {len(found)} kinds")
        indent = BAR_CELLS + 7
        room = self._page.width - indent
        for one in found:
            label = plain(", ".join(one.label)) or "no words of its own"
            share, n = (self._page.bar(one.share), "cyan"), (f"  n={one.n:,}", "dim")
            self._page.line(share, f" {one.share:>4.0%}  ", (label, "bold"), n)
            if one.loras:
                used = [f"{cut(_name(lora.lora), room // 3)} {lora.share:.0%}" for lora in one.loras]
                self._page.line(cut("with " + ", ".join(used), room), indent=indent)
            self._page.line((cut(plain(" ".join(one.example.split())), room), "dim"), indent=indent)

    def preferences(self) -> None:
        """What is chosen, and how much more often than is ordinary."""
        kinds = {
            "styles": (self._profile.styles, "ordinary"),
            "subjects": (self._profile.subjects, "ordinary"),
            "tones": (self._profile.tones, "ordinary"),
            "roles": (self._profile.roles, "installed"),
            "base models": (self._profile.base_models, "installed"),
        }
        rows: list[Cells] = []
        for kind, (found, against) in kinds.items():
            for place, one in enumerate(found[:FEW]):
                lift = "" if one.lift is None else f"{one.lift:.1f}" if one.lift < 20 else ">20"
                rows.append(
                    [
                        ("" if place else kind, "bold"),
                        cut(plain(one.name), 24),
                        (self._page.bar(one.share), "cyan"),
                        f"{one.share:>4.0%}",
                        (lift and f"{lift}x {against}", "dim"),
                        f"{one.n:,}",
                    ]
                )
        more = sum(max(0, len(found) - FEW) for found, _ in kinds.values())
        self._page.table("What you choose, by share of generations", ["", "", "", "", "", "sessions"], rows, more)

    def strengths(self) -> None:
        """Strengths really used."""
        found = self._profile.strengths
        rows: list[Cells] = [
            [
                self._name(one.lora, 60 if self._page.wide else 44),
                (plain(one.base_model or "unknown"), "" if one.base_model else "dim"),
                (number(one.median), "cyan"),
                f"{number(one.lower_quartile)} to {number(one.upper_quartile)}",
                f"{one.n:,}",
                number(one.latest),
                (f"{number(one.low)} to {number(one.high)}", "dim"),
            ]
            for one in found[:SHOWN]
        ]
        columns = ["LoRA", "base model", "usual", "half of uses", "n", "last", "all"]
        if not self._page.wide:
            rows, columns = [row[:5] for row in rows], columns[:5]
        self._page.table("Strengths you use", columns, rows, len(found) - SHOWN)

    def pairs(self) -> None:
        """LoRAs that go together."""
        found = self._profile.pairs
        rows: list[Cells] = [
            [
                self._name(one.first, 46, 2),
                self._name(one.second, 46, 2),
                f"{one.second_given_first:.0%}",
                (f"{one.lift:.1f}x chance", "dim"),
                f"{one.n:,}",
                f"{one.sessions:,}",
            ]
            for one in found[:SHOWN]
        ]
        columns = ["with this", "goes this", "how often", "", "n", "sessions"]
        self._page.table("LoRAs that go together", columns, rows, len(found) - SHOWN)

    def times(self) -> None:
        """When images are made."""
        if not self._profile.times:
            return
        self._page.title("When you make images")
        for pattern in self._profile.times:
            self._time(pattern)

    def _time(self, one: TimePattern) -> None:
        peaks = "; ".join(f"{peak.name} {peak.share:.0%} (even: {peak.expected:.0%})" for peak in one.peaks[:3])
        chart = self._page.spark(one.shares)
        if one.kind == "hour":
            scale = "0     6     12    18"
        else:
            names = _DAYS if one.kind == "weekday" else _MONTHS
            width = len(names[0]) + 1
            chart, scale = "".join(cell * (width - 1) + " " for cell in chart), " ".join(names)
        self._page.line(f"{one.kind:<8}", (chart, "cyan"), f"  {peaks}", (f"  n={one.n:,} sessions", "dim"))
        self._page.line((scale, "dim"), indent=8)

    def changes(self) -> None:
        """How the taste moved."""
        if not self._profile.changes:
            return
        self._page.title("How your taste moved")
        for one in self._profile.changes:
            self._change(one)

    def _change(self, one: Change) -> None:
        self._page.line(
            (f"{one.before} to {one.after}", "bold"),
            f"  {one.kind}: distance {one.distance:.2f}",
            (f", {one.by_chance:.2f} by chance  n={one.n_before:,} and {one.n_after:,} sessions", "dim"),
        )
        for word, style, movers in (("more", "green", one.more), ("less", "yellow", one.less)):
            if movers:
                moved = ", ".join(f"{plain(move.name)} {move.before:.0%} to {move.after:.0%}" for move in movers)
                self._page.line((word, style), " " + moved, indent=4)

    def worth_a_look(self) -> None:
        """Unused LoRAs near to the user's taste."""
        found = self._profile.worth_a_look
        rows: list[Cells] = [[self._name(one.lora, self._page.width // 5, 2), _why(one)] for one in found[:SHOWN]]
        self._page.table("Never used, worth a look", ["", ""], rows, len(found) - SHOWN)

    def duplicates(self) -> None:
        """Files beside a used one."""
        found = self._profile.duplicates
        rows: list[Cells] = [
            [self._name(one.used, 20, 2), f"{one.n:,}", "\n".join(map(_spare, one.spare)), size(one.bytes)]
            for one in found[:SHOWN]
        ]
        title = f"Versions and copies you never use, {size(sum(one.bytes for one in found))} in all"
        self._page.table(title, ["you use", "n", "beside it", "size"], rows, len(found) - SHOWN)

    def not_yet(self) -> None:
        """What cannot be said."""
        if self._profile.not_yet:
            self._page.title("Not enough yet")
            for one in self._profile.not_yet:
                about = one.about.replace("_", " ").replace("times.", "time patterns, by ")
                self._page.line((f"{about}: {plain(one.why)}", "dim"))

    def _name(self, lora: LoraName, taken: int, names: int = 1) -> str:
        """A name, cut to its part of what the other columns leave, which take so many cells."""
        return cut(_name(lora), max((self._page.width - taken) // names, 12))


def _name(lora: LoraName) -> str:
    return plain(lora.name or lora.lora or lora.id)


def _why(one: WorthALook) -> str:
    parts = []
    if one.like:
        parts.append(f"is like {_name(one.like)}, which you used {one.like_n:,}x")
    if one.themes:
        parts.append(f"has {plain(', '.join(one.themes))}, as your images")
    return "; ".join(parts)


def _spare(one: Spare) -> str:
    kind = "same file" if one.copy else "newer version" if one.newer else "other version"
    return f"{plain(one.lora.lora)} ({kind})"


def _round(value: float) -> str:
    return f"{value:.0f}" if value >= 3 else f"{value:.1f}"
