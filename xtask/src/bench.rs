//! Measurements, each kept as a command that anyone can repeat. A claim of speed is a ratio of two
//! programs run in turn; no test asserts a time.

use anyhow::{Result, bail};
use std::path::Path;

/// The benchmarks: name, what it measures, how it runs.
const LIST: &[(&str, &str, &[&str])] = &[];

/// Runs the benchmark with the name given, or prints the list.
pub(crate) fn run(root: &Path, arguments: &[String]) -> Result<()> {
    let Some(name) = arguments.first() else {
        for (name, what, _) in LIST {
            eprintln!("  {name:<12} {what}");
        }
        return Ok(());
    };
    let Some((_, _, command)) = LIST.iter().find(|(known, _, _)| known == name) else {
        bail!("no benchmark is called `{name}`; `cargo xtask bench` lists them");
    };
    let status = std::process::Command::new(command[0])
        .args(&command[1..])
        .args(&arguments[1..])
        .current_dir(root)
        .status()?;
    if !status.success() {
        bail!("the benchmark failed");
    }
    Ok(())
}
