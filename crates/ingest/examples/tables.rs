//! Ingests a MIMIC-IV laboratory table by its shipped mapping and prints rows a core-second. The
//! table is synthetic and of any length: `cargo xtask bench tables [ROWS] [THREADS] [plain|gzip]`.
//! Events are counted and dropped. Not a part of the product.

use flate2::Compression;
use flate2::write::GzEncoder;
use longitude_core::{Event, Issue, SubjectId};
use longitude_ingest::{Options, Sink, ingest};
use std::error::Error;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

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

const PATIENTS: &str = "subject_id,gender,anchor_age,anchor_year,anchor_year_group,dod\n";
const ADMISSIONS: &str = "subject_id,hadm_id,admittime,dischtime,deathtime,admission_type,\
    admit_provider_id,admission_location,discharge_location,insurance,language,marital_status,\
    race,edregtime,edouttime,hospital_expire_flag\n";
const LABS: &str = "labevent_id,subject_id,hadm_id,specimen_id,itemid,order_provider_id,charttime,\
    storetime,value,valuenum,valueuom,ref_range_lower,ref_range_upper,flag,priority,comments\n";

/// A laboratory table of as many rows, by a fixed generator.
fn write(folder: &Path, rows: u64, is_packed: bool) -> Result<(), Box<dyn Error>> {
    std::fs::write(folder.join("patients.csv"), PATIENTS)?;
    std::fs::write(folder.join("admissions.csv"), ADMISSIONS)?;
    let name = if is_packed {
        "labevents.csv.gz"
    } else {
        "labevents.csv"
    };
    let file = BufWriter::new(File::create(folder.join(name))?);
    let mut out: Box<dyn Write> = if is_packed {
        Box::new(GzEncoder::new(file, Compression::fast()))
    } else {
        Box::new(file)
    };
    out.write_all(LABS.as_bytes())?;
    let mut state = 1u64;
    for row in 0..rows {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let draw = state >> 33;
        let (day, hour, minute) = (draw % 28 + 1, draw % 24, draw % 60);
        let (item, value) = (50_800 + draw % 400, draw % 1_000);
        let subject = 10_000_000 + row / 400;
        writeln!(
            out,
            "{row},{subject},{},{},{item},P{:04},2150-03-{day:02} {hour:02}:{minute:02}:00,\
             2150-03-{day:02} {hour:02}:{minute:02}:40,{}.{},{}.{},mg/dL,0.4,99.1,,ROUTINE,",
            20_000_000 + row / 40,
            draw % 90_000_000,
            draw % 9_999,
            value / 10,
            value % 10,
            value / 10,
            value % 10,
        )?;
    }
    out.flush()?;
    Ok(())
}

/// Processor seconds of this process so far (Linux), in steps of a hundredth.
fn processor_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat
        .rsplit(')')
        .next()
        .unwrap_or_default()
        .split_whitespace();
    let ticks: f64 = fields
        .skip(11)
        .take(2)
        .filter_map(|field| field.parse::<f64>().ok())
        .sum();
    ticks / 100.0
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let rows = arguments
        .next()
        .map_or(Ok(2_000_000), |text| text.parse())?;
    let threads = arguments.next().map_or(Ok(2), |text| text.parse())?;
    let is_packed = arguments.next().as_deref() == Some("gzip");
    let folder = tempfile::tempdir()?;
    write(folder.path(), rows, is_packed)?;
    let options = Options::standard(threads);
    for _ in 0..3 {
        let mut sink = Count(0);
        let (start, busy) = (Instant::now(), processor_seconds());
        let report = ingest(
            &[folder.path()],
            &options,
            &AtomicBool::new(false),
            &mut sink,
        )?;
        let (wall, busy) = (start.elapsed().as_secs_f64(), processor_seconds() - busy);
        let read = report.counts.rows_read as f64;
        writeln!(
            io::stdout(),
            "{} rows, {} events, {wall:.2} s wall, {busy:.2} s processor: {:.0} rows a core-second",
            report.counts.rows_read,
            sink.0,
            read / busy,
        )?;
    }
    Ok(())
}
