"""Makes the shipped tables from the published files.

    python make.py SOURCE_DIR

SOURCE_DIR holds the files that README.md names, each packed with xz. Needs Python's standard library and
the program `zstd`. The same sources make the same bytes.
"""

import csv
import json
import lzma
import pathlib
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

HERE = pathlib.Path(__file__).parent


def opened(source, name):
    path = source / name
    if name.endswith(".xz"):
        # The list of ICD-9-CM alone is in Latin-1.
        encoding = "latin-1" if name.startswith("icd9cm-v32") else "utf-8"
        return lzma.open(path, "rt", encoding=encoding, newline="")
    return open(path, encoding="utf-8", newline="")


def write(name, rows):
    """Tab-separated rows, sorted by their bytes, one code once."""
    lines = ["\t".join(row) for row in rows]
    assert all(line.count("\t") == lines[0].count("\t") and "\n" not in line for line in lines)
    lines.sort(key=lambda line: line.encode())
    text = "".join(line + "\n" for line in lines)
    path = HERE / f"{name}.tsv"
    path.write_text(text, encoding="utf-8")
    command = ["zstd", "--ultra", "-22", "-q", "-f", "--no-progress", "--rm", str(path)]
    subprocess.run(command, check=True)
    print(f"{name}: {len(lines)} rows, {path.with_suffix('.tsv.zst').stat().st_size} bytes")


def list_of(source, name, width):
    """Codes and descriptions of a list in columns of fixed width."""
    with opened(source, name) as file:
        return {line[:width].strip(): line[width:].strip() for line in file if line.strip()}


def tabular(source):
    """The tabular list: undotted code -> (description, has children); seventh characters spelled out."""
    with opened(source, "icd10cm-tabular-2026-04.xml.xz") as file:
        root = ElementTree.parse(file).getroot()
    nodes = {}

    def walk(node, extensions):
        code, text = node.findtext("name").replace(".", ""), node.findtext("desc").strip()
        own = node.find("sevenChrDef")
        if own is not None:
            extensions = [(one.get("char"), one.text.strip()) for one in own.findall("extension")]
        children = node.findall("diag")
        nodes[code] = (text, bool(children or extensions))
        for child in children:
            walk(child, extensions)
        if not children and extensions:
            for char, meaning in extensions:
                nodes[code.ljust(6, "X") + char] = (f"{text}, {meaning}", False)

    for node in root.iter("section"):
        for top in node.findall("diag"):
            walk(top, None)
    return nodes


def icd10cm(source):
    listed = list_of(source, "icd10cm-codes-2024.txt.xz", 8)
    nodes = tabular(source)
    with opened(source, "icd10cm-ccsr-cat1.json.xz") as file:
        ccsr = json.load(file)
    with opened(source, "ccir_v2023-1.csv.xz") as file:
        indicator = {row[0].strip("'"): row[1:] for row in csv.reader(file) if row[0][:1] == "'"}
    indicator.pop("ICD-10-CM CODE")
    rows = []
    for code in sorted(set(listed) | set(nodes) | set(ccsr) | set(indicator)):
        text, is_header = nodes.get(code, ("", False))
        state = "L" if code in listed else "H" if is_header else "N" if text else "O"
        of_indicator, chronic = indicator.get(code, ("", ""))
        text = listed.get(code) or text or of_indicator
        rows.append((code, state, ccsr.get(code, ""), chronic, text))
    both = sum(code in nodes for code in listed)
    print(f"icd10cm: {len(listed)} listed in 2024, {both} of them in the tabular list of 2026")
    for part, letters in (("a-r", "ABCDEFGHIJKLMNOPQR"), ("s-z", "STUVWXYZ")):
        write(f"icd10cm-{part}", [row for row in rows if row[0][0] in letters])


def groups(source):
    """Chapters and blocks of ICD-10-CM (first and last category, kind, description), and the categories
    whose letters lie outside their block (category, kind, first category of the block)."""
    with opened(source, "icd10cm-tabular-2026-04.xml.xz") as file:
        root = ElementTree.parse(file).getroot()
    rows = []
    for chapter in root.iter("chapter"):
        text, span = re.fullmatch(r"(.*) \((\w+-\w+)\)", chapter.findtext("desc").strip(), re.DOTALL).groups()
        rows.append((span, "C", " ".join(text.split())))
        for section in chapter.findall("section"):
            span = section.get("id")
            text = section.findtext("desc").strip().removesuffix(f"({span})")
            span = span if "-" in span else f"{span}-{span}"
            first, last = span.split("-")
            categories = [one.findtext("name") for one in section.findall("diag")]
            if categories:
                rows.append((span, "B", " ".join(text.split())))
            # C4A stands between C43 and C44, where no order of letters puts it.
            rows += [(one, "M", first) for one in categories if not first <= one <= last]
    write("icd10cm-groups", rows)


def gems(source):
    for name, file_name, of, to in (
        ("gem-9-10", "icd9toicd10cmgem.csv.xz", "icd9cm", "icd10cm"),
        ("gem-10-9", "icd10cmtoicd9gem.csv.xz", "icd10cm", "icd9cm"),
    ):
        with opened(source, file_name) as file:
            rows = [(row[of], row[to], row["flags"]) for row in csv.DictReader(file)]
        write(name, rows)


def main():
    source = pathlib.Path(sys.argv[1])
    icd10cm(source)
    groups(source)
    write("icd9cm", list(list_of(source, "icd9cm-v32-dx.txt.xz", 6).items()))
    write("icd10pcs", list(list_of(source, "icd10pcs-codes-2024.txt.xz", 8).items()))
    gems(source)


if __name__ == "__main__":
    main()
