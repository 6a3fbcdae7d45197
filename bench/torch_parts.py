"""What the PyTorch sides of the benches have in common: tensors of a file, layers on weights by name, ConvNeXt."""
import json
from types import SimpleNamespace

import numpy as np
from torch.nn import functional as F

KINDS = {'F32': np.float32, 'I32': np.int32, 'U8': np.uint8}


def read(path):
    """The tensors of a safetensors file, as arrays of numpy by name."""
    raw = path.read_bytes()
    size = int.from_bytes(raw[:8], 'little')
    header = json.loads(raw[8 : 8 + size])
    at = lambda v: raw[8 + size + v['data_offsets'][0] : 8 + size + v['data_offsets'][1]]
    return {k: np.frombuffer(at(v), KINDS[v['dtype']]).reshape(v['shape']) for k, v in header.items() if k != '__metadata__'}


def layers(W):
    """Layers whose weights are those of these names, and OpenCLIP's ConvNeXt: the maps of its four stages."""

    def linear(x, name):
        return F.linear(x, W[f'{name}.weight'], W.get(f'{name}.bias'))

    def norm(x, name, eps):
        return F.layer_norm(x, x.shape[-1:], W[f'{name}.weight'], W[f'{name}.bias'], eps)

    def conv(x, name, **options):
        return F.conv2d(x, W[f'{name}.weight'], W.get(f'{name}.bias'), **options)

    def convnext(image, depths):
        p = 'visual.trunk.'
        last = lambda x: x.permute(0, 2, 3, 1)
        first = lambda x: x.permute(0, 3, 1, 2)
        x = first(norm(last(conv(image, p + 'stem.0', stride=4)), p + 'stem.1', 1e-6))
        maps = []
        for s, depth in enumerate(depths):
            q = f'{p}stages.{s}.'
            if s > 0:
                x = conv(first(norm(last(x), q + 'downsample.0', 1e-6)), q + 'downsample.1', stride=2)
            for b in range(depth):
                r = f'{q}blocks.{b}.'
                y = norm(last(conv(x, r + 'conv_dw', padding=3, groups=x.shape[1])), r + 'norm', 1e-6)
                y = linear(F.gelu(linear(y, r + 'mlp.fc1')), r + 'mlp.fc2')
                x = x + first(y * W[r + 'gamma'])
            maps.append(x)
        return maps

    return SimpleNamespace(linear=linear, norm=norm, conv=conv, convnext=convnext)
