#!/usr/bin/env python3
"""One task over a MEDS data set, end to end, by `longitude label --aces-compat` and by es-aces, in
turn: medians, peak memory and whether the rows are equal.

usage: bench_label.py --program LONGITUDE --peer ACES_CLI --data DIR --task YAML
                      [--predicates YAML] [--rounds 5]
needs: pip install es-aces==0.7.3 (ACES_CLI is its `aces-cli`); it labels one shard after the other
in one process, as its documentation says for sharded data.
"""
import argparse, os, pathlib, shutil, statistics, subprocess, sys, tempfile, time


def run(command):
    """Seconds, CPU seconds and peak memory in MB of a command."""
    start = time.perf_counter()
    child = subprocess.Popen([str(part) for part in command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        sys.exit(f"{command}: exit {child.returncode}")
    return time.perf_counter() - start, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def main():
    args = argparse.ArgumentParser()
    for name in ("program", "peer", "data", "task"):
        args.add_argument(f"--{name}", required=True)
    args.add_argument("--predicates")
    args.add_argument("--rounds", type=int, default=5)
    args = args.parse_args()
    data = pathlib.Path(args.data) / "data"
    shards = sorted(str(path.relative_to(data).with_suffix("")) for path in data.rglob("*.parquet"))
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        (folder / "task").mkdir()
        shutil.copy(args.task, folder / "task.yaml")
        ours = [args.program, "label", args.task, "--data", args.data, "--to", folder / "ours.parquet", "--aces-compat"]
        peer = [args.peer, "-m", f"cohort_dir={folder}", "cohort_name=task", "data=sharded", "data.standard=meds", f"data.root={data}", f"data.shard={','.join(shards)}"]
        if args.predicates:
            ours += ["--predicates", args.predicates]
            peer += [f"predicates_path={args.predicates}"]
        times = {"longitude": [], "es-aces": []}
        cpu = {"longitude": [], "es-aces": []}
        memory = {}
        for _ in range(args.rounds):
            for name, command in (("longitude", ours), ("es-aces", peer)):
                seconds, busy, peak = run(command)
                times[name].append(seconds)
                cpu[name].append(busy)
                memory[name] = max(memory.get(name, 0), peak)
        medians = {name: statistics.median(all_) for name, all_ in times.items()}
        for name in times:
            print(f"{name}: median {medians[name]:.3f} s of {', '.join(f'{t:.3f}' for t in times[name])}; CPU {statistics.median(cpu[name]):.2f} s; peak {memory[name]:.0f} MB")
        print(f"ratio {medians['es-aces'] / medians['longitude']:.1f}")
        try:
            import polars as pl
        except ImportError:
            print("rows not compared: no polars in this Python")
            return
        columns = ["subject_id", "prediction_time", "boolean_value"]
        found = pl.read_parquet(folder / "ours.parquet").select(columns).sort(columns)
        expected = pl.concat([pl.read_parquet(path) for path in (folder / "task").rglob("*.parquet")]).select(columns).sort(columns)
        print(f"rows {found.height}, equal: {found.equals(expected)}")


if __name__ == "__main__":
    main()
