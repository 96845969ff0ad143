"""Longitude beside a tuned LightGBM on the PhysioNet Challenge 2012, sets A and B, both directions.

`python physionet.py --source DIR --program LONGITUDE --example PHYSIONET --work DIR [--tune N]`, where DIR
holds `set-a/`, `set-b/`, `Outcomes-a.txt`, `Outcomes-b.txt` (or the archives `set-a.tar.zst`,
`set-b.tar.zst`). Needs numpy, pandas, pyarrow, scikit-learn and lightgbm.

1. The outcomes state whole days, so that who died or left on the second day would be told apart by the
   record of the first 48 hours itself: such outcomes are placed at 49.5 hours. SAPS-I and SOFA are left
   out, for they are reckoned from the same hours.
2. Both sets go through `longitude ingest` and `longitude deid`. Both sides read the same de-identified
   MEDS data sets, and of a stay its first 48 hours.
3. LightGBM: counts, means, extremes, spread, first, last, slope and time of the last of each
   measurement, over all hours and by halves of a day; the best of N random settings by five-fold
   cross-validation on the set that is learnt from; five models of the folds averaged.
4. Longitude: `crates/cli/examples/physionet.rs`, whose choices are made on the same set too.
5. Pooled over both directions: AUROC, average precision, Brier with paired bootstrap intervals over
   stays; Event 1 (the lesser of sensitivity and positive predictive value, at the threshold that is
   best on the learnt set) and Event 2 (a reconstruction: Hosmer-Lemeshow H over deciles, divided by the
   range of the deciles' mean risks).
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

import lightgbm as lgb
import numpy as np
import pandas as pd
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.model_selection import StratifiedKFold

HOURS = 48
EARLY_DAYS = 2.0625


def prepare(source, work, letter):
    """A folder of one set with outcomes that the first 48 hours cannot tell."""
    folder = work / f"source-{letter}"
    if (folder / f"Outcomes-{letter}.txt").exists():
        return folder
    folder.mkdir(parents=True)
    archive = source / f"set-{letter}.tar.zst"
    if archive.exists():
        subprocess.run(f"zstd -dc '{archive}' | tar x -C '{folder}'", shell=True, check=True)
    else:
        subprocess.run(["cp", "-r", source / f"set-{letter}", source / f"Outcomes-{letter}.txt", folder], check=True)
    outcomes = pd.read_csv(folder / f"Outcomes-{letter}.txt").astype(float)
    died = (outcomes["In-hospital_death"] == 1) & (outcomes.Survival > 0)
    stay = outcomes.Length_of_stay.where(~died, np.minimum(outcomes.Length_of_stay, outcomes.Survival))
    outcomes["Length_of_stay"] = stay.where(stay < 0, stay.clip(lower=EARLY_DAYS))
    survival = outcomes.Survival
    outcomes["Survival"] = survival.where(survival <= 0, survival.clip(lower=EARLY_DAYS))
    outcomes["SAPS-I"] = outcomes["SOFA"] = -1.0
    # The mapping knows a missing number as `-1`, not as `-1.0`.
    text = outcomes.map(lambda number: f"{number:g}")
    text.to_csv(folder / f"Outcomes-{letter}.txt", index=False)
    return folder


def meds(program, work, letter, source):
    """The de-identified MEDS data set of one set."""
    out = work / f"meds-{letter}"
    if out.exists():
        return out
    keys, policy = work / "keys", work / "policy.toml"
    run = lambda *words: subprocess.run([program, *words], check=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if not keys.exists():
        run("init", "--institution", keys)
        policy.write_bytes(run("deid", "--example", "expert_determination").stdout)
    run("ingest", source, "--to", work / f"identified-{letter}")
    run("deid", work / f"identified-{letter}", "--to", out, "--policy", policy, "--institution", keys)
    return out


def events(folder):
    files = sorted((folder / "data").rglob("*.parquet"))
    columns = ["subject_id", "time", "code", "numeric_value"]
    d = pd.concat([pd.read_parquet(file, columns=columns) for file in files])
    admitted = d[d.code == "ICU_ADMISSION"].groupby("subject_id").time.first()
    d["hour"] = (d.time - d.subject_id.map(admitted)).dt.total_seconds() / 3600
    died = d[d.code == "HOSPITAL_DISCHARGE//DIED"].subject_id.unique()
    left = d[d.code.str.startswith("HOSPITAL_DISCHARGE")].groupby("subject_id").hour.first() / 24
    dead = d[d.code == "MEDS_DEATH"].groupby("subject_id").hour.first() / 24
    y = pd.DataFrame({"died": admitted.index.isin(died).astype(int)}, index=admitted.index)
    return d, y.assign(left=left, dead=dead)


def features(d, subjects):
    static = pd.DataFrame(index=subjects)
    fixed = d[d.code.str.contains("GENDER|ICU_TYPE")]
    for code, rows in fixed.groupby("code"):
        static[code] = static.index.isin(rows.subject_id).astype(float)
    static["age"] = -d[d.code == "MEDS_BIRTH"].groupby("subject_id").hour.first() / 8766
    x = d[d.numeric_value.notna() & (d.hour >= 0) & (d.hour <= HOURS)]
    parts = [static]

    def sums(rows, tag, kinds):
        table = rows.groupby(["subject_id", "code"]).numeric_value.agg(kinds).unstack()
        table.columns = [f"{tag} {kind} {code}" for kind, code in table.columns]
        parts.append(table)

    sums(x, "all", ["count", "mean", "min", "max", "first", "last", "std"])
    for first in range(0, HOURS, 12):
        sums(x[(x.hour >= first) & (x.hour < first + 12.001)], f"from {first}", ["count", "mean", "min", "max", "last"])
    sums(x[x.hour >= 24], "day 2", ["count", "mean", "min", "max", "last"])
    x = x.assign(product=x.hour * x.numeric_value, square=x.hour**2)
    mean = x.groupby(["subject_id", "code"])[["hour", "numeric_value", "product", "square"]].mean()
    spread = mean.square - mean.hour**2
    slope = ((mean["product"] - mean.hour * mean.numeric_value) / spread.where(spread > 0.01)).unstack()
    parts.append(slope.add_prefix("slope "))
    parts.append(x.groupby(["subject_id", "code"]).hour.max().unstack().add_prefix("hour of last "))
    return pd.concat(parts, axis=1).reindex(subjects)


def settings(random):
    return dict(
        learning_rate=random.choice([0.01, 0.02, 0.03]), num_leaves=int(random.choice([7, 15, 31, 63])),
        min_child_samples=int(random.choice([10, 20, 40, 80])), reg_lambda=float(random.choice([0, 1, 5, 20])),
        colsample_bytree=float(random.choice([0.1, 0.2, 0.4, 0.7])), subsample=float(random.choice([0.6, 0.8, 1.0])),
        subsample_freq=1, max_bin=int(random.choice([63, 255])),
    )


def bagged(x, y, new, chosen, model=lgb.LGBMClassifier, folds=5):
    """Out-of-fold answers and the mean answer of the folds' models."""
    answer = (lambda m, x: m.predict_proba(x)[:, 1]) if model is lgb.LGBMClassifier else (lambda m, x: m.predict(x))
    out, mean = np.zeros(len(y)), np.zeros(len(new))
    split = StratifiedKFold(folds, shuffle=True, random_state=0).split(x, (y > np.median(y)) if len(set(y)) > 2 else y)
    for learn, left in split:
        m = model(n_estimators=3000, verbose=-1, n_jobs=1, random_state=0, **chosen)
        stop = lgb.early_stopping(100, verbose=False)
        m.fit(x.iloc[learn], y[learn], eval_set=[(x.iloc[left], y[left])], callbacks=[stop])
        out[left] = answer(m, x.iloc[left])
        mean += answer(m, new) / folds
    return out, mean


def tuned(x, y, new, tries):
    random = np.random.default_rng(1)
    best = None
    for _ in range(tries):
        chosen = settings(random)
        out, mean = bagged(x, y, new, chosen)
        loss = -np.mean(np.where(y == 1, np.log(out), np.log1p(-out)))
        if best is None or loss < best[0]:
            best = (loss, out, mean, chosen)
    return best


def clean(x):
    x = x.copy()
    x.columns = [f"f{i}" for i in range(x.shape[1])]
    return x


def event1(y, p, threshold):
    hit = p >= threshold
    positive, found = hit.sum(), (hit & (y == 1)).sum()
    return min(found / y.sum(), found / max(positive, 1))


def best_threshold(y, p):
    return max(np.quantile(p, np.linspace(0.5, 0.99, 200)), key=lambda t: event1(y, p, t))


def event2(y, p):
    """Reconstruction: H over deciles of risk, over the range of their mean risks."""
    groups = np.array_split(np.argsort(p, kind="stable"), 10)
    h = sum(
        (y[g].sum() - p[g].sum()) ** 2 / max(len(g) * p[g].mean() * (1 - p[g].mean()), 1e-9) for g in groups
    )
    return h / (p[groups[-1]].mean() - p[groups[0]].mean())


def concordance(time, event, risk):
    """Harrell's C: of pairs whose order is known, the share where the earlier had the greater risk."""
    won = pairs = 0.0
    for i in np.flatnonzero(event):
        later = time > time[i]
        pairs += later.sum()
        won += (risk[later] < risk[i]).sum() + 0.5 * (risk[later] == risk[i]).sum()
    return won / pairs


METRICS = {
    "AUROC": roc_auc_score,
    "AUPRC": average_precision_score,
    "Brier": lambda y, p: np.mean((y - p) ** 2),
    "log loss": lambda y, p: -np.mean(np.where(y == 1, np.log(p), np.log1p(-p))),
}


def pooled(metric, directions, name, draws=None):
    """The mean over the two directions: risks of two models are not ranked against each other."""
    values = []
    for side, d in enumerate(directions):
        rows = d["test"] if draws is None else d["test"].iloc[draws[side]]
        values.append(METRICS[metric](rows.died.to_numpy(), rows[name].clip(1e-6, 1 - 1e-6).to_numpy()))
    return float(np.mean(values))


def compare(directions, names, reference, repeats=1000):
    random = np.random.default_rng(2)
    draws = [[random.integers(0, len(d["test"]), len(d["test"])) for d in directions] for _ in range(repeats)]
    table = {}
    for metric in METRICS:
        base = [pooled(metric, directions, reference, draw) for draw in draws]
        for name in names:
            each = [pooled(metric, directions, name, draw) for draw in draws]
            gap = np.array(each) - np.array(base)
            table[name, metric] = dict(
                value=pooled(metric, directions, name),
                interval=[float(q) for q in np.quantile(each, [0.025, 0.975])],
                difference=pooled(metric, directions, name) - pooled(metric, directions, reference),
                difference_interval=[float(q) for q in np.quantile(gap, [0.025, 0.975])],
            )
    return table


def direction(a, learn, test):
    """One direction: everything is chosen on the set `learn`."""
    out = a.work / f"answers-{learn}{test}.csv"
    folders = {letter: meds(a.program, a.work, letter, prepare(a.source, a.work, letter)) for letter in (learn, test)}
    subprocess.run([a.example, folders[learn], folders[test], out, *a.options], check=True)
    ours = pd.read_csv(out).set_index("subject")
    y0, y1, oof, mean, los = lightgbm(a, learn, test, folders)
    assert (ours[ours.set == "train"].died.reindex(y0.index) == y0.died).all(), "labels differ"
    train = ours[ours.set == "train"].reindex(y0.index).assign(lightgbm=oof)
    test_rows = ours[ours.set == "test"].reindex(y1.index).assign(lightgbm=mean, los_lightgbm=los, left=y1.left, dead=y1.dead)
    return dict(name=f"{learn}->{test}", train=train, test=test_rows)


def lightgbm(a, learn, test, folders):
    """Labels, and LightGBM's answers out of fold, for the other set, and for the length of stay; kept."""
    kept = a.work / f"lightgbm-{learn}{test}-{a.tune}.pkl"
    if kept.exists():
        return pd.read_pickle(kept)
    (d0, y0), (d1, y1) = (events(folders[letter]) for letter in (learn, test))
    x0, x1 = features(d0, y0.index), features(d1, y1.index)
    common = [column for column in x0 if column in x1 and x0[column].notna().sum() > 20]
    x0, x1 = clean(x0[common]), clean(x1[common])
    loss, oof, mean, chosen = tuned(x0, y0.died.to_numpy(), x1, a.tune)
    print(f"{learn}->{test}: LightGBM of {len(common)} features, {chosen}, cross-validated log loss {loss:.4f}", flush=True)
    keep = dict(chosen, objective="regression_l1")
    left = y0.left.fillna(y0.left.median()).to_numpy()
    _, los = bagged(x0, np.log(left), x1, keep, lgb.LGBMRegressor)
    answers = (y0, y1, oof, mean, np.exp(los))
    pd.to_pickle(answers, kept)
    return answers


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--source", type=Path, required=True)
    p.add_argument("--program", type=Path, required=True)
    p.add_argument("--example", type=Path, required=True)
    p.add_argument("--work", type=Path, required=True)
    p.add_argument("--tune", type=int, default=20)
    p.add_argument("options", nargs="*", help="handed on to the example")
    a = p.parse_args()
    a.work.mkdir(parents=True, exist_ok=True)
    directions = [direction(a, *pair) for pair in (("a", "b"), ("b", "a"))]
    columns = [c for c in directions[0]["test"].columns if c not in ("set", "died", "left", "dead")]
    names = [c for c in columns if not c.startswith(("los_", "death_"))]
    table = compare(directions, names, "lightgbm")
    print("\n| in-hospital death at 48 h | " + " | ".join(f"{m} (minus LightGBM)" for m in METRICS) + " | Event 1 | Event 2 |")
    print("|---" * (len(METRICS) + 3) + "|")
    for name in names:
        cells = []
        for metric in METRICS:
            cell = table[name, metric]
            low, high = cell["difference_interval"]
            cells.append(f"{cell['value']:.4f} ({cell['difference']:+.4f} [{low:+.4f}, {high:+.4f}])")
        one, two = [], []
        for d in directions:
            y0, p0, y1, p1 = (d[s][c].to_numpy() for s in ("train", "test") for c in ("died", name))
            one.append(event1(y1, p1, best_threshold(y0, p0)))
            two.append(event2(y1, p1))
        print(f"| {name} | " + " | ".join(cells) + f" | {np.mean(one):.4f} | {np.mean(two):.1f} |")
    print("\n| length of stay, time to death | " + " | ".join(d["name"] for d in directions) + " |\n|---|---|---|")
    for column in [c for c in columns if c.startswith(("los_", "death_"))] + ["lightgbm"]:
        cells = []
        for d in directions:
            rows = d["test"]
            if column.startswith("los_"):
                known = rows.left.notna()
                error = (rows[column] - rows.left)[known].abs()
                c = concordance(rows.left[known].to_numpy(), np.ones(known.sum(), bool), -rows[column][known].to_numpy())
                cells.append(f"median absolute error {error.median():.2f} d, mean {error.mean():.2f} d, C {c:.4f}")
            else:
                # Without a death the subject is known alive until discharge.
                time = rows.dead.fillna(rows.left).fillna(EARLY_DAYS).to_numpy()
                cells.append(f"C {concordance(time, rows.dead.notna().to_numpy(), rows[column].to_numpy()):.4f}")
        print(f"| {column} | " + " | ".join(cells) + " |")
    (a.work / "physionet.json").write_text(json.dumps({f"{n} {m}": v for (n, m), v in table.items()}, indent=1))


if __name__ == "__main__":
    sys.exit(main())
