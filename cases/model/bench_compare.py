"""Ours and PyTorch on the shapes A and D, in turn in one run, one thread and two, medians of the rounds.

`python bench_compare.py [SECONDS] [ROUNDS] [PARTS]`, PARTS a comma list of A1 D1 A2 D2. Needs torch, and
builds `bench_step`. A machine that others use makes wall times noisy: the processor time a token stands
beside them. Prints a Markdown table with the ratio to the best of the PyTorch rows of the same kind of
products (f32, bf16), and to the best of all of them.
"""

import re
import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SECONDS = sys.argv[1] if len(sys.argv) > 1 else "8"
ROUNDS = int(sys.argv[2]) if len(sys.argv) > 2 else 3
PARTS = (sys.argv[3] if len(sys.argv) > 3 else "A1,D1,A2,D2").split(",")

TORCH = [
    ("torch f32, as installed", ["as-installed"]),
    ("torch f32, AVX-512 forced", []),
    ("torch f32, forced, compiled", ["compile"]),
    ("torch bf16, forced", ["bf16"]),
    ("torch bf16, forced, compiled", ["bf16", "compile"]),
]
OURS = [("ours f32", "avx512"), ("ours bf16", "avx512_bf16")]


def build():
    command = ["cargo", "build", "--release", "--locked", "--package", "longitude-model"]
    command += ["--example", "bench_step", "--message-format", "json"]
    lines = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    found = [m for m in re.findall(r'"executable":"([^"]+)"', lines) if m.endswith("bench_step")]
    return found[-1]


def figures(command):
    """Tokens a second by the wall, processor microseconds a token, share of peak in per cent."""
    run = subprocess.run(command, capture_output=True, text=True)
    wall = re.search(r"train:\s+(\d+) tokens/s", run.stdout)
    cpu = re.search(r"([\d.]+) cpu-us/token", run.stdout)
    peak = re.search(r"([\d.]+) % of peak", run.stdout)
    if not wall:
        print(f"  failed: {' '.join(command[-4:])}: {run.stderr[-300:]}", file=sys.stderr)
        return None
    return float(wall[1]), float(cpu[1]), float(peak[1]) if peak else float("nan")


def main():
    binary, script = build(), str(Path(__file__).with_name("bench_torch.py"))
    print(f"{ROUNDS} rounds in turn, {SECONDS} s each\n")
    print("| part | engine | tokens/s | CPU us/token | of peak | wall, to best of kind | CPU, to best of kind | CPU, to best of all |")
    print("|---|---|---|---|---|---|---|---|")
    for part in PARTS:
        rows = {}
        for _ in range(ROUNDS):
            for name, level in OURS:
                rows.setdefault(name, []).append(figures([binary, SECONDS, part, level]))
            for name, flags in TORCH:
                rows.setdefault(name, []).append(figures([sys.executable, script, SECONDS, part, *flags]))
        medians = {}
        for name, runs in rows.items():
            runs = [run for run in runs if run]
            if runs:
                medians[name] = [statistics.median(column) for column in zip(*runs)]
        torch = {name: m for name, m in medians.items() if name.startswith("torch")}
        for name, (wall, cpu, peak) in medians.items():
            kind = "bf16" if "bf16" in name else "f32"
            peers = [m for other, m in torch.items() if kind in other]
            ratios = ["", "", ""]
            if peers and torch:
                ratios[0] = f"{wall / max(m[0] for m in peers):.2f}"
                ratios[1] = f"{min(m[1] for m in peers) / cpu:.2f}"
                ratios[2] = f"{min(m[1] for m in torch.values()) / cpu:.2f}"
            share = "" if peak != peak else f"{peak:.0f} %"
            print(f"| {part} | {name} | {wall:.0f} | {cpu:.1f} | {share} | {' | '.join(ratios)} |", flush=True)


main()
