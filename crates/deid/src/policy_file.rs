//! The policy file: one TOML file that says how a data set is de-identified and judged.
//!
//! `docs/deidentification.md` explains every key. Unknown keys are errors, and each error names
//! line and column. Nothing here can loosen what Safe Harbor asks: a policy that tries is refused.

use crate::policy::{AGES_OVER, Mode, Options, TextPolicy};
use crate::risk::{self, QuasiIdentifier};
use crate::rules::{CodeAction, Column, Pattern, Rules, TextAction};
use crate::zip::{SMALL_AREAS, ZipAction};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::ops::Range;
use toml::Spanned;

/// The version of the file's form.
const VERSION: i64 = 1;
/// The smallest group that may be told, where a policy names no other: CMS publishes no cell of 1
/// to 10 people (cell size suppression policy), and 1/11 is the European Medicines Agency's
/// threshold of 0.09 for the risk of re-identification (policy 0070).
const K: u32 = 11;
/// The longest shift that a policy may ask for: a century.
const SHIFT_DAYS_MAX: u32 = 36_525;

/// A whole policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Policy {
    /// Mode, shift, notes, ages.
    pub options: Options,
    /// Codes, texts, columns, postal codes.
    pub rules: Rules,
    /// How the outcome is judged.
    pub risk: RiskOptions,
    /// What is special to headers of images.
    pub dicom: DicomRules,
}

/// What a policy says of DICOM headers beside its mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DicomRules {
    /// Whether age (over 89 as 90), sex, size, weight, pregnancy and smoking stay.
    #[serde(default)]
    pub patient_characteristics: bool,
    /// What becomes of files whose pixels may show who it is.
    pub burned_in: BurnedIn,
}

/// What becomes of files whose pixels may show who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BurnedIn {
    /// They are refused.
    Refuse,
    /// They pass and are counted; somebody looked at them and answers for it.
    Report,
}

impl DicomRules {
    const STANDARD: Self = Self {
        patient_characteristics: false,
        burned_in: BurnedIn::Refuse,
    };
}

/// How a de-identified data set is judged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RiskOptions {
    /// The smallest group of subjects that are alike.
    pub k: u32,
    /// What becomes of codes that fewer than `k` subjects have.
    pub rare_codes: RareCodes,
    /// What an outsider may know of a subject.
    pub quasi_identifiers: Vec<QuasiIdentifier>,
    /// Codes that nobody should learn, for l-diversity.
    pub sensitive: Vec<Pattern>,
}

/// What becomes of rare codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RareCodes {
    /// They stay, and the report counts them.
    Keep,
    /// They become a coarser code that enough subjects have; where there is none, they go.
    Generalise,
    /// Their events are left out.
    Suppress,
}

/// A policy file that cannot be used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {what}")]
pub struct PolicyError {
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1.
    pub column: usize,
    /// What is wrong.
    pub what: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: Spanned<i64>,
    mode: Spanned<Mode>,
    shift_days_max: Option<Spanned<u32>>,
    notes: TextPolicy,
    ages_over: Option<Spanned<u16>>,
    #[serde(default)]
    code: Vec<CodeEntry>,
    #[serde(default)]
    text: TextTable,
    #[serde(default)]
    columns: ColumnTable,
    zip: Option<ZipTable>,
    #[serde(default)]
    risk: RiskTable,
    dicom: Option<DicomRules>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CodeEntry {
    r#match: Spanned<String>,
    action: Spanned<CodeWord>,
    letters: Option<Spanned<usize>>,
}

#[derive(Clone, Copy, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum CodeWord {
    Keep,
    Drop,
    Generalise,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct TextTable {
    default: Option<Spanned<TextAction>>,
    #[serde(default)]
    rule: Vec<TextEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TextEntry {
    r#match: Spanned<String>,
    action: Spanned<TextAction>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ColumnTable {
    #[serde(default)]
    drop: BTreeSet<Column>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ZipTable {
    #[serde(default)]
    codes: Vec<Spanned<String>>,
    action: Option<ZipWord>,
    #[serde(default)]
    small: Vec<Spanned<String>>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ZipWord {
    Zip3,
    Drop,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RiskTable {
    k: Option<Spanned<u32>>,
    rare_codes: Option<RareCodes>,
    quasi_identifiers: Option<Vec<Spanned<String>>>,
    #[serde(default)]
    quasi: Vec<QuasiEntry>,
    #[serde(default)]
    sensitive: Vec<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct QuasiEntry {
    name: Spanned<String>,
    r#match: Vec<Spanned<String>>,
}

impl Policy {
    /// The policy of a mode without a file.
    pub fn standard(options: Options) -> Self {
        Self {
            options,
            rules: Rules::standard(),
            risk: RiskOptions {
                k: K,
                rare_codes: RareCodes::Keep,
                quasi_identifiers: QuasiIdentifier::standard(),
                sensitive: Vec::new(),
            },
            dicom: DicomRules::STANDARD,
        }
    }

    /// A policy file of a mode to start from, with its comments.
    pub const fn example(mode: Mode) -> &'static str {
        match mode {
            Mode::SafeHarbor => include_str!("../policies/safe_harbor.toml"),
            Mode::ExpertDetermination => include_str!("../policies/expert_determination.toml"),
        }
    }

    /// Reads a policy.
    ///
    /// # Errors
    /// With line and column, when it is not TOML, has an unknown key, or asks for what its mode
    /// does not allow.
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        let file: File = toml::from_str(text).map_err(|error| {
            let span = error.span().unwrap_or(0..0);
            at(text, &span, error.message())
        })?;
        let check = Check { text };
        let options = check.options(&file)?;
        let safe_harbor = options.mode == Mode::SafeHarbor;
        Ok(Self {
            options,
            rules: check.rules(&file, safe_harbor)?,
            risk: check.risk(&file.risk)?,
            dicom: file.dicom.unwrap_or(DicomRules::STANDARD),
        })
    }
}

/// Line and column of a place in the text, with what is wrong there.
fn at(text: &str, span: &Range<usize>, what: &str) -> PolicyError {
    let before = text.get(..span.start).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    PolicyError {
        line: before.matches('\n').count() + 1,
        column: before[line_start..].chars().count() + 1,
        what: what.to_owned(),
    }
}

/// The rules that no schema tells.
struct Check<'a> {
    text: &'a str,
}

impl Check<'_> {
    fn fault<T>(&self, place: &Spanned<T>, what: impl AsRef<str>) -> PolicyError {
        at(self.text, &place.span(), what.as_ref())
    }

    fn pattern(&self, text: &Spanned<String>) -> Result<Pattern, PolicyError> {
        Pattern::parse(text.get_ref()).map_err(|what| self.fault(text, what))
    }

    fn options(&self, file: &File) -> Result<Options, PolicyError> {
        if *file.version.get_ref() != VERSION {
            return Err(self.fault(&file.version, "this program knows version 1 only"));
        }
        let mode = *file.mode.get_ref();
        let shift_days_max = match (mode, &file.shift_days_max) {
            (Mode::SafeHarbor, None) => 0,
            (Mode::SafeHarbor, Some(shift)) => {
                let what = "Safe Harbor shifts nothing: it leaves the year alone";
                return Err(self.fault(shift, what));
            }
            (Mode::ExpertDetermination, None) => {
                return Err(self.fault(&file.mode, "this mode needs `shift_days_max`"));
            }
            (Mode::ExpertDetermination, Some(shift)) => {
                if !(1..=SHIFT_DAYS_MAX).contains(shift.get_ref()) {
                    return Err(self.fault(shift, "a shift lies between 1 and 36525 days"));
                }
                *shift.get_ref()
            }
        };
        let ages_over = match &file.ages_over {
            None => AGES_OVER,
            Some(age) if (1..=AGES_OVER).contains(age.get_ref()) => *age.get_ref(),
            Some(age) => {
                let what = "ages over 89 may not be told: give 89 or less";
                return Err(self.fault(age, what));
            }
        };
        Ok(Options {
            mode,
            shift_days_max,
            notes: file.notes,
            ages_over,
        })
    }

    fn rules(&self, file: &File, safe_harbor: bool) -> Result<Rules, PolicyError> {
        let mut rules = Rules {
            columns: file.columns.drop.clone(),
            ..Rules::standard()
        };
        for entry in &file.code {
            let pattern = self.pattern(&entry.r#match)?;
            rules.codes.push((pattern, self.code_action(entry)?));
        }
        let text = |place: &Spanned<TextAction>| {
            let keep = *place.get_ref() == TextAction::Keep;
            if keep && safe_harbor {
                let what = "Safe Harbor keeps no text as it is: use `coded`, `scrub` or `drop`";
                return Err(self.fault(place, what));
            }
            Ok(*place.get_ref())
        };
        if let Some(default) = &file.text.default {
            rules.text_default = text(default)?;
        }
        for entry in &file.text.rule {
            let pattern = self.pattern(&entry.r#match)?;
            rules.texts.push((pattern, text(&entry.action)?));
        }
        if let Some(zip) = &file.zip {
            self.zip(zip, &mut rules)?;
        }
        Ok(rules)
    }

    fn code_action(&self, entry: &CodeEntry) -> Result<CodeAction, PolicyError> {
        match (entry.action.get_ref(), &entry.letters) {
            (CodeWord::Generalise, Some(letters)) if *letters.get_ref() > 0 => {
                Ok(CodeAction::Generalise(*letters.get_ref()))
            }
            (CodeWord::Generalise, Some(letters)) => {
                Err(self.fault(letters, "at least one letter must be left; else use `drop`"))
            }
            (CodeWord::Generalise, None) => {
                let what = "`generalise` needs `letters`: how many of the code's value are left";
                Err(self.fault(&entry.action, what))
            }
            (CodeWord::Keep | CodeWord::Drop, Some(letters)) => {
                Err(self.fault(letters, "`letters` goes with `generalise` only"))
            }
            (CodeWord::Keep, None) => Ok(CodeAction::Keep),
            (CodeWord::Drop, None) => Ok(CodeAction::Drop),
        }
    }

    fn zip(&self, zip: &ZipTable, rules: &mut Rules) -> Result<(), PolicyError> {
        for code in &zip.codes {
            rules.zip_codes.push(self.pattern(code)?);
        }
        rules.zip_action = match zip.action {
            Some(ZipWord::Drop) => ZipAction::Drop,
            Some(ZipWord::Zip3) | None => ZipAction::Zip3,
        };
        for area in &zip.small {
            let digits = area.get_ref();
            if digits.len() != 3 || !digits.bytes().all(|b| b.is_ascii_digit()) {
                return Err(self.fault(area, "an area is three digits, as \"036\""));
            }
        }
        if let Some(first) = zip.small.first() {
            let named: BTreeSet<_> = zip.small.iter().map(|a| a.get_ref().clone()).collect();
            if let Some(lacking) = SMALL_AREAS.iter().find(|area| !named.contains(**area)) {
                let what = format!(
                    "the list lacks {lacking}, an area of 20,000 people or fewer (45 CFR 164.514(b))"
                );
                return Err(self.fault(first, what));
            }
            rules.zip_small = named;
        }
        Ok(())
    }

    fn risk(&self, table: &RiskTable) -> Result<RiskOptions, PolicyError> {
        let mut known = QuasiIdentifier::standard();
        for entry in &table.quasi {
            let name = entry.name.get_ref().clone();
            if known.iter().any(|one| one.name == name) || risk::FROM_EVENTS.contains(&&*name) {
                return Err(self.fault(&entry.name, "this name is taken"));
            }
            let codes: Result<_, _> = entry.r#match.iter().map(|c| self.pattern(c)).collect();
            known.push(QuasiIdentifier {
                name,
                codes: codes?,
            });
        }
        let quasi_identifiers = match &table.quasi_identifiers {
            None => known,
            Some(names) => {
                let find = |name: &Spanned<String>| {
                    let found = known.iter().find(|one| one.name == *name.get_ref());
                    found.cloned().ok_or_else(|| {
                        let names: Vec<_> = known.iter().map(|one| &*one.name).collect();
                        let what =
                            format!("no such quasi-identifier; there are {}", names.join(", "));
                        self.fault(name, what)
                    })
                };
                names.iter().map(find).collect::<Result<_, _>>()?
            }
        };
        let k = match &table.k {
            None => K,
            Some(k) if *k.get_ref() >= 2 => *k.get_ref(),
            Some(k) => return Err(self.fault(k, "`k` is at least 2")),
        };
        let sensitive = table.sensitive.iter().map(|s| self.pattern(s));
        Ok(RiskOptions {
            k,
            rare_codes: table.rare_codes.unwrap_or(RareCodes::Keep),
            quasi_identifiers,
            sensitive: sensitive.collect::<Result<_, _>>()?,
        })
    }
}
