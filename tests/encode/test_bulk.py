"""Bulk encoding beside a host that works, evicts and runs out of memory: real models, the CPU in the device's place."""

from __future__ import annotations

import importlib.util
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lorarec.encode import bulk as module
from lorarec.encode.bulk import BulkEncoder, may_use
from lorarec.encode.encoders import open_encoder
from lorarec.encode.models import find
from lorarec.encode.pooling import PooledEncoder
from lorarec.encode.profiles import MINILM
from lorarec.errors import NotReady

if any(importlib.util.find_spec(name) is None for name in ("torch", "transformers", "onnxruntime", "tokenizers")):
    pytest.skip("torch, transformers and onnxruntime are needed", allow_module_level=True)

MB = 1 << 20
TEXTS = [f"a red fox in the snow, number {n}, {'long hair, ' * (n % 9)}" for n in range(120)] + ["", "x " * 300]


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class Bench:
    """A tiny model, its encoder on the CPU, and one for bulk work."""

    def __init__(self, folder: Any, data: Path, graphics: Any, precision: str = "auto") -> None:
        cpu = open_encoder(folder, data)
        assert isinstance(cpu, PooledEncoder)
        self.cpu, self.graphics, self.clock = cpu, graphics, Clock()
        self.encoder = BulkEncoder(folder, cpu, self.graphics, precision, self.clock)
        self.expected = cpu.encode(TEXTS)

    def check(self, vectors: np.ndarray) -> None:
        cosines = (vectors * self.expected).sum(1)
        assert float(cosines[self.expected.any(1)].min()) > 0.9999
        assert not vectors[~self.expected.any(1)].any(), "a text without words stays zeros"


@pytest.fixture
def bench(tiny: Any, tmp_path: Path, no_torch_check: None, fake_graphics: Any) -> Iterator[Bench]:
    bench = Bench(tiny("bert"), tmp_path, fake_graphics())
    yield bench
    bench.encoder.close()
    assert bench.graphics.there == [], "the device is left as it was"


def test_vectors_are_those_of_the_cpu_in_half_precision(bench: Bench) -> None:
    assert not bench.encoder.resident, "nothing is loaded before there are texts"
    bench.check(bench.encoder.encode(TEXTS))
    assert bench.encoder.resident and bench.encoder.precision == "float16"
    parameters = sum(weight.numel() for weight in bench.graphics.there[0].parameters())
    assert bench.encoder.bytes == 2 * parameters
    assert bench.graphics.log == ["borrow"], "one loan for all batches"


def test_the_host_starts_work_between_two_batches(bench: Bench) -> None:
    bench.encoder.encode(TEXTS[:1])
    bench.encoder.batch_tokens = 200

    def start_work(asked: int) -> None:
        if asked > before + 3:
            bench.graphics.working = True

    before = bench.graphics.asked
    bench.graphics.on_ask = start_work
    bench.check(bench.encoder.encode(TEXTS))
    assert not bench.encoder.resident and bench.graphics.there == [] and bench.encoder.why == "the host works"
    assert bench.graphics.asked == before + 4, "as soon as it was idle no more, the device was left"


def test_whoever_could_not_wait_for_a_batch_gets_the_device_after_it(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.encoder.encode(TEXTS[:1])
    bench.encoder.batch_tokens, real, batches = 200, bench.encoder._run, []

    def asked_meanwhile(ids: Any, mask: Any) -> Any:
        batches.append(len(ids))
        asking = threading.Thread(target=bench.encoder.make_way, args=(0.01,))
        asking.start()
        asking.join()
        assert bench.encoder.resident, "a batch is not cut off"
        return real(ids, mask)

    monkeypatch.setattr(bench.encoder, "_run", asked_meanwhile)
    bench.check(bench.encoder.encode(TEXTS))
    assert len(batches) == 1 and not bench.encoder.resident, "although the host does not say yet that it works"


def test_it_goes_up_again_when_the_host_is_idle(bench: Bench) -> None:
    bench.graphics.working = True
    bench.check(bench.encoder.encode(TEXTS))
    assert not bench.encoder.resident and bench.graphics.log == []
    bench.graphics.working = False
    bench.encoder.encode(TEXTS[:3])
    assert bench.encoder.resident
    bench.encoder.make_way(1.0)
    assert bench.graphics.there == []
    bench.clock.now += module.RETRY - 1
    bench.encoder.encode(TEXTS[:3])
    assert not bench.encoder.resident, "not at once: the host has just begun"
    bench.clock.now += 2
    bench.check(bench.encoder.encode(TEXTS))
    assert bench.encoder.resident


def test_without_room_nothing_is_asked_of_the_host(
    tiny: Any, tmp_path: Path, no_torch_check: None, fake_graphics: Any
) -> None:
    bench = Bench(tiny("bert"), tmp_path, fake_graphics(free=1 * MB))
    bench.check(bench.encoder.encode(TEXTS))
    assert bench.graphics.log == [] and bench.encoder.why == "no room"
    bench.graphics.room = 1000 * MB
    bench.clock.now += module.RETRY + 1
    bench.encoder.encode(TEXTS)
    assert bench.encoder.resident, "it steps up when there is room"
    bench.encoder.close()


class Limited:
    """Runs a batch only if it has at most so many rows."""

    def __init__(self, encoder: BulkEncoder, rows: int) -> None:
        self.rows, self.sizes = rows, []  # type: ignore[var-annotated]
        self.real = encoder._run

    def __call__(self, ids: Any, mask: Any) -> Any:
        self.sizes.append(len(ids))
        if len(ids) > self.rows:
            import torch

            raise torch.OutOfMemoryError("CUDA out of memory")
        return self.real(ids, mask)


def test_memory_that_runs_out_halves_the_batch(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.encoder.encode(TEXTS[:1])
    tokens = bench.encoder.batch_tokens
    limited = Limited(bench.encoder, rows=10)
    monkeypatch.setattr(bench.encoder, "_run", limited)
    bench.check(bench.encoder.encode(TEXTS))
    assert bench.encoder.resident, "it goes on there"
    assert max(limited.sizes) > 10 and bench.encoder.batch_tokens < tokens, "later batches are smaller from the start"


def test_a_single_text_too_large_goes_to_the_cpu(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.encoder.encode(TEXTS[:1])
    monkeypatch.setattr(bench.encoder, "_run", Limited(bench.encoder, rows=0))
    bench.check(bench.encoder.encode(TEXTS))
    assert not bench.encoder.resident and bench.encoder.why == "graphics memory ran out"


def test_weights_that_the_host_evicts_in_flight(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.encoder.encode(TEXTS[:1])

    def evicted(ids: Any, mask: Any) -> Any:
        raise RuntimeError("Expected all tensors to be on the same device, but found at least two devices")

    monkeypatch.setattr(bench.encoder, "_run", evicted)
    bench.check(bench.encoder.encode(TEXTS))
    assert bench.graphics.there == [] and "took its memory back" in bench.encoder.why


def test_a_device_that_always_fails_is_left_alone(
    tiny: Any, tmp_path: Path, no_torch_check: None, fake_graphics: Any
) -> None:
    bench = Bench(tiny("bert"), tmp_path, fake_graphics())
    bench.encoder._run = lambda ids, mask: (_ for _ in ()).throw(RuntimeError("no kernel image"))  # type: ignore
    for _ in range(6):
        bench.check(bench.encoder.encode(TEXTS))
        bench.clock.now += module.RETRY + 1
    assert bench.graphics.log.count("borrow") == 3 and bench.graphics.there == []


def test_precision_that_is_not_exact_enough_is_refused(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    real = bench.encoder._run

    def coarse(ids: Any, mask: Any) -> Any:
        states = real(ids, mask)
        return states + np.float32(0.3) if bench.encoder.precision == "float16" else states

    monkeypatch.setattr(bench.encoder, "_run", coarse)
    bench.check(bench.encoder.encode(TEXTS))
    assert bench.encoder.resident and bench.encoder.precision == "float32"
    assert {weight.element_size() for weight in bench.graphics.there[0].parameters()} == {4}


def test_the_precision_asked_for_is_tried(tiny: Any, tmp_path: Path, no_torch_check: None, fake_graphics: Any) -> None:
    for wish, allowed in (("float32", {"float32"}), ("bfloat16", {"bfloat16", "float32"})):
        bench = Bench(tiny("bert"), tmp_path, fake_graphics(), wish)
        bench.check(bench.encoder.encode(TEXTS))
        assert bench.encoder.precision in allowed
        bench.encoder.close()


@pytest.mark.parametrize("family", ["roberta", "mpnet", "distilbert"])
def test_other_families(family: str, tiny: Any, tmp_path: Path, no_torch_check: None, fake_graphics: Any) -> None:
    bench = Bench(tiny(family, pooling="cls"), tmp_path, fake_graphics())
    bench.check(bench.encoder.encode(TEXTS))
    whole, spans = bench.encoder.encode_spans(TEXTS[3], [(0, 5), (6, 9)])
    theirs, their_spans = bench.cpu.encode_spans(TEXTS[3], [(0, 5), (6, 9)])
    assert float(whole @ theirs) > 0.9999 and float((spans * their_spans).sum(1).min()) > 0.999
    bench.encoder.close()


def test_the_cpu_halves_its_batches_too(tiny: Any, tmp_path: Path, no_torch_check: None) -> None:
    encoder: Any = open_encoder(tiny("bert"), tmp_path)
    expected, real, sizes = encoder.encode(TEXTS), encoder.forward, []

    def little(ids: Any, mask: Any) -> Any:
        sizes.append(len(ids))
        if len(ids) > 3:
            raise MemoryError
        return real(ids, mask)

    encoder.forward = little
    np.testing.assert_allclose(encoder.encode(TEXTS), expected, atol=1e-6)
    assert max(sizes) > 3
    encoder.forward = lambda ids, mask: (_ for _ in ()).throw(MemoryError)
    with pytest.raises(NotReady, match="memory is short"):
        encoder.encode(["fox"])


def test_which_devices_are_used_unasked(fake_graphics: Any) -> None:
    kinds = ("cuda", "rocm", "zluda", "directml", "mps", "xpu")
    assert [kind for kind in kinds if may_use(fake_graphics(kind=kind), "auto")] == ["cuda"]
    assert all(may_use(fake_graphics(kind=kind), "on") for kind in kinds)
    assert not any(may_use(fake_graphics(kind=kind), "off") for kind in kinds)
    assert not may_use(None, "on")


@pytest.mark.slow
def test_the_real_minilm_in_half_precision(tmp_path: Path, no_torch_check: None, fake_graphics: Any) -> None:
    folder = find(MINILM, tmp_path)
    if folder is None:
        pytest.skip("all-MiniLM-L6-v2 is not installed")
    bench = Bench(folder, tmp_path, fake_graphics(), "bfloat16")  # float16 on a CPU takes minutes
    texts = ["a watercolor painting of a fox", "a photo of a sports car at night"]
    vectors = bench.encoder.encode(texts)
    assert float((vectors * bench.cpu.encode(texts)).sum(1).min()) > module.MIN_COSINE
    bench.encoder.close()
