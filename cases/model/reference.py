"""The model once more, in PyTorch: an independent statement that the Rust engine is compared with.

`python reference.py` writes `golden.safetensors` beside itself: weights, a batch, logits, the parts of the
loss, gradients, and the losses and weights of ten AdamW steps; and `choices.safetensors`: loss and gradients
of the same weights and batch under other choices (CHOICES). `bench_torch.py` times the same functions.
Needs torch and numpy. Written from the formulas in the documentation, not translated from the Rust.
"""

import json
import math
import struct
from pathlib import Path

import torch
import torch.nn.functional as F

DAYS_PER_YEAR = 365.25
REPEAT_LOG_MASS = -6.0

# What can be chosen, as in `choices.rs`; absent is the default.
CHOICES = {
    "index": dict(time="index", ancestors=False, once_only=[2, 3, 5, 8, 13, 21, 34]),
    "bare": dict(time="index_without_time", value="none", mark_given_wait=False),
    "competing": dict(value="bin", likelihood="competing"),
    "untold": dict(last_value=False),
}


def wait_edges(n):
    low, high = math.log(1 / 1440), math.log(20 * 365.25)
    step = (high - low) / max(n - 1, 1)
    return torch.tensor([math.exp(low + step * i) for i in range(n)], dtype=torch.float32)


def shapes(c):
    """Name -> (shape, decays?) in the order of the file."""
    d, f, u, w1, k1 = c["dim"], c["ffn"], c["value_dim"], c["wait_bins"] + 1, c["value_bins"] + 1
    out = {
        "embedding.code": ((c["vocab"], d), False),
        "embedding.group": ((c["groups"], d), False),
        "embedding.value_bin": ((k1, d), False),
        "embedding.features": ((14, d), False),
    }
    for i in range(c["layers"]):
        out[f"layers.{i}.attention_norm"] = ((d,), False)
        out[f"layers.{i}.qkv"] = ((d, 3 * d), True)
        out[f"layers.{i}.attention_out"] = ((d, d), True)
        out[f"layers.{i}.mlp_norm"] = ((d,), False)
        out[f"layers.{i}.gate_up"] = ((d, 2 * f), True)
        out[f"layers.{i}.down"] = ((f, d), True)
    out["norm"] = ((d,), False)
    out["wait.weight"] = ((d, w1), True)
    out["wait.bias"] = ((w1,), False)
    out["mark.scale"] = ((w1, d), False)
    out["mark.shift"] = ((w1, d), False)
    out["mark.slope"] = ((d,), False)
    out["mark.projection"] = ((d, d), True)
    out["code.bias"] = ((c["vocab"],), False)
    out["value.hidden"] = ((d, u), True)
    out["value.code"] = ((d, u), True)
    out["value.last"] = ((8, 2 * u), True)
    out["value.last_bin"] = ((k1, 2 * u), False)
    out["value.out"] = ((u, k1), True)
    out["value.bias"] = ((c["vocab"], k1), False)
    return out


def features(value, age_days, gap):
    years = (age_days / DAYS_PER_YEAR).clamp(0, 90)
    gap = gap.clamp(min=0)
    columns = [
        value.clamp(-8, 8),
        value.tanh(),
        years / 100,
        torch.log1p(gap) / 4,
        torch.log1p(gap * 1440) / 8,
        (gap <= 0).to(value.dtype),
    ]
    for period in (4, 16, 64, 256):
        angle = 2 * math.pi * years / period
        columns += [angle.sin(), angle.cos()]
    return torch.stack(columns, -1)


def angles(c, time_days):
    """cos and sin [B, 1, L, pairs]: first the pairs of the event's index, then those of time."""
    pairs = c["dim"] // c["heads"] // 2
    by_time = 0 if c.get("time", "clocks").startswith("index") else pairs // 2
    by_event = pairs - by_time
    index = torch.arange(time_days.shape[1], dtype=torch.float64)
    turn_event = index[:, None] * torch.tensor(
        [10000 ** (-j / by_event) for j in range(by_event)], dtype=torch.float64
    )
    turn_event = turn_event.expand(time_days.shape[0], -1, -1)
    shortest, longest = 1 / 24, 36525.0
    periods = [
        shortest * (longest / shortest) ** (j / max(by_time - 1, 1)) for j in range(by_time)
    ]
    speeds = torch.tensor([2 * math.pi / p for p in periods], dtype=torch.float64)
    turn = torch.cat([turn_event, time_days.double()[..., None] * speeds], -1)[:, None]
    return turn.cos().float(), turn.sin().float()


def rotate(x, cos, sin):
    half = x.shape[-1] // 2
    a, b = x[..., :half], x[..., half:]
    return torch.cat([a * cos - b * sin, a * sin + b * cos], -1)


def norm(x, weight):
    return F.rms_norm(x, (x.shape[-1],), weight, 1e-6)


def hidden(c, p, x):
    """Residual stream [B, L, D] of segments of equal length; `x` holds the events' fields [B, L]."""
    b, length = x["code"].shape
    d, heads = c["dim"], c["heads"]
    v = F.embedding(x["code"], p["embedding.code"])
    for side in range(2 if c.get("ancestors", True) else 0):
        group = x["groups"][x["code"]][..., side]
        v = v + F.embedding(group, p["embedding.group"]) * (group > 0)[..., None]
    value = c.get("value", "fused")
    if value != "none":
        v = v + F.embedding(x["value_bin"], p["embedding.value_bin"]) * (x["value_bin"] > 0)[..., None]
    number = x["value"] * (value == "fused")
    timed = float(c.get("time", "clocks") != "index_without_time")
    v = v + features(number, x["age_days"] * timed, x["wait_days_prev"] * timed) @ p["embedding.features"]
    cos, sin = angles(c, x["time_days"])
    for i in range(c["layers"]):
        w = lambda name: p[f"layers.{i}.{name}"]
        qkv = norm(v, w("attention_norm")) @ w("qkv")
        q, k, val = (t.view(b, length, heads, d // heads).transpose(1, 2) for t in qkv.split(d, -1))
        o = F.scaled_dot_product_attention(
            rotate(q, cos, sin), rotate(k, cos, sin), val, is_causal=True
        )
        v = v + o.transpose(1, 2).reshape(b, length, d) @ w("attention_out")
        gate, up = (norm(v, w("mlp_norm")) @ w("gate_up")).split(c["ffn"], -1)
        v = v + (F.silu(gate) * up) @ w("down")
    return v


def wait_nats(c, z, wait, happened):
    """[N]: z [N, 1 + W], waits in days, and whether the event came (else censored)."""
    edges = c["edges"].to(z.dtype)
    start = torch.cat([torch.zeros(1, dtype=z.dtype), edges])
    end = torch.cat([edges, torch.full((1,), math.inf, dtype=z.dtype)])
    wait = wait.to(z.dtype)
    exposure = (torch.minimum(wait[:, None], end) - start).clamp(min=0)
    survival = F.softplus(z[:, 0]) + (exposure * z[:, 1:].exp()).sum(-1)
    bin_of = torch.bucketize(wait, edges, right=True)
    at = z[:, 1:].gather(1, bin_of[:, None])[:, 0]
    came = torch.where(wait > 0, survival - at, F.softplus(-z[:, 0]))
    return torch.where(happened, came, survival)


def losses(c, p, rows, y, bins_of):
    """(wait, code, value) sums; `rows` [N, D] is the residual stream of scored positions."""
    h = norm(rows, p["norm"])
    z = h @ p["wait.weight"] + p["wait.bias"]
    e = y["event"]
    if c.get("likelihood") == "competing":
        wait, code_loss, g, logits = competing(p, h, z[:, 0], y)
        return wait, code_loss, value_nats(c, p, g[e], y, bins_of), logits
    wait = wait_nats(c, z, y["wait_days"], e).sum()
    h, code, waited = h[e], y["code"][e], y["wait_days"][e]
    bin_of = 1 + torch.bucketize(waited, c["edges"].to(waited.dtype), right=True)
    bin_of = torch.where(waited > 0, bin_of, 0)
    log = (torch.log1p(waited * 1440) / 8).float()
    if not c.get("mark_given_wait", True):
        bin_of, log = bin_of * 0, log * 0
    g = h * (1 + F.embedding(bin_of, p["mark.scale"])) + F.embedding(bin_of, p["mark.shift"])
    g = g + log[:, None] * p["mark.slope"]
    logits = (g @ p["mark.projection"]) @ p["embedding.code"].T + p["code.bias"]
    if "seen" in y:
        logits = logits + REPEAT_LOG_MASS * y["seen"][e]
    code_loss = F.cross_entropy(logits, code, reduction="sum")
    return wait, code_loss, value_nats(c, p, g, y, bins_of), logits


def competing(p, h, zero, y):
    """Every code at a constant rate exp(logit) a day, beside a point mass at zero."""
    g = h * (1 + p["mark.scale"][0]) + p["mark.shift"][0]
    logits = (g @ p["mark.projection"]) @ p["embedding.code"].T + p["code.bias"]
    event, wait = y["event"], y["wait_days"]
    tie = event & (wait == 0)
    log_total = logits.double().logsumexp(-1)
    of_zero = torch.where(tie, F.softplus(-zero), F.softplus(zero))
    none_within = log_total.exp() * wait
    positive = torch.where(event, none_within - log_total, none_within)
    nats = of_zero.sum() + positive[~tie].sum()
    at = logits.double().gather(1, y["code"][:, None])[:, 0]
    return nats, (log_total - at)[event].sum(), g, logits


def recalled(c, x, t, code, wait):
    """The bin and the 8 numbers told of a code that comes after position t of a segment and a wait."""
    how = c.get("value", "fused")
    earlier = [i for i in range(t + 1) if x["code"][i] == code and x["value_bin"][i] > 0]
    if not earlier or how == "none" or not c.get("last_value", True):
        return 0, torch.zeros(8)
    values = x["value"][earlier] * (how == "fused")
    last, mean = values[-1], values.double().mean().float()
    if c.get("likelihood") == "competing" or not c.get("mark_given_wait", True):
        wait = 0.0
    days = x["time_days"][t] - x["time_days"][earlier[-1]] + wait
    count = torch.tensor(float(len(earlier)))
    numbers = [torch.tensor(1.0), last.clamp(-8, 8), last.tanh(), mean.clamp(-8, 8), mean.tanh()]
    numbers += [torch.log1p(days) / 8, torch.log1p(days * 1440) / 16, count.log() / 4]
    return int(x["value_bin"][earlier[-1]]), torch.stack([n.float() for n in numbers])


def value_nats(c, p, g, y, bins_of):
    e = y["event"]
    code = y["code"][e]
    asks = bins_of[code] > 0
    g, code, value_bin = g[asks], code[asks], y["value_bin"][e][asks]
    last_bin, last = y["last_bin"][e][asks], y["last"][e][asks]
    told = last @ p["value.last"] + F.embedding(last_bin, p["value.last_bin"]) * (last_bin > 0)[:, None]
    a, s = told.split(c["value_dim"], -1)
    z = g @ p["value.hidden"] + F.embedding(code, p["embedding.code"]) @ p["value.code"]
    inner = F.silu(z + a) * (1 + s)
    values = inner @ p["value.out"] + F.embedding(code, p["value.bias"])
    classes = torch.arange(values.shape[-1])
    values = values.masked_fill(classes > bins_of[code][:, None], -math.inf)
    return F.cross_entropy(values, value_bin, reduction="sum")


# --- the golden file -------------------------------------------------------------------------------


def golden_config():
    c = dict(vocab=37, groups=6, value_bins=5, context=32, dim=24, layers=2, heads=2, ffn=32, value_dim=16)
    c["edges"] = wait_edges(6)
    c["wait_bins"] = 7
    return c


def golden_batch(c, generator):
    """Three segments, and the flat fields of their positions."""

    def uniform(*shape):
        return torch.rand(*shape, generator=generator)

    def integers(high, *shape):
        return torch.randint(0, high, shape, generator=generator)

    groups = torch.stack([integers(c["groups"], c["vocab"]) for _ in range(2)], -1)
    bins_of = integers(c["value_bins"] + 1, c["vocab"])
    segments = []
    for length in (7, 19, 12):
        gap = uniform(length) * torch.tensor([0.0, 0.05, 40.0])[integers(3, length)]
        gap[0] = 0
        code = integers(c["vocab"], length)
        value_bin = (uniform(length) * (bins_of[code] + 1)).long()
        kind = integers(6, length)
        target = integers(c["vocab"], length)
        wait = uniform(length).double() * torch.tensor([0.0, 0.05, 9000.0]).double()[integers(3, length)]
        time = gap.double().cumsum(0)
        segments.append(
            dict(
                code=code, value_bin=value_bin, value=(uniform(length) * 6 - 3) * (value_bin > 0),
                age_days=(20000 + time).float(), time_days=time, wait_days_prev=gap,
                kind=torch.where(kind == 0, 0, torch.where(kind == 1, 2, 1)),
                wait_days=wait, target=target, target_bin=(uniform(length) * (bins_of[target] + 1)).long(),
            )
        )
    return groups, bins_of, segments


def seen_once(c, codes):
    """[L, V]: once-only codes among a segment's events up to each."""
    seen = F.one_hot(codes, c["vocab"]).cumsum(0).clamp(max=1)
    once = torch.zeros(c["vocab"], dtype=torch.long)
    once[c["once_only"]] = 1
    return seen * once


def golden_loss(c, p, groups, bins_of, segments):
    rows, y = [], {name: [] for name in ("wait_days", "event", "code", "value_bin", "last_bin", "last")}
    for s in segments:
        x = {k: s[k][None] for k in ("code", "value_bin", "value", "age_days", "time_days", "wait_days_prev")}
        x["groups"] = groups
        v = hidden(c, p, x)[0]
        scored = s["kind"] > 0
        rows.append(v[scored])
        y["wait_days"].append(s["wait_days"][scored])
        y["event"].append((s["kind"] == 1)[scored])
        y["code"].append(s["target"][scored])
        y["value_bin"].append(s["target_bin"][scored])
        told = [recalled(c, s, t, s["target"][t], s["wait_days"][t]) for t in scored.nonzero()[:, 0].tolist()]
        y["last_bin"].append(torch.tensor([bin_of for bin_of, _ in told], dtype=torch.long))
        y["last"].append(torch.stack([numbers for _, numbers in told]))
        if "once_only" in c:
            y.setdefault("seen", []).append(seen_once(c, s["code"])[scored])
    y = {k: torch.cat(v) for k, v in y.items()}
    return losses(c, p, torch.cat(rows), y, bins_of)


def adamw(p, state, step, rate=3e-3, betas=(0.9, 0.95), eps=1e-8, decay=0.1, decays=()):
    for name, w in p.items():
        g, (m, v) = w.grad, state[name]
        m.mul_(betas[0]).add_(g, alpha=1 - betas[0])
        v.mul_(betas[1]).addcmul_(g, g, value=1 - betas[1])
        with torch.no_grad():
            if name in decays:
                w.mul_(1 - rate * decay)
            root = (v / (1 - betas[1] ** step)).sqrt() + eps
            w.sub_(rate * (m / (1 - betas[0] ** step)) / root)


def write_safetensors(path, tensors, metadata):
    kinds = {torch.float32: "F32", torch.float64: "F64", torch.int32: "I32"}
    header, data = {"__metadata__": metadata}, b""
    for name, t in tensors.items():
        raw = t.detach().contiguous().numpy().tobytes()
        header[name] = dict(
            dtype=kinds[t.dtype], shape=list(t.shape), data_offsets=[len(data), len(data) + len(raw)]
        )
        data += raw
    text = json.dumps(header)
    text += " " * (-len(text) % 8)
    Path(path).write_bytes(struct.pack("<Q", len(text)) + text.encode() + data)


def golden_choices(c, p, groups, bins_of, segments):
    out = {}
    for name, choices in CHOICES.items():
        for w in p.values():
            w.grad = None
        wait, code, value, _ = golden_loss(c | choices, p, groups, bins_of, segments)
        (wait + code + value).backward()
        out[f"{name}.losses"] = torch.stack([wait.double(), code.double(), value.double()])
        for k, w in p.items():
            out[f"{name}.gradient.{k}"] = torch.zeros_like(w) if w.grad is None else w.grad.clone()
    write_safetensors(Path(__file__).with_name("choices.safetensors"), out, {})


def main():
    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(20)
    c = golden_config()
    groups, bins_of, segments = golden_batch(c, generator)
    table = shapes(c)
    p = {}
    for name, (shape, _) in table.items():
        w = torch.randn(shape, generator=generator) * 0.2
        if name.endswith("norm"):
            w = 1 + w
        if name == "wait.bias":
            w = w - 1
        p[name] = w.requires_grad_()
    out = {f"weight.{k}": v.clone() for k, v in p.items()}
    golden_choices(c, p, groups, bins_of, segments)
    state = {k: (torch.zeros_like(v), torch.zeros_like(v)) for k, v in p.items()}
    decays = {name for name, (_, decay) in table.items() if decay}
    curve = []
    for step in range(10):
        for w in p.values():
            w.grad = None
        wait, code, value, logits = golden_loss(c, p, groups, bins_of, segments)
        (wait + code + value).backward()
        curve.append([float(wait), float(code), float(value)])
        if step == 0:
            out["logits"] = logits.clone()
            out |= {f"gradient.{k}": v.grad.clone() for k, v in p.items()}
        events = sum(int((s["kind"] == 1).sum()) for s in segments)
        for w in p.values():
            w.grad /= events
        adamw(p, state, step + 1, decays=decays)
    out |= {"after.layers.1.down": p["layers.1.down"].clone(), "after.embedding.code": p["embedding.code"].clone()}
    out["losses"] = torch.tensor(curve, dtype=torch.float64)
    out["codes.groups"] = groups.int()
    out["codes.value_bins"] = bins_of.int()
    out["lengths"] = torch.tensor([len(s["code"]) for s in segments]).int()
    for name in segments[0]:
        t = torch.cat([s[name] for s in segments])
        out[f"batch.{name}"] = t.int() if t.dtype == torch.int64 else t
    out["edges"] = c["edges"]
    sizes = {k: str(v) for k, v in c.items() if k != "edges"}
    write_safetensors(Path(__file__).with_name("golden.safetensors"), out, sizes)


if __name__ == "__main__":
    main()
