"""Checks a MEDS data set with the schemas of the public `meds` package.

usage: python validate_with_meds.py DIR

Prints one line for each table and exits with 1 at the first that its schema refuses. It checks types
and columns as they stand, without letting the schema convert anything, and what the package asks for in
words: codes complete, splits cover the data, a subject in one file, contiguous and sorted.
"""

import json
import pathlib
import sys

import pyarrow.parquet as pq
from meds import CodeMetadataSchema, DatasetMetadataSchema, DataSchema, SubjectSplitSchema
from meds import __version__


def main(root: pathlib.Path) -> None:
    codes, subjects = set(), set()
    files = sorted((root / "data").rglob("*.parquet"))
    assert files, "no data files"
    for path in files:
        # One file at a time: a folder named like a column must not become one.
        table = pq.ParquetFile(path).read()
        DataSchema.validate(table)
        codes.update(table["code"].to_pylist())
        last, here = None, set()
        for subject, time in zip(table["subject_id"].to_pylist(), table["time"].to_pylist()):
            if last is None or last[0] != subject:
                assert subject not in here, "not contiguous"
                here.add(subject)
            else:
                assert last[1] is None or (time is not None and time >= last[1]), "not sorted"
            last = (subject, time)
        assert not here & subjects, "a subject in two files"
        subjects |= here
        print("data", path.relative_to(root), table.num_rows)
    splits = pq.ParquetFile(root / "metadata" / "subject_splits.parquet").read()
    SubjectSplitSchema.validate(splits)
    assert subjects <= set(splits["subject_id"].to_pylist()), "a subject without a split"
    print("splits", splits.num_rows)
    table = pq.ParquetFile(root / "metadata" / "codes.parquet").read()
    CodeMetadataSchema.validate(table)
    assert codes <= set(table["code"].to_pylist()), "a code is missing"
    print("codes", table.num_rows)
    info = json.loads((root / "metadata" / "dataset.json").read_text())
    DatasetMetadataSchema.validate(info)
    print("dataset", info.get("meds_version"), "checked by meds", __version__)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
