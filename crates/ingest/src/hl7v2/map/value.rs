//! OBX-5 by its type (OBX-2): numbers, structured numbers, texts, codes, dates and files.
//!
//! A coded value becomes part of the code (`600-7//SNOMED//3092008`), because it is one of a few. A
//! date becomes the days from the observation to it, which survive a shift of all dates.

use super::{Mapper, text_of};
use crate::batch::Note;
use crate::hl7v2::message::{Field, Segment};
use crate::systems::{Spelled, text_code};
use crate::when::When;
use base64::Engine as _;
use longitude_core::{Comparator, IssueKind};
use longitude_units::reading::{self, Decimal, Reading};
use std::sync::Arc;

/// What of a value goes into an event beside its code.
#[derive(Default)]
pub(super) struct Valued {
    pub(super) suffix: Option<String>,
    pub(super) number: Option<f64>,
    pub(super) comparator: Option<Comparator>,
    pub(super) text: Option<Arc<str>>,
    pub(super) unit: Option<Arc<str>>,
}

/// The values of a segment whose type is not a text: one a repetition.
pub(super) fn value(
    mapper: &mut Mapper<'_>,
    obx: Segment<'_, '_>,
    when: When,
) -> Result<Vec<Valued>, Note> {
    let kind = obx.text(2).into_owned();
    if obx.field(5).is_empty() {
        return Err(Note::new(IssueKind::NotDone, "OBX-5", "OBX-5: no value"));
    }
    let mut values = Vec::new();
    for repetition in obx.field(5).repetitions() {
        values.push(match kind.as_str() {
            "NM" => Valued::number(mapper, obx, repetition),
            "SN" => Valued::structured(mapper, obx, repetition),
            "CE" | "CWE" | "CNE" | "CF" => Valued::coded(mapper, repetition),
            "ID" | "IS" | "TM" | "SI" => Valued::of_text(mapper, obx, &repetition.text()),
            "DT" | "TS" | "DTM" | "DR" => Valued::date(mapper, repetition, when),
            "ED" => Valued::file(repetition)?,
            other => return Err(not_supported(other)),
        });
    }
    Ok(values)
}

fn not_supported(kind: &str) -> Note {
    let is_type = kind.len() <= 3 && kind.bytes().all(|byte| byte.is_ascii_uppercase());
    let kind = if is_type { kind } else { "unreadable type" };
    Note::new(IssueKind::NotSupported, "OBX-5", ["OBX-5: ", kind].concat())
}

impl Valued {
    /// A text as it stands, and the number that it is, where it is one and no more.
    pub(super) fn of_text(mapper: &mut Mapper<'_>, obx: Segment<'_, '_>, text: &str) -> Self {
        let mut valued = Self {
            text: Some(text.into()),
            ..Self::default()
        };
        if let Reading::Number {
            comparator: sign,
            number,
            unit,
        } = reading::read(text, Decimal::Point)
            && !number.assumed
        {
            valued.number = Some(number.value);
            valued.comparator = sign;
            valued.unit = unit_of(mapper, obx, unit);
        }
        valued
    }

    /// NM. Senders write comparators and units into it all the same.
    fn number(mapper: &mut Mapper<'_>, obx: Segment<'_, '_>, field: Field<'_>) -> Self {
        let text = field.component(1).text();
        let plain: Option<f64> = text.parse().ok().filter(|number: &f64| number.is_finite());
        if let Some(number) = plain {
            return Self {
                number: Some(number),
                unit: unit_of(mapper, obx, None),
                ..Self::default()
            };
        }
        mapper
            .rows
            .warn(Note::at(IssueKind::InvalidNumber, "OBX-5"));
        Self::of_text(mapper, obx, &text)
    }

    /// SN: comparator, number, separator, number. Source: HL7 v2.8.2 section 2A.2.71.
    fn structured(mapper: &mut Mapper<'_>, obx: Segment<'_, '_>, field: Field<'_>) -> Self {
        let part = |number| field.component(number).text();
        let (sign, first, between, second) = (part(1), part(2), part(3), part(4));
        let unit = unit_of(mapper, obx, None);
        let number = |text: &str| text.parse::<f64>().ok().filter(|number| number.is_finite());
        let (a, b) = (number(&first), number(&second));
        let written = [&*sign, &first, &between, &second].concat();
        match (a, &*between, b) {
            (Some(a), "" | "+", _) => Self {
                number: Some(a),
                comparator: if between == "+" {
                    Some(Comparator::GreaterOrEqual)
                } else {
                    Comparator::from_sign(&sign)
                },
                unit,
                ..Self::default()
            },
            (Some(a), ":" | "/", Some(b)) => Self {
                number: Some(a / b).filter(|quotient| quotient.is_finite()),
                text: Some(written.into()),
                unit,
                ..Self::default()
            },
            (Some(_), _, _) => Self {
                text: Some(written.into()),
                unit,
                ..Self::default()
            },
            (None, _, _) => {
                mapper
                    .rows
                    .warn(Note::at(IssueKind::InvalidNumber, "OBX-5"));
                Self {
                    text: Some(written.into()),
                    ..Self::default()
                }
            }
        }
    }

    /// A coded value goes behind the code; one that is only a text stays a text.
    fn coded(mapper: &mut Mapper<'_>, field: Field<'_>) -> Self {
        let codings: Vec<Spelled<'_>> = Mapper::codings(field, "");
        if let Some(code) = mapper.rows.prefer(&codings) {
            return Self {
                suffix: Some(code.to_meds().into_owned()),
                ..Self::default()
            };
        }
        let text = text_of(field);
        let text = text_code(&text).map_or(text, |short| short);
        Self {
            text: (!text.is_empty()).then(|| text.into()),
            ..Self::default()
        }
    }

    fn date(mapper: &mut Mapper<'_>, field: Field<'_>, when: When) -> Self {
        let other = mapper.time(field, "OBX-5");
        Self {
            number: other.map(|other| (other.instant - when.instant).0),
            unit: other.map(|_| mapper.rows.name("d")),
            ..Self::default()
        }
    }

    /// ED: source, type, subtype, encoding, data. Only texts are read.
    fn file(field: Field<'_>) -> Result<Self, Note> {
        let (kind, encoding) = (field.component(2).text(), field.component(4).text());
        let data = field.component(5);
        let is_text = kind.eq_ignore_ascii_case("TEXT") || kind.eq_ignore_ascii_case("TX");
        if !is_text {
            return Err(not_supported("ED"));
        }
        let text = if encoding.eq_ignore_ascii_case("BASE64") {
            let packed: Vec<u8> = data
                .raw()
                .bytes()
                .filter(|b| !b.is_ascii_whitespace())
                .collect();
            let bytes = base64::engine::general_purpose::STANDARD.decode(&packed);
            let bytes = bytes.map_err(|_error| {
                Note::new(IssueKind::InvalidField, "OBX-5", "OBX-5: not base64")
            })?;
            String::from_utf8(bytes).map_err(|_error| {
                Note::new(IssueKind::InvalidEncoding, "OBX-5", "OBX-5: not in UTF-8")
            })?
        } else {
            data.prose()
        };
        Ok(Self {
            text: Some(text.into()),
            ..Self::default()
        })
    }
}

/// OBX-6, a UCUM unit or another; else what stands behind the number.
fn unit_of(
    mapper: &mut Mapper<'_>,
    obx: Segment<'_, '_>,
    behind: Option<&str>,
) -> Option<Arc<str>> {
    let units = obx.field(6).first();
    let code = units.component(1).text();
    let named = units.component(3).text();
    if named == "UCUM" && !code.is_empty() {
        return Some(mapper.rows.name(&code));
    }
    let text = units.component(2).text();
    let written = [&*code, &*text].into_iter();
    let mut written = written.chain(behind).filter(|unit| !unit.is_empty());
    let known = written
        .clone()
        .find(|unit| longitude_units::to_ucum(unit).is_some());
    let unit = known.or_else(|| written.next())?;
    mapper.rows.unit(unit, "OBX-6")
}
