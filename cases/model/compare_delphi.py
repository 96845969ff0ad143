"""`cargo xtask bench delphi DATA_DIR OUT_DIR [--tables]`: the age-sex hazard, Delphi and ours, in turn.

Each learns from the same subjects, tunes on the same and is judged by the same; `delphi_reference.py` has
the first two, `crates/train/examples/delphi` ours. Prints the tables of docs/model/delphi.md; with
`--tables` from the files that an earlier run left in OUT_DIR. Twenty minutes of one thread, most of them
Delphi's.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
from delphi_reference import CODES, DAYS_PER_YEAR, FIRST, INDEX_AGES, load

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
OURS = ["cargo", "run", "--release", "--locked", "-p", "longitude-train", "--example", "delphi", "--"]
# Chosen on the tuning subjects (docs/model/delphi.md).
CHOSEN = (
    "epochs=12 decay=2 embedding_decay=1 dropout=0.1 rate=4e-3 edges=few subjects_min=5 seeds=4"
    " held_out=true"
).split()
RUNS = [
    ("agesex", ["agesex"]),
    ("delphi", ["delphi", "--epochs", "20", "--end"]),
    ("longitude", CHOSEN),
]
CASES_MIN = 20


def run(data, out):
    one = {**os.environ, "OMP_NUM_THREADS": "1", "RAYON_NUM_THREADS": "1"}
    for name, arguments in RUNS:
        if name == "longitude":
            command = [*OURS, data, out, f"name={name}", *arguments]
        else:
            what, *rest = arguments
            script = str(HERE / "delphi_reference.py")
            command = [sys.executable, script, what, data, out, "--name", name, *rest]
        subprocess.run(command, cwd=ROOT, env=one, check=True)


def nats(one, rule="once"):
    return sum(np.array(one["sums"][rule][part]) for part in ("wait", "code", "survival"))


def interval(sums, events, draws=2000):
    """The ratio of sums over subjects, and its 95 % interval when subjects are drawn anew."""
    pick = np.random.default_rng(1).integers(0, len(sums), (draws, len(sums)))
    low, high = np.quantile(sums[pick].sum(1) / events[pick].sum(1), [0.025, 0.975])
    return f"{sums.sum() / events.sum():+.3f} [{low:+.3f}, {high:+.3f}]"


def likelihoods(found):
    events = np.array(found["agesex"]["sums"]["once"]["events"])
    ours = found.get("longitude-mixture") or found["longitude"]
    head = "| model | nats an event | day | code given the day | no event up to the end"
    head += " | nats if codes may recur | less than the age-sex hazard | ours less than it"
    print(head + " | parameters | positions seen | CPU seconds |")
    print("|" + "---|" * 11)
    for name, one in found.items():
        assert one["sums"]["once"]["subject"] == found["agesex"]["sums"]["once"]["subject"]
        less = interval(nats(found["agesex"]) - nats(one), events)
        beaten = [interval(nats(one) - nats(o), events) for o in (found["longitude"], ours)]
        numbers = [f"{one['once'][part]:.3f}" for part in ("nats", "wait", "code", "survival")]
        numbers.append(f"{one['again']['nats']:.3f}")
        rest = [f"{one['parameters']:,}", f"{one.get('positions', 0):,}", f"{one['cpu_seconds']:.0f}"]
        print("| " + " | ".join([name, *numbers, less, " / ".join(beaten), *rest]) + " |")


def auroc(score, case):
    order = np.argsort(score, kind="stable")
    ranks = np.empty(len(score))
    _, inverse, counts = np.unique(score[order], return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    ranks[order] = (ends - (counts - 1) / 2)[inverse]
    n = case.sum()
    return (ranks[case].sum() - n * (n + 1) / 2) / (n * (len(case) - n))


def within_ten_years(found, people, out):
    """Of those alive and without the disease at the index age: who has it within ten years, ranked by
    each model's rate at that age. The mean over endpoints with enough cases, and death apart."""
    first = np.full((len(people), CODES), np.inf)
    for i, (_, _, days, codes) in enumerate(people):
        first[i, codes - FIRST] = days
    rows = {}
    for a, age in enumerate(INDEX_AGES):
        at, until = age * DAYS_PER_YEAR, (age + 10) * DAYS_PER_YEAR
        free = (first > at) & (first[:, -1:] > at)
        case = free & (first <= until)
        asked = [c for c in range(CODES) if case[:, c].sum() >= CASES_MIN]
        scores = {}
        for name in found:
            path = Path(out) / f"{name}.risks"
            if path.exists():
                scores[name] = np.fromfile(path, "<f4").reshape(len(INDEX_AGES), len(people), CODES)[a]
        for name, score in scores.items():
            values = [auroc(score[free[:, c], c], case[free[:, c], c]) for c in asked]
            death = values[-1] if asked[-1] == CODES - 1 else float("nan")
            row = rows.setdefault(name, [])
            row += [f"{np.mean(values):.3f} ({len(asked)} endpoints)", f"{death:.3f}" if death == death else "too few"]
    print("| model | " + " | ".join(f"mean AUROC at {a} | death at {a}" for a in INDEX_AGES) + " |")
    print("|" + "---|" * (1 + 2 * len(INDEX_AGES)))
    for name, row in rows.items():
        print("| " + " | ".join([name, *row]) + " |")


def main():
    data, out = (str(Path(x).resolve()) for x in sys.argv[1:3])
    if "--tables" not in sys.argv:
        run(data, out)
    names = [name for name, _ in RUNS] + ["longitude-mixture"]
    paths = {name: Path(out) / f"{name}.json" for name in names}
    found = {name: json.loads(path.read_text()) for name, path in paths.items() if path.exists()}
    likelihoods(found)
    print()
    within_ten_years(found, load(data)["held_out"], out)


if __name__ == "__main__":
    main()
