//! The small language of a window's ends: `trigger + 24h`, `input.end`, `start -> death`,
//! `end <- admission`, or nothing (the record's own start or end).

use crate::duration;
use crate::error::{Error, Result};
use crate::names::{RECORD_END, RECORD_START};
use crate::yaml::{Node, Place};

/// One side of a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Its start.
    Start,
    /// Its end.
    End,
}

impl Side {
    /// Its word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::End => "end",
        }
    }

    fn of(word: &str) -> Option<Self> {
        [Self::Start, Self::End]
            .into_iter()
            .find(|side| side.name() == word)
    }
}

/// What a boundary is counted from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reference {
    /// The trigger.
    Trigger,
    /// The other side of the same window.
    Own(Side),
    /// A side of another window.
    Window(String, Side),
}

/// How a boundary lies to its reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// At it.
    Same,
    /// A time after it, or before where negative; in microseconds and never nought.
    Time(i64),
    /// The next, or the last, instant at which a predicate holds.
    Event { predicate: String, before: bool },
}

/// One end of a window.
#[derive(Clone, Debug)]
pub(crate) struct Boundary {
    pub(crate) place: Place,
    pub(crate) reference: Reference,
    pub(crate) step: Step,
}

impl Boundary {
    /// Reads the `start` or `end` of a window.
    pub(crate) fn read(node: &Node, side: Side) -> Result<Self> {
        let place = node.place.clone();
        if node.is_null() {
            let (own, predicate, before) = match side {
                Side::Start => (Side::End, RECORD_START, true),
                Side::End => (Side::Start, RECORD_END, false),
            };
            let predicate = predicate.to_owned();
            return Ok(Self {
                place,
                reference: Reference::Own(own),
                step: Step::Event { predicate, before },
            });
        }
        let Some(text) = node.text() else {
            return Err(fault(
                &place,
                format!("a window's {} is {}", side.name(), node.kind()),
            ));
        };
        let (reference, step) = split(text, &place)?;
        Ok(Self {
            reference: self::reference(reference, &place)?,
            step: step.unwrap_or(Step::Same),
            place,
        })
    }

    /// Whether it is an instant before, or after, its reference; `None` where it is at it.
    pub(crate) fn before(&self) -> Option<bool> {
        match &self.step {
            Step::Same => None,
            Step::Time(micros) => Some(*micros < 0),
            Step::Event { before, .. } => Some(*before),
        }
    }
}

fn fault(place: &Place, message: String) -> Error {
    Error::new(
        place,
        message,
        "write `trigger`, `NAME.start` or `NAME.end`, then `+ 24h`, `- 7 days`, `-> PREDICATE` \
         (the next) or `<- PREDICATE` (the last before)",
    )
}

fn split<'t>(text: &'t str, place: &Place) -> Result<(&'t str, Option<Step>)> {
    let next = text.split_once("->");
    let last = text.split_once("<-");
    if let (Some(_), Some(_)) = (next, last) {
        return Err(fault(place, format!("`{text}` has both `->` and `<-`")));
    }
    if let Some((reference, predicate)) = next.or(last) {
        let predicate = predicate.trim();
        if !is_name(predicate) {
            return Err(fault(
                place,
                format!("`{predicate}` is no name of a predicate"),
            ));
        }
        let never = if last.is_some() {
            RECORD_END
        } else {
            RECORD_START
        };
        if predicate == never {
            let message = format!("`{text}` looks for `{never}` on the side where it never lies");
            return Err(fault(place, message));
        }
        let step = Step::Event {
            predicate: predicate.to_owned(),
            before: last.is_some(),
        };
        return Ok((reference.trim(), Some(step)));
    }
    let (plus, minus) = (text.split_once('+'), text.split_once('-'));
    if let (Some(_), Some(_)) = (plus, minus) {
        return Err(fault(
            place,
            format!("`{text}` has both `+` and `-`: a negative length of time"),
        ));
    }
    let Some((reference, length)) = plus.or(minus) else {
        return Ok((text.trim(), None));
    };
    let length = length.trim();
    let micros = if length.is_empty() && plus.is_some() {
        Some(0)
    } else {
        duration::parse(length)
    };
    let Some(micros) = micros else {
        return Err(Error::new(
            place,
            format!("`{length}` is no length of time"),
            "write it as `24h`, `7 days`, `1 day, 12:00:00`; months and years have no fixed \
             length, so write days",
        ));
    };
    let signed = if minus.is_some() { -micros } else { micros };
    let step = if signed == 0 {
        Step::Same
    } else {
        Step::Time(signed)
    };
    Ok((reference.trim(), Some(step)))
}

fn reference(text: &str, place: &Place) -> Result<Reference> {
    if text == "trigger" {
        return Ok(Reference::Trigger);
    }
    if let Some(side) = Side::of(text) {
        return Ok(Reference::Own(side));
    }
    let named = text.split_once('.').and_then(|(window, side)| {
        let side = Side::of(side)?;
        is_name(window).then(|| Reference::Window(window.to_owned(), side))
    });
    named.ok_or_else(|| {
        fault(
            place,
            format!("`{text}` is neither the trigger nor a side of a window"),
        )
    })
}

/// Whether a text is a name: letters, digits and `_`.
pub(crate) fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml;
    use expect_test::{Expect, expect};

    #[expect(clippy::needless_pass_by_value, reason = "the macro makes a value")]
    fn check(text: &str, expected: Expect) {
        let node = yaml::parse("t.yaml", text).unwrap();
        expected.assert_eq(&match Boundary::read(&node, Side::End) {
            Ok(found) => format!("{:?} {:?}", found.reference, found.step),
            Err(error) => error.to_string(),
        });
    }

    #[test]
    fn boundaries() {
        check("trigger + 24h", expect!["Trigger Time(86400000000)"]);
        check(
            "input.end - 1 day",
            expect![[r#"Window("input", End) Time(-86400000000)"#]],
        );
        check(
            "start->death",
            expect![[r#"Own(Start) Event { predicate: "death", before: false }"#]],
        );
        check(
            "null",
            expect![[r#"Own(Start) Event { predicate: "_RECORD_END", before: false }"#]],
        );
        check("start + 0h", expect!["Own(Start) Same"]);
        check(
            "start + -24h",
            expect!["t.yaml:1:1: `start + -24h` has both `+` and `-`: a negative length of time"],
        );
        check(
            "start + 3 months",
            expect!["t.yaml:1:1: `3 months` is no length of time"],
        );
        check(
            "a.foo",
            expect!["t.yaml:1:1: `a.foo` is neither the trigger nor a side of a window"],
        );
        check(
            "a <-> b",
            expect!["t.yaml:1:1: `a <-> b` has both `->` and `<-`"],
        );
        check("7", expect!["t.yaml:1:1: a window's end is a number"]);
    }
}
