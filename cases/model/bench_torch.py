"""Times PyTorch on the shapes and the architecture of `examples/bench_step.rs`.

`python bench_torch.py SECONDS PART [as-installed] [bf16] [compile]`, PART one of A1 A2 D1 D2 S1 S2. MKL's
AVX-512 code is forced on AMD processors by preloading a library of one function, unless `as-installed`
is given. `bf16` runs forward under autocast, `compile` through inductor (needs a C++ compiler); both are
for training. Prints the median wall figure and the processor time a token.
"""

import os
import subprocess
import sys
import tempfile
import time

if "as-installed" not in sys.argv and "LONGITUDE_FORCED" not in os.environ:
    folder = tempfile.mkdtemp()
    source, library = f"{folder}/force.c", f"{folder}/force.so"
    with open(source, "w") as file:
        file.write("int mkl_serv_intel_cpu_true(void) { return 1; }\n")
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source], check=True)
    environment = dict(os.environ, LD_PRELOAD=library, LONGITUDE_FORCED="1")
    os.execve(sys.executable, [sys.executable, *sys.argv], environment)

seconds, part = float(sys.argv[1]), sys.argv[2]
threads = int(part[1])
os.environ["OMP_NUM_THREADS"] = str(threads)

import resource

import torch
import torch.nn.functional as F

from reference import angles, features, hidden, losses, norm, rotate, shapes, wait_edges

torch.set_num_threads(threads)
BF16, COMPILE = "bf16" in sys.argv, "compile" in sys.argv
FORCED = "as installed" if "as-installed" in sys.argv else "AVX-512 forced"
FORCED += (" bf16" if BF16 else " f32") + (" compiled" if COMPILE else "")


def config(vocab, dim, layers, heads, context):
    ffn = (-(-dim * 8 // 3) + 63) // 64 * 64
    value_dim = min((2 * dim + 15) // 16 * 16, 128)
    return dict(
        vocab=vocab, groups=64, value_bins=16, context=context, dim=dim, layers=layers, heads=heads,
        ffn=ffn, value_dim=value_dim, edges=wait_edges(24), wait_bins=25,
    )


def weights(c):
    torch.manual_seed(1)
    p = {}
    for name, (shape, _) in shapes(c).items():
        w = torch.ones(shape) if name.endswith("norm") else torch.randn(shape) * 0.03
        p[name] = w.requires_grad_()
    return p


def events(c, b, length):
    index = torch.arange(length)[None] + 31 * torch.arange(b)[:, None]
    code = (index * 7919 + 13) % c["vocab"]
    asks = code % 3 == 0
    codes = torch.arange(c["vocab"])
    x = dict(
        code=code, value_bin=torch.where(asks, 1 + index % 16, 0), value=asks * 0.5,
        age_days=torch.full(code.shape, 20000.0), time_days=index.double() * 0.7,
        wait_days_prev=torch.full(code.shape, 0.7),
        groups=torch.stack([1 + codes % 31, 32 + codes % 31], -1),
    )
    bins_of = torch.where(codes % 3 == 0, 16, 0)
    return x, bins_of


def repeat(work):
    work()
    begun, walls = time.perf_counter(), []
    usage = resource.getrusage(resource.RUSAGE_SELF)
    before = usage.ru_utime + usage.ru_stime
    while len(walls) < 3 or time.perf_counter() - begun < seconds:
        start = time.perf_counter()
        work()
        walls.append(time.perf_counter() - start)
    usage = resource.getrusage(resource.RUSAGE_SELF)
    cpu = (usage.ru_utime + usage.ru_stime - before) / len(walls)
    return sorted(walls)[len(walls) // 2], cpu


def train(c, b, length):
    p = weights(c)
    x, bins_of = events(c, b, length)
    y = dict(
        wait_days=torch.full((b * length,), 0.7, dtype=torch.float64),
        event=torch.ones(b * length, dtype=torch.bool),
        code=x["code"].flatten(), value_bin=x["value_bin"].flatten(),
        last_bin=x["value_bin"].flatten(), last=torch.full((b * length, 8), 0.5),
    )
    optimiser = torch.optim.AdamW(p.values(), lr=1e-4, fused=True)

    def loss():
        with torch.autocast("cpu", torch.bfloat16, enabled=BF16):
            v = hidden(c, p, x).view(b * length, -1)
            wait, code, value, _ = losses(c, p, v, y, bins_of)
        return (wait + code + value) / (b * length)

    mean_loss = torch.compile(loss) if COMPILE else loss

    def step():
        optimiser.zero_grad()
        mean_loss().backward()
        torch.nn.utils.clip_grad_norm_(p.values(), 1.0)
        optimiser.step()

    wall, cpu = repeat(step)
    tokens = b * length
    print(f"{part} train: {tokens / wall:8.0f} tokens/s  {cpu / tokens * 1e6:7.1f} cpu-us/token  torch {FORCED}")


@torch.inference_mode()
def sample(c, rows=64, past=256, new=256):
    """A KV cache of preallocated tensors, one copy of the prefix a row, as PyTorch users write it."""
    p = weights(c)
    d, heads, layers = c["dim"], c["heads"], c["layers"]
    width = d // heads
    keys = torch.randn(layers, rows, heads, past + new, width)
    values = torch.randn_like(keys)
    x, _ = events(c, rows, past + new)
    cos, sin = angles(c, x["time_days"])

    def once():
        for t in range(past, past + new):
            one = {k: (v if k == "groups" else v[:, t : t + 1]) for k, v in x.items()}
            v = F.embedding(one["code"], p["embedding.code"])
            for side in range(2):
                v = v + F.embedding(one["groups"][one["code"]][..., side], p["embedding.group"])
            v = v + F.embedding(one["value_bin"], p["embedding.value_bin"])
            v = v + features(one["value"], one["age_days"], one["wait_days_prev"]) @ p["embedding.features"]
            for i in range(layers):
                w = lambda name: p[f"layers.{i}.{name}"]
                qkv = norm(v, w("attention_norm")) @ w("qkv")
                q, k, val = (a.view(rows, 1, heads, width).transpose(1, 2) for a in qkv.split(d, -1))
                cs, sn = cos[:, :, t : t + 1], sin[:, :, t : t + 1]
                keys[i, :, :, t : t + 1] = rotate(k, cs, sn)
                values[i, :, :, t : t + 1] = val
                o = F.scaled_dot_product_attention(
                    rotate(q, cs, sn), keys[i, :, :, : t + 1], values[i, :, :, : t + 1]
                )
                v = v + o.transpose(1, 2).reshape(rows, 1, d) @ w("attention_out")
                gate, up = (norm(v, w("mlp_norm")) @ w("gate_up")).split(c["ffn"], -1)
                v = v + (F.silu(gate) * up) @ w("down")
            h = norm(v[:, 0], p["norm"])
            h @ p["wait.weight"] + p["wait.bias"]
            g = h * (1 + p["mark.scale"][3]) + p["mark.shift"][3] + 0.5 * p["mark.slope"]
            ((g @ p["mark.projection"]) @ p["embedding.code"].T + p["code.bias"]).softmax(-1)

    wall, cpu = repeat(once)
    tokens = rows * new
    print(f"{part} sample: {tokens / wall:7.0f} tokens/s  {cpu / tokens * 1e6:7.1f} cpu-us/token  torch {FORCED}")


if part[0] == "A":
    train(config(4096, 256, 6, 8, 512), 8, 512)
elif part[0] == "D":
    train(config(1300, 120, 12, 12, 48), 128, 48)
else:
    sample(config(4096, 256, 6, 8, 512))
