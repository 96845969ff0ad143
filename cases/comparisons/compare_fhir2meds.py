"""Runs `longitude ingest` and fhir2meds 0.1.0 in turn on the same FHIR files and prints what each
makes of a processor second and of memory, with the ratio of the medians.

    python compare_fhir2meds.py LONGITUDE FHIR2MEDS_PYTHON FHIR_DIR [ROUNDS]

LONGITUDE is the program built for release. FHIR2MEDS_PYTHON is the Python of an environment with
`pip install fhir2meds==0.1.0`. Its wheel lacks `configs/main.yaml`, `configs/event_configs.yaml` and
`dataset.yaml`; they stand in its public repository (rvandewater/FHIR_MEDS, commits 96612825 and
67b5414c, folder src/fhir2meds) and go beside the package's `__init__.py`; its command `fhir2meds` names
a module that the wheel lacks, so the package is run with -m.

fhir2meds reads no gzip, so both get the unpacked files. Both read, map and write MEDS; longitude
also digests, finds duplicates, groups by subject, sorts and writes its account.
"""

import glob
import gzip
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile


def unpack(source, to):
    """Plain copies of the NDJSON files, and how many resources they hold."""
    count = 0
    for path in sorted(glob.glob(os.path.join(source, "*.ndjson*"))):
        opened = gzip.open(path, "rb") if path.endswith(".gz") else open(path, "rb")
        name = os.path.basename(path).removesuffix(".gz")
        with opened as lines, open(os.path.join(to, name), "wb") as out:
            for line in lines:
                count += bool(line.strip())
                out.write(line)
    return count


def measured(command, folder):
    """Processor seconds, wall-clock independent, and the peak memory in MB of one run."""
    with open(os.path.join(folder, "log"), "wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        with open(os.path.join(folder, "log"), encoding="utf-8", errors="replace") as log:
            sys.exit(f"{command[0]} failed ({process.returncode}):\n{log.read()[-2000:]}")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def main():
    longitude, python, source = sys.argv[1:4]
    rounds = int(sys.argv[4]) if len(sys.argv) > 4 else 5
    runs = {"longitude": [], "fhir2meds": []}
    with tempfile.TemporaryDirectory() as work:
        plain = os.path.join(work, "plain")
        os.mkdir(plain)
        resources = unpack(source, plain)
        for _ in range(rounds):
            for name in runs:
                folder = os.path.join(work, name)
                shutil.rmtree(folder, ignore_errors=True)
                os.mkdir(folder)
                out = os.path.join(folder, "out")
                if name == "longitude":
                    command = [os.path.abspath(longitude), "ingest", plain, "--to", out, "--json"]
                else:
                    os.mkdir(out)
                    command = [python, "-m", "fhir2meds", f"root_output_dir={out}",
                               f"raw_input_dir={plain}"]
                runs[name].append(measured(command, folder))
    rates = {}
    for name, figures in runs.items():
        seconds = statistics.median(cpu for cpu, _ in figures)
        memory = statistics.median(mb for _, mb in figures)
        rates[name] = resources / seconds
        spread = " ".join(f"{cpu:.2f}" for cpu, _ in figures)
        print(f"{name:10} {seconds:7.2f} CPU s ({spread}) {rates[name]:10,.0f} resources/core-second"
              f" {memory:6.0f} MB")
    ratio = rates["longitude"] / rates["fhir2meds"]
    print(json.dumps({"resources": resources, "rounds": rounds, "ratio": round(ratio, 1)}))


if __name__ == "__main__":
    main()
