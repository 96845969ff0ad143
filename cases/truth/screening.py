#!/usr/bin/env python3
"""The figure "screening": the stages of the known truth that it needs, those whose files are there
left out, then the list of the rare disease on fresh patients.

usage: screening.py [PATIENTS] [FRESH] [SECONDS] [key=value ...]   (dir=, threads=, preset=, ...)
"""
import pathlib
import subprocess
import sys

EXAMPLE = ["cargo", "run", "--release", "--locked", "--package", "longitude-predict",
           "--example", "known_truth", "--"]


def main():
    plain = [a for a in sys.argv[1:] if "=" not in a]
    options = dict(a.split("=", 1) for a in sys.argv[1:] if "=" in a)
    patients, fresh, seconds = (plain + ["20000", "40000", "300"][len(plain):])[:3]
    folder = pathlib.Path(options.pop("dir", f"target/screening-{patients}"))
    options.setdefault("only", "amyloidosis_5y")
    options.setdefault("members", "query,boosted,age_sex")
    extra = [f"{key}={value}" for key, value in options.items()]

    def stage(name, made, /, **settings):
        if made and (folder / made).exists():
            print(f"{name}: there already", flush=True)
            return
        given = [f"{key}={value}" for key, value in settings.items()]
        subprocess.run([*EXAMPLE, name, f"dir={folder}", *extra, *given], check=True)

    learnt, judged = dict(seed=1, patients=patients), dict(seed=2, patients=fresh)
    stage("learn", "learn.json", seconds=seconds, **learnt)
    stage("answer", "stack.query.f32", name="stack", **learnt)
    stage("answer", "fresh.query.f32", name="fresh", **judged)
    stage("screen", None, name="fresh", **judged)


if __name__ == "__main__":
    main()
