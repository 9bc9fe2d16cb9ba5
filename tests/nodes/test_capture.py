"""What is executed in ComfyUI reaches the history, and nothing of it reaches ComfyUI."""

from __future__ import annotations

import copy
import json
import struct
import threading
import time
import zlib
from pathlib import Path

import pytest

INK = "styles/ink.safetensors"
MIKU = "characters/miku.safetensors"


def workflow(**recommend):
    """The usual text to image graph; with arguments, a Recommend LoRAs node beside it."""
    graph = {
        "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "sd_xl_base.safetensors"}},
        "10": {
            "class_type": "LoraLoader",
            "inputs": {
                "model": ["4", 0],
                "clip": ["4", 1],
                "lora_name": INK,
                "strength_model": 0.7,
                "strength_clip": 0.5,
            },
        },
        "6": {"class_type": "CLIPTextEncode", "inputs": {"clip": ["10", 1], "text": "ink drawing of miku"}},
        "7": {"class_type": "CLIPTextEncode", "inputs": {"clip": ["10", 1], "text": "blurry"}},
        "5": {"class_type": "EmptyLatentImage", "inputs": {"width": 832, "height": 1216, "batch_size": 1}},
        "3": {
            "class_type": "KSampler",
            "inputs": {
                **{"model": ["10", 0], "positive": ["6", 0], "negative": ["7", 0], "latent_image": ["5", 0]},
                **{"seed": 5, "steps": 20, "cfg": 7.0, "sampler_name": "euler", "scheduler": "karras", "denoise": 1.0},
            },
        },
        "8": {"class_type": "VAEDecode", "inputs": {"samples": ["3", 0], "vae": ["4", 2]}},
        "9": {"class_type": "SaveImage", "inputs": {"images": ["8", 0], "filename_prefix": "x"}},
    }
    if recommend:
        graph["20"] = {"class_type": "LorarecRecommend", "inputs": recommend}
        graph["21"] = {
            "class_type": "LorarecApplyStack",
            "inputs": {"model": ["10", 0], "clip": ["10", 1], "lora_stack": ["20", 0]},
        }
        graph["6"]["inputs"]["clip"] = graph["7"]["inputs"]["clip"] = ["21", 1]
        graph["3"]["inputs"]["model"] = ["21", 0]
    return graph


def execute(
    comfy, graph, *, node=lambda graph: {}, end="execution_success", cached=(), kind="output", image=b"", extra=None
):
    """Run a prompt as ComfyUI's worker thread does; ``node`` stands for the nodes. Returns where the image is."""
    queue = comfy.server.prompt_queue
    prompt_id = f"prompt {len(queue.history)}"
    _, number = queue.get((0, prompt_id, graph, extra or {}, ["9"], {"api_key": "secret"}))
    shown = node(graph)
    folder = Path(comfy.folder_paths.output)
    folder.mkdir(exist_ok=True)
    name = f"x_{len(queue.history):05}_.png"
    (folder / name).write_bytes(image)
    shown["9"] = {"images": [{"filename": name, "subfolder": "", "type": kind}]}
    messages = [("execution_start", {}), ("execution_cached", {"nodes": list(cached)}), (end, {"prompt_id": prompt_id})]
    status = queue.ExecutionStatus("success", True, messages)
    queue.task_done(number, {"outputs": shown, "meta": {}}, status=status, process_item=lambda item: item[:5])
    return folder / name


def png(**texts):
    """A PNG file without pixels that holds these texts."""
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))]
    chunks += [(b"tEXt", f"{key}\0{text}".encode("latin-1")) for key, text in texts.items()]
    chunks.append((b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )


def told(caplog):
    return [record.getMessage() for record in caplog.records if record.name == "lorarec"]


@pytest.fixture
def comfy(start, loras):
    return start(loras)


def test_an_executed_prompt_becomes_a_generation_with_its_image(comfy):
    before = time.time()
    image = execute(comfy, workflow())
    comfy.settle()
    ((generation, images),) = comfy.core.memory.generations
    assert images == (str(image),)
    assert (generation.prompt, generation.negative) == ("ink drawing of miku", "blurry")
    assert [(use.name, use.strength, use.clip) for use in generation.loras] == [(INK, 0.7, 0.5)]
    assert (generation.seed, generation.steps, generation.width, generation.height) == (5, 20, 832, 1216)
    assert before <= generation.made <= time.time()


def test_a_text_made_at_run_time_is_taken_from_the_image(comfy):
    graph = workflow()
    graph["6"]["inputs"]["text"] = ["30", 0]
    graph["30"] = {"class_type": "SomeLanguageModel", "inputs": {"question": "write a prompt"}}
    execute(comfy, graph)
    execute(
        comfy, graph, image=png(parameters="ink drawing of a cat\nSteps: 20, Sampler: Euler, CFG scale: 7, Seed: 5")
    )
    comfy.settle()
    (without, _), (beside, _) = comfy.core.memory.generations
    assert without.prompt is None
    assert (beside.prompt, beside.negative, beside.seed) == ("ink drawing of a cat", "blurry", 5)
    assert beside.loras == without.loras


def test_a_graph_that_only_enlarges_tells_what_it_enlarged(comfy):
    graph = {
        "1": {"class_type": "LoadImage", "inputs": {"image": "day/x_00001_.png [output]"}},
        "2": {"class_type": "ImageUpscaleWithModel", "inputs": {"image": ["1", 0]}},
        "9": {"class_type": "SaveImage", "inputs": {"images": ["2", 0]}},
    }
    image = execute(comfy, graph)
    comfy.settle()
    ((generation, images),) = comfy.core.memory.generations
    assert images == (str(image),) and not generation.teaches
    assert (generation.sources, generation.upscaled) == (("day/x_00001_.png",), 1)


@pytest.mark.parametrize(
    "how",
    [
        {"end": "execution_error"},
        {"end": "execution_interrupted"},
        {"cached": ["3", "4", "5", "6", "7", "8", "9", "10"]},
        {"kind": "temp"},
    ],
)
def test_failed_cancelled_cached_and_preview_runs_teach_nothing_and_open_nothing(start, loras, how):
    comfy = start(loras, core=False)
    execute(comfy, workflow(), **how)
    comfy.settle()
    assert comfy.library.keeper.opened is None
    assert [path.name for path in Path(comfy.folder_paths.user, "__lorarec").iterdir()] == ["settings.json"]


def test_loading_the_pack_starts_no_thread_and_imports_nothing_of_the_history(start, loras):
    comfy = start(loras, core=False)
    assert not comfy.part("nodes.capture")._worker._started
    for part in ("history", "recommender", "settings", "database"):
        assert not comfy.loaded(f"lorarec.{part}")


def test_the_worker_thread_of_comfyui_does_no_work(comfy):
    """All that may take time happens on our own thread."""
    seen = []
    comfy.folder_paths.get_output_directory = lambda: seen.append(threading.current_thread().name) or "/nowhere"
    execute(comfy, workflow())
    comfy.settle()
    assert seen == ["lorarec-capture"]


def test_the_queue_behaves_as_before(comfy):
    queue = comfy.server.prompt_queue
    graph = workflow()
    execute(comfy, copy.deepcopy(graph))
    comfy.settle()
    assert queue.currently_running == {}
    ((prompt_id, entry),) = queue.history.items()
    assert entry["prompt"] == (0, prompt_id, graph, {}, ["9"])
    assert queue.task_done.__name__ == "task_done"
    with pytest.raises(KeyError):  # the queue's own complaint, untouched
        queue.task_done(99, {}, None)
    # Every argument by name, as another pack may call it.
    _, number = queue.get((0, "named", graph, {}, []))
    status = queue.ExecutionStatus("success", True, [])
    assert queue.task_done(item_id=number, history_result={"outputs": {}}, status=status, process_item=None) is None
    assert "named" in queue.history


@pytest.mark.parametrize("broken", ["get_output_directory", "get_filename_list"])
def test_a_failure_is_one_line_in_the_log_and_nothing_else(comfy, broken, caplog):
    def fail(*_):
        raise RuntimeError("the disk is on fire")

    setattr(comfy.folder_paths, broken, fail)
    for _ in range(3):
        execute(comfy, workflow())
    comfy.settle()
    assert told(caplog) == ["lorarec: not remembered: RuntimeError: the disk is on fire"]
    assert len(comfy.server.prompt_queue.history) == 3 and comfy.core.memory.generations == []


def test_what_is_no_graph_is_left_out(comfy, caplog):
    execute(comfy, "not a graph")
    comfy.settle()
    assert comfy.core.memory.generations == [] and told(caplog) == []
    execute(comfy, workflow())
    comfy.settle()
    assert len(comfy.core.memory.generations) == 1


def test_the_setting_is_read_anew_for_every_prompt(comfy, caplog):
    settings = Path(comfy.folder_paths.user, "__lorarec", "settings.json")
    for text, count in (('{"history": false}', 0), ("{}", 1), ('{"history": false}', 1)):
        settings.write_text(text)
        execute(comfy, workflow())
        comfy.recommend().run("ink")
        comfy.settle()
        assert (len(comfy.core.memory.generations), len(comfy.core.memory.impressions)) == (count, count)
    settings.write_text('{"history": maybe}')  # perhaps it was switched off there
    execute(comfy, workflow())
    comfy.settle()
    assert len(comfy.core.memory.generations) == 1
    (line,) = told(caplog)
    assert "settings.json is not valid" in line and "mend or delete it" in line


def test_with_the_history_off_no_database_is_opened(start, loras):
    comfy = start(loras, core=False)
    settings = Path(comfy.folder_paths.user, "__lorarec", "settings.json")
    settings.write_text('{"history": false}')
    execute(comfy, workflow())
    comfy.settle()
    assert comfy.library.keeper.opened is None and not settings.with_name("lorarec.sqlite3").exists()


def test_several_users_are_not_told_apart_so_nothing_is_recorded(comfy):
    comfy.args.multi_user = True
    execute(comfy, workflow())
    comfy.recommend().run("ink")
    comfy.settle()
    assert comfy.core.memory.generations == [] and comfy.core.memory.impressions == []


def test_a_pack_that_is_loaded_again_listens_once(comfy):
    first = comfy.part("nodes.capture")
    queue = comfy.server.prompt_queue
    wrapped, inner = [], queue.task_done

    def task_done(*args, **named):  # another pack wraps in between
        wrapped.append(args)
        return inner(*args, **named)

    queue.task_done = task_done
    comfy.load()
    again = comfy.part("nodes.capture")
    assert again is not first
    comfy.part("nodes.library").keeper._kept = comfy.core
    execute(comfy, workflow())
    comfy.settle()
    assert len(comfy.core.memory.generations) == 1 and len(wrapped) == 1
    assert not first._worker._started


def test_a_queue_of_another_shape_is_left_alone(comfy, caplog):
    comfy.server.prompt_queue = odd = type("Queue", (), {"history": {}, "task_done": lambda self, item: "done"})()
    comfy.load()
    assert odd.task_done(1) == "done" and vars(odd) == {}
    (line,) = told(caplog)
    assert "lorarec harvest" in line
    comfy.server.prompt_queue = None
    comfy.load()
    assert len(told(caplog)) == 1


def test_a_queue_that_keeps_no_history_is_no_error(comfy, caplog):
    class Forgetful(type(comfy.server.prompt_queue)):
        def task_done(self, item_id, history_result, status, process_item=None):
            self.currently_running.pop(item_id)

    comfy.server.prompt_queue = Forgetful()
    comfy.load()
    execute(comfy, workflow())
    comfy.settle()
    assert comfy.core.memory.generations == [] and told(caplog) == []


def test_when_too_much_waits_the_oldest_is_dropped_with_one_line(comfy, caplog):
    capture = comfy.part("nodes.capture")
    go, started, done = threading.Event(), threading.Event(), []
    capture._worker.put(lambda: (started.set(), go.wait(20)))
    assert started.wait(20)
    waiting = comfy.part("lorarec.worker").WAITING
    for number in range(waiting + 3):
        capture._worker.put(lambda number=number: done.append(number))
    go.set()
    comfy.settle()
    # The settling job itself took one more place if it came before the first was done.
    assert done[-1] == waiting + 2 and done[0] in (3, 4) and done == list(range(done[0], done[-1] + 1))
    assert len(told(caplog)) == 1 and "falls behind" in told(caplog)[0]


def test_our_own_unseen_choice_is_not_learned_but_a_kept_one_is(comfy):
    def choose(graph):
        answer = comfy.recommend().run(**graph["20"]["inputs"], graph=graph, extra_pnginfo={}, unique_id="20")
        return {"20": answer["ui"]}

    graph = workflow(prompt="miku", selection="")
    execute(comfy, graph, node=choose)
    comfy.settle()
    ((first, _),) = comfy.core.memory.generations
    assert [use.name for use in first.loras] == [INK]
    chosen = graph["20"]["inputs"]["selection"]  # where the image's metadata has it, and the browser's next prompt
    assert [row["name"] for row in json.loads(chosen)] == [MIKU]

    execute(comfy, workflow(prompt="miku", selection=chosen), node=choose)
    comfy.settle()
    kept = comfy.core.memory.generations[1][0]
    assert sorted((use.name, use.strength) for use in kept.loras) == [(MIKU, 0.7), (INK, 0.7)]


def test_a_choice_made_as_the_prompt_was_queued_is_unseen_too(comfy):
    chosen = json.dumps([{"name": MIKU, "model": 0.7}])
    extra = {"extra_pnginfo": {"workflow": {"extra": {"lorarec_unseen": ["20", "99"]}}}}
    queued = workflow(prompt="miku", selection=chosen)
    execute(comfy, queued, extra=extra)
    comfy.settle()
    ((made, _),) = comfy.core.memory.generations
    assert [use.name for use in made.loras] == [INK]
    assert queued["20"]["inputs"]["selection"] == chosen, "ComfyUI's own copy stays as it is"


def test_a_choice_that_was_shown_is_an_impression(comfy):
    before = time.time()
    comfy.recommend().run("ink drawing of miku", negative="blurry")
    after = time.time()
    comfy.recommend().run("ink", mode="fixed", selection="[]")  # nothing was suggested
    comfy.recommend().run("ink", selection=json.dumps([{"name": INK, "model": 1}]))
    comfy.recommend().run("nothing like it")
    comfy.recommend().run("ink", min_score=0.95)  # suggested too little: named in the report, not offered
    comfy.settle()
    ((query, answer, at),) = comfy.core.memory.impressions
    assert (query.prompt, query.negative) == ("ink drawing of miku", "blurry")
    assert [one.lora for one in answer.suggestions] == [MIKU, INK]
    assert before <= at <= after


def test_the_real_history_takes_it_in(start, mini_library):
    comfy = start(mini_library, core=False)
    graph = workflow()
    graph["10"]["inputs"]["lora_name"] = "characters/red_knight.safetensors"
    first = execute(comfy, graph)
    execute(comfy, graph)  # the same again, as with a fixed seed after a restart
    comfy.recommend().run("watercolor painting of redknight", min_score=0.0)
    comfy.settle()
    core = comfy.library.recommender()
    core.refresh()  # a name that was recorded before the first scan is linked after it
    memory = core.memory
    (past,) = memory.history.past()
    assert (past.prompt, past.negative, past.host, past.images) == ("ink drawing of miku", "blurry", "comfyui", 2)
    (use,) = past.loras
    assert (use.lora, use.how, use.strength) == (core.find("red_knight").id, "path", 0.7)
    assert past.base_model == "SDXL" and abs(past.made - time.time()) < 60
    assert str(first) in memory.history.known_images(str(first.parent))
    (impression,) = memory.history.impressions_of(range(999)).values()
    assert impression.prompt == "watercolor painting of redknight" and len(impression.shown) >= 2
