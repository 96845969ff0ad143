//! How the cost of ingest grows: exports of 10^4 to 10^7 invented FHIR resources are written and
//! read, each in a process of its own, and a row of the table is printed for each. For measuring:
//! `cargo run --release -p longitude-ingest --example memory -- [RESOURCES_MAX] [KEEP_DIR]`. Reads
//! Linux's `/proc`. Not a part of the product.

use flate2::Compression;
use flate2::write::GzEncoder;
use longitude_core::{Event, Issue, SubjectId};
use longitude_ingest::{Options, Sink, ingest};
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::AtomicBool;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// Of 1,000 resources: one patient, 20 encounters, 79 conditions, the rest observations.
const A_PATIENT: u64 = 1_000;
const ENCOUNTERS: u64 = 20;
const CONDITIONS: u64 = 79;

struct Count(u64);

impl Sink for Count {
    fn event(&mut self, _subject: SubjectId, _event: Event) -> io::Result<()> {
        self.0 += 1;
        Ok(())
    }

    fn issue(&mut self, _issue: Issue) -> io::Result<()> {
        Ok(())
    }
}

fn main() -> Outcome<()> {
    let mut arguments = std::env::args().skip(1);
    let first = arguments.next().unwrap_or_else(|| "10000000".to_owned());
    if first == "read" {
        return read(Path::new(&arguments.next().ok_or("read PATH")?));
    }
    let max: u64 = first.parse()?;
    let keep = arguments.next().map(PathBuf::from);
    let mut out = io::stdout().lock();
    writeln!(out, "resources | CPU s | resources/core-second | peak MB")?;
    let mut count = 10_000;
    while count <= max {
        let folder = match &keep {
            Some(folder) => folder.join(count.to_string()),
            None => std::env::temp_dir().join(format!("longitude-memory-{}", std::process::id())),
        };
        write(&folder, count)?;
        let read = Command::new(std::env::current_exe()?)
            .arg("read")
            .arg(&folder)
            .output()?;
        if !read.status.success() {
            return Err(String::from_utf8_lossy(&read.stderr).into());
        }
        out.write_all(&read.stdout)?;
        out.flush()?;
        if keep.is_none() {
            fs::remove_dir_all(&folder)?;
        }
        count *= 10;
    }
    Ok(())
}

/// Reads an export on two threads and prints what it took.
fn read(folder: &Path) -> Outcome<()> {
    let mut sink = Count(0);
    let stop = AtomicBool::new(false);
    let report = ingest(&[folder], &Options::standard(2), &stop, &mut sink)?;
    let rows = report.counts.rows_read;
    if report.counts.rows_with_issue > 0 || sink.0 < rows {
        return Err("the export is not what it should be".into());
    }
    // Fields 14 and 15 behind the name are user and system time in ticks of 10 ms.
    let stat = fs::read_to_string("/proc/self/stat")?;
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or("").split(' ').collect();
    let ticks = |place: usize| fields.get(place).and_then(|text| text.parse::<f64>().ok());
    let seconds = (ticks(12).unwrap_or(0.0) + ticks(13).unwrap_or(0.0)) / 100.0;
    let status = fs::read_to_string("/proc/self/status")?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let peak = peak.and_then(|text| text.trim().split(' ').next()?.parse::<f64>().ok());
    let rate = rows as f64 / seconds;
    let peak = peak.unwrap_or(0.0) / 1024.0;
    writeln!(
        io::stdout(),
        "{rows} | {seconds:.2} | {rate:.0} | {peak:.0}"
    )?;
    Ok(())
}

type Out = BufWriter<GzEncoder<File>>;

/// Writes an export of one file a type. Every resource is another; values go round in circles.
fn write(folder: &Path, count: u64) -> Outcome<()> {
    fs::create_dir_all(folder)?;
    let open = |kind: &str| -> Outcome<Out> {
        let file = File::create(folder.join(format!("{kind}.ndjson.gz")))?;
        Ok(BufWriter::new(GzEncoder::new(file, Compression::fast())))
    };
    let [
        mut patients,
        mut encounters,
        mut conditions,
        mut observations,
    ] = [
        open("Patient")?,
        open("Encounter")?,
        open("Condition")?,
        open("Observation")?,
    ];
    for id in 0..count {
        let (patient, place) = (id / A_PATIENT, id % A_PATIENT);
        let subject = format!(r#""subject":{{"reference":"Patient/p{patient}"}}"#);
        let stay = place % ENCOUNTERS + 1;
        let stay = format!(r#""encounter":{{"reference":"Encounter/e{patient}-{stay}"}}"#);
        let (month, day, hour) = (id % 12 + 1, id % 28 + 1, id % 24);
        let time = format!("2020-{month:02}-{day:02}T{hour:02}:00:00-05:00");
        if place == 0 {
            writeln!(
                patients,
                r#"{{"resourceType":"Patient","id":"p{patient}","gender":"female","birthDate":"1960-{month:02}-{day:02}"}}"#
            )?;
        } else if place <= ENCOUNTERS {
            writeln!(
                encounters,
                r#"{{"resourceType":"Encounter","id":"e{patient}-{place}","status":"finished","class":{{"code":"IMP"}},{subject},"period":{{"start":"2020-{first:02}-01T00:00:00-05:00","end":"2021-01-01T00:00:00-05:00"}}}}"#,
                first = place % 12 + 1,
            )?;
        } else if place <= ENCOUNTERS + CONDITIONS {
            writeln!(
                conditions,
                r#"{{"resourceType":"Condition","id":"c{id}","code":{{"coding":[{{"system":"http://hl7.org/fhir/sid/icd-10-cm","code":"E{:02}.9"}}]}},{subject},{stay},"recordedDate":"{time}"}}"#,
                id % 90 + 10,
            )?;
        } else {
            writeln!(
                observations,
                r#"{{"resourceType":"Observation","id":"o{id}","status":"final","code":{{"coding":[{{"system":"http://loinc.org","code":"{}-{}"}}]}},{subject},{stay},"effectiveDateTime":"{time}","valueQuantity":{{"value":{}.{},"unit":"mg/dL","system":"http://unitsofmeasure.org","code":"mg/dL"}}}}"#,
                id % 900 + 100,
                id % 10,
                id % 200,
                id % 10,
            )?;
        }
    }
    for file in [patients, encounters, conditions, observations] {
        file.into_inner()?.finish()?;
    }
    Ok(())
}
