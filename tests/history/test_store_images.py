"""Image files: what each shows, when it changes, when it goes and comes back, and what became of it."""

from __future__ import annotations

from lorarec.history.adding import Added
from lorarec.history.images import SOON
from lorarec.history.store import History
from lorarec.history_types import Generation, ImageFile, Linked, OutcomeKind, Use

DAY = 86400.0


def link(use: Use) -> Linked:
    return Linked(f"id-{use.name}", "name")


def made(prompt: str, at: float = 1000.0) -> Generation:
    return Generation(prompt=prompt, made=at)


def file(name: str, version: int = 0) -> ImageFile:
    return ImageFile(f"/out/{name}.png", 100 + version, 10**18 + version)


def images(history: History) -> dict[str | None, int]:
    return {past.prompt: past.images for past in history.past()}


def test_files_are_known_below_their_folder_only(history: History) -> None:
    paths = ["/out/a.png", "/out/deep/b.png", "/out2/c.png", "/out.png", "/ou/d.png", "/out/ü/日本.png"]
    history.add_images([ImageFile(path, n, n + 10**18) for n, path in enumerate(paths)])
    assert history.known_images("/out") == {paths[n]: (n, n + 10**18) for n in (0, 1, 5)}
    assert history.known_images("/out/") == history.known_images("/out")
    assert set(history.known_images("/out/ü")) == {paths[5]}
    assert set(history.known_images("/")) == set(paths)
    assert history.known_images("/nowhere") == {}


def test_a_changed_file_shows_something_else_and_what_it_showed_stays(history: History) -> None:
    """As hosts make them that count from 1 again in an emptied folder."""
    history.add_generations([(made("old"), file("00001"))], link)
    history.add_outcomes([("/out/00001.png", OutcomeKind.LIKED, 1.0)])
    assert history.add_generations([(made("new"), file("00001", 1))], link) == Added(1, 1, 0)
    assert images(history) == {"old": 0, "new": 1}
    assert [past.liked for past in history.past()] == [0, 0], "it was the old image that was liked"
    assert history.known_images("/out") == {"/out/00001.png": (101, 10**18 + 1)}


def test_a_file_that_was_only_touched_changes_nothing_else(history: History) -> None:
    history.add_generations([(made("a"), file("1"))], link)
    history.add_outcomes([("/out/1.png", OutcomeKind.LIKED, 1.0)])
    assert history.add_generations([(made("a"), file("1", 1))], link) == Added(0, 0, 0)
    [past] = history.past()
    assert (past.images, past.liked) == (1, 1)
    assert history.known_images("/out") == {"/out/1.png": (101, 10**18 + 1)}


def test_an_unchanged_file_read_better_corrects_what_was_read(history: History) -> None:
    history.add_generations(
        [(made("wrong"), file("1")), (made("shared"), file("2")), (made("shared"), file("3"))], link
    )
    history.add_generations([(made("live"), None), (made("live"), file("4"))], link)
    again = [(made("right"), file("1")), (made("other"), file("2")), (made("another"), file("4"))]
    assert history.add_generations(again, link) == Added(3, 3, 0)
    assert images(history) == {"shared": 1, "live": 0, "right": 1, "other": 1, "another": 1}
    history.add_images([file("1"), file("3")])
    assert images(history) == {"live": 0, "other": 1, "another": 1}, "they teach nothing after all"
    assert len(history.known_images("/out")) == 4


def test_a_file_that_taught_nothing_may_teach_later(history: History) -> None:
    history.add_images([file("1")])
    assert history.add_generations([(made("a"), file("1"))], link) == Added(1, 1, 0)
    assert images(history) == {"a": 1}


def test_the_last_word_on_a_file_in_a_batch_counts(history: History) -> None:
    assert history.add_generations([(made("a"), file("1")), (made("b"), file("1"))], link).images == 1
    assert images(history) == {"a": 0, "b": 1}


def test_images_deleted_soon_after_count_as_such_until_they_are_back(history: History) -> None:
    history.add_generations([(made("a", 0.0), file(name, int(name))) for name in ("1", "2", "3")], link)
    assert history.mark_gone(["/out/1.png", "/out/unknown.png"], SOON - 1) == 1
    assert history.mark_gone(["/out/1.png"], SOON) == 0, "known to be gone"
    assert history.mark_gone(["/out/2.png"], SOON) == 1, "kept for a week: no verdict"
    [past] = history.past()
    assert (past.images, past.deleted) == (3, 1)
    assert set(history.known_images("/out")) == {"/out/3.png"}, "a file that comes back is to be looked at again"
    history.add_generations([(made("a", 0.0), file("1", 1))], link)
    [past] = history.past()
    assert (past.images, past.deleted) == (3, 0)
    assert set(history.known_images("/out")) == {"/out/1.png", "/out/3.png"}


def test_a_file_that_is_elsewhere_now_was_moved_not_deleted(history: History) -> None:
    history.add_generations([(made("a", 0.0), file("old")), (made("b", 0.0), file("other"))], link)
    history.add_generations([(made("a", 0.0), file("new"))], link)
    assert history.mark_gone(["/out/old.png", "/out/other.png"], 1.0) == 2
    assert {past.prompt: past.deleted for past in history.past()} == {"a": 0, "b": 1}


def test_files_that_taught_nothing_go_without_a_verdict(history: History) -> None:
    history.add_images([file("1")])
    assert history.mark_gone(["/out/1.png"], 0.0) == 1
    assert history.known_images("/out") == {} and history.counts().outcomes == 0


def test_outcomes_count_images_not_words(history: History) -> None:
    history.add_generations([(made("a"), file(name)) for name in ("1", "2")] + [(made("b"), file("3"))], link)
    said = [("1", "liked"), ("1", "upscaled"), ("2", "reused"), ("3", "kept"), ("none", "liked")]
    outcomes = [(f"/out/{name}.png", OutcomeKind(kind), 2.0) for name, kind in said]
    assert history.add_outcomes(outcomes) == 4, "one file is not known"
    assert history.add_outcomes(outcomes) == 0, "it was said before"
    assert {past.prompt: (past.images, past.liked, past.deleted) for past in history.past()} == {
        "a": (2, 2, 0),
        "b": (1, 0, 0),
    }


def test_thousands_of_files_go_at_once(history: History) -> None:
    history.add_generations([(made(str(n), 10.0), file(str(n))) for n in range(1300)], link)
    assert history.mark_gone([f"/out/{n}.png" for n in range(1200)], DAY) == 1200
    assert sum(past.deleted for past in history.past()) == 1200
    assert len(history.known_images("/out")) == 100
