"""Numbers on the command line: whatever is typed, the answer is a result or a sentence, never a traceback."""

from __future__ import annotations

import pytest

from lorarec.commands.moments import moment
from lorarec.commands.query import active
from lorarec.types import Active

ODD = ("-1", "0", "1_0", "99999999999999999999", "1e400", "-1e400", "nan", "inf", "x", "", "9" * 5000, "\u0663")
TAKES = {
    "history show": ("--limit", "--since", "--until"),
    "suggest a --explore 0.3 --top 40 --no-refresh": ("--seed", "--active", "--min-score", "--diversity", "--explore"),
    "suggest b --no-refresh": ("--top",),
    "similar watercolor --no-refresh": ("--top",),
    "profile": ("--since",),
    "serve --host 999.1.1.1": ("--port",),
    "ui --host 999.1.1.1": ("--port",),
    "bench --only nothing": ("--sizes", "--files", "--images", "--generations"),
    "evaluate nowhere": ("--limit", "--bare", "--libraries"),
    "train nowhere": ("--shuffles", "--seed"),
}


@pytest.mark.parametrize("text", ODD)
def test_no_number_ends_in_a_traceback(call, collection, text: str) -> None:
    for verb, options in TAKES.items():
        for option in options:
            texts = [f"{text}d", text] if option in ("--since", "--until") else [text]
            texts = [f"mira:{text}"] if option == "--active" else texts
            for given in texts:
                done = call(*verb.split(), f"{option}={given}", *collection.flags)
                assert done.code in (0, 1, 2) and "Traceback" not in done.err, (verb, option)
                assert done.code == 0 or done.err, (verb, option)


@pytest.mark.parametrize("name", ["top", "min_score", "threads", "idle_minutes", "memory_mb", "wait_seconds"])
def test_no_setting_takes_what_is_no_number(call, tmp_path, name: str) -> None:
    for text in ODD:
        done = call("settings", "set", name, text, "--data", tmp_path)
        assert done.code in (0, 2) and "Traceback" not in done.err, text


@pytest.mark.parametrize("weight", ["nan", "inf", "1e9", "-101"])
def test_a_weight_that_means_nothing_is_refused(call, collection, weight: str) -> None:
    done = call("suggest", "a", "--active", f"mira:{weight}", "--no-refresh", *collection.flags)
    assert done.code == 2 and "the weight of 'mira' is no usable number" in done.err
    assert active("mira: the second") == Active("mira: the second") and active("mira:-0.5") == Active("mira", -0.5)


def test_an_age_beyond_all_times_is_the_beginning() -> None:
    assert moment("99999999999999999999d", 1.7e9) == 0.0


@pytest.mark.parametrize(
    "option", [("--task", "warm"), ("--limit", "5"), ("--existing",), ("--bare", "0.5"), ("--folds", "off"), ("bench",)]
)
def test_ones_own_history_takes_nothing_of_a_benchmark(call, collection, option: tuple[str, ...]) -> None:
    done = call("evaluate", "--own", *option, *collection.flags)
    assert done.code == 2 and "--own measures on your own history; leave out" in done.err
