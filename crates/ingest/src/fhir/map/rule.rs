//! Mappings that are data: most resource types say whose, when and what in elements of their own
//! names, and a [`Rule`] names those elements. `list` holds the rules; what needs a program
//! (medications, observations, encounters, documents) has a file of its own beside this one.
//!
//! Paths are written in full (`CarePlan.activity.detail.code`), as they stand in origins, issues
//! and the documentation; lists inside them are walked through.

mod list;

pub(crate) use list::*;

use crate::batch::Note;
use crate::fhir::bundle::entry_id;
use crate::fhir::fields::{self, Fields};
use crate::fhir::json::{Quantity, Reference, Text};
use crate::fhir::map::value::{Amount, amount};
use crate::fhir::reference::Target;
use crate::fhir::rows::Mapper;
use crate::fhir::time::When;
use longitude_core::{Code, Instant, IssueKind};
use serde_json::value::RawValue;

/// How a resource type becomes events.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Rule {
    /// Where the subject is named.
    pub(crate) subject: &'static [&'static str],
    pub(crate) encounter: &'static [&'static str],
    /// Elements and the values by which a record says that it did not happen.
    pub(crate) refused: &'static [Refused],
    /// When it happened, best first.
    pub(crate) times: &'static [&'static str],
    pub(crate) ends: &'static [&'static str],
    /// When it was written down.
    pub(crate) recorded: &'static [&'static str],
    pub(crate) parts: &'static [Part],
}

/// An element, and the values of it that refuse.
pub(crate) type Refused = (&'static str, &'static [&'static str]);

/// One sort of event of a resource.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Part {
    /// The list that holds one of them an item; empty for the resource itself.
    pub(crate) at: &'static str,
    /// Where the code stands, best first; every value of the first that is there makes an event.
    pub(crate) codes: &'static [&'static str],
    /// The system of ours that the code is put in; empty to keep its own.
    pub(crate) system: &'static str,
    /// The value within `system` where no code stands; empty for none.
    pub(crate) otherwise: &'static str,
    /// What stands behind the code.
    pub(crate) suffix: &'static str,
    /// Where more of what stands behind the code is found: the first that is there.
    pub(crate) suffix_from: &'static [&'static str],
    pub(crate) refused: &'static [Refused],
    /// When this one happened, where not when the resource did.
    pub(crate) times: &'static [&'static str],
    /// A number or a Quantity.
    pub(crate) values: &'static [&'static str],
    pub(crate) text: &'static str,
}

impl Rule {
    pub(crate) const NONE: Self = Self {
        subject: &[],
        encounter: &[],
        refused: &[],
        times: &[],
        ends: &[],
        recorded: &[],
        parts: &[],
    };
}

impl Part {
    pub(crate) const NONE: Self = Self {
        at: "",
        codes: &[],
        system: "",
        otherwise: "",
        suffix: "",
        suffix_from: &[],
        refused: &[],
        times: &[],
        values: &[],
        text: "",
    };
}

/// Maps a row by a rule.
pub(crate) fn map(
    mapper: &mut Mapper<'_>,
    rule: &Rule,
    text: &str,
    full_url: Option<&str>,
) -> Result<(), Note> {
    let fields: Fields<'_> = mapper.parse(text)?;
    if fields.get("resourceType").is_none() {
        return Err(mapper.untyped(text));
    }
    let id = fields.text("id");
    let id = id.as_ref().map(Text::as_str).or_else(|| entry_id(full_url));
    mapper.begin(id);
    if let Some(name) = fields.doubled() {
        let detail = mapper.path("(a member stands twice)");
        mapper.warn(Note::new(IssueKind::InvalidField, name.to_owned(), detail));
    }
    refuse(&fields, "", rule.refused)?;
    if fields
        .get("doNotPerform")
        .is_some_and(|flag| flag.get() == "true")
    {
        return Err(Note::at(IssueKind::NotDone, mapper.path("doNotPerform")));
    }
    if fields.get("modifierExtension").is_some() {
        mapper.modified();
    }
    subject(mapper, &fields, rule.subject)?;
    for path in rule.encounter {
        let found = fields.at(own(path)).into_iter().next();
        if let Some(reference) = found.and_then(reference) {
            mapper.encounter(Some(&reference));
            break;
        }
    }
    let recorded = times(&fields, "", rule.recorded);
    mapper.recorded(&borrowed(&recorded));
    let happened = times(&fields, "", rule.times);
    let when = mapper.place(&borrowed(&happened))?;
    let mut end = None;
    for (element, text) in times(&fields, "", rule.ends) {
        end = end.or_else(|| mapper.end(when, element, text.as_ref()));
    }
    let mut row = Row {
        mapper,
        whole: &fields,
        when,
        end,
        fault: None,
    };
    row.parts(rule.parts)
}

/// A resource while its parts are mapped.
struct Row<'m, 'w, 'a> {
    mapper: &'m mut Mapper<'w>,
    whole: &'m Fields<'a>,
    when: When,
    end: Option<Instant>,
    /// Why the first part that made no event made none.
    fault: Option<Note>,
}

impl<'a> Row<'_, '_, 'a> {
    fn parts(&mut self, parts: &'static [Part]) -> Result<(), Note> {
        let before = self.mapper.batch.events.len();
        for part in parts {
            if part.at.is_empty() {
                let whole = self.whole;
                self.one(part, whole);
                continue;
            }
            let items = self.whole.at(own(part.at));
            for item in items.into_iter().filter_map(fields::fields) {
                self.one(part, &item);
            }
        }
        let made = self.mapper.batch.events.len() > before;
        let first = parts.first().and_then(|part| part.codes.first());
        match self.fault.take() {
            None if made => Ok(()),
            Some(fault) if made => {
                self.mapper.warn(fault);
                Ok(())
            }
            Some(fault) => Err(fault),
            None => Err(Note::at(
                IssueKind::MissingCode,
                first.copied().unwrap_or_default(),
            )),
        }
    }

    /// One item of a part. A part whose code is absent makes no event; the row says so when no
    /// other part made any.
    fn one(&mut self, part: &'static Part, item: &Fields<'a>) {
        if let Err(note) = refuse(item, part.at, part.refused) {
            self.fault.get_or_insert(note);
            return;
        }
        let found = part.codes.iter().find_map(|path| {
            let found = item.at(below(path, part.at));
            (!found.is_empty()).then_some((*path, found))
        });
        let codes: Vec<_> = match found {
            Some((path, found)) => {
                let codes = found
                    .into_iter()
                    .map(|value| (path, self.code(value, path)));
                codes.collect()
            }
            None if part.otherwise.is_empty() => return,
            None => {
                let element = part.values.first().or(part.codes.first());
                let code = self.mapper.code(part.system, part.otherwise);
                vec![(element.copied().unwrap_or(part.at), Ok(code))]
            }
        };
        let when = self.time_of(part, item);
        let (value, element) = self.value(part, item);
        // What is only a number is nothing without it.
        if part.codes.is_empty() && value.is_none() {
            return;
        }
        for (path, code) in codes {
            match code {
                Ok(code) => {
                    let code = self.spelled(part, item, code);
                    self.add(
                        (part, item),
                        (code, when),
                        value.clone(),
                        element.unwrap_or(path),
                    );
                }
                Err(note) => drop(self.fault.get_or_insert(note)),
            }
        }
    }

    fn add(
        &mut self,
        (part, item): (&'static Part, &Fields<'a>),
        (code, when): (Code, When),
        value: Option<Amount>,
        element: &str,
    ) {
        let written = (!part.text.is_empty()).then(|| find((self.whole, item), part, part.text));
        let written = written.flatten().and_then(fields::text);
        let end = self.end.filter(|end| *end >= when.instant);
        let event = self.mapper.event(code, Some(when), element);
        event.end_time = end;
        event.text_value = written.map(|text| text.as_str().into());
        if let Some(value) = value {
            value.put(event);
        }
    }

    /// The code of a value: a concept, or what a reference points to.
    fn code(&mut self, value: &RawValue, path: &'static str) -> Result<Code, Note> {
        let concept = fields::concept(value);
        let coded = self.mapper.coded(concept.as_ref(), path);
        let Err(note) = coded else { return coded };
        let Some(reference) = reference(value) else {
            return Err(note);
        };
        self.mapper.thing(&reference, path).ok_or(note)
    }

    /// The code within the part's system and with its suffixes.
    fn spelled(&mut self, part: &'static Part, item: &Fields<'a>, code: Code) -> Code {
        let is_own = part.system.is_empty() || *code.system == *part.system;
        let mut code = if is_own {
            code
        } else {
            self.mapper.within(part.system, &code)
        };
        let from = part.suffix_from.iter();
        let found = from
            .filter_map(|path| find((self.whole, item), part, path))
            .find_map(fields::bare_code);
        if let Some(suffix) = found {
            code = self.mapper.suffixed(&code, &suffix);
        }
        if part.suffix.is_empty() {
            code
        } else {
            self.mapper.suffixed(&code, part.suffix)
        }
    }

    fn time_of(&mut self, part: &'static Part, item: &Fields<'a>) -> When {
        let mut found = None;
        for (element, text) in times(item, part.at, part.times) {
            found = found.or_else(|| self.mapper.time(element, text.as_ref()));
        }
        found.unwrap_or(self.when)
    }

    /// The first value that is there, with its element.
    fn value(
        &mut self,
        part: &'static Part,
        item: &Fields<'a>,
    ) -> (Option<Amount>, Option<&'static str>) {
        for path in part.values {
            let Some(found) = find((self.whole, item), part, path) else {
                continue;
            };
            if let Ok(number) = serde_json::from_str::<f64>(found.get()) {
                return (Some(Amount::of(number)), Some(path));
            }
            if let Ok(quantity) = serde_json::from_str::<Quantity<'_>>(found.get()) {
                let amount = amount(self.mapper, &quantity, path);
                return (Some(amount), Some(path));
            }
            self.mapper.warn(Note::at(IssueKind::InvalidNumber, *path));
        }
        (None, None)
    }
}

/// The first value of a path, below the item or, where it is not the item's, in the resource.
fn find<'a>(
    (whole, item): (&Fields<'a>, &Fields<'a>),
    part: &Part,
    path: &str,
) -> Option<&'a RawValue> {
    let is_item = part.at.is_empty() || path.starts_with(part.at);
    let found = if is_item {
        item.at(below(path, part.at))
    } else {
        whole.at(own(path))
    };
    found.into_iter().next()
}

/// The path below the resource type.
fn own(path: &str) -> &str {
    path.split_once('.').map_or(path, |(_, rest)| rest)
}

/// The path below an item of a list.
fn below<'p>(path: &'p str, at: &str) -> &'p str {
    let inner = if at.is_empty() {
        None
    } else {
        path.strip_prefix(at)
    };
    inner
        .and_then(|inner| inner.strip_prefix('.'))
        .unwrap_or_else(|| own(path))
}

type Texts<'a> = Vec<(&'static str, Option<Text<'a>>)>;

fn times<'a>(item: &Fields<'a>, at: &str, paths: &'static [&'static str]) -> Texts<'a> {
    let text = |path: &&'static str| (*path, item.text(below(path, at)));
    paths.iter().map(text).collect()
}

fn borrowed<'t, 'a>(texts: &'t Texts<'a>) -> Vec<(&'static str, Option<&'t Text<'a>>)> {
    texts
        .iter()
        .map(|(path, text)| (*path, text.as_ref()))
        .collect()
}

/// A Reference, or the reference of a CodeableReference.
fn reference(value: &RawValue) -> Option<Reference<'_>> {
    let inner = fields::fields(value)?;
    let inside = inner
        .get("reference")
        .filter(|inside| inside.get().starts_with('{'));
    let value = inside.unwrap_or(value);
    let reference: Reference<'_> = serde_json::from_str(value.get()).ok()?;
    (reference.reference.is_some() || reference.display.is_some()).then_some(reference)
}

/// The first reference to a Patient, else the first of any kind.
fn subject(
    mapper: &mut Mapper<'_>,
    fields: &Fields<'_>,
    paths: &'static [&'static str],
) -> Result<(), Note> {
    let all = paths.iter().flat_map(|path| {
        let found = fields.at(own(path)).into_iter().filter_map(reference);
        found.map(|reference| (*path, reference))
    });
    let all: Vec<_> = all.collect();
    let is_patient = |(_, reference): &&(&str, Reference<'_>)| {
        let text = reference.reference.as_ref().map_or("", Text::as_str);
        matches!(
            Target::parse(text),
            Target::Record {
                kind: "Patient",
                ..
            } | Target::Urn(_)
        )
    };
    let chosen = all.iter().find(is_patient).or(all.first());
    let path = chosen.map(|(path, _)| *path).or(paths.first().copied());
    mapper.owned_by(path.map_or("subject", own));
    mapper.subject(chosen.map(|(_, reference)| reference))
}

fn refuse(item: &Fields<'_>, at: &str, refused: &'static [Refused]) -> Result<(), Note> {
    for (path, values) in refused {
        let found = item.at(below(path, at)).into_iter().next();
        let Some(found) = found else { continue };
        let said = fields::bare_code(found);
        let said = said.as_deref().unwrap_or(found.get());
        if let Some(value) = values.iter().find(|value| **value == said) {
            let detail = [path, ": ", value].concat();
            return Err(Note::new(IssueKind::NotDone, *path, detail));
        }
    }
    Ok(())
}
