"""Checkpoints as PyTorch writes them, and their tensors as safetensors to compare with. `python make.py` writes both.

Made with torch 2.15.0, numpy 2.4, safetensors 0.8. `.pth` and `.safetensors` of one name hold the same tensors, made
row-major for the latter.
"""

from collections import OrderedDict
from pathlib import Path

import numpy
import torch
from safetensors.torch import save_file

HERE = Path(__file__).parent


class HistoryBuffer:
    """A class the reader does not have, as training frameworks leave them in checkpoints."""

    def __init__(self):
        self.values = numpy.arange(3.0)
        self.window = [1, -1, 2**40, -(2**40), 2**70, -(2**70), 1.5, None, True, (1, 2, 3, 4), {"a": b"bytes"}, {1, 2}]


def tensors():
    g = torch.Generator().manual_seed(1)
    store = torch.randn(40, generator=g)
    grid = torch.randn(2, 3, 4, 5, generator=g)
    return {
        "f32": torch.randn(3, 5, generator=g),
        "f64": torch.randn(4, generator=g, dtype=torch.float64),
        "f16": torch.randn(3, 5, generator=g).half(),
        "bf16": torch.randn(3, 5, generator=g).bfloat16(),
        "i64": torch.tensor([[-1, 2**31 - 1, -(2**31)]]),
        "i32": torch.tensor([-1, 7], dtype=torch.int32),
        "i16": torch.tensor([-1, 7], dtype=torch.int16),
        "i8": torch.tensor([-1, 7], dtype=torch.int8),
        "u8": torch.tensor([255, 7], dtype=torch.uint8),
        "bool": torch.tensor([True, False, True]),
        "scalar": torch.tensor(3.25),
        "empty": torch.zeros(0, 4),
        "shared.a": store[:12].view(3, 4),
        "shared.b": store[12:],
        "shared.every_second": store[::2],
        "transposed": torch.randn(4, 6, generator=g).t(),
        "transposed_half": torch.randn(4, 6, generator=g).bfloat16().t(),
        "permuted": grid.permute(3, 1, 0, 2),
        "channels_last": grid.contiguous(memory_format=torch.channels_last),
        "window": grid[1, :, 1:3, ::2],
        "parameter": torch.nn.Parameter(torch.randn(2, 2, generator=g)),
    }


def main():
    state = tensors()
    meta = {"seed": 7, "epoch": 3, "rate": 0.5, "time": "now", "iter": -1, "history": HistoryBuffer(), "shape": torch.Size([2, 3]),
            "scalar": numpy.float64(2.0), "device": torch.device("cpu")}
    torch.save({"meta": meta, "state_dict": OrderedDict(state), "optimizer": {"lr": 1e-3}}, HERE / "framework.pth")
    save_file({k: v.detach().contiguous().clone() for k, v in state.items()}, HERE / "framework.safetensors")

    layer = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4))
    torch.save(layer.state_dict(), HERE / "bare.pth")
    save_file(layer.state_dict(), HERE / "bare.safetensors")
    for protocol in (3, 4, 5):
        torch.save(layer.state_dict(), HERE / f"protocol-{protocol}.pth", pickle_protocol=protocol)
    torch.save(layer.state_dict(), HERE / "legacy.pth", _use_new_zipfile_serialization=False)


if __name__ == "__main__":
    main()
