"""All checks that need a graphics card, and a table of throughput: ``python tests/gpu/check.py`` on any CUDA machine.

Needs no network: encoders have the real architectures with random weights, or those that lie on this machine. With
``--device cpu`` only the table is made, on the CPU, to see that it runs. ``--json FILE`` also writes it down.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(ROOT), str(HERE.parent / "hosts")]

NEEDED = ("torch", "transformers", "tokenizers", "pytest", "numpy", "msgspec", "sqlalchemy", "bm25s")
PROFILES = {"speed": "MiniLM-L6", "balanced, quality": "mpnet-base", "quality (artistic)": "distilroberta"}
PRECISIONS = ("float16", "bfloat16", "float32")
BATCHES = (1024, 4096, 16_384, 65_536)  # tokens
WORDS = ("a", "red", "fox", "in", "the", "snow", "painting", "long", "hair", "girl", "cats", "night", "city", "soft")


def make_model(architecture: str, place: Path) -> Any:
    """A folder of the sentence-transformers kind with the real architecture and random weights, as a `ModelFolder`."""
    import torch
    import transformers

    import tiny_encoder
    from lorarec.encode.models import read

    family = {"MiniLM-L6": "bert", "mpnet-base": "mpnet", "distilroberta": "roberta", "tiny": "bert"}[architecture]
    folder: Path = tiny_encoder.save_model(place / architecture, family, window=64 if architecture == "tiny" else 256)
    if architecture != "tiny":
        torch.manual_seed(0)
        shape = {
            "MiniLM-L6": {"hidden_size": 384, "num_hidden_layers": 6, "intermediate_size": 1536, "vocab_size": 30522},
            "mpnet-base": {"vocab_size": 30527, "max_position_embeddings": 514},
            "distilroberta": {"num_hidden_layers": 6, "vocab_size": 50265, "max_position_embeddings": 514},
        }[architecture]
        config = transformers.AutoConfig.for_model(family, **shape)
        transformers.AutoModel.from_config(config).save_pretrained(folder)
    return read(folder, str(folder), "folder")


def texts(count: int) -> list[str]:
    """Texts of 3 to 60 words, as descriptions and example prompts are."""
    import numpy as np

    draw = np.random.default_rng(0)
    return [f"{n} " + " ".join(draw.choice(WORDS, 3 + int(57 * draw.beta(1, 3)))) for n in range(count)]


def throughput(device: str, count: int, place: Path) -> Iterator[dict[str, Any]]:
    """Texts per second of every model, precision and batch size, with the memory that each takes, as it is measured."""
    import torch

    from lorarec.encode.bulk import BulkEncoder
    from lorarec.encode.encoders import open_encoder
    from lorarec.graphics import Device, PlainMemory
    from lorarec.machine import give_back, resident_bytes

    class Memory(PlainMemory):
        def device(self) -> Device:
            return Device(device, device.partition(":")[0])

        def free(self) -> int:
            return super().free() if device != "cpu" else 4 << 30

    for profile, architecture in PROFILES.items():
        folder = make_model(architecture, place)
        open_encoder(folder, place / "data").encode(["a"])  # makes the ONNX file, which takes memory of its own
        give_back()
        held = resident_bytes() or 0
        cpu: Any = open_encoder(folder, place / "data")
        cpu.encode(["a"])
        held = (resident_bytes() or 0) - held
        some = texts(max(20, count // 50))
        begun = time.perf_counter()
        cpu.encode(some)
        plain = len(some) / (time.perf_counter() - begun)
        base = {"profile": profile, "model": architecture}
        runs_on = "ONNX Runtime" if type(cpu).__name__ == "OnnxEncoder" else "torch"
        yield {**base, "where": f"CPU ({runs_on})", "weights": held, "texts_per_s": plain}
        for precision in PRECISIONS if device != "cpu" else ("float32",):
            for batch in BATCHES if device != "cpu" else BATCHES[:1]:
                encoder = BulkEncoder(folder, cpu, Memory(), precision)
                encoder.encode(some[:20])
                chosen, encoder.batch_tokens = encoder.batch_tokens, batch
                if device != "cpu":
                    torch.cuda.reset_peak_memory_stats(device)
                many = texts(count) if device != "cpu" else some
                begun = time.perf_counter()
                encoder.encode(many)
                seconds = time.perf_counter() - begun
                peak = torch.cuda.max_memory_allocated(device) if device != "cpu" else 0
                used = {"resident": encoder.resident, "used": encoder.precision, "weights": encoder.bytes}
                speed = {"batch": batch, "chosen": chosen, "texts_per_s": len(many) / seconds, "peak": peak}
                yield {**base, "where": f"{device}, {precision}", **used, **speed}
                encoder.close()


def show(row: dict[str, Any]) -> None:
    """Print a line of the table."""
    note = "" if row.get("used", "") in row["where"] else f"  (ran as {row['used']})"
    size, peak = (f"{row.get(key, 0) / 1e6:.0f} MB" for key in ("weights", "peak"))
    batch = row.get("batch", "")
    print(
        f"{row['model']:14} {row['where']:22} {batch:>7} {row['texts_per_s']:9.1f} {size:>9} {peak:>9}{note}",
        flush=True,
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda:0")
    parser.add_argument("--texts", type=int, default=20_000)
    parser.add_argument("--json", metavar="FILE")
    args = parser.parse_args()
    result = Path(args.json).resolve() if args.json else None
    lacking = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if lacking:
        print(f"nothing was checked: this Python lacks {', '.join(lacking)}")
        return 1
    failed = 0
    if args.device != "cpu":
        import pytest
        import torch

        if not torch.cuda.is_available():
            print("no CUDA device: nothing was checked")
            return 0
        args.device = str(torch.empty(0, device=args.device).device)  # "cuda" alone is the current one
        os.chdir(ROOT)  # where pyproject.toml looks for what its options name
        print(f"{torch.cuda.get_device_name(args.device)}, torch {torch.__version__}")
        failed = int(pytest.main(["-q", "-m", "gpu", "-p", "no:cacheprovider", str(HERE)]))
    print(f"{'model':14} {'where':22} {'batch':>7} {'texts/s':>9} {'holds':>9} {'peak':>9}")
    rows = []
    with tempfile.TemporaryDirectory() as place:
        for row in throughput(args.device, args.texts, Path(place)):
            show(row)
            rows.append(row)
    if result is not None:
        result.write_text(json.dumps(rows, indent=1), encoding="utf-8")
    return failed


if __name__ == "__main__":
    sys.exit(main())
