//! The log measured: durable leaves a second, proofs, verification, and processes killed.
//!
//! `ledger_bench speed [LEAVES]`, `verify [LEAVES]`, `kill [CYCLES]`, all in a folder of their own
//! under `--in FOLDER` (the present one where none is given): a disk in memory would prove nothing.
#![expect(clippy::print_stdout, reason = "figures are for the terminal")]

use longitude_ledger::{Committer, Log, Signer, verify_log};
use std::error::Error;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const ORIGIN: &str = "example.org/bench";
const CHILD: &str = "LONGITUDE_LEDGER_BENCH_CHILD";

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn signer() -> Result<Signer> {
    Ok(Signer::new(ORIGIN, &[42; 32])?)
}

/// 250 bytes: what a leaf of commitments takes.
fn leaf(index: u64) -> Vec<u8> {
    format!("{{\"v\":1,\"seq\":{index},\"out\":\"sha256:{index:0>200}\"}}").into_bytes()
}

fn main() -> Result<()> {
    if let Some(dir) = std::env::var_os(CHILD) {
        return child(Path::new(&dir));
    }
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let place = arguments.iter().position(|word| word == "--in");
    let under = match place {
        Some(at) if at + 1 < arguments.len() => {
            let folder = arguments.remove(at + 1);
            arguments.remove(at);
            PathBuf::from(folder)
        }
        _ => PathBuf::from("."),
    };
    let dir = tempfile::tempdir_in(under)?;
    let number = |otherwise: u64| -> Result<u64> {
        arguments
            .get(1)
            .map_or(Ok(otherwise), |text| Ok(text.parse()?))
    };
    match arguments.first().map(String::as_str) {
        Some("speed") | None => speed(dir.path(), number(20_000)?),
        Some("verify") => verify(dir.path(), number(1_000_000)?),
        Some("kill") => kill(dir.path(), number(1_000)?),
        Some(other) => Err(format!("`{other}` is none of speed, verify, kill").into()),
    }
}

/// Leaves a second when 1, 16 and 1,024 are handed in before any is waited for, beside the disk's
/// own syncs a second; then proofs.
fn speed(dir: &Path, leaves: u64) -> Result<()> {
    println!("syncs of one file: {:.0} a second", syncs(dir)?);
    for together in [1, 16, 256, 1_024] {
        let at = dir.join(format!("log-{together}"));
        let committer = Committer::start(Log::open(&at, ORIGIN)?)?;
        let wanted = leaves.min(together * 200);
        let start = Instant::now();
        let mut slowest = Duration::ZERO;
        let mut done = 0;
        while done < wanted {
            let began = Instant::now();
            let end = wanted.min(done + together);
            let pending: Vec<_> = (done..end)
                .map(|index| committer.append(leaf(index)))
                .collect::<longitude_ledger::Result<_>>()?;
            for one in pending {
                one.durable()?;
            }
            slowest = slowest.max(began.elapsed());
            done = end;
        }
        let rate = wanted as f64 / start.elapsed().as_secs_f64();
        println!("{together} at a time: {rate:.0} durable leaves a second, slowest {slowest:.1?}");
    }
    let at = dir.join("proofs");
    let mut log = filled(&at, leaves)?;
    log.publish(&signer()?)?;
    let key = signer()?.verifying_key();
    let mut times = Vec::new();
    for n in 0..2_000_u64 {
        let index = n.wrapping_mul(0x9E37_79B9_7F4A_7C15) % leaves;
        let start = Instant::now();
        let proof = log.proof_file(index)?;
        times.push(start.elapsed());
        proof.verify(&leaf(index), &key)?;
    }
    times.sort();
    let (half, most) = (times[times.len() / 2], times[times.len() * 99 / 100]);
    println!("proof of one of {leaves} leaves: median {half:.2?}, p99 {most:.2?}");
    Ok(())
}

/// How many times a second a file can be appended to and synced.
fn syncs(dir: &Path) -> Result<f64> {
    let mut file = std::fs::File::create(dir.join("syncs"))?;
    let start = Instant::now();
    let rounds = 200;
    for _ in 0..rounds {
        file.write_all(&[7; 256])?;
        file.sync_all()?;
    }
    Ok(f64::from(rounds) / start.elapsed().as_secs_f64())
}

fn filled(dir: &Path, leaves: u64) -> Result<Log> {
    let mut log = Log::open(dir, ORIGIN)?;
    while log.size() < leaves {
        let room = u64::try_from(log.room())?.min(leaves - log.size());
        let group = (log.size()..log.size() + room).map(leaf).collect();
        log.append_group(group)?;
    }
    Ok(log)
}

fn verify(dir: &Path, leaves: u64) -> Result<()> {
    let start = Instant::now();
    let mut log = filled(dir, leaves)?;
    log.publish(&signer()?)?;
    drop(log);
    println!("{leaves} leaves written in {:.1?}", start.elapsed());
    let start = Instant::now();
    let audit = verify_log(dir, &signer()?.verifying_key())?;
    let took = start.elapsed();
    if !audit.is_intact() {
        return Err("the log is not intact".into());
    }
    let rate = leaves as f64 / took.as_secs_f64();
    println!("verified in {took:.1?}: {rate:.0} leaves a second, one thread");
    Ok(())
}

/// Appends groups, says what is durable, publishes now and then, until it is killed.
fn child(dir: &Path) -> Result<()> {
    let mut log = Log::open(dir, ORIGIN)?;
    let mut out = std::io::stdout();
    loop {
        let size = log.size();
        let group = log.room().min(1 + usize::try_from(size % 37)?);
        let entries = (size..size + u64::try_from(group)?).map(leaf).collect();
        let first = log.append_group(entries)?;
        writeln!(out, "{}", first + u64::try_from(group)?)?;
        if first % 5 == 0 {
            log.publish(&signer()?)?;
        }
    }
}

/// Processes killed at any moment: no acknowledged leaf may be lost, no read may be torn.
fn kill(dir: &Path, cycles: u64) -> Result<()> {
    let mut acknowledged = 0;
    let mut torn = 0;
    for cycle in 0..cycles {
        let mut process = Command::new(std::env::current_exe()?)
            .env(CHILD, dir)
            .stdout(Stdio::piped())
            .spawn()?;
        let output = process.stdout.take().ok_or("no output")?;
        let (say, heard) = std::sync::mpsc::channel();
        let reader = std::thread::spawn(move || {
            let lines = BufReader::new(output).lines();
            let lines = lines.map_while(std::result::Result::ok);
            let said = lines.filter_map(|line| line.parse::<u64>().ok());
            said.map_while(|size| say.send(size).ok()).count()
        });
        // 5 to 60 milliseconds after it begins to write, another time in every cycle.
        let wait = 5 + cycle.wrapping_mul(0x9E37_79B9_7F4A_7C15) % 56;
        let mut last = heard.recv()?;
        let end = Instant::now() + Duration::from_millis(wait);
        while let Ok(size) = heard.recv_timeout(end.saturating_duration_since(Instant::now())) {
            last = size;
        }
        process.kill()?;
        process.wait()?;
        reader.join().map_err(|_panic| "the reader failed")?;
        acknowledged = heard.iter().fold(acknowledged.max(last), u64::max);
        let log = Log::open(dir, ORIGIN)?;
        torn += u64::from(log.recovery().torn_bytes > 0);
        if log.size() < acknowledged {
            let size = log.size();
            return Err(format!("cycle {cycle}: {acknowledged} acknowledged, {size} there").into());
        }
        let from = log.size().saturating_sub(600);
        if (from..log.size()).any(|index| log.entry(index).is_ok_and(|e| e != leaf(index))) {
            return Err(format!("cycle {cycle}: an entry was altered").into());
        }
        acknowledged = log.size();
    }
    let mut log = Log::open(dir, ORIGIN)?;
    log.publish(&signer()?)?;
    let size = log.size();
    for index in 0..size {
        if log.entry(index)? != leaf(index) {
            return Err(format!("entry {index} was altered").into());
        }
    }
    drop(log);
    if !verify_log(dir, &signer()?.verifying_key())?.is_intact() {
        return Err("the log is not intact".into());
    }
    println!("{cycles} processes killed, {size} leaves, none lost, {torn} torn tails taken off");
    Ok(())
}
