#!/usr/bin/env python3
"""The figure "faithfulness": whether evidence is true to the model and names what was planted.

usage: faithfulness.py [PATIENTS] [FRESH] [SECONDS] [key=value ...]   (dir=, threads=, preset=, ...)
PATIENTS to learn from, FRESH patients to draw those that are tested from, SECONDS of training.
`sampled=` is the number of patients whose ranking is asked twice by sampled futures.
"""
import pathlib
import subprocess
import sys

EXAMPLE = ["cargo", "run", "--release", "--locked", "--package", "longitude-predict",
           "--example", "known_truth", "--"]


def main():
    plain = [a for a in sys.argv[1:] if "=" not in a]
    options = dict(a.split("=", 1) for a in sys.argv[1:] if "=" in a)
    patients, fresh, seconds = (plain + ["6000", "1500", "300"][len(plain):])[:3]
    folder = pathlib.Path(options.pop("dir", f"target/faithfulness-{patients}"))
    program = options.pop("program", None)
    command = [program] if program else EXAMPLE
    options.setdefault("threads", "1")
    sampled = options.pop("sampled", "10")
    extra = [f"{key}={value}" for key, value in options.items()]

    def stage(which, **settings):
        given = [f"{key}={value}" for key, value in settings.items()]
        subprocess.run([*command, which, f"dir={folder}", *extra, *given], check=True)

    if not (folder / "learn.json").exists():
        stage("learn", seed=1, patients=patients, seconds=seconds)
    stage("faithful", name="fresh", seed=2, patients=fresh, sampled=sampled)


if __name__ == "__main__":
    main()
