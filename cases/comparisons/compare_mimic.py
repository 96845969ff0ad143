"""Compares what `longitude ingest` made of the MIMIC-IV demo FHIR export with the published MEDS of
the same patients, family by family, and says what stands on one side only.

It is not a test and holds no record: it reads three folders and prints a table of counts, in which
1 to 10 is written "<11" and a number from which such a count could be subtracted is withheld.

    python compare_mimic.py INGESTED_MEDS PUBLISHED_MEDS FHIR_DIR      (needs pyarrow)

Patients are linked through Patient.identifier; an ingested subject_id is the first 64 bits of
SHA-256("Patient", 0x00, Patient.id) without the sign. Published times are local without an offset.
Ingested ones are UTC; they are brought back to local time by the row's utc_offset_minutes, and
end_time, which has no offset of its own, by the calendar of Boston. Rows are matched one to one
(multisets). The levels: "code" = subject and code; "day" = also the date; "time" = also the local
time; "time+value" = also the numeric and the text value.
"""

import collections
import datetime
import glob
import gzip
import hashlib
import json
import os
import sys
import zoneinfo

import pyarrow as pa
import pyarrow.parquet as pq

Counter = collections.Counter
MINUTE = datetime.timedelta(minutes=1)
BOSTON = zoneinfo.ZoneInfo("America/New_York")


def subject_of(patient_id):
    digest = hashlib.sha256(b"Patient\x00" + patient_id.encode()).digest()
    return int.from_bytes(digest[:8], "big") & (2**63 - 1)


def records(folder, name):
    with gzip.open(os.path.join(folder, name + ".ndjson.gz"), "rt") as lines:
        for line in lines:
            yield json.loads(line)


def rows(folder):
    paths = sorted(glob.glob(os.path.join(folder, "data", "**", "*.parquet"), recursive=True))
    return pa.concat_tables([pq.read_table(path) for path in paths]).to_pylist()


def links(fhir):
    """Ingested subject -> MIMIC subject."""
    return {subject_of(p["id"]): int(p["identifier"][0]["value"])
            for p in records(fhir, "MimicPatient")}


def small(n):
    return "<11" if 1 <= n <= 10 else f"{n:,}"


def part(matched, totals):
    """A matched count, withheld where a total minus it would be a small cell."""
    rest = min((t - matched for t in totals if 1 <= t - matched <= 10), default=0)
    return "all but <11" if rest else small(matched)


def remainders(a, b, matched):
    """What is on one side only; with one small cell in the line, the other could give it away."""
    rest = [a - matched, b - matched]
    if 1 <= matched <= 10:
        return ["all but <11"] * 2
    if any(1 <= n <= 10 for n in rest):
        return [small(n) if n <= 10 else "withheld" for n in rest]
    return [small(n) for n in rest]


def local(row):
    """The local time that the source wrote."""
    return row["time"] and row["time"] + (row["utc_offset_minutes"] or 0) * MINUTE


def local_end(row):
    """Not by the offset of the start: a stay can span a change of the clocks."""
    end = row["end_time"]
    utc = end and end.replace(tzinfo=datetime.timezone.utc)
    return utc and utc.astimezone(BOSTON).replace(tzinfo=None)


def value(row):
    number = row["numeric_value"]
    return (None if number is None else round(number, 4), row["text_value"])


def both(a, b, key):
    return sum((Counter(map(key, a)) & Counter(map(key, b))).values())


Event = collections.namedtuple("Event", "subject code time value unit row")


class Sides:
    """The events of one family on both sides: `Event`s with the code in a common spelling."""

    def __init__(self, name, ours, theirs, reason):
        self.name, self.ours, self.theirs, self.reason = name, ours, theirs, reason

    def day(self):
        return both(self.ours, self.theirs, lambda e: (e.subject, e.code, e.time and e.time.date()))

    def time(self):
        return both(self.ours, self.theirs, lambda e: e[:3])

    def with_value(self):
        return both(self.ours, self.theirs, lambda e: e[:4])

    def untimed(self):
        return both(self.ours, self.theirs, lambda e: e[:2])

    def line(self):
        a, b = len(self.ours), len(self.theirs)
        cells = [small(a), small(b)]
        if a and b:
            counts = [self.untimed(), self.day(), self.time(), self.with_value()]
            cells += [part(n, (a, b)) for n in counts]
            cells += remainders(a, b, counts[2])
        else:
            cells += ["-"] * 4 + [small(a), small(b)]
        return [self.name] + cells + [self.reason]


class Data:
    def __init__(self, ingested, published, fhir):
        link = links(fhir)
        self.fhir = fhir
        self.ours = collections.defaultdict(list)
        self.theirs = collections.defaultdict(list)
        self.subjects = [set(), set()]
        for row in rows(ingested):
            row["subject_id"] = link[row["subject_id"]]
            self.subjects[0].add(row["subject_id"])
            name = row["origin_file"].split(".")[0].removeprefix("Mimic")
            self.ours[name].append(row)
        for row in rows(published):
            self.subjects[1].add(row["subject_id"])
            self.theirs[kind(row)].append(row)
        self.seen = [set(), set()]
        self.totals = [sum(map(len, side.values())) for side in (self.ours, self.theirs)]

    def a(self, name, code=lambda r: r["code"], keep=lambda r: True, time=local):
        out = []
        for row in self.ours[name]:
            if keep(row):
                self.seen[0].add(id(row))
                out.append(Event(row["subject_id"], code(row), time(row), value(row),
                                 row["unit"], row))
        return out

    def b(self, name, code=lambda r: r["code"]):
        out = []
        for row in self.theirs[name]:
            self.seen[1].add(id(row))
            out.append(Event(row["subject_id"], code(row), row["time"], value(row), None, row))
        return out


def kind(row):
    """The family of a published row."""
    parts = row["code"].split("//")
    if parts[0] == "LAB":
        return "LAB" if parts[1].startswith("5") else "CHART"
    if parts[0] == "MEDICATION":
        return "MED_" + (parts[1] if row["emar_id"] is None else "EMAR")
    if parts[0] in ("PROCEDURE", "TRANSFER_TO"):
        return parts[0] + "_" + parts[1]
    if "(" in parts[0] or parts[0].startswith("Blood"):
        return "OMR"
    return parts[0]


def item(row):
    return row["code"].split("//")[1]


def icd(row):
    """Version and code without the point, of `ICD9CM//401.9` and `DIAGNOSIS//ICD//9//4019`."""
    parts = row["code"].split("//")
    if parts[0].startswith("ICD"):
        return ("10" if parts[0].startswith("ICD10") else "9", parts[1].replace(".", ""))
    return (parts[2], parts[3])


def constant(_row):
    return None


def starts_with(prefix):
    return lambda row: row["code"].startswith(prefix)


def ends_with(suffix):
    return lambda row: row["code"].endswith(suffix)


def families(d):
    """Every family. The order is that of the page in docs/comparisons."""
    def only_a(name, file, reason, keep=lambda r: True):
        return Sides(name, d.a(file, keep=keep), [], reason)

    def only_b(name, key, reason):
        return Sides(name, [], d.b(key), reason)

    sex = {"GENDER//male": "GENDER//M", "GENDER//female": "GENDER//F"}
    end = ends_with("//END")
    start = ends_with("//START")
    yield Sides("labs (derived)", d.a("ObservationLabevents", item), d.b("LAB", item),
                "FHIR lab file was made from this MEDS")
    yield Sides("hospital diagnoses", d.a("Condition", icd), d.b("DIAGNOSIS", icd), "")
    yield only_a("ED diagnoses", "ConditionED", "ED module not in the published MEDS")
    yield Sides("billed procedures (ICD)", d.a("Procedure", icd), d.b("PROCEDURE_ICD", icd), "")
    yield Sides("ICU procedures, start", d.a("ProcedureICU", item),
                d.b("PROCEDURE_START", lambda r: r["code"].split("//")[2]), "")
    yield Sides("ICU procedures, end", ended(d, "ProcedureICU", item),
                d.b("PROCEDURE_END", lambda r: r["code"].split("//")[2]), "")
    yield only_a("ED procedures", "ProcedureED", "ED module not in the published MEDS")
    yield Sides("eMAR", d.a("MedicationAdministration", constant), d.b("MED_EMAR", constant), "")
    yield Sides("infusions, start", d.a("MedicationAdministrationICU", item),
                d.b("INFUSION_START", item), "")
    yield Sides("infusions, end", ended(d, "MedicationAdministrationICU", item, instead=True),
                d.b("INFUSION_END", item), "")
    yield Sides("pharmacy, start", d.a("MedicationDispense", item),
                d.b("MED_START", lambda r: r["code"].split("//", 2)[2]), "")
    yield only_b("pharmacy, stop", "MED_STOP", "")
    yield only_a("medication orders", "MedicationRequest", "prescriptions not in published MEDS")
    yield only_a("ED dispenses", "MedicationDispenseED", "ED module not in the published MEDS")
    yield only_a("ED home medication", "MedicationStatementED", "ED module, as above")
    yield Sides("admission", d.a("Encounter", constant, start),
                d.b("HOSPITAL_ADMISSION", constant), "")
    yield Sides("discharge", d.a("Encounter", constant, end),
                d.b("HOSPITAL_DISCHARGE", constant), "")
    yield Sides("ICU in", d.a("EncounterICU", constant, start), d.b("ICU_ADMISSION", constant), "")
    yield Sides("ICU out", d.a("EncounterICU", constant, end), d.b("ICU_DISCHARGE", constant), "")
    yield Sides("ED in", d.a("EncounterED", constant, start), d.b("ED_REGISTRATION", constant), "")
    yield Sides("ED out", d.a("EncounterED", constant, end), d.b("ED_OUT", constant), "")
    for name in ("ED", "admit", "transfer", "discharge"):
        yield only_b(f"transfers ({name})", "TRANSFER_TO_" + name, "Encounter.location not mapped")
    hcpcs = lambda r: "hcpcs" in r["code"]
    yield Sides("HCPCS", d.a("Encounter", constant, hcpcs), d.b("HCPCS", constant), "")
    for file in ("Encounter", "EncounterICU", "EncounterED"):
        keep = lambda r: not hcpcs(r) and not r["code"].startswith("ENCOUNTER//")
        yield only_a(f"{file} type, source, disposition", file, "inside the code in MEDS", keep)
    for file in ("ObservationMicroTest", "ObservationMicroOrg", "ObservationMicroSusc", "Specimen"):
        yield only_a(f"microbiology: {file}", file, "microbiology not in the published MEDS")
    yield only_a("lab specimens", "SpecimenLab", "a specimen is no event in MEDS")
    yield Sides("outputs", d.a("ObservationOutputevents", item),
                d.b("SUBJECT_FLUID_OUTPUT", item), "")
    yield only_a("ICU date entries", "ObservationDatetimeevents", "not in the published MEDS")
    yield only_b("ICU chart", "CHART", "chartevents not in this FHIR set")
    for file in ("ObservationED", "ObservationVitalSignsED"):
        yield only_a(f"ED: {file}", file, "ED module not in the published MEDS")
    yield only_b("clinic measurements (omr)", "OMR", "no such FHIR file")
    yield only_b("weight at infusion", "SUBJECT_WEIGHT_AT_INFUSION", "no such FHIR element")
    yield only_b("DRG", "DRG", "no such FHIR file")
    yield Sides("birth", d.a("Patient", keep=starts_with("MEDS_BIRTH")), d.b("MEDS_BIRTH"), "")
    yield Sides("death", d.a("Patient", keep=starts_with("MEDS_DEATH")), d.b("MEDS_DEATH"), "")
    yield Sides("sex", d.a("Patient", lambda r: sex[r["code"]], starts_with("GENDER")),
                d.b("GENDER"), "")
    keep = lambda r: r["code"].split("//")[0] not in ("MEDS_BIRTH", "MEDS_DEATH", "GENDER")
    yield only_a("race, ethnicity, language, marriage", "Patient", "columns in MEDS", keep)


def ended(d, file, code, instead=False):
    """The ends of our events as events. `instead`: an event without an end ends when it starts."""
    def time(row):
        return local_end(row) or (local(row) if instead else None)
    keep = lambda row: instead or row["end_time"] is not None
    return d.a(file, code, keep, time)


def table(lines):
    head = ["family", "ingested", "published", "code", "day", "time", "time+value",
            "only ingested", "only published", "note"]
    lines = [head] + lines
    wide = [max(len(line[i]) for line in lines) for i in range(len(head))]
    for line in lines:
        print("  ".join(cell.ljust(w) if i in (0, 9) else cell.rjust(w)
                        for i, (cell, w) in enumerate(zip(line, wide))).rstrip())


def say(text, *counts):
    cells = [part(n, counts[:i]) for i, n in enumerate(counts)]
    print("  " + text + ": " + " / ".join(cells))


def counted(title, counter, most=12):
    """A distribution; its small cells together."""
    print("  " + title)
    kept = [(k, n) for k, n in counter.most_common() if n > 10][:most]
    rest = sum(counter.values()) - sum(n for _, n in kept)
    while 1 <= rest <= 10 and len(kept) > 1:
        rest += kept.pop()[1]
    if 1 <= rest <= 10 and kept:
        print(f"    all but <11  {kept[0][0]}")
        return
    for key, n in kept:
        print(f"    {n:>8,}  {key}")
    if rest:
        print(f"    {small(rest):>8}  other")


def minutes(delta):
    return delta.total_seconds() / 60


def delay_class(m):
    for low, high, name in ((-0.5, 0.5, "same minute"), (59.5, 60.5, "exactly +1 h"),
                            (-60.5, -59.5, "exactly -1 h"), (0, 60, "later by < 1 h"),
                            (-60, 0, "earlier by < 1 h"), (60, 1440, "later by 1-24 h"),
                            (-1440, -60, "earlier by 1-24 h")):
        if low <= m <= high:
            return name
    return "later by > 24 h" if m > 0 else "earlier by > 24 h"


def shifts(sides):
    """For those unmatched on time that share subject and code: how far the nearest is."""
    left = Counter(e[:3] for e in sides.ours) - Counter(e[:3] for e in sides.theirs)
    right = Counter(e[:3] for e in sides.theirs) - Counter(e[:3] for e in sides.ours)
    near = collections.defaultdict(list)
    for subject, code, time in right.elements():
        near[subject, code].append(time)
    out = Counter()
    for subject, code, time in left.elements():
        times = near[subject, code]
        if not times:
            out["no such code left for the subject"] += 1
            continue
        best = min(times, key=lambda t: abs(t - time))
        times.remove(best)
        out["ingested " + delay_class(minutes(time - best))] += 1
    out["published, unpaired"] = sum(map(len, near.values()))
    return +out


def paired(ours, theirs, key):
    """Pairs of the two sides that share a key, in the order of value."""
    index = collections.defaultdict(list)
    for e in theirs:
        index[key(e)].append(e)
    for e in ours:
        if index[key(e)]:
            yield e, index[key(e)].pop()


def check_labs(sides):
    print("\nlabs: values and units")
    masked = [e.value[1] for e in sides.theirs if None not in e.value]
    say("published rows with a number and a text / whose text is a mask (___)", len(masked),
        sum("___" in text for text in masked))
    differ = Counter()
    left = Counter(e[:4] for e in sides.ours) - Counter(e[:4] for e in sides.theirs)
    for e in left.elements():
        number, text = e[3]
        differ[f"ingested value: number {number is not None}, text {text is not None}"] += 1
    counted("ingested rows without an equal value at the same time", differ)
    numeric = lambda e: e[:3] + (e.value[0],)
    say("numeric_value equal (of all)", both(sides.ours, sides.theirs, numeric))
    have = [e for e in sides.theirs if e.value[1] is not None]
    say("published rows with text / of them with a number", len(have),
        sum(e.value[0] is not None for e in have))
    have = [e for e in sides.ours if e.value[1] is not None]
    say("ingested rows with text / of them with a number", len(have),
        sum(e.value[0] is not None for e in have))
    units = Counter()
    for a, b in paired(sides.ours, sides.theirs, numeric):
        if a.value[0] is None:
            continue
        unit = b.row["code"].split("//", 2)[2].strip()
        units[unit or "UNK", a.unit] += 1
    same = sum(n for (b, a), n in units.items() if a == b or (b == "UNK" and a is None))
    say("rows with a number / unit spelled the same, not respelled in UCUM",
        sum(units.values()), same)
    counted("respelled (published -> ingested)",
            Counter({f"{b} -> {a}": n for (b, a), n in units.items()
                     if a != b and not (b == "UNK" and a is None)}), 40)


def check_diagnoses(d, by):
    print("\ndischarge diagnoses: against the times of their own admission in the published MEDS")
    times = collections.defaultdict(dict)
    for name in ("HOSPITAL_ADMISSION", "HOSPITAL_DISCHARGE"):
        for row in d.theirs[name]:
            times[row["hadm_id"]][name] = row["time"]
    for name in ("DIAGNOSIS", "PROCEDURE_ICD", "DRG", "HCPCS"):
        hit = Counter()
        for row in d.theirs[name]:
            stay = times[row["hadm_id"]]
            at = [k for k, t in stay.items() if t == row["time"]]
            hit[at[0] if at else "other time"] += 1
        counted(f"published {name} at", hit)
    counted("diagnoses unmatched on time", shifts(by["hospital diagnoses"]))
    counted("ICD procedures unmatched on time", shifts(by["billed procedures (ICD)"]))
    clock = Counter(e.time.strftime("%H:%M:%S") for e in by["billed procedures (ICD)"].theirs)
    counted("published ICD procedures: clock", clock)
    clock = Counter(e.time.strftime("%H:%M:%S") for e in by["billed procedures (ICD)"].ours)
    counted("ingested ICD procedures: clock", clock)


def plain(name):
    return name.strip().lower()


def drug_names(fhir):
    """Formulary code -> names, as Medication.identifier tells."""
    names = collections.defaultdict(set)
    for drug in records(fhir, "MimicMedication"):
        by = collections.defaultdict(set)
        for identifier in drug.get("identifier", []):
            by[identifier["system"].rsplit("/", 1)[1]].add(identifier["value"])
        for code in by["mimic-medication-formulary-drug-cd"]:
            names[code.strip()] |= {plain(name) for name in by["mimic-medication-name"]}
    return names


def not_given(text):
    """Of the published eMAR words: those that say that the dose was not given."""
    return text.strip().startswith(("Not ", "Hold Dose")) or "Not Done" in text


def check_emar(d, by):
    print("\neMAR: what was done, and which drug")
    methods = {}
    for record in records(d.fhir, "MimicMedicationAdministration"):
        method = record.get("dosage", {}).get("method", {}).get("coding", [{}])[0].get("code")
        methods[record["id"]] = (record["status"], method)
    counted("FHIR status", Counter(status for status, _ in methods.values()))
    ours = by["eMAR"].ours
    told = Counter()
    for e in ours:
        method = methods[e.row["origin_record"].split("/")[1]][1]
        told["no method" if method is None else
             "method says not given" if not_given(method) else "other method"] += 1
    counted("ingested as ADMINISTERED, by dosage.method", told)
    theirs = by["eMAR"].theirs
    say("published eMAR rows that say not given",
        sum(not_given(e.row["code"].split("//")[2]) for e in theirs))
    slots = collections.defaultdict(list)
    for e in theirs:
        slots[e.subject, e.time].append(not_given(e.row["code"].split("//")[2]))
    ours_at = Counter(e[:1] + e[2:3] for e in ours)
    say("distinct (subject, time): ingested / published / shared", len(ours_at), len(slots),
        len(ours_at.keys() & slots.keys()))
    say("ingested rows at a published time (of all)", sum(
        n for slot, n in ours_at.items() if slot in slots))
    say("ingested rows where every published row of that time says not given", sum(
        n for slot, n in ours_at.items() if slot in slots and all(slots[slot])))
    words = Counter(e.row["code"].split("//")[2].strip() for e in theirs
                    if (e.subject, e.time) not in ours_at)
    counted("published rows at a time with no ingested row", words)
    check_drugs(d, ours, theirs)


def check_drugs(d, ours, theirs):
    """Whether the drug that was ingested is one of the published names at that time."""
    names = drug_names(d.fhir)
    index = collections.defaultdict(set)
    for e in theirs:
        index[e.subject, e.time].add(plain(e.row["code"].split("//")[1]))
    agree = Counter()
    for e in ours:
        code = e.row["code"].split("//")
        want = names.get(code[1], set()) if "formulary" in code[0] else {plain(code[1])}
        at = index[e.subject, e.time]
        agree["agrees" if want & at else "no name is known for the code" if not want
              else "another name"] += 1
    counted("drug of the ingested row against the published names of that time", agree)


def check_infusions(by):
    print("\ninfusions")
    start, end = by["infusions, start"], by["infusions, end"]
    instant = [e for e in start.ours if e.row["end_time"] is None]
    period = [e for e in start.ours if e.row["end_time"] is not None]
    say("ingested with one time / of them at a published end", len(instant),
        both(instant, end.theirs, lambda e: e[:3]))
    say("ingested with a period / at a published start", len(period),
        both(period, start.theirs, lambda e: e[:3]))
    amount = lambda e: e[:3] + (e.value[0] is not None and round(e.value[0], 2),)
    say("amounts that differ at the end", len(end.ours) - both(end.ours, end.theirs, amount))
    say("published starts with a rate", sum(e.value[0] is not None for e in start.theirs))
    units = Counter(f"{b.row['unit']} -> {a.unit}"
                    for a, b in paired(end.ours, end.theirs, lambda e: e[:3]))
    counted("unit of the amount (published -> ingested)", units, 20)


def check_orders(d, by):
    print("\npharmacy: one FHIR dispense for each order, dated by its prescription")
    sides = by["pharmacy, start"]
    counted("starts unmatched on time", shifts(sides))
    say("ingested dispenses with an end", sum(e.row["end_time"] is not None for e in sides.ours))
    orders = by["medication orders"].ours
    say("ingested orders with an end", sum(e.row["end_time"] is not None for e in orders))
    valid = {}
    for record in records(d.fhir, "MimicMedicationRequest"):
        period = record.get("dispenseRequest", {}).get("validityPeriod", {})
        valid[record["id"]] = (period.get("start"), period.get("end"))
    say("FHIR requests / with a validityPeriod", len(valid), sum(v[1] is not None
                                                                for v in valid.values()))
    asked = Counter()
    for record in records(d.fhir, "MimicMedicationDispense"):
        subject = links_by_ref(d)[record["subject"]["reference"]]
        request = record["authorizingPrescription"][0]["reference"].split("/")[1]
        name = record["medicationCodeableConcept"]["coding"][0]["code"]
        first, last = valid.get(request, (None, None))
        asked["start", subject, name, naive(first)] += 1
        asked["stop", subject, name, naive(last)] += 1
    for edge, key in (("start", "MED_START"), ("stop", "MED_STOP")):
        want = Counter((edge, r["subject_id"], r["code"].split("//", 2)[2], r["time"])
                       for r in d.theirs[key])
        say(f"published {edge}s / found as validityPeriod of the dispense's prescription",
            sum(want.values()), sum((want & asked).values()))


def links_by_ref(d):
    if not hasattr(d, "refs"):
        d.refs = {"Patient/" + p["id"]: int(p["identifier"][0]["value"])
                  for p in records(d.fhir, "MimicPatient")}
    return d.refs


def naive(text):
    return text and datetime.datetime.fromisoformat(text).replace(tzinfo=None)


def check_stays(d, by):
    print("\nstays")
    for name in ("admission", "discharge", "ICU in", "ICU out", "ED in", "ED out", "death",
                 "ICU procedures, start", "ICU procedures, end", "outputs"):
        if by[name].time() < len(by[name].ours):
            counted(f"{name}: unmatched on time", shifts(by[name]))
    for file in ("Encounter", "EncounterICU", "EncounterED"):
        counted(f"{file}: ingested codes of starts", Counter(
            r["code"] for r in d.ours[file] if r["code"].endswith("//START")))
    for file, key, at in (("ADMIT_SOURCE", "HOSPITAL_ADMISSION", 2),
                          ("DISCHARGE_DISPOSITION", "HOSPITAL_DISCHARGE", 1)):
        ours = Counter((r["subject_id"], local(r), r["code"].split("//")[1])
                       for r in d.ours["Encounter"] if r["code"].startswith(file))
        theirs = Counter((r["subject_id"], r["time"], r["code"].split("//")[at])
                         for r in d.theirs[key])
        say(f"{file} ingested / equal to the word in {key}", sum(ours.values()),
            sum((ours & theirs).values()))
    places = sum(len(r.get("location", [])) for f in ("Encounter", "EncounterICU")
                 for r in records(d.fhir, "Mimic" + f))
    say("Encounter.location entries in FHIR (no event is made of them)", places)
    years = Counter(a.time.year - b.time.year
                    for a, b in paired(by["birth"].ours, by["birth"].theirs, lambda e: e.subject))
    counted("birth: year ingested minus published", years)
    clock = Counter(e.time.strftime("%m-%d") == "01-01" for e in by["birth"].theirs)
    counted("birth: published on 1 January", clock)


def check_death(d, by):
    print("\ndeath: a date in FHIR, a time of day in the published MEDS where there is one")
    clock = Counter("midnight" if e.time.time() == datetime.time() else "another time"
                    for e in by["death"].theirs)
    counted("published at", clock)
    counted("ingested precision", Counter(e.row["precision"] for e in by["death"].ours))
    sides = [("ingested", d.ours, "MEDS_DEATH"), ("published", d.theirs, "MEDS_DEATH")]
    for name, side, code in sides:
        every = [row for group in side.values() for row in group]
        died = {r["subject_id"]: r["time"] for r in every if r["code"] == code}
        late = [r for r in every if r["time"] and r["subject_id"] in died
                and r["time"] > died[r["subject_id"]]]
        say(f"{name}: events after death / subjects", len(late),
            len({r["subject_id"] for r in late}))


def check_repeats(by):
    print("\nexact repeats of (subject, code, time)")
    for name in ("ICU procedures, start", "ICU procedures, end", "pharmacy, start",
                 "labs (derived)", "hospital diagnoses", "outputs"):
        say(f"{name}: ingested / published", *(
            len(side) - len({e[:3] for e in side}) for side in (by[name].ours, by[name].theirs)))


def check_items(d):
    print("\nICU date entries and chart")
    ours = {item(r) for r in d.ours["ObservationDatetimeevents"]}
    theirs = Counter(item(r) for r in d.theirs["CHART"])
    say("date items / also an item of the published chart", len(ours), len(ours & set(theirs)))


def main(ingested, published, fhir):
    d = Data(ingested, published, fhir)
    print(f"subjects: ingested {len(d.subjects[0])}, published {len(d.subjects[1])}, "
          f"shared {len(d.subjects[0] & d.subjects[1])}")
    print(f"events: ingested {d.totals[0]:,}, published {d.totals[1]:,}\n")
    sides = list(families(d))
    by = {s.name: s for s in sides}
    table([s.line() for s in sides])
    print(f"\nrows in no family: ingested {small(d.totals[0] - len(d.seen[0]))}, "
          f"published {small(d.totals[1] - len(d.seen[1]))}")
    check_labs(by["labs (derived)"])
    check_diagnoses(d, by)
    check_emar(d, by)
    check_infusions(by)
    check_orders(d, by)
    check_stays(d, by)
    check_death(d, by)
    check_repeats(by)
    check_items(d)


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit("usage: compare_mimic.py INGESTED_MEDS PUBLISHED_MEDS FHIR_DIR")
    main(*sys.argv[1:])
