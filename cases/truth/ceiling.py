#!/usr/bin/env python3
"""The ceiling: the expected true risk given what the record shows, by regression on a large draw.

The latent state of the hospital's patients (frailty, liabilities, unseen diseases, true quantities)
is integrated out by averaging: networks with the cross-entropy on the share of forward rollouts
that met each outcome, from summaries of the observed history that were made with the generator
known. The minimum of that loss is E[true risk | summary]. Many patients by many rollouts each are
far less noisy than one outcome a patient.

Reads ceiling.summary, ceiling.risks, fresh.summary, fresh.risks; writes fresh.ceiling and
ceiling.json, which says how the loss on the fresh draw falls with the patients learnt from.
`--trees` fits LightGBM too, outcome by outcome, as a second opinion.
"""
import argparse
import json
import pathlib
import time

import numpy as np
import torch


def read(folder, name):
    columns = json.loads((folder / f"{name}.json").read_text())
    return columns, np.fromfile(folder / f"{name}.f32", dtype="<f4").reshape(-1, len(columns))


def excess(truth, risk):
    """Mean Kullback-Leibler divergence of the risk from the truth, in nats of one outcome."""
    p = np.clip(truth.astype(float), 1e-9, 1 - 1e-9)
    q = np.clip(risk.astype(float), 1e-6, 1 - 1e-6)
    return float(np.mean(p * np.log(p / q) + (1 - p) * np.log((1 - p) / (1 - q))))


def auroc(truth, score):
    """The area under the curve in expectation over outcomes; ties of scores do not occur."""
    order = np.argsort(score, kind="stable")
    yes = truth[order].astype(float)
    below = np.cumsum(1 - yes)
    return float(np.sum(yes * (below - 0.5 * (1 - yes))) / (yes.sum() * (1 - yes).sum()))


class Scale:
    """Skewed columns by logarithm, all standardised, what is missing at the mean with a mark."""

    def __init__(self, x):
        some = x[:20000]
        self.skewed = (np.nanmin(some, 0) >= 0) & (np.nanmax(some, 0) > 8 * np.nanmedian(some, 0))
        there = self.curve(some)
        self.mean = np.nan_to_num(np.nanmean(there, 0))
        self.deviation = np.nan_to_num(np.nanstd(there, 0)) + 1e-3
        missing = np.isnan(some).mean(0)
        self.marked = (missing > 0.01) & (missing < 0.99)

    def curve(self, x):
        return np.where(self.skewed, np.log1p(np.maximum(x, 0)), x)

    def __call__(self, x):
        z = np.clip((self.curve(x) - self.mean) / self.deviation, -6, 6)
        parts = [np.nan_to_num(z), np.isnan(x[:, self.marked])]
        return torch.from_numpy(np.concatenate(parts, 1).astype(np.float32))


def network(inputs, outputs, width):
    layers = [torch.nn.Linear(inputs, width), torch.nn.SiLU(), torch.nn.Dropout(0.1),
              torch.nn.Linear(width, width), torch.nn.SiLU(), torch.nn.Dropout(0.1),
              torch.nn.Linear(width, outputs)]
    return torch.nn.Sequential(*layers)


def fit(z, y, seed, epochs, width):
    """All outcomes at once; a rate that falls to nothing."""
    torch.manual_seed(seed)
    asked, target = ~torch.isnan(y), torch.nan_to_num(y)
    net = network(z.shape[1], y.shape[1], width)
    with torch.no_grad():
        share = (target * asked).sum(0) / asked.sum(0)
        net[-1].weight.mul_(0.1)
        net[-1].bias.copy_(torch.logit(share.clamp(1e-4, 1 - 1e-4)))
    batch = 512
    optimiser = torch.optim.AdamW(net.parameters(), lr=1e-3, weight_decay=0.01)
    steps = epochs * (len(z) // batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 2e-3, total_steps=steps + 1)
    for _ in range(epochs):
        order = torch.randperm(len(z))
        for start in range(0, len(z) - batch + 1, batch):
            rows = order[start:start + batch]
            nats = torch.nn.functional.binary_cross_entropy_with_logits(
                net(z[rows]), target[rows], weight=asked[rows].float(), reduction="sum")
            optimiser.zero_grad()
            (nats / batch).backward()
            optimiser.step()
            schedule.step()
    return net.eval()


def mean_logits(nets, z):
    with torch.no_grad():
        parts = [torch.cat([net(some) for some in z.split(8192)]) for net in nets]
    return torch.sigmoid(torch.stack(parts).mean(0)).numpy()


def trees(x, y, seed, threads):
    """Early stopping on a tenth of the patients; half of the columns for each tree."""
    import lightgbm as lgb
    n = len(y) // 10
    settings = dict(objective="cross_entropy", learning_rate=0.06, num_leaves=31,
                    min_data_in_leaf=100, feature_fraction=0.5, bagging_fraction=0.8,
                    bagging_freq=1, lambda_l2=5.0, max_bin=127, verbosity=-1, seed=seed,
                    num_threads=threads, deterministic=True, force_col_wise=True)
    train = lgb.Dataset(x[n:], y[n:], free_raw_data=True)
    valid = lgb.Dataset(x[:n], y[:n], reference=train)
    stop = lgb.early_stopping(40, verbose=False)
    return lgb.train(settings, train, 1500, [valid], callbacks=[stop])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dir", type=pathlib.Path)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--shares", default="0.1,0.3,1", help="of the patients, the last is used")
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--width", type=int, default=384)
    parser.add_argument("--nets", type=int, default=2, help="that are averaged")
    parser.add_argument("--trees", action="store_true")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    names, x = read(args.dir, "ceiling.summary")
    tasks, risks = read(args.dir, "ceiling.risks")
    fresh_names, fresh_x = read(args.dir, "fresh.summary")
    _, fresh = read(args.dir, "fresh.risks")
    assert names == fresh_names
    started, scale = time.process_time(), Scale(x)
    z, fresh_z, y = scale(x), scale(fresh_x), torch.from_numpy(risks[:, 1:].copy())
    account = {task: dict(points=[]) for task in tasks[1:]}
    for share in map(float, args.shares.split(",")):
        n = int(len(z) * share)
        # Fewer patients are passed over more often, and by one network.
        epochs = int(args.epochs / max(share, 0.2) ** 0.5)
        count = args.nets if share == 1 else 1
        nets = [fit(z[:n], y[:n], seed, epochs, args.width) for seed in range(count)]
        answers = mean_logits(nets, fresh_z)
        for column, task in enumerate(tasks[1:]):
            there = ~np.isnan(fresh[:, column + 1])
            truth, got = fresh[there, column + 1], answers[there, column]
            point = (n, 1000 * excess(truth, got), auroc(truth, got))
            account[task]["points"].append(point)
            print(task, point, f"{time.process_time() - started:.0f} s", flush=True)
    answers[np.isnan(fresh[:, 1:])] = np.nan
    answers.astype("<f4").tofile(args.dir / "fresh.ceiling.f32")
    (args.dir / "fresh.ceiling.json").write_text(json.dumps(tasks[1:]))
    if args.trees:
        for column, task in enumerate(tasks[1:], start=1):
            asked, there = ~np.isnan(risks[:, column]), ~np.isnan(fresh[:, column])
            model = trees(x[asked], risks[asked, column], 1, args.threads)
            got, truth = model.predict(fresh_x[there]), fresh[there, column]
            account[task]["trees"] = (1000 * excess(truth, got), auroc(truth, got))
            print(task, "trees", account[task]["trees"], flush=True)
    write(args.dir, account, time.process_time() - started)


def write(folder, account, seconds):
    text = ("Excess loss on the fresh draw in thousandths of a nat of one outcome (what no record "
            "tells and the Monte Carlo error of the true risks are in it) and AUROC in expectation,"
            f" by patients learnt from ({seconds:.0f} processor seconds in all).\n\n")
    some = next(iter(account.values()))["points"]
    text += "| outcome | " + " | ".join(str(n) for n, *_ in some) + " |\n"
    text += "|---" * (len(some) + 1) + "|\n"
    for task, one in account.items():
        cells = [f"{nats:.3f}, {area:.4f}" for _, nats, area in one["points"]]
        text += f"| {task} | " + " | ".join(cells) + " |\n"
    (folder / "ceiling.json").write_text(json.dumps(dict(markdown=text, tasks=account), indent=1))


if __name__ == "__main__":
    main()
