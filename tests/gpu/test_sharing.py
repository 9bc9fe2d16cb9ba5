"""Sharing a device with a diffusion model: what lies there before, during and after, and who gives way."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lorarec.encode import bulk
from lorarec.encode.bulk import BulkEncoder
from lorarec.encode.encoders import open_encoder
from lorarec.host import PlainHost
from lorarec.index.vector_store import VectorStore
from lorarec.recommender import Recommender
from lorarec.settings import Settings
from lorarec.types import Query

pytest.importorskip("torch")


def allocated(device: str) -> int:
    """Bytes of tensors on a card. Not of cuBLAS's scratch, which torch keeps for each thread that ever multiplied."""
    import torch

    if device == "cpu":
        return 0
    torch.cuda.synchronize(device)
    getattr(torch._C, "_cuda_clearCublasWorkspaces", lambda: None)()
    return int(torch.cuda.memory_allocated(device))


@pytest.fixture(autouse=True)
def nothing_kept() -> Iterator[None]:
    """What torch keeps of one check would be missing to the next: FAISS allocates beside it."""
    yield
    import torch

    if torch.cuda.is_available():
        gc.collect()
        torch.cuda.empty_cache()


def close(ours: np.ndarray, theirs: np.ndarray) -> bool:
    return float((ours * theirs).sum(1).min()) > bulk.MIN_COSINE


class HostOf(PlainHost):
    """A process whose graphics memory is a host's."""

    def __init__(self, host: Any, loras: Path, data: Path) -> None:
        super().__init__([loras], data)
        self.host = host

    def busy(self) -> bool:
        return bool(self.host.working)

    def graphics(self) -> Any:
        return self.host.memory


def test_nothing_of_ours_lies_there_before_and_after(
    host: Any, device: str, folder: Any, mini_library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "WORTH", 1)
    name = str(folder.path)
    settings = Settings(encoder_semantic=name, encoder_artistic=name, encoder_technical=name, gpu="on")
    before = allocated(device)
    during: list[int] = []
    real = BulkEncoder._run

    def watched(encoder: BulkEncoder, ids: Any, mask: Any) -> Any:
        during.append(sum(weight.numel() * weight.element_size() for weight in encoder._module.parameters()))
        assert device == "cpu" or allocated(device) >= before + during[-1]
        return real(encoder, ids, mask)

    monkeypatch.setattr(BulkEncoder, "_run", watched)
    with Recommender.open(host=HostOf(host, mini_library, tmp_path / "data"), settings=settings) as recommender:
        recommender.refresh()
        assert recommender.stage == "full" and during, "texts were encoded on the device"
        assert allocated(device) == before and host.manager.current_loaded_models == []
        host.working = True
        assert recommender.recommend(Query(prompt="watercolor painting of a red fox")).suggestions
        assert allocated(device) == before, "a suggestion beside a working host touches nothing"
        assert all(model.device == "cpu" for model in recommender.encoders.residents())


def test_while_an_index_waits_for_the_host_nothing_lies_there(
    host: Any, device: str, folder: Any, mini_library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "WORTH", 1)
    monkeypatch.setattr(bulk, "RETRY", 0.0)
    monkeypatch.setitem(VectorStore.encode_missing.__kwdefaults__, "batch", 2)
    name = str(folder.path)
    settings = Settings(encoder_semantic=name, encoder_artistic=name, encoder_technical=name, gpu="on")
    before, real, stored = allocated(device), VectorStore.put, []

    def put(store: VectorStore, *arguments: Any) -> None:
        real(store, *arguments)
        stored.append(len(host.manager.current_loaded_models))
        host.working = len(stored) == 2  # a generation begins after the second batch

    monkeypatch.setattr(VectorStore, "put", put)
    with Recommender.open(host=HostOf(host, mini_library, tmp_path / "data"), settings=settings) as recommender:
        recommender.start_refresh()
        for _ in range(600):
            time.sleep(0.1)
            if len(stored) >= 2 and all(model.precision == "float32" for model in recommender.encoders.residents()):
                break
        else:
            pytest.fail("it is still there")
        assert stored == [1, 1] and allocated(device) == before
        host.working = False
        assert recommender.wait("full", 60) and len(stored) > 2, "it goes on from there"


def test_work_that_begins_gets_the_device_between_two_batches(
    host: Any, device: str, folder: Any, tmp_path: Path, make_texts: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    cpu: Any = open_encoder(folder, tmp_path / "data")
    encoder, many = BulkEncoder(folder, cpu, host.memory, "auto"), make_texts(60)
    before = allocated(device)
    encoder.encode(many[:5])
    assert encoder.resident
    encoder.batch_tokens, real, batches = 256, encoder._run, []

    def working_after_two(ids: Any, mask: Any) -> Any:
        batches.append(len(ids))
        host.working = len(batches) >= 2
        return real(ids, mask)

    monkeypatch.setattr(encoder, "_run", working_after_two)
    assert close(encoder.encode(many), cpu.encode(many))
    assert len(batches) == 2 and not encoder.resident and allocated(device) == before
    encoder.close()


def test_the_host_evicts_us_while_we_encode(
    host: Any, device: str, folder: Any, tmp_path: Path, make_texts: Any
) -> None:
    cpu: Any = open_encoder(folder, tmp_path / "data")
    encoder, many = BulkEncoder(folder, cpu, host.memory, "auto"), make_texts(300)
    encoder.encode(many[:5])
    encoder.batch_tokens = 256
    answer: list[np.ndarray] = []
    thread = threading.Thread(target=lambda: answer.append(encoder.encode(many)))
    thread.start()
    host.manager.free_memory(1e30)  # moves the weights away in the middle of it
    thread.join(120)
    assert host.manager.evicted == 1 and close(answer[0], cpu.encode(many))
    encoder.close()


@pytest.mark.gpu
def test_an_allocation_of_a_diffusion_model_s_size_succeeds(
    host: Any, device: str, folder: Any, tmp_path: Path, make_texts: Any
) -> None:
    import torch

    if device == "cpu":
        pytest.skip("needs graphics memory")
    cpu: Any = open_encoder(folder, tmp_path / "data")
    encoder = BulkEncoder(folder, cpu, host.memory, "auto")
    encoder.encode(make_texts(200))
    assert encoder.resident
    wanted = int(host.manager.get_free_memory() - (900 << 20)) // 2  # in half precision

    class Diffusion(torch.nn.Module):
        """Made where it is wanted: main memory may be smaller than the card's."""

        def __init__(self) -> None:
            super().__init__()
            self.to("meta")

        def to(self, where: Any) -> Any:
            weight = torch.empty(wanted, dtype=torch.float16, device=where)
            self.weight = torch.nn.Parameter(weight, requires_grad=False)
            return self

    host.working = True
    model = Diffusion()
    host.manager.load_models_gpu([host.patcher(model, device, "cpu")])
    assert model.weight.is_cuda
    many = make_texts(50)
    assert close(encoder.encode(many), cpu.encode(many)) and not encoder.resident
    encoder.close()


def test_memory_that_runs_out_costs_no_text(
    host: Any, device: str, folder: Any, tmp_path: Path, make_texts: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    cpu: Any = open_encoder(folder, tmp_path / "data")
    encoder, many = BulkEncoder(folder, cpu, host.memory, "auto"), make_texts(200)
    encoder.encode(many[:5])
    real, failed = encoder._run, []

    def runs_out(ids: Any, mask: Any) -> Any:
        if ids.size > 512:
            failed.append(ids.size)
            if device != "cpu":
                torch.empty(1 << 50, dtype=torch.uint8, device=device)  # the real error
            raise torch.cuda.OutOfMemoryError("out of memory")
        return real(ids, mask)

    monkeypatch.setattr(encoder, "_run", runs_out)
    assert close(encoder.encode(many), cpu.encode(many))
    assert failed and encoder.resident
    encoder.close()


@pytest.mark.gpu
@pytest.mark.parametrize("half", [False, True])
def test_faiss_on_the_card_answers_as_numpy_does(half: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    faiss: Any = pytest.importorskip("faiss")
    if not hasattr(faiss, "GpuIndexFlatIP"):
        pytest.skip("this FAISS was built without graphics cards")
    from lorarec.index import backends
    from lorarec.index.vectors import NumpyIndex

    monkeypatch.setattr(backends, "FAISS_BEYOND", 0)
    monkeypatch.setattr(backends, "HALF_BEYOND", 0 if half else 10**9)
    draw = np.random.default_rng(0)
    matrix = draw.standard_normal((50_000, 384)).astype(np.float32)
    matrix /= np.linalg.norm(matrix, axis=1, keepdims=True)
    matrix[100:200] = matrix[:100]
    index = backends.open_index(matrix, lambda size: True)
    assert isinstance(index, backends.CardIndex)
    reference = NumpyIndex(matrix)
    torch.cuda.empty_cache()
    for mine, theirs in zip(index.search(matrix[:50], 200), reference.search(matrix[:50], 200), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    assert not index._failed, "it did not fall back to the CPU"
