//! Values into the one unit that their analyte is kept in, and impossible values flagged.
//!
//! It stands between every format's mapping and the sink, so that no format has to convert. What
//! it changes it records on the event: the number and unit as written, and the conversion. It
//! deletes nothing, guesses no unit that is not written, and leaves codes that carry a unit in
//! their own name (`LAB//50912//mg/dL`) as they are.

use crate::Error;
use crate::batch::{Batch, Note};
use crate::options::Units;
use longitude_core::{Code, Event, IssueKind};
use longitude_units::{Analyte, Analytes, Conversion, Refusal, to_ucum};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The flag of a value that its analyte cannot have.
const IMPLAUSIBLE: &str = "implausible";

/// What is to be done with the values of one analyte in one unit.
enum Plan {
    /// They are in the canonical unit.
    Keep,
    /// The unit is the canonical one in another spelling.
    Respell,
    /// They convert.
    Convert(Conversion, Arc<str>),
    /// They do not.
    Refuse(Refusal),
}

/// The step, with what it has learnt of the units met so far.
pub(crate) struct Standardiser {
    analytes: Option<Cow<'static, Analytes>>,
    /// By analyte, then by unit as the event has it.
    plans: BTreeMap<String, BTreeMap<Arc<str>, Plan>>,
    flag: Arc<str>,
    canonical: BTreeMap<String, Arc<str>>,
    /// Values converted, by conversion.
    conversions: BTreeMap<String, u64>,
}

impl Standardiser {
    /// The step as the options ask for it.
    pub(crate) fn new(units: &Units) -> Result<Self, Error> {
        let analytes = match units {
            Units::AsWritten => None,
            Units::Canonical => Some(Cow::Borrowed(Analytes::shipped())),
            Units::CanonicalWith(toml) => {
                let table = Analytes::shipped().extended(toml);
                Some(Cow::Owned(table.map_err(|source| Error::Units { source })?))
            }
        };
        Ok(Self {
            analytes,
            plans: BTreeMap::new(),
            flag: IMPLAUSIBLE.into(),
            canonical: BTreeMap::new(),
            conversions: BTreeMap::new(),
        })
    }

    /// Converts the values of a batch. What is the matter with them joins the warnings of their
    /// rows.
    pub(crate) fn batch(&mut self, batch: &mut Batch) {
        if self.analytes.is_none() {
            return;
        }
        let mut warnings = std::mem::take(&mut batch.warnings).into_iter();
        let mut events = batch.events.iter_mut();
        for row in &mut batch.rows {
            batch.warnings.extend(warnings.by_ref().take(row.warnings));
            let before = batch.warnings.len();
            let own = events.by_ref().take(row.events);
            batch
                .warnings
                .extend(own.filter_map(|(_, event)| self.apply(event)));
            row.warnings += batch.warnings.len() - before;
        }
        batch.warnings.extend(warnings);
        batch.conversions = std::mem::take(&mut self.conversions);
    }

    /// Converts the value of an event, and says what is the matter with it.
    fn apply(&mut self, event: &mut Event) -> Option<Note> {
        let value = event.numeric_value?;
        let unit = event.unit.clone()?;
        let analytes = self.analytes.as_ref()?;
        if names_its_unit(&event.code) {
            return None;
        }
        let analyte = analytes.of(&event.code)?;
        let of_analyte = match self.plans.get_mut(&analyte.name) {
            Some(known) => known,
            None => self.plans.entry(analyte.name.clone()).or_default(),
        };
        let plan = of_analyte
            .entry(Arc::clone(&unit))
            .or_insert_with_key(|unit| plan(analyte, unit));
        let canonical = self.canonical.entry(analyte.name.clone());
        let canonical = canonical.or_insert_with(|| analyte.unit.as_str().into());
        let value = match plan {
            Plan::Keep => value,
            Plan::Respell => {
                event.unit = Some(Arc::clone(canonical));
                event.as_written_mut().unit.get_or_insert(unit);
                value
            }
            Plan::Convert(conversion, text) => {
                *self.conversions.entry(text.to_string()).or_default() += 1;
                convert(event, (value, unit), conversion, text);
                event.unit = Some(Arc::clone(canonical));
                conversion.apply(value)
            }
            Plan::Refuse(refusal) => {
                let detail = format!("{} in {}: {refusal}", analyte.name, shown(&unit));
                return Some(note(event, IssueKind::UnitMisfit, detail));
            }
        };
        event.numeric_value = Some(value);
        analyte.implausible(value)?;
        let written = event.as_written_mut();
        written.flag.get_or_insert_with(|| Arc::clone(&self.flag));
        Some(note(
            event,
            IssueKind::ImplausibleValue,
            analyte.name.clone(),
        ))
    }
}

/// Whether the code says in which unit its numbers are: MEDS writes so for MIMIC-IV.
fn names_its_unit(code: &Code) -> bool {
    let behind = code.value.rsplit_once("//");
    behind.is_some_and(|(_, last)| to_ucum(last).is_some())
}

fn plan(analyte: &Analyte, unit: &str) -> Plan {
    if unit == analyte.unit {
        return Plan::Keep;
    }
    match analyte.conversion(unit) {
        Ok(conversion) if conversion.is_identity() => Plan::Respell,
        Ok(conversion) => {
            let text = conversion.to_string().into();
            Plan::Convert(conversion, text)
        }
        Err(refusal) => Plan::Refuse(refusal),
    }
}

/// Writes down what was there, and brings the reference range along.
fn convert(
    event: &mut Event,
    (value, unit): (f64, Arc<str>),
    conversion: &Conversion,
    text: &Arc<str>,
) {
    let written = event.as_written_mut();
    written.numeric_value.get_or_insert(value);
    written.unit.get_or_insert(unit);
    written.conversion = Some(match written.conversion.take() {
        // A mapping may have converted before: both steps are told.
        Some(earlier) => format!("{earlier}; {text}").into(),
        None => Arc::clone(text),
    });
    written.range_low = written.range_low.map(|low| conversion.apply(low));
    written.range_high = written.range_high.map(|high| conversion.apply(high));
}

fn note(event: &Event, kind: IssueKind, detail: String) -> Note {
    Note::new(kind, event.origin.element.to_string(), detail)
}

/// A unit as a report may show it: a short one, for a long one is a text in the wrong place.
fn shown(unit: &str) -> &str {
    if unit.chars().count() <= 20 {
        unit
    } else {
        "(longer than 20 characters)"
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use longitude_core::Origin;

    fn event(code: &str, value: f64, unit: &str) -> Event {
        let mut event = Event::new(Code::from_meds(code), None, Origin::derived("test"));
        event.numeric_value = Some(value);
        event.unit = Some(unit.into());
        event
    }

    fn shown(event: &Event, note: Option<Note>) -> String {
        let written = event.as_written.as_deref().cloned().unwrap_or_default();
        let number = |n: Option<f64>| n.map_or("-".to_owned(), |n| n.to_string());
        let text = |t: Option<Arc<str>>| t.map_or("-".to_owned(), |t| t.to_string());
        format!(
            "{} {} | {} {} | {} | {}{}",
            number(event.numeric_value),
            text(event.unit.clone()),
            number(written.numeric_value),
            text(written.unit),
            text(written.conversion),
            text(written.flag),
            note.map_or(String::new(), |n| format!("\n  {}: {}", n.kind, n.detail)),
        )
    }

    #[test]
    fn values_are_converted_and_what_was_written_is_kept() {
        let mut step = Standardiser::new(&Units::Canonical).unwrap();
        let mut lines = Vec::new();
        for (code, value, unit) in [
            ("LOINC//2160-0", 88.4, "umol/L"),
            ("LOINC//2160-0", 1.0, "mg/dL"),
            ("LOINC//6690-2", 7.1, "10*9/L"),
            ("LOINC//8310-5", 98.6, "[degF]"),
            ("LOINC//2160-0", 5000.0, "mg/dL"),
            ("LOINC//2160-0", 1.0, "mm[Hg]"),
            ("LOINC//2160-0", 1.0, "blobs"),
            ("LAB//223761//°F", 98.6, "°F"),
            ("HOUSE//X", 1.0, "mg"),
        ] {
            let mut event = event(code, value, unit);
            let note = step.apply(&mut event);
            lines.push(shown(&event, note));
        }
        expect_test::expect![[r"
            0.9999808 mg/dL | 88.4 umol/L | umol/L -> mg/dL: * 113.12 / 10000 (113.12 g/mol) | -
            1 mg/dL | - - | - | -
            7.1 10*3/uL | - 10*9/L | - | -
            37 Cel | 98.6 [degF] | [degF] -> Cel: * 5 / 9 - 17.7777777778 | -
            5000 mg/dL | - - | - | implausible
              implausible_value: creatinine
            1 mm[Hg] | - - | - | -
              unit_misfit: creatinine in mm[Hg]: the units measure different things
            1 blobs | - - | - | -
              unit_misfit: creatinine in blobs: a unit that is not in the table
            98.6 °F | - - | - | -
            1 mg | - - | - | -
        "]]
        .assert_eq(&(lines.join("\n") + "\n"));
        assert_eq!(step.conversions.values().sum::<u64>(), 2);
    }

    #[test]
    fn the_reference_range_comes_along() {
        let mut step = Standardiser::new(&Units::Canonical).unwrap();
        let mut event = event("LOINC//2345-7", 5.0, "mmol/L");
        event.as_written_mut().range_low = Some(3.9);
        event.as_written_mut().range_high = Some(5.6);
        assert!(step.apply(&mut event).is_none());
        let written = event.as_written.unwrap();
        let ends = [written.range_low, written.range_high].map(|end| end.unwrap().to_string());
        assert_eq!(ends, ["70.26084", "100.88736"]);
    }

    #[test]
    fn as_written_changes_nothing_and_a_site_may_choose() {
        let mut none = Standardiser::new(&Units::AsWritten).unwrap();
        let mut kept = event("LOINC//2160-0", 88.4, "umol/L");
        assert!(none.apply(&mut kept).is_none());
        assert!(kept.as_written.is_none());
        let own = r#"analyte = [{ name = "creatinine", unit = "umol/L", molar_mass = 113.12,
            limits = [0, 7000], loinc = ["2160-0"] }]"#;
        let mut site = Standardiser::new(&Units::CanonicalWith(own.replace('\n', " "))).unwrap();
        let mut turned = event("LOINC//2160-0", 1.0, "mg/dL");
        assert!(site.apply(&mut turned).is_none());
        assert_eq!(turned.numeric_value.unwrap().to_string(), "88.4016973126");
        assert!(Standardiser::new(&Units::CanonicalWith("x".into())).is_err());
    }
}
