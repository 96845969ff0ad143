#!/usr/bin/env python3
"""A second verifier of a case in one file (`longitude case export`), written from the
specifications alone and with Python's standard library alone: DSSE, in-toto, Model Signing 1.0,
ECDSA on P-256 (FIPS 186-5), and the log by verify_log.py beside it.

    verify_case.py CASE.json FINGERPRINT     sha256:... of the institution's key, kept elsewhere

Prints what was checked and ends with 0, or says what is wrong and ends with 1. The steps of a
release are not judged here: their records' commitments and signatures are.
"""

import base64
import hashlib
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import verify_log as log  # noqa: E402

Wrong = log.Wrong

# P-256 (FIPS 186-5, SP 800-186), affine points; None is the point at infinity.
P = 2**256 - 2**224 + 2**192 + 2**96 - 1
A = P - 3
B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
G = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)


def add(p, q):
    if p is None or q is None:
        return p or q
    if p[0] == q[0]:
        if (p[1] + q[1]) % P == 0:
            return None
        slope = (3 * p[0] * p[0] + A) * pow(2 * p[1], P - 2, P)
    else:
        slope = (q[1] - p[1]) * pow(q[0] - p[0], P - 2, P)
    x = (slope * slope - p[0] - q[0]) % P
    return (x, (slope * (p[0] - x) - p[1]) % P)


def times(k, p):
    q = None
    while k:
        if k & 1:
            q = add(q, p)
        p = add(p, p)
        k >>= 1
    return q


def spki(pem):
    lines = [line for line in pem.strip().splitlines() if not line.startswith("-----")]
    der = base64.b64decode("".join(lines), validate=True)
    head = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d030107034200")
    if len(der) != 91 or der[:26] != head or der[26] != 4:
        raise Wrong("it is not the PEM of a P-256 key")
    x, y = int.from_bytes(der[27:59], "big"), int.from_bytes(der[59:], "big")
    if x >= P or y >= P or (y * y - x * x * x - A * x - B) % P:
        raise Wrong("the key is not a point of the curve")
    return (x, y), "sha256:" + hashlib.sha256(der).hexdigest()


def integers(der):
    """The two integers of a DER signature."""
    if der[0] != 0x30 or der[1] != len(der) - 2:
        raise Wrong("a signature is not DER")
    found, at = [], 2
    while at < len(der):
        if der[at] != 2:
            raise Wrong("a signature is not DER")
        length = der[at + 1]
        found.append(int.from_bytes(der[at + 2 : at + 2 + length], "big"))
        at += 2 + length
    return found


def check_ecdsa(key, message, signature):
    r, s = integers(signature)
    if not (0 < r < N and 0 < s < N):
        raise Wrong("a signature is not in its range")
    w = pow(s, N - 2, N)
    z = int.from_bytes(hashlib.sha256(message).digest(), "big")
    point = add(times(z * w % N, G), times(r * w % N, key))
    if point is None or point[0] % N != r:
        raise Wrong("a signature does not fit what it is of")


def open_envelope(envelope, kind, key):
    payload = base64.b64decode(envelope["payload"], validate=True)
    if envelope["payloadType"] != kind:
        raise Wrong("an envelope holds another kind of payload")
    head = f"DSSEv1 {len(kind)} {kind} {len(payload)} ".encode()
    for one in envelope["signatures"]:
        check_ecdsa(key, head + payload, base64.b64decode(one["sig"], validate=True))
    if not envelope["signatures"]:
        raise Wrong("an envelope is not signed")
    return json.loads(payload)


def commitment(salt, text):
    return "sha256:" + hashlib.sha256(bytes.fromhex(salt) + text.encode()).hexdigest()


def compact(text, name):
    """The bytes of a member of a JSON object as they are written, without white space."""
    at = text.index(f'"{name}"') + len(name) + 2
    at = text.index(":", at) + 1
    while text[at].isspace():
        at += 1
    _value, end = json.JSONDecoder().raw_decode(text, at)
    kept, inside, escaped = [], False, False
    for c in text[at:end]:
        if c == '"' and not escaped:
            inside = not inside
        escaped = inside and c == "\\" and not escaped
        if inside or not c.isspace():
            kept.append(c)
    return "".join(kept)


def signed_model(files, key):
    bundle = json.loads(files["model/model.sig"])
    statement = open_envelope(bundle["dsseEnvelope"], "application/vnd.in-toto+json", key)
    resources = statement["predicate"]["resources"]
    digests = b"".join(bytes.fromhex(one["digest"]) for one in resources)
    root = hashlib.sha256(digests).hexdigest()
    if statement["subject"][0]["digest"]["sha256"] != root:
        raise Wrong("model/model.sig: its root is not that of its list")
    facts = files.get("model/model-facts.json")
    if facts is not None:
        listed = [one["digest"] for one in resources if one["name"] == "model-facts.json"]
        if listed != [hashlib.sha256(facts.encode()).hexdigest()]:
            raise Wrong("model/model-facts.json: not that of the signed model")
    return "sha256:" + root


def proven_leaves(case, log_key):
    leaves = []
    for one in case["leaves"]:
        head, note = one["proof"].split("\n\n", 1)
        lines = head.split("\n")
        if lines.pop(0) != "c2sp.org/tlog-proof@v1":
            raise Wrong("an entry has no proof")
        index = int(lines.pop(0).removeprefix("index "))
        path = [base64.b64decode(line, validate=True) for line in lines]
        size, root = log.open_checkpoint(note, log_key)
        log.check_inclusion(one["entry"].encode(), index, path, size, root)
        leaf = json.loads(one["entry"])
        if leaf["seq"] != index:
            raise Wrong(f"entry {index} stands at another place")
        leaves.append(leaf)
    return leaves


def check_answer(text, leaves, model):
    answer = json.loads(text)
    served = [
        leaf["receipt"]
        for leaf in leaves
        if leaf["kind"] == "inference.served" and leaf["seq"] == answer["entry"]
    ]
    out = commitment(answer["salt"], compact(text, "prediction"))
    if not served or served[0]["answer"] != answer["id"] or served[0]["out"] != out:
        raise Wrong("the answer is not what its entry commits to")
    if served[0]["model_root"] != model:
        raise Wrong("the answer was given by another model")


def check_case(path, fingerprint):
    case = json.loads(pathlib.Path(path).read_text("utf-8"))
    if case["v"] != 1 or case["kind"] != "longitude.case":
        raise Wrong("it is no case in one file")
    files = dict(case["files"])
    key, found = spki(files.pop("institution.pub.pem"))
    if found != fingerprint:
        raise Wrong(f"the file bears the key {found}")
    envelope = json.loads(files.pop("institution.keys.json"))
    keys = open_envelope(envelope, "application/vnd.longitude.keys.v1+json", key)
    leaves = proven_leaves(case, keys["log_key"])
    model = signed_model(files, key)
    for name in ("model/model.sig", "model/model-facts.json"):
        files.pop(name, None)
    for name, text in files.items():
        folder = name.split("/")[0]
        if folder == "answers":
            check_answer(text, leaves, model)
            continue
        number = {"contests": "contest", "release": "record"}.get(folder)
        if number is None:
            raise Wrong(f"{name}: nothing vouches for it")
        own = pathlib.PurePath(name).stem
        steps = [one["receipt"] for one in leaves if one["receipt"].get(number) == own]
        if not steps or steps[-1]["case"] != commitment(json.loads(text)["salt"], text):
            raise Wrong(f"{name}: not what its last entry commits to")
        if folder == "release":
            signed = json.loads(text)["signed"]
            kind = "application/vnd.longitude.person.v1+json"
            person = open_envelope(signed["certificate"], kind, key)
            kind = "application/vnd.in-toto+json"
            open_envelope(signed["statement"], kind, spki(person["pem"])[0])
    for leaf in leaves:
        record = leaf["receipt"].get("record")
        if leaf["kind"].startswith("release") and f"release/{record}.json" not in files:
            raise Wrong(f"release/{record}.json: the ledger has it and the file has not")
    return f"{len(files)} files and {len(leaves)} entries of {keys['institution']}: all agree"


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    try:
        print("verified:", check_case(*sys.argv[1:]))
    except (Wrong, ValueError, KeyError, IndexError, TypeError) as error:
        sys.exit(f"not verified: {error!r}")


if __name__ == "__main__":
    main()
