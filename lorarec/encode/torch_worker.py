"""What needs torch for an ONNX export, as a script for a process of its own.

torch stays out of the caller's memory, and the caller's patches (ComfyUI and the WebUIs change torch) stay out of the
export. Usage: ``python torch_worker.py MODEL_FOLDER REQUEST.npz REFERENCE.npy [EXPORT.onnx]``. The request holds
``input_ids`` and ``attention_mask``; the reference gets torch's last hidden states for them. With a fourth argument
the model is exported first. Works with transformers 4.30 and newer; nothing is downloaded.
"""

from __future__ import annotations

import sys
import warnings
from typing import Any


def load(folder: str, fast: bool = False) -> Any:
    """The transformer of a model folder, float32, on the CPU.

    With plain attention, which the exporter needs, unless ``fast``: then as transformers thinks best.

    Raises:
        OSError: the folder holds no loadable model.
        ValueError: its architecture needs a newer transformers or code of its own.
    """
    from transformers import AutoModel

    options: dict[str, Any] = {"local_files_only": True, "use_safetensors": True}
    plain = {} if fast else {"attn_implementation": "eager"}
    try:
        model = AutoModel.from_pretrained(folder, **plain, **options)
    except TypeError:  # transformers before 4.36 know only plain attention and no such option
        model = AutoModel.from_pretrained(folder, **options)
    return model.float().to("cpu").eval()


def main(arguments: list[str]) -> None:
    """Run the request; any error ends the process, whose standard error tells the caller."""
    import numpy as np
    import torch

    warnings.filterwarnings("ignore")
    folder, request_path, reference_path, *export_path = arguments
    model = load(folder)
    request = np.load(request_path)
    ids, mask = (torch.from_numpy(request[name]) for name in ("input_ids", "attention_mask"))

    class States(torch.nn.Module):
        """The model with tensors in and one tensor out, as the exporter wants it."""

        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> Any:
            return self.model(input_ids=input_ids, attention_mask=attention_mask)[0]

    states = States().eval()  # the exporter restores this mode afterwards, so it must not be "train"
    with torch.no_grad():
        reference = states(ids, mask).numpy()
        if export_path:
            export(torch, states, ids, mask, export_path[0])
    np.save(reference_path, reference)


def export(torch: Any, states: Any, ids: Any, mask: Any, path: str) -> None:
    """Write an ONNX file with torch's TorchScript exporter, axes of batch and sequence free."""
    names = ["input_ids", "attention_mask"]
    options: dict[str, Any] = {
        "input_names": names,
        "output_names": ["last_hidden_state"],
        "dynamic_axes": {name: {0: "batch", 1: "sequence"} for name in [*names, "last_hidden_state"]},
        "opset_version": 14,
    }
    try:
        torch.onnx.export(states, (ids, mask), path, dynamo=False, **options)
    except TypeError:  # torch before 2.5 has only this exporter
        torch.onnx.export(states, (ids, mask), path, **options)


if __name__ == "__main__":
    main(sys.argv[1:])
