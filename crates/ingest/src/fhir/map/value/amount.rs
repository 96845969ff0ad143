//! Numbers with units: FHIR's Quantity and Ratio, and numbers written as texts.

use crate::batch::Note;
use crate::fhir::json::{Number, Quantity, Ratio, Text};
use crate::fhir::rows::Mapper;
use longitude_core::{Comparator, Event, IssueKind};
use longitude_units as units;
use longitude_units::reading::{Decimal, measured};
use std::sync::Arc;

/// The number of a quantity with its unit.
#[derive(Clone, Default)]
pub(crate) struct Amount {
    pub(crate) number: Option<f64>,
    pub(crate) unit: Option<Arc<str>>,
    /// The unit as written, where it was respelled.
    pub(super) written: Option<Arc<str>>,
    pub(super) comparator: Option<Comparator>,
}

impl Amount {
    pub(crate) fn of(number: f64) -> Self {
        Self {
            number: Some(number),
            ..Self::default()
        }
    }

    /// Writes it into an event.
    pub(crate) fn put(self, event: &mut Event) {
        event.numeric_value = self.number;
        event.unit = self.unit;
        if self.written.is_some() || self.comparator.is_some() {
            let written = event.as_written_mut();
            written.unit = self.written;
            written.comparator = self.comparator;
        }
    }
}

/// The number and the unit of a quantity; faults of either are warned of.
pub(crate) fn amount(mapper: &mut Mapper<'_>, quantity: &Quantity<'_>, element: &str) -> Amount {
    let number = match quantity.value {
        Some(Number::Value(number)) => Some(number),
        Some(Number::NotANumber) | None => {
            mapper.warn(Note::at(IssueKind::InvalidNumber, element.to_owned()));
            None
        }
    };
    let comparator = quantity.comparator.as_ref().and_then(|sign| {
        let known = Comparator::from_sign(sign.as_str());
        if known.is_none() {
            let detail = mapper.path("comparator");
            mapper.warn(Note::new(
                IssueKind::InvalidField,
                element.to_owned(),
                detail,
            ));
        }
        known
    });
    let (unit, written) = unit(mapper, quantity, element);
    Amount {
        number,
        unit,
        written,
        comparator,
    }
}

/// The number that a text says, with its comparator and unit; nothing where the text says more.
pub(super) fn read(mapper: &mut Mapper<'_>, text: &str) -> Amount {
    let Some(read) = measured(text, Decimal::Point) else {
        return Amount::default();
    };
    let written = read.unit.filter(|(ucum, written)| ucum != written);
    Amount {
        number: Some(read.value),
        unit: read.unit.map(|(ucum, _)| mapper.name(ucum)),
        written: written.map(|(_, written)| mapper.name(written)),
        comparator: read.comparator,
    }
}

pub(super) type Unit = Option<Arc<str>>;

/// The unit of a quantity in UCUM where that is known, and as written where that differs.
fn unit(mapper: &mut Mapper<'_>, quantity: &Quantity<'_>, element: &str) -> (Unit, Unit) {
    if let Some((unit, written)) = spelled(mapper, quantity) {
        return (Some(unit), written);
    }
    let written = [&quantity.unit, &quantity.code].into_iter().flatten();
    let mut written = written.map(|text| text.as_str().trim());
    let Some(kept) = written.find(|text| !text.is_empty()) else {
        return (None, None);
    };
    mapper.warn(Note::new(
        IssueKind::UnknownUnit,
        element.to_owned(),
        told(kept),
    ));
    (Some(mapper.name(kept)), None)
}

/// A UCUM code as it is; else the code or the unit's text by the table of spellings.
pub(super) fn spelled(
    mapper: &mut Mapper<'_>,
    quantity: &Quantity<'_>,
) -> Option<(Arc<str>, Unit)> {
    let is_ucum = quantity.system.as_ref().map(Text::as_str) == Some(units::UCUM);
    if is_ucum && let Some(code) = &quantity.code {
        return Some((mapper.name(code.as_str()), None));
    }
    let written = [&quantity.code, &quantity.unit].into_iter().flatten();
    for spelling in written.map(Text::as_str) {
        if let Some(ucum) = units::to_ucum(spelling) {
            let differs = ucum != spelling;
            return Some((mapper.name(ucum), differs.then(|| mapper.name(spelling))));
        }
    }
    None
}

/// A unit as a report may show it: a short one, for a long one is a text in the wrong place.
fn told(unit: &str) -> String {
    if unit.chars().count() <= 20 {
        unit.to_owned()
    } else {
        "(longer than 20 characters)".to_owned()
    }
}

/// The quotient of a ratio, and how it was written.
pub(crate) fn quotient(
    mapper: &mut Mapper<'_>,
    ratio: &Ratio<'_>,
    element: &str,
) -> Option<(Amount, String)> {
    let (Some(over), Some(under)) = (&ratio.numerator, &ratio.denominator) else {
        mapper.warn(Note::at(IssueKind::InvalidNumber, element.to_owned()));
        return None;
    };
    let (over, under) = (
        amount(mapper, over, element),
        amount(mapper, under, element),
    );
    let (a, b) = (over.number?, under.number?);
    let unit = match (over.unit, under.unit) {
        // UCUM reads from left to right: what stands below the line is kept together.
        (Some(over), Some(under)) if under.contains(['.', '/']) => {
            Some([&*over, "/(", &*under, ")"].concat().into())
        }
        (Some(over), Some(under)) => Some([&*over, "/", &*under].concat().into()),
        (Some(over), None) => Some(over),
        (None, Some(under)) => Some(["/", &*under].concat().into()),
        (None, None) => None,
    };
    let amount = Amount {
        number: Some(a / b).filter(|quotient| quotient.is_finite()),
        unit,
        ..Amount::default()
    };
    Some((amount, format!("{a}:{b}")))
}
