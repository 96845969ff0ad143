//! One event of one row, by one rule.

use super::clock::{Format, Moment, Point, Written, Zone, clock_time, elapsed_seconds};
use super::language::{Base, EventRule, Measured, Offset, TimeOption, TimeRule, Unit, Value};
use super::number::{number, plain};
use super::row::{Cells, Line};
use crate::batch::Note;
use crate::clock::Doubt;
use jiff::Span;
use jiff::civil::{Date, Time};
use longitude_core::{Code, EncounterId, Event, IssueKind, Origin, Precision};
use std::sync::Arc;

const DAY_MICROS: f64 = 86_400e6;
/// The days of a mean Julian year, for the part of an age beyond whole years.
const YEAR_DAYS: f64 = 365.25;

/// A point in time and how much of it is known.
struct When {
    moment: Moment,
    precision: Precision,
}

impl<'a, R: Cells> Line<'a, R> {
    /// The event, or why there is none; nothing where the rule wants a time and there is none.
    pub(super) fn event(
        &mut self,
        rule: &'a EventRule,
        (row, encounter): (u64, Option<EncounterId>),
    ) -> Result<Option<Event>, Note> {
        let when = match &rule.time {
            None => None,
            Some(time) => match self.when(time)? {
                Some(when) => Some(when),
                None if rule.if_timed => return Ok(None),
                None => return Err(self.no_time(time)),
            },
        };
        let code = self.code(rule)?;
        let element = match self.each {
            Some(column) => {
                let name = &self.program.table.columns[column].name;
                self.memory.names.get(name)
            }
            None => Arc::clone(&rule.element),
        };
        let origin = Origin {
            file: Arc::clone(&self.program.file),
            record: self.record(),
            element,
            row,
            rule: Arc::clone(&rule.rule),
        };
        let mut event = Event::new(code, when.as_ref().map(|when| when.moment.instant), origin);
        event.encounter = encounter;
        if let Some(when) = when {
            event.precision = when.precision;
            event.utc_offset_minutes = when.moment.offset_minutes;
            self.doubt(rule.time.as_ref(), when.moment.doubt);
            self.later(rule, &mut event);
        }
        self.measure(rule, &mut event);
        self.words(rule, &mut event);
        Ok(Some(event))
    }

    fn code(&mut self, rule: &'a EventRule) -> Result<Code, Note> {
        match self.fill(&rule.code) {
            Ok(text) => {
                let (system, value) = match text.split_once("//") {
                    Some((system, value)) if !system.is_empty() && !value.is_empty() => {
                        (system, value)
                    }
                    _ => ("", &*text),
                };
                let names = &mut self.memory.names;
                Ok(Code::new(names.get(system), names.get(value)))
            }
            Err(value) => {
                let kind = self.absence(value, IssueKind::MissingCode);
                let name = self.name_of(value);
                Err(self.note(kind, &name, ""))
            }
        }
    }

    /// The name of a value, or of the column that it stands for in an `each`.
    fn name_of(&self, value: &Value) -> Arc<str> {
        let columns = &self.program.table.columns;
        match self.each.and_then(|column| columns.get(column)) {
            Some(column) if value.name.starts_with('$') => column.name.as_str().into(),
            _ => Arc::clone(&value.name),
        }
    }

    /// End and recorded time. One that cannot be read is a warning: the event stands without it.
    fn later(&mut self, rule: &'a EventRule, event: &mut Event) {
        for (time, is_end) in [(&rule.end, true), (&rule.recorded, false)] {
            let Some(time) = time else { continue };
            match self.when(time) {
                Ok(None) => {}
                Ok(Some(when)) => {
                    self.doubt(Some(time), when.moment.doubt);
                    let instant = when.moment.instant;
                    if is_end {
                        event.end_time = Some(instant);
                    } else if event.time.is_some_and(|time| time < instant) {
                        event.recorded_time = Some(instant);
                    }
                }
                Err(note) => self.warnings.push(note),
            }
        }
    }

    fn measure(&mut self, rule: &'a EventRule, event: &mut Event) {
        let (value, is_strict) = match &rule.measured {
            Measured::Nothing => return,
            Measured::Number(value) => (value, true),
            Measured::Either(value) => (value, false),
        };
        let Some(text) = self.eval(value) else {
            return;
        };
        let name = self.name_of(value);
        let Some(number) = number(&text, self.program.table.decimal) else {
            event.text_value = Some(self.memory.names.get(&text));
            if is_strict {
                let note = self.note(IssueKind::InvalidNumber, &name, "kept as text");
                self.warnings.push(note);
            }
            return;
        };
        event.numeric_value = Some(number.value);
        if number.comparator.is_some() {
            event.as_written_mut().comparator = number.comparator;
        }
        if number.is_assumed {
            let what = "the comma is read as one between thousands";
            let note = self.note(IssueKind::InvalidNumber, &name, what);
            self.warnings.push(note);
        }
    }

    /// Text, unit, range, flag and the source's own code.
    fn words(&mut self, rule: &'a EventRule, event: &mut Event) {
        if let Some(text) = rule.text.as_ref().and_then(|text| self.fill(text).ok()) {
            self.text(&text, event);
        }
        if let Some(unit) = rule.unit.as_ref().and_then(|unit| self.fill(unit).ok()) {
            event.unit = Some(self.memory.names.get(unit.trim()));
        }
        if let Some(low) = rule.range_low.as_ref().and_then(|value| self.bound(value)) {
            event.as_written_mut().range_low = Some(low);
        }
        if let Some(high) = rule.range_high.as_ref().and_then(|value| self.bound(value)) {
            event.as_written_mut().range_high = Some(high);
        }
        if let Some(flag) = rule.flag.as_ref().and_then(|flag| self.fill(flag).ok()) {
            event.as_written_mut().flag = Some(self.memory.names.get(&flag));
        }
        if let Some(code) = rule
            .written_code
            .as_ref()
            .and_then(|code| self.fill(code).ok())
        {
            event.as_written_mut().code = Some(Code::from_meds(&code));
        }
    }

    /// The text of an event. One that is only its number again says nothing more; a comparator
    /// before that number does.
    fn text(&mut self, text: &str, event: &mut Event) {
        if let Some(value) = event.numeric_value
            && let Some(again) = number(text, self.program.table.decimal)
            // Sources keep single precision beside the text.
            && (again.value - value).abs() <= 1e-6 * value.abs()
        {
            match again.comparator {
                None => return,
                Some(comparator) => event.as_written_mut().comparator = Some(comparator),
            }
        }
        event.text_value = Some(self.memory.names.get(text));
    }

    /// An end of a reference range.
    fn bound(&mut self, value: &'a Value) -> Option<f64> {
        let text = self.eval(value)?;
        let number = number(&text, self.program.table.decimal).map(|number| number.value);
        if number.is_none() {
            let note = self.note(IssueKind::InvalidNumber, &value.name, "");
            self.warnings.push(note);
        }
        number
    }

    fn doubt(&mut self, time: Option<&TimeRule>, doubt: Option<Doubt>) {
        let Some(doubt) = doubt else { return };
        let name = time.and_then(TimeRule::name).unwrap_or_else(|| "".into());
        let note = self.note(IssueKind::InvalidTime, &name, doubt.explanation());
        self.warnings.push(note);
    }

    /// The note for a time that is absent.
    fn no_time(&mut self, time: &'a TimeRule) -> Note {
        let of_base = |option: &'a TimeOption| match &option.base {
            Base::Written { value, .. } | Base::Year { value, .. } => Some(value),
            Base::Fixed(_) => option
                .offsets
                .iter()
                .find_map(|offset| offset.value.as_ref()),
        };
        let values: Vec<_> = time.options.iter().filter_map(of_base).collect();
        let mut kind = IssueKind::MissingTime;
        for value in &values {
            kind = self.absence(value, kind);
        }
        let name = values.first().map_or("", |value| &*value.name).to_owned();
        self.note(kind, &name, "")
    }

    /// The first of the options that is present.
    fn when(&mut self, time: &'a TimeRule) -> Result<Option<When>, Note> {
        for option in &time.options {
            if let Some(when) = self.option(option)? {
                return Ok(Some(when));
            }
        }
        Ok(None)
    }

    fn option(&mut self, option: &'a TimeOption) -> Result<Option<When>, Note> {
        let Some(Written {
            mut point,
            mut precision,
        }) = self.base(&option.base)?
        else {
            return Ok(None);
        };
        let zone = &self.program.zone;
        let wrong = |line: &Self| {
            let name = option.base.name().unwrap_or_else(|| "".into());
            line.note(
                IssueKind::InvalidTime,
                &name,
                "outside the years that are believed",
            )
        };
        if option.end_of_day && precision == Precision::Day {
            let next = point.plus_calendar(Span::new().days(1));
            let last = next.and_then(|next| next.plus_micros(zone, -1));
            point = last.ok_or_else(|| wrong(self))?;
        }
        for offset in &option.offsets {
            let Some(amount) = self.amount(offset)? else {
                return Ok(None);
            };
            let moved = moved(point, offset.unit, amount, zone);
            point = moved.ok_or_else(|| wrong(self))?;
            precision = match offset.unit {
                Unit::Years => precision.min(Precision::Year),
                Unit::Days if offset.value.is_some() => precision.min(Precision::Day),
                Unit::Days | Unit::Hours | Unit::Minutes | Unit::Seconds | Unit::Elapsed => {
                    precision
                }
            };
        }
        if option.synthetic {
            precision = Precision::Year;
        }
        let moment = Some(point).filter(|point| point.plausible());
        let moment = moment
            .and_then(|point| zone.moment(point))
            .ok_or_else(|| wrong(self))?;
        Ok(Some(When { moment, precision }))
    }

    fn base(&mut self, base: &'a Base) -> Result<Option<Written>, Note> {
        let (value, clock, formats) = match base {
            Base::Fixed(civil) => {
                let point = Point::Civil(*civil);
                return Ok(Some(Written {
                    point,
                    precision: Precision::Time,
                }));
            }
            Base::Year { value, clock } => (value, clock, None),
            Base::Written {
                value,
                clock,
                formats,
            } => (value, clock, Some(formats)),
        };
        let Some(text) = self.eval(value) else {
            return Ok(None);
        };
        let text = text.trim_ascii();
        let written = match formats {
            None => year(text),
            Some(formats) => {
                let formats = formats.as_deref().unwrap_or(&self.program.table.formats);
                formats.iter().find_map(|format: &Format| format.read(text))
            }
        };
        let Some(mut written) = written else {
            return Err(self.note(IssueKind::InvalidTime, &value.name, ""));
        };
        if let Some(clock) = clock
            && let Some(text) = self.eval(clock)
        {
            let time = clock_time(text.trim_ascii().as_bytes());
            let Some(time) = time else {
                return Err(self.note(IssueKind::InvalidTime, &clock.name, ""));
            };
            if let Point::Civil(civil) = written.point {
                written.point = Point::Civil(civil.date().to_datetime(time));
                if written.precision == Precision::Day {
                    written.precision = Precision::Time;
                }
            }
            return Ok(Some(written));
        }
        // A year or month is that of the calendar, wherever the source lies.
        if written.precision <= Precision::Month
            && let Some(start) = Zone::Naive.moment(written.point)
        {
            written.point = Point::Fixed(start.instant, start.offset_minutes);
        }
        Ok(Some(written))
    }

    /// How much is added; `None` where the value is absent.
    fn amount(&mut self, offset: &'a Offset) -> Result<Option<f64>, Note> {
        let Some(value) = &offset.value else {
            return Ok(Some(offset.factor));
        };
        let Some(text) = self.eval(value) else {
            return Ok(None);
        };
        let text = text.trim_ascii();
        let number = match offset.unit {
            Unit::Elapsed => elapsed_seconds(text).map(|seconds| seconds as f64),
            Unit::Years | Unit::Days | Unit::Hours | Unit::Minutes | Unit::Seconds => plain(text),
        };
        let kind = if offset.unit == Unit::Elapsed {
            IssueKind::InvalidTime
        } else {
            IssueKind::InvalidNumber
        };
        let number = number.ok_or_else(|| self.note(kind, &value.name, ""))?;
        Ok(Some(number * offset.factor))
    }
}

/// A year as a number, also with `.0`.
fn year(text: &str) -> Option<Written> {
    let year = text.strip_suffix(".0").unwrap_or(text).parse().ok()?;
    let date = Date::new(year, 1, 1).ok()?;
    let point = Point::Civil(date.to_datetime(Time::midnight()));
    point.plausible().then_some(Written {
        point,
        precision: Precision::Year,
    })
}

/// A point moved by an amount of a unit. Whole years and days go by the calendar, the rest by the
/// length of time.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the amount is bounded before the cast"
)]
fn moved(point: Point, unit: Unit, amount: f64, zone: &Zone) -> Option<Point> {
    // Beyond this no calendar goes, and every cast below is exact.
    if amount.abs() > 1e9 {
        return None;
    }
    let whole = amount.trunc();
    let rest = amount - whole;
    let micros = match unit {
        Unit::Years => {
            let years = i16::try_from(whole as i64).ok()?;
            let moved = point.plus_calendar(Span::new().try_years(years).ok()?)?;
            return plus(moved, zone, rest * YEAR_DAYS * DAY_MICROS);
        }
        Unit::Days => {
            let days = i32::try_from(whole as i64).ok()?;
            let moved = point.plus_calendar(Span::new().try_days(days).ok()?)?;
            return plus(moved, zone, rest * DAY_MICROS);
        }
        Unit::Hours => amount * 3_600e6,
        Unit::Minutes => amount * 60e6,
        Unit::Seconds | Unit::Elapsed => amount * 1e6,
    };
    plus(point, zone, micros)
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "below 2^53 by the bound on amounts"
)]
fn plus(point: Point, zone: &Zone, micros: f64) -> Option<Point> {
    let micros = micros.round() as i64;
    if micros == 0 {
        Some(point)
    } else {
        point.plus_micros(zone, micros)
    }
}
