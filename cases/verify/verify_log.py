#!/usr/bin/env python3
"""A second verifier of a log, written from the specifications alone and with Python's standard
library alone: RFC 6962 (hashes, proofs), C2SP tlog-tiles, signed-note, tlog-checkpoint,
tlog-cosignature, tlog-proof, and RFC 8032 (Ed25519). It shares no line with the program.

    verify_log.py log FOLDER KEY                 every tile, entry and the checkpoint of a log
    verify_log.py proof FILE ENTRY_FILE KEY [WITNESS_KEY ...]
                                                 one entry against its .tlog-proof

KEY is a note verifier key. Prints what was checked and ends with 0, or says what is wrong and ends
with 1.
"""

import base64
import hashlib
import pathlib
import sys

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P


class Wrong(Exception):
    """Something does not verify."""


def sha256(data):
    return hashlib.sha256(data).digest()


# Ed25519, RFC 8032 section 5.1, points as extended coordinates (X, Y, Z, T).


def add(p, q):
    a = (p[1] - p[0]) * (q[1] - q[0]) % P
    b = (p[1] + p[0]) * (q[1] + q[0]) % P
    c = 2 * p[3] * q[3] * D % P
    d = 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return (e * f % P, g * h % P, f * g % P, e * h % P)


def times(k, p):
    q = (0, 1, 1, 0)
    while k:
        if k & 1:
            q = add(q, p)
        p = add(p, p)
        k >>= 1
    return q


def same(p, q):
    return (p[0] * q[2] - q[0] * p[2]) % P == 0 and (p[1] * q[2] - q[1] * p[2]) % P == 0


def point(data):
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & (1 << 255) - 1
    if y >= P:
        raise Wrong("a key or signature is not a point of the curve")
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    if (x * x - square) % P or (x == 0 and sign):
        raise Wrong("a key or signature is not a point of the curve")
    if x & 1 != sign:
        x = P - x
    return (x, y, 1, x * y % P)


BASE = point((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))


def check_ed25519(key, message, signature):
    a, r = point(key), point(signature[:32])
    s = int.from_bytes(signature[32:], "little")
    if s >= L:
        raise Wrong("a signature is not in its range")
    h = int.from_bytes(hashlib.sha512(signature[:32] + key + message).digest(), "little") % L
    if not same(times(s, BASE), add(r, times(h, a))):
        raise Wrong("a signature does not fit its text")


# Notes and checkpoints.


def read_key(text, kind):
    name, key_id, rest = text.strip().split("+", 2)
    raw = base64.b64decode(rest, validate=True)
    if raw[0] != kind or len(raw) != 33:
        raise Wrong("the key is not of the kind asked for")
    if sha256(name.encode() + b"\n" + raw)[:4].hex() != key_id:
        raise Wrong("the key's id does not fit its name")
    return name, bytes.fromhex(key_id), raw[1:]


def signatures(note):
    at = note.rindex("\n\n")
    text, lines = note[: at + 1], note[at + 2 :]
    found = []
    for line in lines.splitlines():
        dash, name, coded = line.split(" ")
        if dash != "\u2014":
            raise Wrong("a signature line has the wrong form")
        found.append((name, base64.b64decode(coded, validate=True)))
    return text, found


def open_checkpoint(note, key):
    name, key_id, raw = read_key(key, 1)
    text, found = signatures(note)
    own = [s[4:] for n, s in found if n == name and s[:4] == key_id]
    if not own:
        raise Wrong("the checkpoint is not signed by the key")
    for signature in own:
        check_ed25519(raw, text.encode(), signature)
    origin, size, root = text.split("\n")[:3]
    if origin != name or str(int(size)) != size:
        raise Wrong("the checkpoint is of another log")
    return int(size), base64.b64decode(root, validate=True)


def cosigned(note, witness):
    """The times at which a witness cosigned the note."""
    name, key_id, raw = read_key(witness, 4)
    text, found = signatures(note)
    at = []
    for n, s in found:
        if n == name and s[:4] == key_id:
            time = int.from_bytes(s[4:12], "big")
            check_ed25519(raw, f"cosignature/v1\ntime {time}\n{text}".encode(), s[12:])
            at.append(time)
    return at


# Trees.


def leaf(entry):
    return sha256(b"\0" + entry)


def node(left, right):
    return sha256(b"\1" + left + right)


def root_of(hashes):
    """RFC 6962, 2.1, by the stack of perfect subtrees."""
    stack = []
    for number, one in enumerate(hashes):
        stack.append(one)
        while number & 1:
            right = stack.pop()
            stack.append(node(stack.pop(), right))
            number >>= 1
    if not stack:
        return sha256(b"")
    root = stack.pop()
    while stack:
        root = node(stack.pop(), root)
    return root


def check_inclusion(entry, index, path, size, root):
    """From the top down: which half holds the entry, and which hash is its sibling's."""

    def go(at, width, path):
        if width == 1:
            if path:
                raise Wrong("the proof is too long")
            return leaf(entry)
        if not path:
            raise Wrong("the proof is too short")
        half = 1 << (width - 1).bit_length() - 1
        if at < half:
            return node(go(at, half, path[:-1]), path[-1])
        return node(path[-1], go(at - half, width - half, path[:-1]))

    if not 0 <= index < size or go(index, size, path) != root:
        raise Wrong("the proof does not lead to the checkpoint's root")


# A log on files.


def numbered(index):
    parts = [f"{index % 1000:03}"]
    while index >= 1000:
        index //= 1000
        parts.append(f"x{index % 1000:03}")
    return "/".join(reversed(parts))


def tiles(folder, level, count, width_of):
    """The tiles of a level that holds `count` items, each with its width."""
    for index in range((count + 255) // 256):
        width = min(256, count - 256 * index)
        partial = "" if width == 256 else f".p/{width}"
        path = folder / "tile" / level / (numbered(index) + partial)
        try:
            data = path.read_bytes()
        except OSError:
            raise Wrong(f"{path} cannot be read") from None
        yield path, width_of(path, data, width)


def hashes_of(path, data, width):
    if len(data) != 32 * width:
        raise Wrong(f"{path} does not hold {width} hashes")
    return [data[at : at + 32] for at in range(0, len(data), 32)]


def entries_of(path, data, width):
    entries, at = [], 0
    while at < len(data):
        length = int.from_bytes(data[at : at + 2], "big")
        entries.append(data[at + 2 : at + 2 + length])
        at += 2 + length
    if at != len(data) or len(entries) != width:
        raise Wrong(f"{path} does not hold {width} entries")
    return entries


def check_log(folder, key):
    folder = pathlib.Path(folder)
    size, root = open_checkpoint((folder / "checkpoint").read_text("utf-8"), key)
    below = []
    for _path, entries in tiles(folder, "entries", size, entries_of):
        below.extend(leaf(entry) for entry in entries)
    if root_of(below) != root:
        raise Wrong("the entries do not lead to the checkpoint's root")
    level = 0
    while below:
        for number, (path, hashes) in enumerate(tiles(folder, str(level), len(below), hashes_of)):
            if hashes != below[256 * number : 256 * number + 256]:
                raise Wrong(f"{path} does not hold the hashes of what is below it")
        whole = len(below) // 256
        below = [root_of(below[256 * n : 256 * n + 256]) for n in range(whole)]
        level += 1
    return f"{size} entries, {level} levels of tiles, the checkpoint: all agree"


def check_proof(file, entry, key, witnesses):
    text = pathlib.Path(file).read_text("utf-8")
    head, note = text.split("\n\n", 1)
    lines = head.split("\n")
    if lines.pop(0) != "c2sp.org/tlog-proof@v1":
        raise Wrong("it is not a tlog-proof file")
    if lines[0].startswith("extra "):
        lines.pop(0)
    word, index = lines.pop(0).split(" ")
    if word != "index":
        raise Wrong("it has no index")
    path = [base64.b64decode(line, validate=True) for line in lines]
    size, root = open_checkpoint(note, key)
    check_inclusion(pathlib.Path(entry).read_bytes(), int(index), path, size, root)
    for witness in witnesses:
        if not cosigned(note, witness):
            raise Wrong("a witness has not cosigned the checkpoint")
    return f"entry {index} of {size}, {len(witnesses)} witnesses asked for: verified"


def main():
    try:
        match sys.argv[1:]:
            case ["log", folder, key]:
                print(check_log(folder, key))
            case ["proof", file, entry, key, *witnesses]:
                print(check_proof(file, entry, key, witnesses))
            case _:
                sys.exit(__doc__)
    except (Wrong, ValueError, IndexError) as error:
        sys.exit(f"not verified: {error}")


if __name__ == "__main__":
    main()
