"""Compares what `longitude ingest` made of the MIMIC-IV demo's CSV tables with the published MEDS of
the same patients, family by family, and says what stands on one side only.

It is not a test and holds no record: it reads two folders and prints a table of counts, in which
1 to 10 is written "<11" and a number from which such a count could be subtracted is withheld.

    python compare_mimic_tables.py INGESTED_MEDS PUBLISHED_MEDS      (needs pyarrow)

Both sides are naive local times and keep MIMIC's own subject_id. Rows are matched one to one
(multisets) on subject, code and time, and then also on number (single precision) and text.
"repeats" are the rows of a side that agree with an earlier one of that side in all of these.
"""

import collections
import struct
import sys

from compare_mimic import part, rows, small

Counter = collections.Counter

# Families whose table is not in the copy of the CSV, and families that only ingest makes.
NO_TABLE = {"LAB", "INFUSION_START", "INFUSION_END", "SUBJECT_WEIGHT_AT_INFUSION", "eMAR"}
OMR = {"Blood Pressure", "Weight (Lbs)", "BMI (kg/m2)", "Height (Inches)", "Height", "Weight", "BMI",
       "eGFR"}


def family(code):
    parts = code.split("//")
    if parts[0] == "MEDICATION":
        return "/".join(parts[:2]) if parts[1] in ("START", "STOP") else "eMAR"
    if parts[0] == "PROCEDURE":
        return "/".join(parts[:2])
    if parts[0] in OMR or parts[0].startswith("Blood Pressure"):
        return "omr"
    return parts[0]


def single(number):
    return None if number is None else struct.unpack("f", struct.pack("f", number))[0]


def value(row):
    """A text that is a number counts as the number: ingest reads it, the published set does not."""
    number, text = row["numeric_value"], row["text_value"]
    if number is None and text is not None:
        try:
            number, text = float(text), None
        except ValueError:
            pass
    return single(number), text


def key(row):
    return row["subject_id"], row["code"], row["time"]


def split(data):
    families = collections.defaultdict(list)
    for row in data:
        families[family(row["code"])].append(row)
    return families


def matched(a, b, of):
    return sum((Counter(map(of, a)) & Counter(map(of, b))).values())


def repeats(data):
    return len(data) - len({(key(row), value(row)) for row in data})


def main(ingested, published):
    ours, theirs = split(rows(ingested)), split(rows(published))
    print("| family | ingested | published | same code | same time | same value "
          "| repeats, ingested | repeats, published |")
    print("|---|--:|--:|--:|--:|--:|--:|--:|")
    for name in sorted(set(ours) | set(theirs)):
        a, b = ours.get(name, []), theirs.get(name, [])
        cells = [name, small(len(a)), small(len(b))]
        if a and b:
            totals = (len(a), len(b))
            of = [lambda r: key(r)[:2], key, lambda r: (key(r), value(r))]
            cells += [part(matched(a, b, one), totals) for one in of]
            cells += [small(repeats(a)), small(repeats(b))]
        else:
            cells += ["-"] * 5
            if name in NO_TABLE:
                cells[0] += " (no table)"
        print("| " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main(*sys.argv[1:])
