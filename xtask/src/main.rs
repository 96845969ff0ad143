//! Automation of the project, in its own language:
//! `cargo xtask ci | test | cluster | gpu | parallel | tidy | bless | bench`.
//!
//! The laptop and CI run the same commands; nothing here is needed to build or use Longitude.
#![forbid(unsafe_code)]

mod bench;
mod tidy;

use anyhow::{Context, Result, bail};
use std::path::PathBuf;
use std::process::{Command, ExitCode};

const USAGE: &str = "\
usage: cargo xtask COMMAND
  ci            formatting, lints, tidy, documentation and the whole test suite
  test [ARGS]   the whole test suite (ARGS go to `cargo test`)
  cluster       the ingest on a cluster, which has a workspace of its own
  gpu           the model on burn, which has a workspace of its own; not a part of ci
  parallel      training over MPI, which has a workspace of its own; not a part of ci
  tidy          the rules of STYLE.md that a program can check
  bless         regenerate golden files and inline snapshots; review the diff
  bench [NAME]  measure; without a name, the list of benchmarks";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> Result<()> {
    let rest = arguments.get(1..).unwrap_or_default();
    match arguments.first().map(String::as_str) {
        Some("ci") => ci(),
        Some("test") => test(rest),
        Some("cluster") => cluster(rest, false),
        Some("gpu") => gpu(rest),
        Some("parallel") => parallel(rest),
        Some("tidy") => tidy::run(&root()),
        Some("bless") => bless(),
        Some("bench") => bench::run(&root(), rest),
        _ => bail!("{USAGE}"),
    }
}

/// Everything a change must pass, cheapest first.
fn ci() -> Result<()> {
    tidy::run(&root())?;
    cargo(&["fmt", "--all", "--check"])?;
    cargo(&[
        "clippy",
        "--workspace",
        "--all-targets",
        "--locked",
        "--",
        "-D",
        "warnings",
    ])?;
    cargo_with(
        &["doc", "--workspace", "--no-deps", "--locked", "--quiet"],
        &[("RUSTDOCFLAGS", "-D warnings")],
    )?;
    if on_path("cargo-deny") {
        cargo(&["deny", "--offline", "check", "bans", "licenses", "sources"])?;
    } else {
        eprintln!("LEFT OUT: cargo-deny is not installed (tidy has checked the licences)");
    }
    test(&[])?;
    eprintln!("LEFT OUT: gpu/ (its build takes some ten minutes of a core; `cargo xtask gpu`)");
    eprintln!(
        "LEFT OUT: parallel/ (it needs an MPI library, and its build takes some five minutes of a \
         core; `cargo xtask parallel`; ranks that are threads were tested)"
    );
    cluster(&[], true)
}

/// Format, lints and tests of `gpu/`. The tests need no GPU: a software Vulkan will do, and where
/// there is none they say what they leave out.
fn gpu(arguments: &[String]) -> Result<()> {
    outside("gpu", arguments, &[])
}

/// Format, lints and tests of `parallel/`, whose ranks `mpirun` starts, and a check of its sums by
/// NCCL, which nothing here can run.
fn parallel(arguments: &[String]) -> Result<()> {
    let needs = ["mpicc", "mpirun", "clang"];
    let missing: Vec<&str> = needs.into_iter().filter(|name| !on_path(name)).collect();
    if !missing.is_empty() {
        eprintln!(
            "LEFT OUT: parallel/ was neither built nor tested: {} not installed (Debian: apt-get \
             install libopenmpi-dev openmpi-bin libclang-dev clang)",
            missing.join(" and ")
        );
        return Ok(());
    }
    outside("parallel", arguments, &[])?;
    let nccl = ["--manifest-path=parallel/Cargo.toml", "--features=nccl"];
    cargo(&["check", nccl[0], nccl[1], "--locked"])?;
    eprintln!("LEFT OUT: sums by NCCL compile and were not run (they need GPUs)");
    Ok(())
}

/// Format, lints and tests of `cluster/`, which start a scheduler and executors as processes. The
/// program `longitude`, where it has just been built, is one of the things it is compared with.
fn cluster(arguments: &[String], is_built: bool) -> Result<()> {
    let program = target()?.join("debug").join("longitude");
    let program = (is_built && program.is_file()).then(|| program.to_string_lossy());
    let variables: Vec<_> = program.iter().map(|path| ("LONGITUDE", &**path)).collect();
    outside("cluster", arguments, &variables)
}

/// Format, lints and tests of a folder with a workspace of its own.
fn outside(folder: &str, arguments: &[String], variables: &[(&str, &str)]) -> Result<()> {
    let manifest = format!("--manifest-path={folder}/Cargo.toml");
    cargo(&["fmt", &manifest, "--check"])?;
    let target = target()?;
    let target = target.to_string_lossy();
    let variables = [&[("CARGO_TARGET_DIR", &*target)], variables].concat();
    let lint = [
        "clippy",
        &*manifest,
        "--all-targets",
        "--locked",
        "--",
        "-D",
        "warnings",
    ];
    cargo_with(&lint, &variables)?;
    let mut command = vec!["test", &*manifest, "--locked"];
    command.extend(arguments.iter().map(String::as_str));
    cargo_with(&command, &variables)
}

/// The folder of what is built.
fn target() -> Result<PathBuf> {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or(root().join("target"), PathBuf::from);
    Ok(std::path::absolute(target)?)
}

fn test(arguments: &[String]) -> Result<()> {
    let mut command = vec!["test", "--workspace", "--locked"];
    command.extend(arguments.iter().map(String::as_str));
    cargo(&command)
}

fn bless() -> Result<()> {
    cargo_with(
        &["test", "--workspace", "--locked"],
        &[("UPDATE_EXPECT", "1")],
    )
}

fn cargo(arguments: &[&str]) -> Result<()> {
    cargo_with(arguments, &[])
}

fn cargo_with(arguments: &[&str], variables: &[(&str, &str)]) -> Result<()> {
    eprintln!("$ cargo {}", arguments.join(" "));
    let status = Command::new("cargo")
        .args(arguments)
        .envs(variables.iter().copied())
        .current_dir(root())
        .status()
        .context("cannot start cargo")?;
    if !status.success() {
        bail!("`cargo {}` failed", arguments.join(" "));
    }
    Ok(())
}

fn on_path(program: &str) -> bool {
    Command::new(program)
        .arg("--version")
        .output()
        .is_ok_and(|out| out.status.success())
}

/// The workspace's root: the parent of this package's folder, as `cargo run` says it. What was
/// compiled in may be another copy of the workspace that shares the target folder.
fn root() -> PathBuf {
    let here = std::env::var_os("CARGO_MANIFEST_DIR");
    let here = here.map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    here.parent().map_or(here.clone(), PathBuf::from)
}
