//! How records are read and whose they are: the flags that `ingest` and `run` share, which are the
//! table `[reading]` of a TOML file of `run` too. Files are named here and read when resolved.

use crate::failure::{Failure, Kind};
use crate::steps::ingest::{Linking, Sources, read_id_map};
use crate::steps::terminology::Vocabularies;
use anyhow::{Context, Result};
use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use longitude_ingest::{Clock, EncounterEdge, LinkOptions, Omop, Options, Prefer, Units};
use longitude_units::Analytes;
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::{Path, PathBuf};

/// The flags; what is not given stays as it is.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "How records are read")]
pub(crate) struct Flags {
    /// A mapping file for tables; may be given several times
    #[arg(long, value_name = "FILE")]
    mapping: Vec<PathBuf>,
    /// The clock of times that are written without an offset (OMOP, HL7 v2, C-CDA, tables whose
    /// mapping says `naive`): an offset such as -05:00, or a zone such as Europe/Berlin, in which a
    /// time that summer time doubles or skips is counted as a warning [default: read as UTC]
    #[arg(long, value_name = "OFFSET|ZONE", allow_hyphen_values = true)]
    utc_offset: Option<Clock>,
    /// Which of OMOP's two concepts is the event's code: the standard one, which sites share, or
    /// the source's own, which is finer; the other is kept beside it [default: standard]
    #[arg(long, value_name = "WHICH", value_parser = prefer())]
    omop_concept: Option<Prefer>,
    /// OMOP's tables of eras make events too; they are derived from the other tables
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true",
        require_equals = true)]
    omop_eras: Option<bool>,
    /// FHIR's Claims make events; leave it where ExplanationOfBenefit, which always does, tells the
    /// same a second time
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true",
        require_equals = true)]
    claims: Option<bool>,
    /// FHIR's meta.lastUpdated counts as the time at which a record was written down, where nothing
    /// else says it; leave it where servers touch records for other reasons
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true",
        require_equals = true)]
    recorded_from_meta: Option<bool>,
    /// Which end of the encounter dates a record without a time of its own; with `start`, discharge
    /// diagnoses stand before the stay that they sum up [default: end]
    #[arg(long, value_name = "EDGE", value_parser = edge())]
    time_from_encounter: Option<EncounterEdge>,
    /// The site's own table of analytes (TOML, see docs/units.md) beside the shipped one; or
    /// `as-written`, to convert no unit and flag no value
    #[arg(long, value_name = "FILE")]
    units: Option<PathBuf>,
    /// Vocabularies of your own (OMOP Athena, LOINC, RxNorm, ATC, PhecodeX) for descriptions and
    /// hierarchy of codes, beside the shipped ones; may be given several times
    #[arg(long, value_name = "PATH")]
    vocabulary: Vec<PathBuf>,
    /// Find records of one person by shared numbers and by names, birth, sex, address and
    /// telephone; without it only what the sources state is merged
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true",
        require_equals = true)]
    link: Option<bool>,
    /// Who is who, as the institution states it: lines `a,b,same` or `a,b,different`
    #[arg(long, value_name = "CSV")]
    id_map: Option<PathBuf>,
    /// The probability from which two records are merged without a look [default: 0.999]
    #[arg(long, value_name = "P")]
    link_probability: Option<f64>,
}

fn prefer() -> impl clap::builder::TypedValueParser<Value = Prefer> {
    PossibleValuesParser::new(["standard", "source"]).map(|text| match text.as_str() {
        "source" => Prefer::Source,
        _ => Prefer::Standard,
    })
}

fn edge() -> impl clap::builder::TypedValueParser<Value = EncounterEdge> {
    PossibleValuesParser::new(["start", "end"]).map(|text| match text.as_str() {
        "start" => EncounterEdge::Start,
        _ => EncounterEdge::End,
    })
}

/// How records are read, resolved: every key has its value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default = "Reading::standard")]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a key of the settings"
)]
pub(crate) struct Reading {
    /// Mapping files for tables.
    pub(crate) mapping: Vec<PathBuf>,
    /// The clock of times without an offset.
    pub(crate) utc_offset: Option<Clock>,
    /// Which of OMOP's two concepts is the code.
    pub(crate) omop_concept: Prefer,
    /// Whether OMOP's eras make events.
    pub(crate) omop_eras: bool,
    /// Whether FHIR's Claims make events.
    pub(crate) claims: bool,
    /// Whether FHIR's `meta.lastUpdated` counts as the time of writing.
    pub(crate) recorded_from_meta: bool,
    /// Which end of an encounter dates what has no time.
    pub(crate) time_from_encounter: EncounterEdge,
    /// A table of analytes, or `as-written`.
    pub(crate) units: Option<PathBuf>,
    /// The institution's vocabularies, files or folders.
    pub(crate) vocabulary: Vec<PathBuf>,
    /// Whether records of one person are searched for.
    pub(crate) link: bool,
    /// The institution's id map.
    pub(crate) id_map: Option<PathBuf>,
    /// The probability from which two records are merged.
    pub(crate) link_probability: f64,
}

impl Reading {
    /// As the reader does it when nothing is asked.
    pub(crate) fn standard() -> Self {
        let options = Options::standard(1);
        Self {
            mapping: Vec::new(),
            utc_offset: options.clock,
            omop_concept: options.omop.prefer,
            omop_eras: options.omop.eras,
            claims: options.claims,
            recorded_from_meta: options.recorded_from_meta,
            time_from_encounter: options.time_from_encounter,
            units: None,
            vocabulary: Vec::new(),
            link: false,
            id_map: None,
            link_probability: 0.999,
        }
    }

    /// The same with the flags on top.
    pub(crate) fn with(mut self, flags: &Flags) -> Self {
        if !flags.mapping.is_empty() {
            self.mapping.clone_from(&flags.mapping);
        }
        self.utc_offset = flags.utc_offset.clone().or(self.utc_offset);
        self.omop_concept = flags.omop_concept.unwrap_or(self.omop_concept);
        self.omop_eras = flags.omop_eras.unwrap_or(self.omop_eras);
        self.claims = flags.claims.unwrap_or(self.claims);
        self.recorded_from_meta = flags.recorded_from_meta.unwrap_or(self.recorded_from_meta);
        self.time_from_encounter = flags
            .time_from_encounter
            .unwrap_or(self.time_from_encounter);
        self.units = flags.units.clone().or(self.units);
        if !flags.vocabulary.is_empty() {
            self.vocabulary.clone_from(&flags.vocabulary);
        }
        self.link = flags.link.unwrap_or(self.link);
        self.id_map = flags.id_map.clone().or(self.id_map);
        self.link_probability = flags.link_probability.unwrap_or(self.link_probability);
        self
    }

    /// The files that are named, but for vocabularies: they are large, and what they say of the
    /// codes at hand stands in the data set.
    pub(crate) fn files(&self) -> impl Iterator<Item = &Path> {
        let units = self.units.as_deref().filter(|path| !is_as_written(path));
        let mapping = self.mapping.iter().map(PathBuf::as_path);
        mapping.chain(units).chain(self.id_map.as_deref())
    }

    /// The sources to be read so. Every file that is named is read and checked.
    pub(crate) fn sources(&self, paths: Vec<PathBuf>, threads: Option<usize>) -> Result<Sources> {
        let mut sources = Sources::new(paths, threads).with_mappings(&self.mapping)?;
        sources.options = Options {
            clock: self.utc_offset.clone(),
            time_from_encounter: self.time_from_encounter,
            recorded_from_meta: self.recorded_from_meta,
            claims: self.claims,
            omop: Omop {
                prefer: self.omop_concept,
                eras: self.omop_eras,
            },
            ..sources.options
        };
        if let Some(path) = &self.units {
            sources.options.units = units(path)?;
        }
        sources.linking = self.linking()?;
        sources.vocabularies = Vocabularies::new(self.vocabulary.clone())?;
        sources.reading = Some(self.clone());
        Ok(sources)
    }

    fn linking(&self) -> Result<Linking> {
        let mut linking = Linking::stated();
        if self.link {
            linking.options = LinkOptions::standard();
            linking.options.link_probability = self.link_probability;
        }
        if let Some(path) = &self.id_map {
            linking.statements = read_id_map(path)?;
        }
        Ok(linking)
    }
}

fn is_as_written(path: &Path) -> bool {
    path == Path::new("as-written")
}

/// What `--units` asks for. The table is checked here, so that a fault is told before any work.
fn units(path: &Path) -> Result<Units> {
    if is_as_written(path) {
        return Ok(Units::AsWritten);
    }
    Ok(Units::CanonicalWith(site_table(path)?.1))
}

/// The shipped table of analytes with a site's beside it, and the text of the site's.
pub(crate) fn site_table(path: &Path) -> Result<(Analytes, String)> {
    let text = fs::read_to_string(path).with_context(|| format!("--units {}", path.display()))?;
    let table = Analytes::shipped().extended(&text).map_err(|error| {
        let message = format!("--units {}: {}", path.display(), chain(&error));
        Failure::new(Kind::Input, message, "see docs/units.md for its form")
    })?;
    Ok((table, text))
}

/// An error with what caused it: the line of a TOML file stands in the cause.
fn chain(error: &dyn std::error::Error) -> String {
    let cause = error.source().map(|cause| format!(": {cause}"));
    format!("{error}{}", cause.unwrap_or_default())
}
