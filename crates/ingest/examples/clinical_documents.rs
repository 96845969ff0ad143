//! Makes synthetic HL7 v2 messages or C-CDA documents out of the golden cases, reads them, and
//! prints how many a second of processor time: `cargo run --release -p longitude-ingest --example
//! clinical_documents -- hl7v2|ccda [COUNT] [THREADS]`. Not a part of the product.

use longitude_core::{Event, Issue, SubjectId};
use longitude_ingest::{Options, Sink, ingest};
use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write};
use std::sync::atomic::AtomicBool;
use std::time::Instant;

const DOCUMENT: &str = include_str!("../../../cases/ingest/documents/second.xml");
const MESSAGES: &str = include_str!("../../../cases/ingest/messages/adt.hl7");

struct Count;

impl Sink for Count {
    fn event(&mut self, _subject: SubjectId, _event: Event) -> io::Result<()> {
        Ok(())
    }

    fn issue(&mut self, _issue: Issue) -> io::Result<()> {
        Ok(())
    }
}

/// A result message of twelve numbers, of one in a thousand patients.
fn result_message(number: usize) -> String {
    let mut text = format!(
        "MSH|^~\\&|LAB|NORTH|||202003{:02}1000{:02}-0500||ORU^R01|L{number}|P|2.5.1\r\
         PID|1||{}^^^NORTH^MR\
         ||Muster^Erika||19500717|F\rPV1|1|I|||||||||||||||||V{}^^^NORTH\r\
         OBR|1|P{number}|F{number}^LAB|24323-8^CMP^LN|||20200301083000\
         |||||||||||||||20200301093000|||F\r",
        number % 28 + 1,
        number % 60,
        number % 1_000,
        number % 5_000,
    );
    for place in 1..=12 {
        let value = (number * 7 + place * 13) % 300;
        let code = 2_160 + place;
        // Writing to a String does not fail.
        let _infallible = write!(
            text,
            "OBX|{place}|NM|{code}-0^Analyte {place}^LN||{value}|mg/dL|10-200|N|||F\r"
        );
    }
    text
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let format = arguments
        .next()
        .ok_or("usage: hl7v2|ccda [COUNT] [THREADS]")?;
    let count: usize = arguments.next().map_or(Ok(20_000), |text| text.parse())?;
    let threads = arguments.next().map_or(Ok(1), |text| text.parse())?;
    let folder = tempfile::tempdir()?;
    let mut bytes = 0;
    if format == "hl7v2" {
        let mut file = io::BufWriter::new(fs::File::create(folder.path().join("feed.hl7"))?);
        file.write_all(MESSAGES.as_bytes())?;
        for number in 0..count {
            let message = result_message(number);
            bytes += message.len();
            file.write_all(message.as_bytes())?;
        }
        file.flush()?;
    } else {
        for number in 0..count {
            let text = DOCUMENT
                .replace("\"doc2\"", &format!("\"doc{number}\""))
                .replace("\"set\"", &format!("\"set{number}\""))
                .replace("\"4711\"", &format!("\"{}\"", number % 500));
            bytes += text.len();
            fs::write(folder.path().join(format!("{number:06}.xml")), text)?;
        }
    }
    let options = Options::standard(threads);
    let (start, before) = (Instant::now(), processor_seconds());
    let report = ingest(
        &[folder.path()],
        &options,
        &AtomicBool::new(false),
        &mut Count,
    )?;
    let (elapsed, processor) = (start.elapsed().as_secs_f64(), processor_seconds() - before);
    let count = count as f64;
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "{format}: {count} of {} bytes on average, rows {}, events {}",
        bytes as f64 / count,
        report.counts.rows_read,
        report.counts.events
    )?;
    writeln!(
        out,
        "{:.0} a second of processor time, {:.1} MB/s; {:.0} a second with {threads} threads",
        count / processor,
        bytes as f64 / 1e6 / processor,
        count / elapsed
    )?;
    Ok(())
}

/// User and system time of this process, in seconds.
fn processor_seconds() -> f64 {
    let text = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let behind = text.rsplit_once(") ").map_or("", |(_, rest)| rest);
    let ticks = behind.split(' ').skip(11).take(2);
    // Linux counts these in hundredths of a second on every platform that Rust runs on.
    ticks
        .filter_map(|ticks| ticks.parse::<f64>().ok())
        .sum::<f64>()
        / 100.0
}
