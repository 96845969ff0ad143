#!/usr/bin/env python3
"""Random tasks over random records, labelled by es-aces 0.7.3 and by `longitude label
--aces-compat`, and compared row for row. All data are synthetic and seeded.

usage: compare_aces.py LONGITUDE [--cases 500] [--seed 1] [--keep DIR] [--keep-max 40]
needs: pip install es-aces==0.7.3

Every construct of the language is drawn: plain predicates by code, regex, list and other columns,
bounds of values of either kind (also over NaN and missing numbers), derived predicates of one or
more levels, demographics and static predicates, all three special predicates, windows on the
trigger and on each other in every form, inclusive and exclusive ends, counts, labels, prediction
times on either side. A task that es-aces refuses must not be labelled wrongly by the other: it is
counted apart. With --keep cases with at least three labels are stored as goldens: N.task.yaml,
N.data.parquet and N.labels.parquet.
"""
import argparse, datetime, logging, pathlib, random, subprocess, sys, tempfile
import polars as pl
from omegaconf import DictConfig
from meds import LabelSchema
from aces import config, predicates, query, run

logging.disable(logging.CRITICAL)
CODES = ["ADM//x", "ADM//y", "DIS//h", "DIS//s", "DEATH", "LAB//A", "LAB//B", "VITAL", "MED//1"]
T0 = datetime.datetime(2020, 1, 1)


def data(rng):
    """Rows of a few subjects: ties, NaN, missing numbers, rows without a time, one microsecond."""
    rows = []
    for subject in range(1, rng.choice([1, 2, 4, 8]) + 1):
        for code in ("GENDER//M", "GENDER//F", "RACE//1"):
            if rng.random() < 0.5:
                rows.append((subject, None, code, None, rng.choice(["a", "b", None]), rng.choice([1, 2, None])))
        step = rng.choice([datetime.timedelta(hours=1), datetime.timedelta(hours=12), datetime.timedelta(days=3)])
        for _ in range(rng.choice([0, 1, 3, 10, 30, 60])):
            at = T0 + step * rng.randint(0, 20)
            if rng.random() < 0.02:
                at += datetime.timedelta(microseconds=rng.choice([-7, 5, 11]))
            value = rng.choice([None, float("nan"), 0.0, 1.3, 5.0, 5.1, 10.0, 20.0, -3.5])
            rows.append((subject, at, rng.choice(CODES), value, rng.choice(["a", "b", None]), rng.choice([1, 2, None])))
    schema = {"subject_id": pl.Int64, "time": pl.Datetime("us"), "code": pl.String, "numeric_value": pl.Float32, "ward": pl.String, "bed": pl.Int64}
    return pl.DataFrame(rows, schema=schema, orient="row").sort("subject_id", "time", nulls_last=False, maintain_order=True)


def plain(rng):
    kind = rng.random()
    if kind < 0.5:
        code = f'"{rng.choice(CODES)}"'
    elif kind < 0.75:
        code = '{ regex: "%s" }' % rng.choice(["^ADM//.*", "^DIS", "LAB//", "A$", "^(VITAL|MED)", "."])
    elif kind < 0.97:
        code = "{ any: [%s] }" % ", ".join(f'"{c}"' for c in rng.sample(CODES, rng.randint(1, 3)))
    else:
        code = "null"
    parts = [f"code: {code}"]
    for side in ("min", "max"):
        if rng.random() < 0.25:
            parts.append(f"value_{side}: {rng.choice(['1.3', '5', '10', '0', 'null', '5.1'])}")
            if rng.random() < 0.7:
                parts.append(f"value_{side}_inclusive: {rng.choice(['true', 'false', 'null'])}")
    if rng.random() < 0.1:
        parts.append(rng.choice(["ward: a", "bed: 2"]))
    return "{ " + ", ".join(parts) + " }"


def duration(rng):
    return rng.choice(["1h", "12h", "24h", "36 hours", "2 days", "1 day, 12:00:00", "7d", "30 days", "1.5d", "0.25h"])


def task(rng):
    names = [f"p{i}" for i in range(rng.randint(2, 5))]
    lines = ["predicates:"]
    for name in names:
        lines.append(f"  {name}: {plain(rng)}")
    statics = []
    if rng.random() < 0.3:
        statics = rng.sample(["male", "female", "race"], rng.randint(1, 2))
    derived = []
    for i in range(rng.randint(0, 3)):
        pool = names + derived + (statics if rng.random() < 0.5 else [])
        parts = rng.sample(pool, min(len(pool), rng.randint(2, 3)))
        if len(parts) < 2:
            continue
        derived.append(f"d{i}")
        operator = rng.choice(["and", "or"])
        lines.append(f"  d{i}:\n    expr: {operator}({', '.join(parts)})")
    if rng.random() < 0.05:
        lines.append('  fixed: { code: "RACE//1", static: true }')
        if derived:
            lines.append(f"  df:\n    expr: and({names[0]}, fixed)")
            derived.append("df")
    if statics:
        lines.append("patient_demographics:")
        code = {"male": "GENDER//M", "female": "GENDER//F", "race": "RACE//1"}
        for name in statics:
            lines.append(f'  {name}: {{ code: "{code[name]}" }}')
    usable = names + derived
    trigger = rng.choice(usable * 4 + ["_ANY_EVENT", "_RECORD_START", "_RECORD_END"])
    lines += [f"trigger: {trigger}", "windows:"]
    refs = ["trigger"]
    count = rng.randint(1, 4)
    label_at, index_at = rng.randrange(count), rng.randrange(count)
    for i in range(count):
        ref = rng.choice(refs + refs[-2:])
        step = rng.random()
        if step < 0.55:
            root = ref
        elif step < 0.8:
            root = f"{ref} {rng.choice('+-')} {duration(rng)}"
        else:
            root = f"{ref} {rng.choice(['->', '<-'])} {rng.choice(usable + ['_ANY_EVENT', '_RECORD_END', '_RECORD_START'])}"
        forward = rng.random() < 0.6
        kind = rng.random()
        event = rng.choice(usable * 3 + ["_ANY_EVENT", "_RECORD_START" if not forward else "_RECORD_END"])
        if kind < 0.45:
            own = f"start + {duration(rng)}" if forward else f"end - {duration(rng)}"
        elif kind < 0.75:
            own = f"start -> {event}" if forward else f"end <- {event}"
        elif kind < 0.95:
            own = "null"
        else:
            own = "start" if forward else "end"
        start, end = (root, own) if forward else (own, root)
        lines.append(f"  w{i}:")
        lines.append(f"    start: {start}")
        lines.append(f"    end: {end}")
        lines.append(f"    start_inclusive: {rng.choice(['true', 'false'])}")
        lines.append(f"    end_inclusive: {rng.choice(['true', 'false'])}")
        if rng.random() < 0.4:
            chosen = rng.sample(usable + ["_ANY_EVENT", "_RECORD_START", "_RECORD_END"], rng.randint(1, 2))
            lines.append("    has:")
            for name in chosen:
                lines.append(f"      {name}: {rng.choice(['(1, None)', '(None, 0)', '(None, 3)', '(2, None)', '(0, 5)', '(None, 1)'])}")
        if i == label_at and rng.random() < 0.95:
            lines.append(f"    label: {rng.choice(usable)}")
        if i == index_at and rng.random() < 0.95:
            lines.append(f"    index_timestamp: {rng.choice(['start', 'end'])}")
        refs += [f"w{i}.start", f"w{i}.end"]
    return "\n".join(lines) + "\n"


def aces(task_path, data_path):
    """What `aces-cli data.standard=meds` writes, in this process."""
    cfg = config.TaskExtractorConfig.load(str(task_path))
    frame = predicates.get_predicates_df(cfg, DictConfig({"path": str(data_path), "standard": "meds", "ts_format": None}))
    result = query.query(cfg, frame)
    names = {"subject_id": LabelSchema.subject_id_name, "index_timestamp": LabelSchema.prediction_time_name, "label": LabelSchema.boolean_value_name}
    result = result.rename({a: b for a, b in names.items() if a in result.columns})
    if LabelSchema.subject_id_name not in result.columns:
        result = result.with_columns(pl.lit(None, dtype=pl.Int64).alias(LabelSchema.subject_id_name)).head(0)
    return pl.from_arrow(run.get_and_validate_label_schema(result))


def in_order(frame):
    columns = ["subject_id", "prediction_time", "boolean_value"]
    return frame.select(columns).sort(columns, nulls_last=False)


def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("longitude")
    args.add_argument("--cases", type=int, default=500)
    args.add_argument("--seed", type=int, default=1)
    args.add_argument("--keep")
    args.add_argument("--keep-max", type=int, default=40)
    args.add_argument("--why", action="store_true", help="also say why es-aces refuses what both refuse")
    args = args.parse_args()
    counts = {"equal": 0, "equal and not empty": 0, "both refuse": 0, "only es-aces refuses": 0, "differ": 0, "refused, es-aces found nothing": 0, "only longitude refuses": 0}
    kept, reasons = 0, {}
    for case in range(args.cases):
        rng = random.Random(args.seed * 1_000_003 + case)
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            frame, text = data(rng), task(rng)
            (folder / "task.yaml").write_text(text)
            frame.write_parquet(folder / "data.parquet")
            try:
                expected, refused = aces(folder / "task.yaml", folder / "data.parquet"), None
            except BaseException as error:  # polars panics are no Exception
                if isinstance(error, KeyboardInterrupt):
                    raise
                expected, refused = None, error
            ours = subprocess.run([args.longitude, "label", folder / "task.yaml", "--data", folder / "data.parquet", "--to", folder / "ours.parquet", "--aces-compat"], capture_output=True, text=True)
            if ours.returncode not in (0, 3):
                sys.exit(f"case {case}: exit {ours.returncode}\n{ours.stderr}\n{text}")
            if refused is not None:
                both = ours.returncode != 0
                counts["both refuse" if both else "only es-aces refuses"] += 1
                if not both or args.why:
                    key = ("both: " if both else "") + f"{type(refused).__name__}: {str(refused).splitlines()[0][:90] if str(refused) else ''}"
                    reasons.setdefault(key, []).append(case)
                continue
            if ours.returncode and expected.height == 0:
                # es-aces looks at a window that it cannot read only once there is a trigger.
                counts["refused, es-aces found nothing"] += 1
                continue
            if ours.returncode:
                counts["only longitude refuses"] += 1
                print(f"case {case}: only longitude refuses: {ours.stderr}\n{text}")
                continue
            found, expected = in_order(pl.read_parquet(folder / "ours.parquet")), in_order(expected)
            if found.equals(expected):
                counts["equal"] += 1
                counts["equal and not empty"] += expected.height > 0
                if args.keep and expected.height > 2 and kept < args.keep_max:
                    target = pathlib.Path(args.keep)
                    target.mkdir(parents=True, exist_ok=True)
                    (target / f"{case:04}.task.yaml").write_text(text)
                    frame.write_parquet(target / f"{case:04}.data.parquet", compression="snappy")
                    expected.write_parquet(target / f"{case:04}.labels.parquet", compression="snappy")
                    kept += 1
            else:
                counts["differ"] += 1
                print(f"case {case}: differ\n{text}\nes-aces {expected}\nlongitude {found}\n{frame}" if counts["differ"] <= 3 else f"case {case}: differ")
    print(counts)
    for reason, cases in reasons.items():
        print(f"es-aces refuses, {len(cases)} times (first case {cases[0]}): {reason}")
    sys.exit(1 if counts["differ"] or counts["only longitude refuses"] else 0)


if __name__ == "__main__":
    main()
