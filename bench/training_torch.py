"""Steps of training in PyTorch on the CPU, float32: the peer of bench/training.ts.

python training_torch.py CASE_FOLDER THREADS: makes a step for each line on stdin, answered by a line of JSON, {"loss", "norm", "seconds",
"processor", "resident"}: of before the step, by the clock, of all threads together, and the most bytes of the process so far.
"""
import json
import resource
import sys
import time
from pathlib import Path

import torch
from torch.nn import functional as F

from torch_parts import layers, read

FOLDER = Path(sys.argv[1])
torch.set_num_threads(int(sys.argv[2]))
CASE = json.loads((FOLDER / 'case.json').read_text())
resident = lambda: 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
before = resident()
W = {name: torch.tensor(x, requires_grad=True) for name, x in read(FOLDER / 'weights.safetensors').items()}
L = layers(W)


def detail(feeds):
    """What is on squares."""
    maps = L.convnext(feeds['squares'], CASE['depths'])
    x = L.norm(maps[3].mean((2, 3)), 'things.norm', 1e-5)
    scores = L.linear(F.gelu(L.linear(x, 'things.fc1')), 'things.fc2')
    return F.cross_entropy(scores, feeds['labels'])


def objects(feeds):
    """Objects as words, with where they lie and the digits on them."""
    x1, y1, x2, y2 = (feeds['boxes'] / CASE['imageSize']).unbind(-1)
    places = torch.stack([(x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1], -1)
    away = (places - torch.tensor(CASE['usual']['place'])) / torch.tensor(CASE['usual']['deviation'])
    place = 1.5 * L.linear(F.gelu(L.linear(away, 'told.places.model.0')), 'told.places.model.2')
    digits = F.pad(W['told.digits'], (0, 0, 0, 1))
    return W['llm.model.embed_tokens.weight'][feeds['things']] + place + digits[feeds['digits']].sum(2)


def turned(x, theta):
    """Rotary positions, rotate-half form."""
    tokens, width = x.shape[-2:]
    rates = theta ** (-torch.arange(0, width, 2, dtype=torch.float64) / width)
    angle = (torch.arange(tokens)[:, None] * rates).repeat(1, 2)
    a, b = x.chunk(2, -1)
    return x * angle.cos().float() + torch.cat([-b, a], -1) * angle.sin().float()


def transformed(x):
    c = CASE['llm']
    rms = lambda y, name: F.rms_norm(y, y.shape[-1:], W[f'{name}.weight'], c['eps'])
    heads = lambda y: y.unflatten(-1, (c['heads'], c['headWidth'])).transpose(1, 2)
    for i in range(c['layers']):
        p = f'llm.model.layers.{i}.'
        y = rms(x, p + 'input_layernorm')
        q, k, v = (heads(L.linear(y, f'{p}self_attn.{n}_proj')) for n in 'qkv')
        seen = F.scaled_dot_product_attention(turned(q, c['theta']), turned(k, c['theta']), v, is_causal=True)
        x = x + L.linear(seen.transpose(1, 2).flatten(2), p + 'self_attn.o_proj')
        y = rms(x, p + 'post_attention_layernorm')
        x = x + L.linear(F.silu(L.linear(y, p + 'mlp.gate_proj')) * L.linear(y, p + 'mlp.up_proj'), p + 'mlp.down_proj')
    return rms(x, 'llm.model.norm')


def language(feeds):
    """The answers about objects that are words."""
    table = torch.cat([W['llm.model.embed_tokens.weight'][feeds['words']], objects(feeds).flatten(0, 1)])
    there = feeds['source'] >= 0
    rows = table[feeds['source'].clamp(min=0)] * there[..., None]
    asked = transformed(rows).flatten(0, 1)[feeds['asked']]
    return F.cross_entropy(L.linear(asked, 'llm.lm_head'), feeds['labels'])


loss_of = {'detail': detail, 'language': language}[CASE['loss']]
FEEDS = {name: torch.tensor(x if x.dtype.kind == 'f' else x.astype('int64')) for name, x in read(FOLDER / 'feeds.safetensors').items()}
rule = CASE['optimizer']
optimizer = torch.optim.AdamW(W.values(), lr=rule['rate'], betas=rule['betas'], eps=rule['eps'], weight_decay=rule['weightDecay'], fused=True)


def step():
    optimizer.zero_grad(set_to_none=True)
    loss = loss_of(FEEDS)
    loss.backward()
    norm = torch.nn.utils.clip_grad_norm_(W.values(), rule['clip'])
    optimizer.step()
    return loss.item(), norm.item()


print(json.dumps({'version': f'PyTorch {torch.__version__}', 'before': before}), flush=True)
for _ in sys.stdin:
    start, busy = time.perf_counter(), time.process_time()
    loss, norm = step()
    seconds, busy = time.perf_counter() - start, time.process_time() - busy
    print(json.dumps({'loss': loss, 'norm': norm, 'seconds': seconds, 'processor': busy, 'resident': resident()}), flush=True)
