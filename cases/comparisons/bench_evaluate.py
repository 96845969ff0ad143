"""`longitude evaluate --meds-compat` beside meds-evaluation, in turn, on 200,000 tied predictions.

    python bench_evaluate.py PEER_PYTHON [ROUNDS]

PEER_PYTHON is the Python of an environment with `pip install meds-evaluation==0.0.6`. Both programs start,
read the same Parquet file and write their JSON; every number must agree to 1e-9. Seconds of the clock and of
the processor are medians over the rounds.
"""

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time

MAKE = """
import sys
import numpy as np, pyarrow as pa, pyarrow.parquet as pq
rng = np.random.default_rng(7)
n = 200_000
s = np.sort(rng.integers(0, 40_000, n))
t = np.datetime64("2020-01-01", "us") + rng.integers(0, 10**9, n).astype("timedelta64[s]")
q = rng.beta(1.2, 6, n)
y = rng.random(n) < q
p = np.round(np.clip(q * 1.15, 0, 1), 3).astype(np.float32)
names = ["subject_id", "prediction_time", "boolean_value", "predicted_boolean_value", "predicted_boolean_probability"]
pq.write_table(pa.table([pa.array(x) for x in (s, t, y, p > 0.3, p)], names=names), sys.argv[1], compression="zstd")
"""


def run(command, out):
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    found = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    wall, after = time.monotonic() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    if out:
        with open(out) as file:
            found = file.read()
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return wall, cpu, json.loads(found)


def main():
    python = sys.argv[1]
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 7
    subprocess.run(["cargo", "build", "--release", "--locked", "-p", "longitude-cli"], check=True)
    program = os.path.join(os.environ.get("CARGO_TARGET_DIR", "target"), "release", "longitude")
    peer = os.path.join(os.path.dirname(python), "meds-evaluation-cli")
    runs = {"longitude": [], "meds-evaluation": []}
    with tempfile.TemporaryDirectory() as folder:
        table, out = os.path.join(folder, "predictions.parquet"), os.path.join(folder, "peer.json")
        subprocess.run([python, "-c", MAKE, table], check=True)
        for _ in range(rounds):
            ours = run([program, "evaluate", table, "--meds-compat"], None)
            theirs = run([peer, f"predictions_path={table}", f"output_file={out}"], out)
            runs["longitude"].append(ours)
            runs["meds-evaluation"].append(theirs)
    ours, theirs = runs["longitude"][0][2], runs["meds-evaluation"][0][2]
    worst = max(abs(ours[b][m] - value) for b, block in theirs.items() for m, value in block.items())
    medians = {}
    for name, found in runs.items():
        wall, cpu = (statistics.median(one[k] for one in found) for k in (0, 1))
        medians[name] = wall, cpu
        print(f"{name:<16} {wall:.3f} s of the clock, {cpu:.3f} s of the processor")
    wall, cpu = (medians["meds-evaluation"][k] / medians["longitude"][k] for k in (0, 1))
    print(f"ratio            {wall:.0f} by the clock, {cpu:.0f} by the processor; largest difference {worst:.1e}")
    if worst > 1e-9:
        sys.exit("the two do not agree")


if __name__ == "__main__":
    main()
