#!/usr/bin/env python3
"""The figure "known truth": all stages in order, those whose files are there left out.

usage: known_truth.py [PATIENTS] [FRESH] [SECONDS] [key=value ...]   (dir=, threads=, preset=, ...)
PATIENTS to learn from, FRESH patients to judge by, SECONDS of training. `ceiling=` is the number of
patients that the ceiling is learnt from, at `ceiling_rollouts=` rollouts each. Needs lightgbm.
"""
import os
import pathlib
import subprocess
import sys

EXAMPLE = ["cargo", "run", "--release", "--locked", "--package", "longitude-predict",
           "--example", "known_truth", "--"]


def main():
    plain = [a for a in sys.argv[1:] if "=" not in a]
    options = dict(a.split("=", 1) for a in sys.argv[1:] if "=" in a)
    patients, fresh, seconds = (plain + ["50000", "40000", "900"][len(plain):])[:3]
    folder = pathlib.Path(options.pop("dir", f"target/known-truth-{patients}"))
    ceiling = options.pop("ceiling", "200000")
    ceiling_rollouts = options.pop("ceiling_rollouts", "16")
    threads = options.setdefault("threads", "1")
    extra = [f"{key}={value}" for key, value in options.items()]

    def stage(name, made, /, **settings):
        if all((folder / one).exists() for one in made):
            print(f"{name}: there already", flush=True)
            return
        given = [f"{key}={value}" for key, value in settings.items()]
        subprocess.run([*EXAMPLE, name, f"dir={folder}", *extra, *given], check=True)

    learnt, judged = dict(seed=1, patients=patients), dict(seed=2, patients=fresh)
    stage("draw", ["fresh.risks.f32"], name="fresh", rollouts=256, **judged)
    stage("draw", ["ceiling.risks.f32"], name="ceiling", rollouts=ceiling_rollouts, seed=3,
          patients=ceiling)
    if not (folder / "fresh.ceiling.f32").exists():
        script = pathlib.Path(__file__).with_name("ceiling.py")
        subprocess.run([sys.executable, script, folder, "--threads", threads], check=True,
                       env=dict(os.environ, OMP_NUM_THREADS=threads))
    stage("learn", ["learn.json"], seconds=seconds, **learnt)
    stage("answer", ["stack.boosted.f32"], name="stack", **learnt)
    stage("answer", ["fresh.boosted.f32"], name="fresh", **judged)
    stage("effects", ["effects.json"], name="fresh", **judged)
    stage("judge", [], name="fresh")


if __name__ == "__main__":
    main()
