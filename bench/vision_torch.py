"""The vision half of MG-LLaVA at its real size in PyTorch on the CPU, float32, weights by formula: the peer of bench/vision.ts.

python vision_torch.py CASE_FOLDER: answers each line on stdin with one line of JSON, {"seconds": ..., "processor": ..., "worst": ...}: by
the clock, of all threads together, and the largest difference of the tokens from the case's in multiples of its limit. Two threads;
oneDNN and MKL as the wheel brings them.
"""
import json
import math
import sys
import time
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

from torch_parts import layers, read

torch.set_num_threads(2)
FOLDER = Path(sys.argv[1])
CASE = json.loads((FOLDER / 'case.json').read_text())
SALT = CASE['salt']


def hash_bits(name, count):
    h = 0x811C9DC5
    for byte in name.encode():
        h = ((h ^ byte) * 0x01000193) & 0xFFFFFFFF
    with np.errstate(over='ignore'):
        x = np.uint32(h) + np.arange(count, dtype=np.uint32) * np.uint32(0x9E3779B1)
        x ^= x >> np.uint32(16)
        x *= np.uint32(0x7FEB352D)
        x ^= x >> np.uint32(15)
        x *= np.uint32(0x846CA68B)
        x ^= x >> np.uint32(16)
    return x


def formula(name, shape, center, scale):
    r = (hash_bits(SALT + name, math.prod(shape)) >> np.uint32(8)).astype(np.float32) * np.float32(2.0**-23) - np.float32(1)
    return torch.from_numpy((np.float32(center) + np.float32(scale) * r).reshape(shape))


W = {w['name']: formula(w['name'], w['shape'], w['center'], w['scale']) for w in json.loads((FOLDER / 'weights.json').read_text())}
L = layers(W)
linear, norm, conv, convnext = L.linear, L.norm, L.conv, L.convnext


def picture(size):
    c, y, x = np.mgrid[0:3, 0:size, 0:size]
    ramp = ((x * (c + 2) + y * (4 - c)) >> 3) & 127
    tile = (((x >> 6) + (y >> 5)) & 1) * 64
    pixels = ramp + tile + (hash_bits(SALT + 'picture', 3 * size * size) >> np.uint32(26)).reshape(3, size, size)
    mean, std = (np.array(v, dtype=np.float32)[:, None, None] for v in ([0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]))
    return torch.from_numpy(((pixels * (1 / 255)).astype(np.float32) - mean) / std)[None]


def clip(image):
    c = CASE['clip']
    p = 'vision_model.'
    x = conv(image, p + 'embeddings.patch_embedding', stride=c['patch_size']).flatten(2).transpose(1, 2)
    x = torch.cat([W[p + 'embeddings.class_embedding'].expand(1, 1, -1), x], 1) + W[p + 'embeddings.position_embedding.weight']
    x = norm(x, p + 'pre_layrnorm', 1e-5)
    heads = lambda y: y.view(1, -1, c['num_attention_heads'], c['hidden_size'] // c['num_attention_heads']).transpose(1, 2)
    for i in range(c['num_hidden_layers'] - 1):
        q = f'{p}encoder.layers.{i}.'
        y = norm(x, q + 'layer_norm1', 1e-5)
        y = F.scaled_dot_product_attention(*(heads(linear(y, f'{q}self_attn.{k}_proj')) for k in 'qkv'))
        x = x + linear(y.transpose(1, 2).flatten(2), q + 'self_attn.out_proj')
        y = linear(norm(x, q + 'layer_norm2', 1e-5), q + 'mlp.fc1')
        x = x + linear(y * torch.sigmoid(1.702 * y), q + 'mlp.fc2')
    return x[:, 1:]


def taps(low, high, length, bins=56):
    """What the mean over the bins of RoIAlign takes of every pixel of an axis."""
    low, size = low * 0.25, max(high * 0.25 - low * 0.25, 1.0)
    per = size / bins
    samples = math.ceil(per)
    at = low + (np.arange(bins)[:, None] + (np.arange(samples) + 0.5) / samples) * per
    at = at.ravel()
    inside = np.clip(at, 0, length - 1)
    left = np.minimum(np.floor(inside).astype(int), length - 1)
    right = np.minimum(left + 1, length - 1)
    valid = ((at >= -1) & (at <= length)) / at.size
    weights = np.zeros(length)
    np.add.at(weights, left, valid * (1 - (inside - left)))
    np.add.at(weights, right, valid * (inside - left))
    return weights


def pool(maps):
    side = maps[0].shape[-1]
    rows, columns = (torch.tensor(np.stack([taps(b[k], b[k + 2], side) for b in CASE['boxes']]), dtype=torch.float32) for k in (1, 0))
    parts = []
    for x in maps:
        up = F.interpolate(torch.eye(x.shape[-1])[None], size=side, mode='linear', align_corners=False)[0]
        parts.append(torch.einsum('nh,chw,nw->nc', rows @ up.T, x[0], columns @ up.T))
    return torch.cat(parts, 1)


def flow(aux, low):
    tokens, maps = clip(low), convnext(aux, CASE['convnext']['depths'])
    f = 'fuse_module.'
    side = maps[3].shape[-1]
    high = conv(F.gelu(conv(maps[3], f + 'slow_conv')), f + 'slow_proj').flatten(2).transpose(1, 2)
    x = tokens.transpose(1, 2).unflatten(2, (side, side))
    fast = (x + conv(F.gelu(conv(x, f + 'fast_conv', padding=3, groups=x.shape[1])), f + 'fast_proj')).flatten(2).transpose(1, 2)
    gate = torch.tanh(linear(F.gelu(linear(torch.cat([fast, high], 2).mean(1), f + 'gate.0')), f + 'gate.2'))
    mlp = lambda y, name: linear(F.gelu(linear(y, f'{name}.model.0')), f'{name}.model.2')
    return {'tokens': mlp(fast + gate * high, 'projector'), 'box_tokens': mlp(pool(maps), 'bbox_projector')}


def worst(got):
    most = 0.0
    for name, x in got.items():
        x = x.numpy().ravel()
        index = WANTED.get(f'{name}.index', np.arange(x.size))
        wanted = WANTED.get(f'{name}.value', WANTED.get(name)).ravel()
        most = max(most, float(np.abs(x[index] - wanted).max()) / (20 * CASE['tensors'][name]['float32_difference']['max']))
    return most


WANTED = read(FOLDER / 'outputs.safetensors')
AUX = picture(CASE['tensors']['pixel_values_aux']['shape'][-1])
LOW = F.interpolate(AUX, size=CASE['clip']['image_size'], mode='bilinear', align_corners=False)
print(json.dumps({'ready': True, 'version': torch.__version__}), flush=True)
with torch.no_grad():
    for _ in sys.stdin:
        start, busy = time.perf_counter(), time.process_time()
        got = flow(AUX, LOW)
        seconds, busy = time.perf_counter() - start, time.process_time() - busy
        print(json.dumps({'seconds': seconds, 'processor': busy, 'worst': worst(got)}), flush=True)
