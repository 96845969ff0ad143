"""Ranks over MPI on this machine: how long the sum of a gradient takes, and tokens a second of one rank
and of two with one thread each.

`python bench_parallel.py [ROUNDS] [STEPS] [PATIENTS]`. Needs an MPI library (Debian: libopenmpi-dev
openmpi-bin libclang-dev clang) and two cores that nobody else uses: ranks wait for the slower one. Trains
on a synthetic hospital; the counts of ranks take turns, medians of the rounds. Prints Markdown.
"""

import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ROUNDS = int(sys.argv[1]) if len(sys.argv) > 1 else 3
STEPS = int(sys.argv[2]) if len(sys.argv) > 2 else 40
PATIENTS = sys.argv[3] if len(sys.argv) > 3 else "400"
# Containers run as root.
ENVIRONMENT = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")
# Preset, ranks, positions of a step over all ranks.
RUNS = [(preset, *run) for preset in ("tiny", "small") for run in [(1, 1024), (2, 1024), (2, 2048)]]


def build():
    command = ["cargo", "build", "--release", "--locked", "--manifest-path", "parallel/Cargo.toml"]
    command += ["--bin", "longitude-parallel", "--example", "longitude", "--message-format", "json"]
    lines = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True).stdout
    found = re.findall(r'"executable":"([^"]+)"', lines)
    return [next(one for one in found if Path(one).name == name) for name in ("longitude-parallel", "longitude")]


def run(*command, **more):
    return subprocess.run([str(one) for one in command], check=True, env=ENVIRONMENT, text=True, **more)


def train(parallel, work, number, preset, ranks, batch):
    settings = work / f"settings-{number}.toml"
    # Twice the batch takes half the steps.
    steps = max(1, STEPS * 1024 // batch)
    settings.write_text(
        f'preset = "{preset}"\nsteps = {steps}\nbatch_events = {batch}\nthreads = 1\npatience = 0\n'
        f"checkpoint_every = {steps}\n"
    )
    model = work / f"model-{number}"
    command = [parallel, "train", work / "shared", "--model-dir", model, "--config", settings]
    run("mpirun", "-n", ranks, *command, capture_output=True)
    account = json.loads((model / "training.json").read_text())
    return account["speed"]["tokens_per_second"], account["record"]["parameters"]


def main():
    parallel, longitude = build()
    run("mpirun", "-n", 2, parallel, "bench")
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        run(longitude, "hospital", "--meds", "--no-truth", "--patients", PATIENTS, "--to", work / "identified")
        policy = run(longitude, "deid", "--example", "expert_determination", stdout=subprocess.PIPE).stdout
        (work / "policy.toml").write_text(policy)
        deid = [longitude, "deid", work / "identified", "--to", work / "shared"]
        deid += ["--policy", work / "policy.toml", "--institution", work / "institution"]
        run(*deid, capture_output=True)
        rates = {one: [] for one in RUNS}
        parameters = {}
        for turn in range(ROUNDS):
            for place, (preset, ranks, batch) in enumerate(RUNS):
                number = turn * len(RUNS) + place
                rate, weights = train(parallel, work, number, preset, ranks, batch)
                rates[preset, ranks, batch].append(rate)
                parameters[preset] = weights
    print("| preset | parameters | ranks | positions a step | tokens/s | of one rank |")
    print("|---|---|---|---|---|---|")
    for (preset, ranks, batch), found in rates.items():
        rate = statistics.median(found)
        one = statistics.median(rates[preset, 1, 1024])
        spread = f"{min(found):.0f} to {max(found):.0f}"
        print(f"| {preset} | {parameters[preset]} | {ranks} | {batch} | {rate:.0f} ({spread}) | {rate / one:.2f} |")


main()
