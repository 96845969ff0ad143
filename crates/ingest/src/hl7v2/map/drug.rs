//! RXO, RXE, RXD, RXA and RXC: drugs ordered, dispensed and given, and vaccines. The code is the
//! drug's own; what was done with it stands behind it, except for an order and for a vaccine.

use super::{Mapper, content};
use crate::batch::Note;
use crate::hl7v2::message::{Field, Message, Segment};
use crate::hl7v2::types::Topic;
use crate::when::When;
use longitude_core::IssueKind;
use longitude_units::reading::{Decimal, Reading, read};
use std::sync::Arc;

/// The drug segment before: components belong to it.
#[derive(Default)]
pub(super) struct Context {
    when: Option<When>,
    suffix: &'static str,
}

/// What was done with which drug.
struct Taken<'m, 'a> {
    segment: Segment<'m, 'a>,
    code: (usize, &'static str),
    /// Amount and units.
    dose: [usize; 2],
    when: When,
    suffix: &'static str,
    /// Route and frequency.
    how: Option<String>,
}

/// RXO: the order as the clinician wrote it. Where the pharmacy's own encoding follows (RXE), that
/// one stands.
pub(super) fn requested(
    mapper: &mut Mapper<'_>,
    message: &Message<'_>,
    rxo: Segment<'_, '_>,
) -> Result<(), Note> {
    let is_encoded = message.segments().any(|segment| segment.name() == "RXE");
    if is_encoded {
        return Ok(());
    }
    ordered(mapper, message, rxo, ((1, "RXO-1"), [2, 4]))
}

pub(super) fn encoded(
    mapper: &mut Mapper<'_>,
    message: &Message<'_>,
    rxe: Segment<'_, '_>,
) -> Result<(), Note> {
    // In a dispense or an administration the order is there for reference.
    if matches!(mapper.here.kind.as_str(), "RDS" | "RAS") {
        return Ok(());
    }
    ordered(mapper, message, rxe, ((2, "RXE-2"), [3, 5]))
}

fn ordered(
    mapper: &mut Mapper<'_>,
    message: &Message<'_>,
    segment: Segment<'_, '_>,
    (code, dose): ((usize, &'static str), [usize; 2]),
) -> Result<(), Note> {
    let when = mapper.here.order.asked;
    let when = match when {
        Some(when) => when,
        None => mapper.place(&[("RXE-32", segment.field(32))])?,
    };
    let (own, suffix) = (mapper.here.order.id(), mapper.here.order.suffix());
    let what = segment.field(code.0).raw();
    let key = mapper.key_of("drug order", &format!("{own} {suffix} {what}"));
    if mapper.here.order.is_cancelled() {
        return Err(mapper.withdraw(key, "ORC-1"));
    }
    if !mapper.here.order.id().is_empty() {
        mapper.claim(
            key,
            content(segment, &[code.0, dose[0], dose[1]]),
            "order of a drug",
        )?;
    }
    take(
        mapper,
        &Taken {
            segment,
            code,
            dose,
            when,
            suffix,
            how: how(message, segment, true),
        },
    )
}

pub(super) fn dispensed(
    mapper: &mut Mapper<'_>,
    message: &Message<'_>,
    rxd: Segment<'_, '_>,
) -> Result<(), Note> {
    let when = mapper.place(&[("RXD-3", rxd.field(3))])?;
    let taken = Taken {
        segment: rxd,
        code: (2, "RXD-2"),
        dose: [4, 5],
        when,
        suffix: "DISPENSED",
        how: how(message, rxd, true),
    };
    happened(mapper, &taken)
}

pub(super) fn given(
    mapper: &mut Mapper<'_>,
    message: &Message<'_>,
    rxa: Segment<'_, '_>,
) -> Result<(), Note> {
    let suffix = if mapper.here.topic == Some(Topic::Vaccines) {
        ""
    } else {
        "ADMINISTERED"
    };
    let when = mapper.place(&[("RXA-3", rxa.field(3)), ("RXA-22", rxa.field(22))])?;
    let taken = Taken {
        segment: rxa,
        code: (5, "RXA-5"),
        dose: [6, 7],
        when,
        suffix,
        // One administration has no frequency.
        how: how(message, rxa, false),
    };
    // RXA-20: refused, not administered; CVX 998: no vaccine administered.
    if matches!(&*rxa.text(20), "RE" | "NA") || rxa.text(5) == "998" {
        return Err(Note::new(IssueKind::NotDone, "RXA-20", "RXA-20: not given"));
    }
    if rxa.text(21) == "D" {
        let key = key_of(mapper, &taken);
        return Err(mapper.withdraw(key, "RXA-21"));
    }
    happened(mapper, &taken)?;
    let end = mapper.time(rxa.field(4), "RXA-4");
    let end = end
        .map(|end| end.instant)
        .filter(|end| *end >= when.instant);
    if let Some((_, event)) = mapper.rows.batch.events.last_mut() {
        event.end_time = end;
    }
    Ok(())
}

fn key_of(mapper: &Mapper<'_>, taken: &Taken<'_, '_>) -> u64 {
    let code = taken.segment.field(taken.code.0).first();
    let id = format!("{} {}", code.component(1).raw(), taken.when.instant.0);
    mapper.key_of(taken.code.1, &id)
}

/// What happened at one time with one drug is one thing, however often it is told.
fn happened(mapper: &mut Mapper<'_>, taken: &Taken<'_, '_>) -> Result<(), Note> {
    let key = key_of(mapper, taken);
    let [amount, units] = taken.dose;
    let content = content(taken.segment, &[amount, units]);
    mapper.claim(key, content, taken.code.1)?;
    take(mapper, taken)
}

fn take(mapper: &mut Mapper<'_>, taken: &Taken<'_, '_>) -> Result<(), Note> {
    let (number, element) = taken.code;
    let code = mapper.coded(taken.segment.field(number), "", element)?;
    let [amount, units] = taken.dose;
    let (amount, unit) = amount_of(
        mapper,
        taken.segment.field(amount),
        taken.segment.field(units),
        element,
    );
    let code = if taken.suffix.is_empty() {
        code
    } else {
        mapper.rows.suffixed(&code, taken.suffix)
    };
    let event = mapper.rows.event(code, Some(taken.when), element);
    event.numeric_value = amount;
    event.unit = unit;
    event.text_value = taken.how.as_deref().map(Into::into);
    mapper.here.drug = Context {
        when: Some(taken.when),
        suffix: taken.suffix,
    };
    Ok(())
}

/// RXC: one drug of a mix, with the time of the segment that the mix is of.
pub(super) fn component(mapper: &mut Mapper<'_>, rxc: Segment<'_, '_>) -> Result<(), Note> {
    let Some(when) = mapper.here.drug.when else {
        let detail = "RXC: the drug that it is part of made no event";
        return Err(Note::new(IssueKind::Filtered, "RXC", detail));
    };
    let taken = Taken {
        segment: rxc,
        code: (2, "RXC-2"),
        dose: [3, 4],
        when,
        suffix: mapper.here.drug.suffix,
        how: None,
    };
    take(mapper, &taken)
}

/// How a drug is taken, as the message says it: the routes (RXR-1) that follow its segment, and how
/// often (TQ1-3, else RXE-1, else ORC-7, of its order).
fn how(message: &Message<'_>, drug: Segment<'_, '_>, is_repeated: bool) -> Option<String> {
    let is_order = |one: &Segment<'_, '_>| one.name() == "ORC";
    let is_drug = |name: &str| matches!(name, "RXO" | "RXE" | "RXD" | "RXA");
    let routes = message
        .segments()
        .filter(|one| one.row > drug.row)
        .take_while(|one| !is_order(one) && !is_drug(one.name()))
        .filter(|one| one.name() == "RXR")
        .filter_map(|rxr| word(rxr.field(1).first()));
    let mut said: Vec<String> = routes.collect();
    if is_repeated {
        let before = message.segments().filter(|one| one.row <= drug.row);
        let order = before.filter(is_order).last();
        let start = order.map_or(0, |order| order.row);
        let group = message
            .segments()
            .filter(|one| one.row > start)
            .take_while(|one| !is_order(one));
        let mut timings = group.filter(|one| one.name() == "TQ1");
        let stated = timings.find_map(|tq1| first_part(tq1.field(3).first().component(1)));
        // The older field of quantity and timing: its second component is the interval.
        let older = || {
            let own = (drug.name() == "RXE").then(|| drug.field(1).first().component(2));
            let common = order.map(|order| order.field(7).first().component(2));
            own.into_iter().chain(common).find_map(first_part)
        };
        said.extend(stated.or_else(older));
    }
    (!said.is_empty()).then(|| said.join("; "))
}

/// The text of a coded field, else its code.
fn word(field: Field<'_>) -> Option<String> {
    let parts = [2, 1].into_iter().map(|number| field.component(number));
    parts
        .map(Field::text)
        .find(|text| !text.is_empty())
        .map(Into::into)
}

/// What a component says first: a code without its system.
fn first_part(component: Field<'_>) -> Option<String> {
    let text = component.sub(1).text();
    (!text.is_empty()).then(|| text.into_owned())
}

/// An amount and its unit; 999 is table 0396's word for an unknown amount of a vaccine.
fn amount_of(
    mapper: &mut Mapper<'_>,
    amount: Field<'_>,
    units: Field<'_>,
    element: &'static str,
) -> (Option<f64>, Option<Arc<str>>) {
    let text = amount.first().component(1).text();
    if text.is_empty() || (text == "999" && element == "RXA-5") {
        return (None, None);
    }
    let Reading::Number {
        number,
        unit: behind,
        ..
    } = read(&text, Decimal::Point)
    else {
        mapper
            .rows
            .warn(Note::at(IssueKind::InvalidNumber, element));
        return (None, None);
    };
    let unit = units.first().component(1).text();
    let written = if unit.is_empty() {
        behind.unwrap_or_default()
    } else {
        &unit
    };
    (Some(number.value), mapper.rows.unit(written, element))
}
