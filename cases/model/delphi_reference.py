"""The age-sex hazard and Delphi, once more: what `bench delphi` compares our model with.

`python delphi_reference.py agesex|delphi DATA_DIR OUT_DIR [--epochs N] [--seed N] [--end]` prints JSON and
writes `OUT_DIR/NAME.json`: nats of each held-out subject. DATA_DIR has `train.bin.zst` (uint32 triplets
patient, age in days, token) and `labels.csv` (line t + 2 names token t). Needs numpy, pyarrow and torch.

Every model is asked the same: the probability that the next disease or death falls on the day on which it
fell, and that it is the one it was, given everything before (docs/model/delphi.md). Delphi is stated from
the description of its authors (Shmatko et al. 2025, methods), not from their code.
"""

import argparse
import hashlib
import json
import math
import time
from pathlib import Path

import numpy as np

FEMALE, MALE, FIRST, DEATH = 1, 2, 12, 1268  # tokens; diseases from FIRST on, death last
CODES = DEATH - FIRST + 1
NO_EVENT = 0
END = 29219  # the last whole day before age 80, where the simulation ends
CUT = {402867, 427985}  # subjects of whom the file holds a part only
DAYS_PER_YEAR = 365.25
INDEX_AGES = (50, 60, 70)


def part(subject):
    """70 % to learn from, 10 % to tune on, 20 % held out: `Split::bucket("delphi", subject)`."""
    digest = hashlib.sha256(b"delphi\0" + int(subject).to_bytes(8, "little", signed=True)).digest()
    bucket = (int.from_bytes(digest[:8], "big") & (2**63 - 1)) % 1000
    return "learn" if bucket < 700 else "tune" if bucket < 800 else "held_out"


def load(folder):
    """Part -> list of (subject, sex, days [n], tokens [n]); the sex token stands at day 0."""
    import pyarrow as pa

    raw = pa.input_stream(str(Path(folder) / "train.bin.zst"), compression="zstd").read()
    rows = np.frombuffer(raw, dtype="<u4").reshape(-1, 3).astype(np.int64)
    out = {"learn": [], "tune": [], "held_out": []}
    subjects, first = np.unique(rows[:, 0], return_index=True)
    for subject, one in zip(subjects, np.split(rows, first[1:])):
        if int(subject) in CUT:
            continue
        assert one[0, 1] == 0 and one[0, 2] in (FEMALE, MALE), "a subject begins with the sex"
        out[part(subject)].append((int(subject), int(one[0, 2]), one[1:, 1], one[1:, 2]))
    return out


class Sums:
    """Nats of the subjects: the day, the code given the day, and no event up to the end."""

    RULES = ("once", "again")  # no code a second time, as the data are; or as the model left it

    def __init__(self):
        self.subject, self.events, self.wait, self.code, self.survival = [], [], [], [], []

    def add(self, subject, waits, codes, survival):
        self.subject.append(subject)
        self.events.append(len(waits))
        self.wait.append(float(np.sum(waits)))
        self.code.append(float(np.sum(codes)))
        self.survival.append(float(survival))

    def per_event(self):
        n = sum(self.events)
        parts = {k: sum(getattr(self, k)) / n for k in ("wait", "code", "survival")}
        return {"nats": sum(parts.values()), **parts}


def log1mexp(x):
    """log(1 - exp(-x)) for x > 0."""
    return np.log(-np.expm1(-x))


# The age-sex hazard ---------------------------------------------------------------------------------


class AgeSex:
    """A hazard a day for each sex, band of ages and code: events over days at risk, each shrunk to the
    rate of both sexes by a gamma prior worth `prior` events, and that to the band's total rate."""

    def __init__(self, people, years, prior, once):
        self.width, self.once = years * DAYS_PER_YEAR, once
        bands = math.ceil((END + 1) / self.width)
        self.edges = np.arange(bands + 1) * self.width
        n, days, absent = np.zeros((2, bands, CODES)), np.zeros((2, bands)), np.zeros((2, bands, CODES))
        for _, sex, t, c in people:
            end = t[-1] if len(c) and c[-1] == DEATH else END + 0.5
            days[sex - FEMALE] += self.spent(end)
            np.add.at(n[sex - FEMALE], (self.band(t), c - FIRST), 1)
            if once:
                for day, code in zip(t, c):
                    absent[sex - FEMALE][:, code - FIRST] += self.spent(end) - self.spent(day)
        at_risk = np.maximum(days[:, :, None] - absent, 0)
        total = n.sum((0, 2)) / days.sum(0)
        share = (n.sum((0, 1)) + 0.5) / (n.sum() + 0.5 * CODES)
        both = (n.sum(0) + prior) / (at_risk.sum(0) + prior / (total[:, None] * share))
        self.rate = (n + prior) / (at_risk + prior / both)

    def band(self, day):
        return np.minimum((np.asarray(day) / self.width).astype(int), len(self.edges) - 2)

    def spent(self, day):
        """Days in each band from birth to `day`."""
        return np.clip(day - self.edges[:-1], 0, self.width)

    def subject(self, sex, t, c):
        rate = self.rate[sex - FEMALE]
        total = rate.sum(1)
        waits, codes, before = [], [], 0.0
        for day, code in zip(t, c):
            low, band = max(day - 0.5, before), self.band(day)
            passed = total @ (self.spent(low) - self.spent(before))
            waits.append(passed - log1mexp(total[band] * (day + 0.5 - low)))
            codes.append(math.log(total[band] / rate[band, code - FIRST]))
            before = float(day)
            if self.once:
                rate = rate.copy() if rate.base is not None else rate
                rate[:, code - FIRST] = 0
                total = rate.sum(1)
        alive = not (len(c) and c[-1] == DEATH)
        return waits, codes, total @ (self.spent(END + 0.5) - self.spent(before)) if alive else 0.0

    def at(self, sex, age_days):
        return self.rate[sex - FEMALE][self.band(age_days)]


def age_sex(data):
    def score(model, people):
        sums = Sums()
        for subject, sex, t, c in people:
            sums.add(subject, *model.subject(sex, t, c))
        return sums

    tried = {}
    for years in (2, 4, 5, 8, 10):
        for prior in (0.25, 0.5, 1, 2):
            model = AgeSex(data["learn"], years, prior, True)
            tried[years, prior] = (score(model, data["tune"]).per_event()["nats"], model)
    best = min(tried, key=lambda key: tried[key][0])
    model = tried[best][1]
    again = AgeSex(data["learn"], *best, False)
    sums = {"once": score(model, data["held_out"]), "again": score(again, data["held_out"])}
    risks = [
        [model.at(sex, age * DAYS_PER_YEAR) for _, sex, _, _ in data["held_out"]] for age in INDEX_AGES
    ]
    facts = {"bands_years": best[0], "prior_events": best[1], "parameters": int(model.rate.size)}
    return sums, np.asarray(risks), {**facts, "tuning": tried[best][0]}


# Delphi ---------------------------------------------------------------------------------------------


def build(options):
    import torch
    import torch.nn as nn
    import torch.nn.functional as F

    class Block(nn.Module):
        def __init__(self, d, heads, dropout):
            super().__init__()
            self.heads, self.p = heads, dropout
            self.norm1, self.norm2 = nn.LayerNorm(d, bias=False), nn.LayerNorm(d, bias=False)
            self.qkv, self.out = nn.Linear(d, 3 * d, bias=False), nn.Linear(d, d, bias=False)
            self.up, self.down = nn.Linear(d, 4 * d, bias=False), nn.Linear(4 * d, d, bias=False)
            self.drop = nn.Dropout(dropout)

        def forward(self, x):
            b, t, d = x.shape
            q, k, v = self.qkv(self.norm1(x)).view(b, t, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
            a = F.scaled_dot_product_attention(
                q, k, v, is_causal=True, dropout_p=self.p if self.training else 0.0
            )
            x = x + self.drop(self.out(a.transpose(1, 2).reshape(b, t, d)))
            return x + self.drop(self.down(F.gelu(self.up(self.norm2(x)))))

    class Delphi(nn.Module):
        """GPT-2's blocks; sines of age through a linear map in the place of positions; the logits are
        log rates a day of all tokens, which compete. `START` is ours, to its favour: without it the
        first epochs go into finding the order of magnitude of a rate."""

        START = math.log(1e-3 / DEATH)

        def __init__(self, d=120, layers=12, heads=12, dropout=0.1):
            super().__init__()
            self.tokens = nn.Embedding(DEATH + 1, d)
            self.age = nn.Linear(d, d, bias=False)
            self.blocks = nn.ModuleList(Block(d, heads, dropout) for _ in range(layers))
            self.norm, self.drop = nn.LayerNorm(d, bias=False), nn.Dropout(dropout)
            frequency = torch.exp(torch.arange(0, d, 2) * (-math.log(10000.0) / d))
            self.register_buffer("frequency", frequency)
            for name, p in self.named_parameters():
                if p.dim() == 2:
                    deep = name.endswith(("out.weight", "down.weight"))
                    nn.init.normal_(p, 0.0, 0.02 / (math.sqrt(2 * layers) if deep else 1.0))

        def forward(self, tokens, ages):
            """tokens, ages in days [B, T] -> log rates a day [B, T, V]."""
            angles = ages[..., None] / DAYS_PER_YEAR * self.frequency
            waves = torch.stack([angles.sin(), angles.cos()], -1).flatten(-2)
            x = self.drop(self.tokens(tokens) + self.age(waves))
            for block in self.blocks:
                x = block(x)
            return self.norm(x) @ self.tokens.weight.T + self.START

    torch.manual_seed(options.seed)
    return Delphi(dropout=options.dropout)


def padded(person, draw, end):
    """The tokens of a person with "no event" tokens at uniform ages, one in five years on average, up to
    `end`; those of a day with events come after them. Returns days, tokens."""
    _, sex, t, c = person
    extra = draw.uniform(1, 100 * DAYS_PER_YEAR, 20).astype(np.int64)
    extra = np.sort(extra[extra <= end])
    days = np.concatenate([[0], t, extra])
    tokens = np.concatenate([[sex], c, np.full(len(extra), NO_EVENT)])
    order = np.argsort(days, kind="stable")
    return days[order], tokens[order]


def last_day(person, to_the_end):
    _, _, t, c = person
    died = len(c) > 0 and c[-1] == DEATH
    return END if to_the_end and not died else (int(t[-1]) if len(t) else 0)


def batches(people, options, draw):
    """Shuffled batches of about equal lengths: tokens, ages [B, T], and for each predicted token the
    row and position it is predicted from, itself and the days between. Tokens of one day are all
    predicted from the last position before that day."""
    import torch

    one = [padded(person, draw, last_day(person, options.end)) for person in people]
    order = draw.permutation(len(one))
    chunk = 16 * options.batch
    chunks = [order[at : at + chunk] for at in range(0, len(order), chunk)]
    order = [i for one_chunk in chunks for i in sorted(one_chunk, key=lambda i: len(one[i][0]))]
    groups = [order[at : at + options.batch] for at in range(0, len(order), options.batch)]
    for g in draw.permutation(len(groups)):
        group = groups[g]
        length = max(len(one[i][0]) for i in group)
        ages = torch.zeros(len(group), length)
        tokens = torch.zeros(len(group), length, dtype=torch.long)
        rows, sources, targets, gaps, tails = [], [], [], [], []
        for row, i in enumerate(group):
            days, token = one[i]
            ages[row, : len(days)] = torch.from_numpy(days.astype(np.float32))
            tokens[row, : len(days)] = torch.from_numpy(token)
            source = np.searchsorted(days, days[1:], side="left") - 1
            keep = source >= 0
            rows += [row] * int(keep.sum())
            sources += source[keep].tolist()
            targets += token[1:][keep].tolist()
            gaps += (days[1:] - days[source])[keep].tolist()
            if options.end and token[-1] != DEATH:
                tails.append((row, len(days) - 1, END + 0.5 - days[-1]))
        pick = [torch.tensor(x) for x in (rows, sources, targets)] + [torch.tensor(gaps).float()]
        yield tokens, ages, pick, tails


def loss_of(model, batch, t_min=0.1):
    """Cross-entropy of the token and the exponential likelihood of the wait under the sum of all rates,
    with `t_min` days added to both scales so that no rate exceeds 1 / t_min; their mean a token."""
    import torch
    import torch.nn.functional as F

    tokens, ages, (rows, sources, targets, gaps), tails = batch
    logits = model(tokens, ages)
    at = logits[rows, sources]
    which = F.cross_entropy(at, targets, reduction="sum")
    log_rate = -torch.log(torch.exp(-torch.logsumexp(at, -1)) + t_min)
    when = (torch.exp(log_rate) * (gaps + t_min) - log_rate).sum()
    if tails:
        rows, sources = torch.tensor([t[0] for t in tails]), torch.tensor([t[1] for t in tails])
        left = torch.tensor([t[2] for t in tails])
        tail_rate = 1 / (torch.exp(-torch.logsumexp(logits[rows, sources][:, FIRST:], -1)) + t_min)
        when = when + (tail_rate * left).sum()
    return (which + when) / len(targets)


def score_delphi(model, people, draw, once, t_min=0.1):
    """Exact: between tokens the rates of diseases and death are constant; they change where a "no event"
    token stands, whose own rate is left out, for its times are drawn without regard to the person."""
    import torch

    model.eval()
    sums, risks = Sums(), np.zeros((len(INDEX_AGES), len(people), CODES), np.float32)
    with torch.no_grad():
        for i, person in enumerate(people):
            days, tokens = padded(person, draw, END if last_day(person, True) == END else person[2][-1])
            logits = model(torch.from_numpy(tokens)[None], torch.from_numpy(days).float()[None])
            logits = logits[0, :, FIRST:].double().numpy()
            if once:
                for k in np.flatnonzero(tokens >= FIRST):
                    logits[k:, tokens[k] - FIRST] = -np.inf
            log_total = np.logaddexp.reduce(logits, -1)
            floored = 1 / (np.exp(-log_total) + t_min)
            waits, codes, last, passed = [], [], 0, 0.0
            # `passed` is the hazard from the last event up to the token at `at`.
            events = [k for k in range(1, len(days)) if tokens[k] >= FIRST]
            for k in events:
                since = [j for j in range(last, k) if j == last or days[j] < days[k]]
                low = max(days[k] - 0.5, days[last])
                bounds = np.minimum([*days[since[1:]], low], low)
                passed = float(floored[since] @ (bounds - days[since].clip(max=low)))
                j = since[-1]
                waits.append(passed - log1mexp(floored[j] * (days[k] + 0.5 - low)))
                codes.append(log_total[j] - logits[j, tokens[k] - FIRST])
                last = k
            survival = 0.0
            if not (events and tokens[last] == DEATH):
                bounds = np.append(days[last + 1 :], END + 0.5)
                survival = float(floored[last:] @ (bounds - days[last:]))
            sums.add(person[0], waits, codes, survival)
            for a, age in enumerate(INDEX_AGES):
                risks[a, i] = np.exp(logits[np.searchsorted(days, age * DAYS_PER_YEAR, side="right") - 1])
    return sums, risks


def delphi(data, options):
    """Learns, keeps the weights that were best on the tuning subjects, and judges them."""
    import torch

    torch.set_num_threads(1)
    model = build(options)
    if options.weights:
        model.load_state_dict(torch.load(options.weights))
        facts = {}
    else:
        facts = learn(model, data, options)
    held_out, sums = data["held_out"], {}
    for rule in Sums.RULES:
        sums[rule], risks = score_delphi(model, held_out, np.random.default_rng(2), rule == "once")
    facts["parameters"] = sum(p.numel() for p in model.parameters())
    return sums, risks, facts


def learn(model, data, options):
    import torch

    draw = np.random.default_rng(options.seed)
    decay = [p for p in model.parameters() if p.dim() == 2]
    plain = [p for p in model.parameters() if p.dim() < 2]
    groups = [{"params": decay, "weight_decay": 0.2}, {"params": plain, "weight_decay": 0.0}]
    optimiser = torch.optim.AdamW(groups, betas=(0.9, 0.99), lr=options.rate)
    steps = options.epochs * math.ceil(len(data["learn"]) / options.batch)
    step, seen, best, strikes, curve = 0, 0, (math.inf, None, 0), 0, []
    for epoch in range(1, options.epochs + 1):
        model.train()
        for batch in batches(data["learn"], options, draw):
            warm = min(1.0, (step + 1) / (0.05 * steps))
            cosine = 0.5 * (1 + math.cos(math.pi * step / steps))
            for group in optimiser.param_groups:
                group["lr"] = options.rate * warm * (0.1 + 0.9 * cosine)
            loss = loss_of(model, batch)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
            step, seen = step + 1, seen + len(batch[2][0])
        tuning = score_delphi(model, data["tune"], np.random.default_rng(1), True)[0].per_event()
        curve.append([seen, round(tuning["nats"], 4)])
        log = {"epoch": epoch, "positions": seen, "train": round(loss.item(), 3), "cpu": time.process_time()}
        print(json.dumps({**log, **tuning}), flush=True)
        if tuning["nats"] < best[0]:
            best, strikes = (tuning["nats"], {k: v.clone() for k, v in model.state_dict().items()}, seen), 0
        else:
            strikes += 1
            if strikes >= options.patience:
                break
    model.load_state_dict(best[1])
    torch.save(best[1], options.out / f"{options.name}.pt")
    return {"positions": seen, "best_positions": best[2], "tuning": best[0], "curve": curve}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=["agesex", "delphi"])
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--name")
    parser.add_argument("--epochs", type=int, default=16)
    parser.add_argument("--patience", type=int, default=3)
    parser.add_argument("--batch", type=int, default=32, help="subjects")
    parser.add_argument("--rate", type=float, default=6e-4)
    parser.add_argument("--dropout", type=float, default=0.1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--end", action="store_true", help="learn from the time without events up to the end")
    parser.add_argument("--weights", type=Path, help="judge these instead of learning")
    options = parser.parse_args()
    options.name = options.name or options.what
    options.out.mkdir(parents=True, exist_ok=True)
    started, data = time.process_time(), load(options.data)
    sums, risks, facts = age_sex(data) if options.what == "agesex" else delphi(data, options)
    facts |= {"name": options.name, "cpu_seconds": round(time.process_time() - started, 1)}
    facts |= {"subjects": {k: len(v) for k, v in data.items()}, "events": sum(sums["once"].events)}
    facts |= {rule: sums[rule].per_event() for rule in Sums.RULES}
    file = {**facts, "sums": {rule: vars(sums[rule]) for rule in Sums.RULES}}
    (options.out / f"{options.name}.json").write_text(json.dumps(file))
    risks.astype("<f4").tofile(options.out / f"{options.name}.risks")
    print(json.dumps(facts))


if __name__ == "__main__":
    main()
