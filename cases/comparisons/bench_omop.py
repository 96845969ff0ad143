"""OMOP into MEDS, `longitude ingest` beside `meds_etl_omop`, in turn on the same tables.

A small OMOP folder (CSV, plain or gzip) is multiplied in a temporary folder: every copy has its own
persons, visits and records. Each program then runs --runs times, one after the other; the medians of
wall and processor time are printed.

    cargo build --release -p longitude-cli
    python3 -m venv VENV && VENV/bin/pip install meds_etl==0.3.11 meds_etl_cpp polars==1.26
    cargo xtask bench omop --source OMOP_DIR --program target/release/longitude \
        --peer VENV/bin/meds_etl_omop --copies 20

The standard library is enough. Nothing is kept.
"""

import argparse
import csv
import gzip
import os
import pathlib
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

# Far above every identifier of one copy.
STEP = 1_000_000_000
VOCABULARY = ("concept", "vocabulary", "cdm_source", "domain", "relationship")
MOVED = {
    "person_id", "visit_occurrence_id", "condition_occurrence_id", "drug_exposure_id",
    "measurement_id", "observation_id", "procedure_occurrence_id", "device_exposure_id",
    "preceding_visit_occurrence_id", "observation_period_id",
}  # fmt: skip


def opened(path):
    return gzip.open(path, "rt", newline="") if path.suffix == ".gz" else open(path, newline="")


def multiply(source, target, copies):
    rows_written = 0
    for path in sorted(source.iterdir()):
        name = path.name.split(".")[0]
        if ".csv" not in path.name:
            continue
        times = 1 if name.startswith(VOCABULARY) else copies
        with opened(path) as file:
            header, *rows = csv.reader(file)
        moved = [place for place, column in enumerate(header) if column in MOVED]
        with open(target / f"{name}.csv", "w", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(header)
            for copy in range(times):
                for row in rows:
                    row = list(row)
                    for place in moved:
                        if row[place]:
                            row[place] = int(row[place]) + copy * STEP
                    writer.writerow(row)
                    rows_written += 1
    return rows_written


def measure(command, log):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.monotonic()
    with open(log, "w") as file:
        done = subprocess.run(command, stdout=file, stderr=subprocess.STDOUT)
    wall = time.monotonic() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != 0:
        sys.exit(f"{command[0]} failed:\n{pathlib.Path(log).read_text()[-2000:]}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return wall, cpu


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--source", type=pathlib.Path, required=True, help="a small OMOP folder")
    parser.add_argument("--program", default="target/release/longitude")
    parser.add_argument("--peer", help="meds_etl_omop; left out: ours alone")
    parser.add_argument("--backend", default="cpp", choices=["cpp", "polars"])
    parser.add_argument("--copies", type=int, default=20)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        tables, out, log = folder / "omop", folder / "out", folder / "log"
        tables.mkdir()
        rows = multiply(chosen.source, tables, chosen.copies)
        size = sum(path.stat().st_size for path in tables.iterdir())
        print(f"{rows} rows, {size / 1e6:.0f} MB of CSV")
        threads = str(chosen.threads)
        commands = {
            "longitude": [chosen.program, "ingest", str(tables), "--to", str(out)]
            + ["--threads", threads, "--json"],
        }
        if chosen.peer:
            commands["meds_etl"] = [chosen.peer, str(tables), str(out)] + [
                "--num_shards", threads, "--num_proc", threads, "--backend", chosen.backend,
            ]  # fmt: skip
        results = {name: [] for name in commands}
        for _ in range(chosen.runs):
            for name, command in commands.items():
                shutil.rmtree(out, ignore_errors=True)
                results[name].append(measure(command, log))
        medians = {}
        for name, times in results.items():
            wall, cpu = (statistics.median(column) for column in zip(*times))
            medians[name] = (wall, cpu)
            spread = " ".join(f"{wall:.2f}/{cpu:.2f}" for wall, cpu in times)
            print(f"{name:<10} wall {wall:.2f} s, processor {cpu:.2f} s  (runs: {spread})")
        if len(medians) == 2:
            (wall, cpu), (their_wall, their_cpu) = medians["longitude"], medians["meds_etl"]
            print(f"ratio      wall {their_wall / wall:.1f}, processor {their_cpu / cpu:.1f}")
    print(f"load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
