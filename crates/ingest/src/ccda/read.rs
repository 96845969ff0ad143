//! The data types of HL7 v3 as they stand in CDA: codes with translations, times and intervals,
//! quantities, and texts that point into the narrative.

use super::map::Mapper;
use super::tree::Element;
use crate::batch::Note;
use crate::systems::{self, Spelled};
use crate::when::{When, parse_hl7, remark};
use longitude_core::{Code, Comparator, IssueKind};
use longitude_units::reading::{self, Decimal, Reading};
use std::sync::Arc;

/// Moments of an `effectiveTime`.
#[derive(Clone, Copy, Default)]
pub(super) struct Span {
    pub(super) at: Option<When>,
    pub(super) low: Option<When>,
    pub(super) high: Option<When>,
}

impl Span {
    /// When something began, or happened.
    pub(super) fn start(self) -> Option<When> {
        self.low.or(self.at).or(self.high)
    }

    /// When something that takes time was known.
    pub(super) fn known(self) -> Option<When> {
        self.at.or(self.high).or(self.low)
    }
}

/// What of a value goes into an event beside its code.
#[derive(Default)]
pub(super) struct Valued {
    pub(super) suffix: Option<String>,
    pub(super) number: Option<f64>,
    pub(super) comparator: Option<Comparator>,
    pub(super) text: Option<Arc<str>>,
    pub(super) unit: Option<Arc<str>>,
}

impl<'t> Mapper<'_, 't> {
    /// A time stamp (`TS`), or nothing; a wrong one is warned of.
    pub(super) fn time(&mut self, element: Option<Element<'t, 't>>) -> Option<When> {
        let element = element?;
        let text = element.attribute("value")?;
        let when = parse_hl7(text, self.clock());
        if let Some(note) = remark(when, element.name().to_owned()) {
            self.rows.warn(note);
        }
        when
    }

    /// All `effectiveTime` elements of a statement as one span. Frequencies (PIVL, EIVL) have none.
    pub(super) fn span(&mut self, statement: Element<'t, 't>) -> Span {
        let mut span = Span::default();
        for time in statement.all("effectiveTime") {
            let at = self.time(Some(time));
            let at = at.or_else(|| self.time(time.child("center")));
            let low = self.time(time.child("low"));
            let high = self.time(time.child("high"));
            span.at = span.at.or(at);
            span.low = span.low.or(low);
            span.high = span.high.or(high);
        }
        span
    }

    /// The code of a `CD`: the preferred of it and its translations, else its text.
    pub(super) fn coded(
        &mut self,
        concept: Option<Element<'t, 't>>,
        name: &str,
    ) -> Result<Code, Note> {
        let missing = || Note::at(IssueKind::MissingCode, name.to_owned());
        let concept = concept.ok_or_else(missing)?;
        let codings = codings(concept);
        if let Some(code) = self.rows.prefer(&codings) {
            return Ok(code);
        }
        let text = self.words(concept);
        if text.is_empty() {
            return Err(missing());
        }
        let Some(text) = systems::text_code(&text) else {
            let detail = [name, ": text too long to stand for a code"].concat();
            return Err(Note::new(IssueKind::MissingCode, name.to_owned(), detail));
        };
        Ok(self.rows.code(systems::TEXT, &text))
    }

    /// The text of a concept: `originalText`, else `displayName`.
    fn words(&self, concept: Element<'t, 't>) -> String {
        let original = concept
            .child("originalText")
            .map(|text| self.referred(text));
        let original = original.filter(|text| !text.is_empty());
        let display = concept.attribute("displayName").map(str::to_owned);
        original.or(display).unwrap_or_default()
    }

    /// The text of an element, or that of the part of the narrative to which it points (`#id`).
    pub(super) fn referred(&self, element: Element<'t, 't>) -> String {
        let own = element.text();
        if !own.is_empty() {
            return own;
        }
        let reference = element.child("reference");
        let target = reference.and_then(|reference| reference.attribute("value"));
        let target = target.and_then(|target| self.narrative(target.strip_prefix('#')?));
        target.map(Element::text).unwrap_or_default()
    }

    /// A quantity's number and unit.
    pub(super) fn quantity(&mut self, element: Element<'t, 't>) -> (Option<f64>, Option<Arc<str>>) {
        let number = element.attribute("value").and_then(|text| {
            let number = text.parse().ok().filter(|number: &f64| number.is_finite());
            if number.is_none() {
                let note = Note::at(IssueKind::InvalidNumber, element.name().to_owned());
                self.rows.warn(note);
            }
            number
        });
        let written = element.attribute("unit").unwrap_or_default();
        let unit = match written {
            "1" => None,
            written => self.rows.unit(written, element.name().to_owned()),
        };
        (number, unit)
    }

    /// The value of an observation, by its type.
    pub(super) fn value(&mut self, value: Element<'t, 't>, when: When) -> Result<Valued, Note> {
        let kind = value.attribute("type").unwrap_or_default();
        let kind = kind.rsplit_once(':').map_or(kind, |(_, local)| local);
        let has_translation = value.child("translation").is_some();
        if let Some(flavor) = value.attribute("nullFlavor")
            && !has_translation
            && self.words(value).is_empty()
        {
            return Ok(Valued {
                suffix: Some(["ABSENT//", flavor].concat()),
                ..Valued::default()
            });
        }
        Ok(match kind {
            "PQ" | "INT" | "REAL" | "MO" => {
                let (number, unit) = self.quantity(value);
                Valued {
                    number,
                    unit,
                    ..Valued::default()
                }
            }
            "IVL_PQ" | "IVL_INT" | "IVL_REAL" => self.interval(value),
            "RTO" | "RTO_PQ_PQ" => self.ratio(value),
            "CD" | "CE" | "CV" | "CO" | "CS" => match self.coded(Some(value), "value") {
                Ok(code) if &*code.system == systems::TEXT => Valued {
                    text: Some(code.value),
                    ..Valued::default()
                },
                Ok(code) => Valued {
                    suffix: Some(code.to_meds().into_owned()),
                    ..Valued::default()
                },
                Err(_) => Valued {
                    text: Some(self.words(value).into()),
                    ..Valued::default()
                },
            },
            "BL" => {
                let is_true = value.attribute("value") == Some("true");
                Valued {
                    number: Some(f64::from(u8::from(is_true))),
                    text: Some(self.rows.name(if is_true { "true" } else { "false" })),
                    ..Valued::default()
                }
            }
            "TS" | "IVL_TS" => {
                let other = self.time(Some(value));
                let other = other.or_else(|| self.time(value.child("low")));
                Valued {
                    number: other.map(|other| (other.instant - when.instant).0),
                    unit: other.map(|_| self.rows.name("d")),
                    ..Valued::default()
                }
            }
            "ST" | "ED" | "" => self.text_value(value),
            _ => {
                return Err(Note::new(
                    IssueKind::NotSupported,
                    "value",
                    "value: of another type",
                ));
            }
        })
    }

    /// A text as it stands, and the number that it is, where it is one and no more.
    fn text_value(&mut self, value: Element<'t, 't>) -> Valued {
        let text = self.referred(value);
        let mut valued = Valued::default();
        if let Reading::Number {
            comparator,
            number,
            unit,
        } = reading::read(&text, Decimal::Point)
            && !number.assumed
        {
            valued.number = Some(number.value);
            valued.comparator = comparator;
            valued.unit = unit.and_then(|unit| self.rows.unit(unit, "value"));
        }
        valued.text = (!text.is_empty()).then(|| text.into());
        valued
    }

    /// An interval of which one end is open is a bound; one with both ends is a text.
    fn interval(&mut self, value: Element<'t, 't>) -> Valued {
        let mut end = |name: &str| {
            let end = value.child(name)?;
            let is_closed = end.attribute("inclusive") != Some("false");
            let (number, unit) = self.quantity(end);
            Some((number?, unit, is_closed))
        };
        let (low, high) = (end("low"), end("high"));
        match (low, high) {
            (Some((low, unit, _)), Some((high, _, _))) => Valued {
                text: Some(format!("{low} to {high}").into()),
                unit,
                ..Valued::default()
            },
            (Some((number, unit, is_closed)), None) => Valued {
                number: Some(number),
                comparator: Some(if is_closed {
                    Comparator::GreaterOrEqual
                } else {
                    Comparator::Greater
                }),
                unit,
                ..Valued::default()
            },
            (None, Some((number, unit, is_closed))) => Valued {
                number: Some(number),
                comparator: Some(if is_closed {
                    Comparator::LessOrEqual
                } else {
                    Comparator::Less
                }),
                unit,
                ..Valued::default()
            },
            (None, None) => Valued::default(),
        }
    }

    fn ratio(&mut self, value: Element<'t, 't>) -> Valued {
        let mut part = |name: &str| value.child(name).and_then(|part| self.quantity(part).0);
        let (over, under) = (part("numerator"), part("denominator"));
        let (Some(over), Some(under)) = (over, under) else {
            return Valued::default();
        };
        Valued {
            number: Some(over / under).filter(|quotient| quotient.is_finite()),
            text: Some(format!("{over}:{under}").into()),
            ..Valued::default()
        }
    }
}

/// The codings of a concept: its own and its translations.
fn codings<'t>(concept: Element<'t, 't>) -> Vec<Spelled<'t>> {
    let translations = concept.all("translation");
    let all = std::iter::once(concept).chain(translations);
    let coding = |one: Element<'t, 't>| {
        let code = one.attribute("code")?;
        let system = one.attribute("codeSystem").unwrap_or_default();
        Some(systems::of_oid(system, code))
    };
    all.filter_map(coding).collect()
}
