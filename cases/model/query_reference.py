"""The query head once more, in PyTorch, over the trunk of `reference.py`: an independent statement.

`python query_reference.py` writes `query.safetensors` beside itself: weights, a batch with queries, the nats of
each query, and the gradients of the record's nats plus 1.5 times those of the queries. Needs torch and numpy.
Written from the formulas in the documentation, not translated from the Rust.
"""

import math
from pathlib import Path

import torch
import torch.nn.functional as F

from reference import golden_batch, golden_config, golden_loss, hidden, norm, shapes, write_safetensors

EDGES = [1.0, 7.0, 30.0, 400.0]
WIDTH = 20
WEIGHT = 1.5
ANY = 65535


def query_shapes(c):
    d, m, j = c["dim"], WIDTH, len(EDGES)
    return {
        "query.state": (d, m),
        "query.state_bias": (m,),
        "query.asked": (2 * d, 2 * m),
        "query.features": (16, m),
        "query.out": (m, 2 * j),
        "query.bias": (2 * j,),
        "query.base": (c["vocab"], j),
    }


def side(c, generator, bins_of, but, least):
    """Atoms (code, first bin, last bin) by code; `but` codes are left out."""
    n = least + int(torch.randint(0, 4, (1,), generator=generator))
    codes = {int(v) for v in torch.randint(0, c["vocab"], (n,), generator=generator)} - but
    atoms = []
    for code in sorted(codes):
        kind = int(torch.randint(0, 3, (1,), generator=generator))
        atoms.append((code, *[(0, ANY), (2, ANY), (1, 3)][kind]))
    return atoms


def draw(c, generator, bins_of, segments):
    """Three queries at every fourth position of each segment: (segment, position, elapsed, sides, kind, days)."""
    out = []
    for s, segment in enumerate(segments):
        for t in range(0, len(segment["code"]), 4):
            for _ in range(3):
                asked = side(c, generator, bins_of, set(), 1)
                other = side(c, generator, bins_of, {a[0] for a in asked}, 0)
                u = torch.rand(3, generator=generator, dtype=torch.float64)
                days = [7.0, float(u[0]) * 40, float(u[0]) * 2000][int(u[1] * 3)]
                kind = int(u[2] * 3)  # 0 censored, 1 predicate, 2 competing
                if kind == 2 and not other:
                    kind = 1
                elapsed = 0.0 if float(u[1]) < 0.5 else float(u[2]) * 20
                out.append((s, t, elapsed, asked, other, kind, days))
    return out


def vector(c, p, groups, atoms):
    """The mean of code, group and value-bin vectors; 0 of nothing."""
    total = torch.zeros(c["dim"])
    for code, first, last in atoms:
        total = total + p["embedding.code"][code]
        for group in groups[code]:
            if group > 0:
                total = total + p["embedding.group"][group]
        if first > 0 or last < ANY:
            total = total + p["embedding.value_bin"][max(first, 1) : min(last, c["value_bins"]) + 1].mean(0)
    return total / max(len(atoms), 1)


def base(p, bins_of, atoms):
    """Log of the summed odds in each bin; a bounded atom has the share of its code's bins."""
    odds = 0.0
    for code, first, last in atoms:
        has, share = int(bins_of[code]), 1.0
        if (first > 0 or last < ANY) and has > 0:
            share = min(max(min(last, has) - first + 1, 1) / has, 1.0)
        odds = odds + share * p["query.base"][code].exp()
    return torch.log(odds)


def numbers(segment, t, elapsed, asked, other):
    now = float(segment["time_days"][t]) + elapsed
    span = now - float(segment["time_days"][0])

    def ages(atoms):
        bounds = {code: (first, last) for code, first, last in atoms}
        out = []
        for i in range(t + 1):
            first, last = bounds.get(int(segment["code"][i]), (1, 0))
            if first <= int(segment["value_bin"][i]) <= last:
                out.append(now - float(segment["time_days"][i]))
        return out

    a, b = ages(asked), ages(other)
    fading = lambda days: math.exp(-a[-1] / days) if a else 0.0
    return torch.tensor(
        [
            math.log1p(elapsed) / 4,
            math.log1p(elapsed * 1440) / 8,
            float(elapsed == 0),
            math.log1p(t + 1) / 8,
            math.log1p(span) / 8,
            math.log(len(asked)) / 4,
            math.log1p(len(other)) / 4,
            float(bool(a)),
            math.log1p(a[-1]) / 8 if a else 0.0,
            math.log1p(len(a)) / 4,
            math.log((len(a) + 0.1) / (span + 30)) / 8,
            fading(30),
            fading(365),
            float(bool(b)),
            math.log1p(b[-1]) / 8 if b else 0.0,
            math.log1p(len(b)) / 4,
        ]
    )


def query_nats(c, p, groups, bins_of, segments, queries):
    """Nats of each query."""
    states = []
    for s in segments:
        x = {k: s[k][None] for k in ("code", "value_bin", "value", "age_days", "time_days", "wait_days_prev")}
        x["groups"] = groups
        states.append(norm(hidden(c, p, x)[0], p["norm"]))
    out, j, m = [], len(EDGES), WIDTH
    for s, t, elapsed, asked, other, kind, days in queries:
        a = states[s][t] @ p["query.state"] + p["query.state_bias"]
        q = torch.cat([vector(c, p, groups, asked), vector(c, p, groups, other)])
        scale, shift = (q @ p["query.asked"]).split(m)
        z = a * (1 + scale) + shift + numbers(segments[s], t, elapsed, asked, other) @ p["query.features"]
        logits = F.silu(z) @ p["query.out"] + p["query.bias"]
        one = logits[:j] + base(p, bins_of, asked)
        two = logits[j:] + base(p, bins_of, other) if other else torch.full((j,), -math.inf)
        logp = torch.log_softmax(torch.stack([torch.zeros(j), one, two]), 0)
        nats, start = torch.zeros(()), 0.0
        for i, end in enumerate(EDGES):
            if days <= end:
                share = (days - start) / (end - start) if kind == 0 else 1.0
                nats = nats - share * logp[kind, i]
                break
            nats = nats - logp[0, i]
            start = end
        out.append(nats)
    return torch.stack(out)


def main():
    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(21)
    c = golden_config()
    groups, bins_of, segments = golden_batch(c, generator)
    queries = draw(c, generator, bins_of, segments)
    table = {name: shape for name, (shape, _) in shapes(c).items()} | query_shapes(c)
    p = {}
    for name, shape in table.items():
        w = torch.randn(shape, generator=generator) * 0.2
        w = {"norm": 1 + w, "wait.bias": w - 1, "query.base": w - 2}.get(name, w)
        p[name] = (1 + w if name.endswith("_norm") else w).requires_grad_()
    wait, code, value, _ = golden_loss(c, p, groups, bins_of, segments)
    nats = query_nats(c, p, groups, bins_of, segments, queries)
    (wait + code + value + WEIGHT * nats.sum()).backward()
    out = {f"weight.{k}": v for k, v in p.items()} | {f"gradient.{k}": v.grad for k, v in p.items()}
    out["losses"] = torch.stack([wait, code, value, nats.sum()]).double()
    out["codes.groups"], out["codes.value_bins"], out["edges"] = groups.int(), bins_of.int(), c["edges"]
    out["lengths"] = torch.tensor([len(s["code"]) for s in segments]).int()
    for name in segments[0]:
        t = torch.cat([s[name] for s in segments])
        out[f"batch.{name}"] = t.int() if t.dtype == torch.int64 else t
    starts = [sum(len(s["code"]) for s in segments[:i]) for i in range(len(segments))]
    out["query.position"] = torch.tensor([starts[q[0]] + q[1] for q in queries]).int()
    out["query.elapsed_days"] = torch.tensor([q[2] for q in queries], dtype=torch.float64)
    out["query.kind"] = torch.tensor([q[5] for q in queries]).int()
    out["query.days"] = torch.tensor([q[6] for q in queries], dtype=torch.float64)
    atoms = [(i, which, *atom) for i, q in enumerate(queries) for which in (0, 1) for atom in q[3 + which]]
    out["query.atoms"] = torch.tensor(atoms).int()
    write_safetensors(Path(__file__).with_name("query.safetensors"), out, {"weight": str(WEIGHT)})


if __name__ == "__main__":
    main()
