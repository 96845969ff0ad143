//! PERSON, OBSERVATION_PERIOD and DEATH: birth, what is known from the start and does not change,
//! the spans in which events would have been recorded, and the end.

use super::columns::find;
use super::known::Fact;
use super::rows::{Mapper, integer};
use super::time;
use crate::batch::Note;
use crate::person::{Person, PersonIdentifier, Told};
use crate::table::{Header, Row};
use crate::when::When;
use longitude_core::{Code, IssueKind, Observation, ObservationSource, Precision, SubjectId};

/// The columns of PERSON that are read.
pub(super) const COLUMNS: &[&[&str]] = &[
    &["person_id"],
    &["year_of_birth", "birth_datetime"],
    &["gender_concept_id"],
    &["gender_source_value"],
    &["gender_source_concept_id"],
    &["race_concept_id"],
    &["race_source_value"],
    &["race_source_concept_id"],
    &["ethnicity_concept_id"],
    &["ethnicity_source_value"],
    &["ethnicity_source_concept_id"],
    &["person_source_value"],
];
/// The columns of OBSERVATION_PERIOD that are read.
pub(super) const PERIOD: &[&str] = &[
    "observation_period_id",
    "person_id",
    PERIOD_ENDS[0],
    PERIOD_ENDS[1],
];
/// The columns of DEATH that are read.
pub(super) const DEATH: &[&[&str]] = &[
    &["person_id"],
    &DEATH_TIME,
    &["cause_concept_id"],
    &["cause_source_concept_id"],
];

const PERIOD_ENDS: [&str; 2] = [
    "observation_period_start_date",
    "observation_period_end_date",
];
const DEATH_TIME: [&str; 2] = ["death_datetime", "death_date"];

/// Where the columns of PERSON stand.
pub(super) struct Columns {
    id: Option<usize>,
    birth: Option<usize>,
    date: [Option<usize>; 3],
    facts: [(Fact, FactColumns); 3],
    source_value: Option<usize>,
    location: Option<usize>,
}

struct FactColumns {
    concept: Option<usize>,
    source_concept: Option<usize>,
    source_value: Option<usize>,
    element: &'static str,
}

impl Columns {
    pub(super) fn of(header: &Header) -> Self {
        let one = |name: &str| find(header, name);
        let fact = |fact, element: &'static str, source_concept: &str, source_value: &str| {
            let columns = FactColumns {
                concept: one(element),
                source_concept: one(source_concept),
                source_value: one(source_value),
                element,
            };
            (fact, columns)
        };
        Self {
            id: one("person_id"),
            birth: one("birth_datetime"),
            date: ["year_of_birth", "month_of_birth", "day_of_birth"].map(one),
            facts: [
                fact(
                    Fact::Gender,
                    "gender_concept_id",
                    "gender_source_concept_id",
                    "gender_source_value",
                ),
                fact(
                    Fact::Race,
                    "race_concept_id",
                    "race_source_concept_id",
                    "race_source_value",
                ),
                fact(
                    Fact::Ethnicity,
                    "ethnicity_concept_id",
                    "ethnicity_source_concept_id",
                    "ethnicity_source_value",
                ),
            ],
            source_value: one("person_source_value"),
            location: one("location_id"),
        }
    }
}

/// Adds the identifier of a row of PERSON to those that are known.
pub(super) fn id_of(header: &Header, row: &Row<'_>) -> Option<i64> {
    integer(row.filled(find(header, "person_id"))?)
}

pub(super) fn map(mapper: &mut Mapper<'_>, row: &Row<'_>, columns: &Columns) -> Result<(), Note> {
    mapper.identify(row, columns.id);
    let Some(id) = row.filled(columns.id) else {
        return Err(Note::at(IssueKind::MissingSubject, "person.person_id"));
    };
    let Some(id) = integer(id) else {
        return Err(Note::at(IssueKind::InvalidField, "person.person_id"));
    };
    let subject = SubjectId(id);
    mapper.set_subject(subject);
    let mut facts = Person::default();
    for (fact, own) in &columns.facts {
        let code = known_fact(mapper, row, *fact, own);
        if let (Fact::Gender, Some(code)) = (fact, code) {
            facts.sex = Some(code.value.to_string());
        }
    }
    let birth = birth(mapper, row, columns);
    if let Some(when) = birth {
        facts.birth = Some((when.instant, when.precision));
        mapper.event(Code::birth(), Some(when), "birth_datetime");
    } else {
        mapper.warn(IssueKind::MissingTime, "person.year_of_birth");
    }
    if let Some(value) = row.filled(columns.source_value) {
        mapper.identifier(Some(subject), Some(value));
        facts.identifiers.push(PersonIdentifier {
            system: "person_source_value".to_owned(),
            value: value.to_owned(),
            kind: None,
        });
    }
    let location = row.filled(columns.location).and_then(integer);
    let address = location.and_then(|id| mapper.world.locations.get(&id));
    if let Some(address) = address {
        for text in address.identifiers() {
            mapper.identifier(Some(subject), Some(text));
        }
        facts.addresses.push(address.of_person());
    }
    mapper.tell(Told::Person(subject, Box::new(facts)));
    Ok(())
}

/// The code of a fact: by the standard concept, else the source concept, else the source's word.
/// Known values have the code that other formats give them.
fn known_fact(
    mapper: &mut Mapper<'_>,
    row: &Row<'_>,
    fact: Fact,
    columns: &FactColumns,
) -> Option<Code> {
    let standard = mapper.concept_id(row, columns.concept);
    let source = mapper.concept_id(row, columns.source_concept);
    let word = row.filled(columns.source_value);
    if standard.is_none() && (source.is_some() || word.is_some()) {
        mapper.warn(IssueKind::UnmappedCode, mapper.path(columns.element));
    }
    let (code, written) = match (standard.or(source), word) {
        (Some(id), _) => {
            // A concept whose meaning is known needs no vocabulary, so nothing is missed.
            let written = if fact.of(id).is_some() {
                mapper.code_if_known(id)
            } else {
                mapper.code(id)
            };
            let code = match fact.of(id) {
                Some(value) => mapper.named(fact.system(), value),
                None => mapper.within(fact.system(), &written),
            };
            (code, Some(written))
        }
        (None, Some(word)) => (
            mapper.named(fact.system(), fact.of_word(word).unwrap_or(word)),
            None,
        ),
        (None, None) => return None,
    };
    let event = mapper.event(code.clone(), None, columns.element);
    if written.is_some() {
        event.as_written_mut().code = written;
    }
    Some(code)
}

/// `birth_datetime` where it says more than the parts of the date, else as much as these say.
fn birth(mapper: &mut Mapper<'_>, row: &Row<'_>, columns: &Columns) -> Option<When> {
    let [year, month, day] = columns.date.map(|column| row.filled(column));
    let stated = mapper.time(row, [columns.birth, None], ["birth_datetime", ""]);
    if let Some(when) = stated
        && (when.precision == Precision::Time || year.is_none())
    {
        return Some(when);
    }
    let parts = time::partial(year?, month, day);
    if parts.is_none() {
        mapper.warn(IssueKind::InvalidTime, "person.year_of_birth");
    }
    // A midnight adds nothing to the parts, which say how much of the date is known.
    parts.or(stated)
}

/// Where the columns of OBSERVATION_PERIOD stand.
pub(super) struct Period {
    id: Option<usize>,
    person: Option<usize>,
    ends: [Option<usize>; 2],
}

impl Period {
    pub(super) fn of(header: &Header) -> Self {
        Self {
            id: find(header, PERIOD[0]),
            person: find(header, "person_id"),
            ends: PERIOD_ENDS.map(|name| find(header, name)),
        }
    }

    /// A span, and no event. Its last day is wholly inside.
    pub(super) fn map(&self, mapper: &mut Mapper<'_>, row: &Row<'_>) -> Result<(), Note> {
        mapper.identify(row, self.id);
        mapper.person(row, self.person)?;
        let start = mapper.must_have_time(row, [self.ends[0], None], [PERIOD_ENDS[0]; 2])?;
        let end = mapper.must_have_time(row, [self.ends[1], None], [PERIOD_ENDS[1]; 2])?;
        let end = end.precision.end_of(end.instant);
        if end < start.instant {
            let element = mapper.path(PERIOD_ENDS[1]);
            return Err(Note::at(IssueKind::InvalidTime, element));
        }
        let span = Observation {
            start: Some(start.instant),
            end: Some(end),
            source: ObservationSource::Stated,
        };
        mapper.tell(Told::Span(mapper.subject(), span));
        Ok(())
    }
}

/// Where the columns of DEATH stand.
pub(super) struct Death {
    person: Option<usize>,
    time: [Option<usize>; 2],
    cause: Option<usize>,
    cause_source: Option<usize>,
}

impl Death {
    pub(super) fn of(header: &Header) -> Self {
        Self {
            person: find(header, "person_id"),
            time: DEATH_TIME.map(|name| find(header, name)),
            cause: find(header, "cause_concept_id"),
            cause_source: find(header, "cause_source_concept_id"),
        }
    }

    pub(super) fn map(&self, mapper: &mut Mapper<'_>, row: &Row<'_>) -> Result<(), Note> {
        mapper.identify(row, self.person);
        mapper.person(row, self.person)?;
        let when = mapper
            .must_have_time(row, self.time, DEATH_TIME)?
            .end_of_day();
        mapper.event(Code::death(), Some(when), DEATH_TIME[0]);
        let cause = mapper.concept_id(row, self.cause);
        let source = mapper.concept_id(row, self.cause_source);
        if let Some(id) = cause.or(source) {
            let code = mapper.code(id);
            let other = source.filter(|source| *source != id);
            let other = other.map(|id| mapper.code(id));
            let code = mapper.within("CAUSE_OF_DEATH", &code);
            let event = mapper.event(code, Some(when), "cause_concept_id");
            if other.is_some() {
                event.as_written_mut().code = other;
            }
        }
        Ok(())
    }
}
