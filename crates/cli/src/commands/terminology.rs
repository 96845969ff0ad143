//! `longitude terminology`: what a code means, and which codes of a data set nobody knows.

use crate::failure::{Failure, Kind};
use crate::progress::print;
use crate::steps::terminology::{self, Check, Vocabularies};
use anyhow::Result;
use longitude_core::Code;
use longitude_store::Dataset;
use longitude_terminology::{Coded, Held, Standing, ccsr, chronic, equivalents};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::PathBuf;

/// What `longitude terminology` takes.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// What a code means, what stands above it, and what it maps to
    Show {
        /// The code with its system, as data sets write it: `ICD10CM//E11.9`,
        /// `DIAGNOSIS//ICD//9//4019`
        code: String,
        /// Vocabularies of your own; may be given several times
        #[arg(long, value_name = "PATH")]
        vocabulary: Vec<PathBuf>,
        /// Print as JSON
        #[arg(long)]
        json: bool,
    },
    /// Look up every code of a data set: known, unknown and malformed codes by system
    Check {
        /// The MEDS data set
        meds: PathBuf,
        /// Vocabularies of your own; may be given several times
        #[arg(long, value_name = "PATH")]
        vocabulary: Vec<PathBuf>,
        /// Print as JSON
        #[arg(long)]
        json: bool,
    },
}

const AFTER_HELP: &str = "\
ICD-10-CM, ICD-9-CM diagnoses, ICD-10-PCS, their equivalence mappings (GEMs), CCSR categories and
the chronic condition indicator come with the program. Others are read where you give the files you
have a licence for: OMOP Athena, LOINC, RxNorm, ATC, PhecodeX (docs/terminology.md).

An unknown code is kept as it is and counted; it falls to the ancestors that its letters name.

Examples:
  longitude terminology show ICD10CM//E11.65
  longitude terminology check identified
  longitude terminology check identified --vocabulary athena/ --vocabulary Loinc.csv --json";

/// Runs the command.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    match &arguments.action {
        Action::Show {
            code,
            vocabulary,
            json,
        } => show(code, &Vocabularies::new(vocabulary.clone())?, *json),
        Action::Check {
            meds,
            vocabulary,
            json,
        } => {
            let data = Dataset::open(meds)?;
            let check = terminology::check(&data, &Vocabularies::new(vocabulary.clone())?)?;
            if *json {
                return print(&format!("{}\n", serde_json::to_string_pretty(&check)?));
            }
            print(&text(&check)?)
        }
    }
}

fn show(joined: &str, vocabularies: &Vocabularies, json: bool) -> Result<()> {
    let code = Code::from_meds(joined);
    let terminology = vocabularies.of(&BTreeSet::from([code.clone()]))?;
    let (standing, entry) = match terminology.look_up(&code) {
        Standing::Known(entry) if entry.is_header => ("heading", entry),
        Standing::Known(entry) => ("known", entry),
        Standing::Unknown(entry) => ("unknown", entry),
        Standing::Malformed => {
            let message = "no code of its system looks like this";
            let mend = "write the system, two slashes and the code: ICD10CM//E11.9";
            return Err(Failure::new(Kind::Input, message, mend).into());
        }
        Standing::NotHeld => {
            let message = "no terminology at hand holds the code's system";
            let mend = "name the system before the code (ICD10CM//E11.9), or give --vocabulary";
            return Err(Failure::new(Kind::Input, message, mend).into());
        }
    };
    let mut shown = json!({
        "code": joined,
        "standing": standing,
        "description": entry.description.as_deref(),
    });
    let above = terminology.lineage(&code);
    let above = above.iter().filter(|(one, _)| **one != code);
    shown["above"] = above
        .map(|(one, entry)| {
            json!({
                "code": one.to_meds(),
                "description": entry.description.as_deref(),
            })
        })
        .collect();
    if let Some(coded) = Coded::of(&code) {
        maps(&coded, &mut shown);
    }
    if json {
        return print(&format!("{}\n", serde_json::to_string_pretty(&shown)?));
    }
    print(&told(&shown)?)
}

/// Adds what a code maps to.
fn maps(coded: &Coded, shown: &mut Value) {
    if coded.system == Held::Icd10Cm {
        let category = ccsr(coded);
        shown["ccsr"] = category.map_or(
            Value::Null,
            |one| json!({ "category": one.category, "body_system": one.body_system }),
        );
        let chronic = chronic(coded).map(|one| format!("{one:?}").to_lowercase());
        shown["chronic"] = chronic.into();
    }
    if let Some(all) = equivalents(coded) {
        let all = all.iter().map(|one| {
            json!({
                "code": one.code.to_meds(),
                "approximate": one.is_approximate,
                "combination": one.combination.map(|(scenario, choice)| {
                    json!({ "scenario": scenario, "choice_list": choice })
                }),
            })
        });
        shown["equivalents"] = all.collect();
    }
}

/// The same for a person.
fn told(shown: &Value) -> Result<String> {
    let word = |value: &Value| value.as_str().unwrap_or("(no description)").to_owned();
    let mut text = format!(
        "{}  {}  ({})\n",
        word(&shown["code"]),
        word(&shown["description"]),
        word(&shown["standing"])
    );
    let list = |name: &str| shown[name].as_array().cloned().unwrap_or_default();
    for one in list("above") {
        let (code, meaning) = (word(&one["code"]), word(&one["description"]));
        writeln!(text, "  above   {code}  {meaning}")?;
    }
    for one in list("equivalents") {
        let sign = if one["approximate"] == true {
            "about"
        } else {
            "equal"
        };
        write!(text, "  {sign}   {}", word(&one["code"]))?;
        if let Some(part) = one["combination"].as_object() {
            let (scenario, choice) = (&part["scenario"], &part["choice_list"]);
            write!(text, "  (scenario {scenario}, one of choice list {choice})")?;
        }
        text.push('\n');
    }
    if shown["equivalents"].as_array().is_some_and(Vec::is_empty) {
        text.push_str("  no equivalent in the other revision\n");
    }
    if let Some(category) = shown["ccsr"].as_object() {
        let (category, system) = (&category["category"], &category["body_system"]);
        writeln!(text, "  CCSR    {}  {}", word(category), word(system))?;
    }
    if let Some(chronic) = shown["chronic"].as_str() {
        writeln!(text, "  chronic condition: {chronic}")?;
    }
    Ok(text)
}

/// A check for a person.
fn text(check: &Check) -> Result<String> {
    let mut text = String::new();
    let heads = [
        "codes",
        "unknown",
        "malformed",
        "headings",
        "events",
        "of unknown",
    ];
    write!(text, "{:<24}", "system")?;
    for head in heads {
        write!(text, "{head:>12}")?;
    }
    for (name, one) in &check.systems {
        let name: String = name.chars().take(23).collect();
        write!(text, "\n{name:<24}{:>12}", one.codes)?;
        if one.held {
            let odd_events = one.unknown_events + one.malformed_events;
            for count in [
                one.unknown,
                one.malformed,
                one.headings,
                one.events,
                odd_events,
            ] {
                write!(text, "{count:>12}")?;
            }
        } else {
            write!(text, "{:>36}{:>12}", "not held", one.events)?;
        }
    }
    text.push('\n');
    if !check.odd.is_empty() {
        text.push_str("\ncommonest codes that are unknown or malformed\n");
    }
    for odd in &check.odd {
        let (events, subjects) = (odd.events, odd.subjects);
        writeln!(
            text,
            "{events:>10} events of {subjects} subjects  {}  {}",
            odd.standing, odd.code
        )?;
    }
    Ok(text)
}
