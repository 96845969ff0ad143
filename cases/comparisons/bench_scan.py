"""One pass over every event of a MEDS data set, `longitude_store` beside meds_reader, in turn.

    python bench_scan.py MEDS_DIR MEDS_READER_PYTHON [ROUNDS]

MEDS_READER_PYTHON is the Python of an environment with `pip install meds_reader==0.2.0`. meds_reader
reads a database of its own, which `meds_reader_convert` makes from the data set first (that time is
printed and not part of the ratio); ours reads the Parquet files. Both run on one thread, open what they
read, and look at time, code and number of every event; ours looks at the texts too. Seconds are of the
processor. Both must count the same events and add up the same numbers.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time

PEER = """
import sys, time
import meds_reader
start = time.process_time()
database = meds_reader.SubjectDatabase(sys.argv[1], num_threads=1)
events = timed = deaths = 0
total = 0.0
for subject in database:
    for event in database[subject].events:
        events += 1
        timed += event.time is not None
        deaths += event.code == "MEDS_DEATH"
        number = event.numeric_value
        if number is not None:
            total += number
seconds = time.process_time() - start
print(f"{events} events ({timed} timed, {deaths} deaths, sum {total:.1f}), {seconds:.3f} s")
"""


def told(line):
    """Events, sum and seconds of a line that either program prints."""
    words = line.replace(",", "").replace("(", "").split()
    return int(words[0]), float(words[words.index("sum") + 1].rstrip(")")), float(words[words.index("s") - 1])


def main():
    data, python = sys.argv[1:3]
    rounds = int(sys.argv[3]) if len(sys.argv) > 3 else 5
    build = ["cargo", "build", "--release", "--locked", "-p", "longitude-store", "--example", "scan"]
    subprocess.run(build, check=True)
    target = os.environ.get("CARGO_TARGET_DIR", "target")
    ours = [os.path.join(target, "release", "examples", "scan"), data, "1"]
    with tempfile.TemporaryDirectory() as folder:
        database = os.path.join(folder, "database")
        convert = os.path.join(os.path.dirname(python), "meds_reader_convert")
        start = time.monotonic()
        subprocess.run([convert, data, database, "--num_threads", "1"], check=True, capture_output=True)
        print(f"meds_reader_convert: {time.monotonic() - start:.1f} s")
        theirs = [python, "-c", PEER, database]
        runs = {"longitude": [], "meds_reader": []}
        for _ in range(rounds):
            for name, command in (("longitude", ours), ("meds_reader", theirs)):
                line = subprocess.run(command, check=True, capture_output=True, text=True).stdout
                runs[name].append(told(line))
    medians = {}
    for name, found in runs.items():
        seconds = statistics.median(seconds for _, _, seconds in found)
        medians[name] = seconds
        events = found[0][0]
        spread = " ".join(f"{seconds:.3f}" for _, _, seconds in found)
        print(f"{name:<12} {events} events, {events / seconds / 1e6:.1f} M/s  (seconds: {spread})")
    (events, total, _), (their_events, their_total, _) = (found[0] for found in runs.values())
    if events != their_events or abs(total - their_total) > 1e-4 * abs(total):
        sys.exit("the two do not agree on the events")
    print(f"ratio        {medians['meds_reader'] / medians['longitude']:.1f}; load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
