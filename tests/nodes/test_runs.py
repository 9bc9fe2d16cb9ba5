"""What an entry of ComfyUI's history says about a finished prompt."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

GRAPH = {"9": {"class_type": "SaveImage", "inputs": {}}}
DONE = ["execution_success", {"prompt_id": "a"}]


def entry(outputs, *, cached=(), end=DONE, meta=None):
    """As GET /history gives it: lists where the server has tuples."""
    messages = [["execution_start", {}], ["execution_cached", {"nodes": list(cached)}], end]
    status = {"status_str": "success", "completed": True, "messages": messages}
    return {"prompt": [0, "a", GRAPH, {}, ["9"]], "outputs": outputs, "status": status, "meta": meta or {}}


def saved(name, subfolder="", kind="output"):
    return {"filename": name, "subfolder": subfolder, "type": kind}


@pytest.fixture
def output(tmp_path):
    (tmp_path / "day 1").mkdir()
    for name in ("a.png", "b.PNG", "c.jpg", "day 1/d.webp", "movie.mp4", "note.txt"):
        (tmp_path / name).write_bytes(b"")
    return tmp_path


@pytest.fixture
def read(start, output):
    read_run = start(core=False).part("nodes.runs").read_run
    return lambda *args, **named: read_run(entry(*args, **named), str(output))


def test_new_images_of_every_node_and_key(read, output):
    outputs = {
        "9": {"images": [saved("a.png"), saved("b.PNG"), saved("a.png")], "animated": (True,)},
        "10": {"text": ["a.png"], "previews": [saved("c.jpg")]},
        "11": {"images": [saved("d.webp", "day 1")]},
    }
    run = read(outputs)
    assert run.graph is GRAPH
    assert run.images == tuple(str(output / name) for name in ("a.png", "b.PNG", "c.jpg", "day 1/d.webp"))


@pytest.mark.parametrize("end", [["execution_error", {}], ["execution_interrupted", {}]])
def test_a_failed_or_cancelled_prompt_teaches_nothing(read, end):
    assert read({"9": {"images": [saved("a.png")]}}, end=end) is None


@pytest.mark.parametrize(
    "outputs",
    [
        {},
        {"9": {"images": [saved("a.png", kind="temp")]}},
        {"9": {"images": [saved("a.png", kind="input")]}},
        {"9": {"files": [saved("note.txt")]}},
        {"9": {"text": ["a.png"], "count": 3, "images": [None, "a.png", {"filename": 3, "type": "output"}]}},
        {"9": None},
    ],
)
def test_a_prompt_without_a_saved_image_teaches_nothing(read, outputs):
    assert read(outputs) is None


def test_a_cached_node_repeats_old_images(read, output):
    outputs = {"9": {"images": [saved("a.png")]}, "10": {"images": [saved("c.jpg")]}}
    assert read(outputs, cached=["4", "9", "10"]) is None
    assert read(outputs, cached=["4", "9"]).images == (str(output / "c.jpg"),)
    # A node that another node expanded into has an id of its own; the cache speaks of the one in the graph.
    meta = {"9.0.0.1": {"node_id": "9.0.0.1", "real_node_id": "9"}}
    inner = {"9.0.0.1": {"images": [saved("a.png")]}}
    assert read(inner, cached=["9"], meta=meta) is None
    assert read(inner, cached=["4"], meta=meta).images == (str(output / "a.png"),)


def test_a_video_counts_without_a_file_to_harvest(read):
    assert read({"9": {"images": [saved("movie.mp4")], "animated": (True,)}}).images == ()
    assert read({"9": {"gifs": [saved("x.webm")]}}).images == ()


def test_only_files_that_are_there_and_below_the_output_folder(read, output):
    outside = output.parent / "outside.png"
    outside.write_bytes(b"")
    places = [("outside.png", ".."), ("outside.png", str(output.parent)), ("../outside.png", ""), ("moved.png", "")]
    odd = [saved(name, subfolder) for name, subfolder in places]
    assert read({"9": {"images": odd}}).images == ()
    sibling = output.parent / (output.name + "2")
    sibling.mkdir()
    (sibling / "a.png").write_bytes(b"")
    assert read({"9": {"images": [saved("a.png", os.path.join("..", sibling.name))]}}).images == ()


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.sampled_from(["output", "a.png"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["images", "filename", "subfolder", "type", "x"]), inner, max_size=4)
    ),
    max_leaves=12,
)


def test_whatever_nodes_show_is_no_error(start, output):
    read_run = start(core=False).part("nodes.runs").read_run

    @given(st.dictionaries(st.text(max_size=3), json_values, max_size=3))
    def holds(outputs):
        run = read_run(entry(outputs), str(output))
        assert run is None or all(path == str(output / "a.png") for path in run.images)

    holds()
