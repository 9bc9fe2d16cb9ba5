"""Graphics memory inside ComfyUI: borrowed only while nothing runs, evictable by ComfyUI, and only ours is released."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("torch")

MB = 1 << 20


class World:
    """A fake ComfyUI with a diffusion model of ``diffusion`` MB in its table."""

    def __init__(self, comfy: SimpleNamespace) -> None:
        import comfy.model_patcher as patcher  # the fake, while the harness is up

        self.management, self.patcher = comfy.management, patcher
        self.queue = comfy.server.prompt_queue
        self.memory = comfy.part("nodes.host").ComfyHost().graphics()
        self.kept: list[Any] = []

    def module(self, name: str, size: int) -> Any:
        return self.patcher.Module(name, size * MB)

    def diffusion(self, size: int) -> Any:
        """A model of the user's, loaded as ComfyUI does it."""
        patcher = self.patcher.ModelPatcher(self.module("diffusion", size), "cuda", "cpu")
        self.kept.append(patcher)
        self.management.load_models_gpu([patcher])
        return patcher.model

    def names(self) -> list[str]:
        return [entry.model.model.name for entry in self.management.current_loaded_models]


@pytest.fixture
def comfy(start: Callable[..., SimpleNamespace]) -> SimpleNamespace:
    return start()


@pytest.fixture
def world(comfy: SimpleNamespace) -> World:
    return World(comfy)


def devices(module: Any) -> list[str]:
    return [weight.device for weight in module.parameters()]


def test_the_device_is_that_of_comfyui_s_text_encoders(world: World) -> None:
    device = world.memory.device()
    assert (device.name, device.kind) == ("cuda:0", "cuda")
    assert world.memory is not None and not world.memory.lasting


def test_with_little_memory_comfyui_says_cpu(world: World) -> None:
    world.management.text_encoders_on = "cpu"
    assert world.memory.device().name == ""


def test_what_is_free_leaves_comfyui_s_reserve(world: World) -> None:
    world.diffusion(5000)
    free = world.memory.free()
    assert 0 < free < (8000 - 5000 - 1200) * MB
    ours = world.module("encoder", free // MB)
    assert world.memory.borrow(ours)
    assert world.management.evicted == [], "a model that is said to fit evicts nothing"
    world.management.others = 3000 * MB
    assert world.memory.free() == 0


def test_comfyui_knows_of_it_and_can_evict_it(world: World) -> None:
    ours = world.module("encoder", 100)
    assert world.memory.borrow(ours) and devices(ours) == ["cuda:0", "cuda:0"] and world.names() == ["encoder"]
    world.diffusion(6500)
    assert world.management.evicted == ["encoder"] and devices(ours) == ["cpu", "cpu"]
    world.memory.give_back(ours)
    assert world.names() == ["diffusion"]


def test_giving_back_releases_ours_and_no_other(world: World) -> None:
    theirs = world.diffusion(3000)
    ours = world.module("encoder", 100)
    assert world.memory.borrow(ours) and world.names() == ["encoder", "diffusion"]
    world.memory.give_back(ours)
    assert devices(ours) == ["cpu", "cpu"] and world.names() == ["diffusion"] and "cpu" not in devices(theirs)


@pytest.mark.parametrize("state", ["running", "waiting"])
def test_nothing_is_borrowed_while_a_prompt_runs_or_waits(state: str, world: World) -> None:
    if state == "running":
        world.queue.currently_running[0] = ("prompt",)
    else:
        world.queue.queue.append("prompt")
    ours = world.module("encoder", 100)
    assert not world.memory.idle() and not world.memory.borrow(ours)
    assert ours.moves == [] and world.names() == []


def test_a_prompt_that_starts_while_the_weights_move_wins(world: World) -> None:
    ours = world.module("encoder", 100)
    move = ours.to

    def slow(device: Any) -> Any:
        world.queue.currently_running[0] = ("prompt",)
        return move(device)

    ours.to = slow
    assert not world.memory.borrow(ours)
    assert devices(ours) == ["cpu", "cpu"] and world.names() == [], "ComfyUI's table was not touched"


def test_no_prompt_can_start_while_comfyui_s_table_is_changed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    free: list[bool] = []
    real = world.management.load_models_gpu

    def loading(models: Any, **more: Any) -> None:
        def other() -> None:
            free.append(world.queue.mutex.acquire(blocking=False))

        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
        real(models, **more)

    def load_models_gpu(models: Any, force_full_load: bool = False) -> None:
        assert force_full_load, "layers of a plain module must not lie on two devices"
        loading(models, force_full_load=force_full_load)

    monkeypatch.setattr(world.management, "load_models_gpu", load_models_gpu)
    assert world.memory.borrow(world.module("encoder", 100))
    assert free == [False]


def test_while_a_prompt_runs_memory_is_freed_and_the_table_left_alone(world: World) -> None:
    ours = world.module("encoder", 100)
    world.memory.borrow(ours)
    world.queue.currently_running[0] = ("prompt",)
    world.memory.give_back(ours)
    assert devices(ours) == ["cpu", "cpu"], "at once"
    assert world.names() == ["encoder"], "its thread may be reading the table"
    world.queue.currently_running.clear()
    later = world.module("another", 50)
    world.memory.borrow(later)
    assert world.names() == ["another"], "told as soon as it was idle"


def test_the_same_module_comes_and_goes(world: World) -> None:
    ours = world.module("encoder", 100)
    for _ in range(3):
        assert world.memory.borrow(ours)
        world.queue.currently_running[0] = ("prompt",)
        world.memory.give_back(ours)
        world.queue.currently_running.clear()
    assert world.memory.borrow(ours) and world.names() == ["encoder"]
    world.memory.give_back(ours)
    assert world.names() == []


def test_newer_comfyuis_unload_by_their_own_call(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    unloaded: list[str] = []
    monkeypatch.setattr(
        world.management, "unload_model_and_clones", lambda patcher: unloaded.append(patcher.model.name), raising=False
    )
    ours = world.module("encoder", 100)
    world.memory.borrow(ours)
    world.memory.give_back(ours)
    assert unloaded == ["encoder"]


def test_without_a_server_nothing_is_borrowed(
    world: World, comfy: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comfy.part("nodes.host"), "prompt_queue", lambda: None)
    assert not world.memory.idle() and not world.memory.borrow(world.module("encoder", 100))
