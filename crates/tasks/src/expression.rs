//! The expressions of derived predicates: `and(...)`, `or(...)`, and in the strict language also
//! `not(...)`, nesting, and `together(...)`, which holds of an instant.

use crate::boundary::is_name;
use crate::error::{Error, Result};
use crate::program::Mode;
use crate::yaml::Place;

/// An expression over names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Expression {
    Name(String),
    And(Vec<Expression>),
    Or(Vec<Expression>),
    Not(Box<Expression>),
    Together(Vec<Expression>),
}

/// The deepest nesting of an expression.
const DEPTH_MAX: usize = 32;

/// Reads an expression as a mode has it.
pub(crate) fn read(text: &str, place: &Place, mode: Mode) -> Result<Expression> {
    match mode {
        Mode::Aces => flat(text).ok_or_else(|| {
            Error::new(
                place,
                format!("`{text}` is no expression of ACES"),
                "write `and(a, b)` or `or(a, b)` over at least two names; without --aces-compat \
                 it may be nested and have `not(a)`",
            )
        }),
        Mode::Strict => {
            let mut rest = text.trim();
            let found = nested(&mut rest, 0).filter(|_| rest.trim().is_empty());
            found.ok_or_else(|| {
                Error::new(
                    place,
                    format!("`{text}` is no expression"),
                    "write `and(a, b)`, `or(a, b)`, `not(a)`, `together(a, b)` over names, nested \
                     at will",
                )
            })
        }
    }
}

/// ACES's own form: one operator over names, split at the commas.
fn flat(text: &str) -> Option<Expression> {
    let inner = |operator: &str| text.strip_prefix(operator)?.strip_suffix(')');
    let names = |list: &str| {
        let names: Vec<_> = list.split(',').map(str::trim).collect();
        let all = names.len() >= 2 && names.iter().all(|name| is_name(name));
        let named = |name: &&str| Expression::Name((*name).to_owned());
        all.then(|| names.iter().map(named).collect())
    };
    if let Some(list) = inner("and(") {
        return names(list).map(Expression::And);
    }
    names(inner("or(")?).map(Expression::Or)
}

fn nested(rest: &mut &str, depth: usize) -> Option<Expression> {
    *rest = rest.trim_start();
    let letters = rest.find(|c: char| !(c.is_alphanumeric() || c == '_'));
    let (word, after) = rest.split_at(letters.unwrap_or(rest.len()));
    if word.is_empty() || depth > DEPTH_MAX {
        return None;
    }
    let Some(after) = after.trim_start().strip_prefix('(') else {
        *rest = after;
        return Some(Expression::Name(word.to_owned()));
    };
    *rest = after;
    let mut parts = vec![nested(rest, depth + 1)?];
    loop {
        *rest = rest.trim_start();
        if let Some(after) = rest.strip_prefix(',') {
            *rest = after;
            parts.push(nested(rest, depth + 1)?);
        } else {
            *rest = rest.strip_prefix(')')?;
            break;
        }
    }
    match (word, parts.len()) {
        ("and", _) => Some(Expression::And(parts)),
        ("or", _) => Some(Expression::Or(parts)),
        ("together", 2..) => Some(Expression::Together(parts)),
        ("not", 1) => parts.pop().map(|one| Expression::Not(Box::new(one))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn place() -> Place {
        Place {
            file: "t.yaml".into(),
            line: 1,
            column: 1,
        }
    }

    #[test]
    fn aces_has_one_operator_over_names() {
        let shown = |text| {
            read(text, &place(), Mode::Aces)
                .map(|found| format!("{found:?}"))
                .ok()
        };
        assert_eq!(
            shown("or(a, b )").as_deref(),
            Some(r#"Or([Name("a"), Name("b")])"#)
        );
        for wrong in ["or(a)", "not(a)", "and(a, or(b, c))", "a", "and(a, b) ", ""] {
            assert_eq!(shown(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn strict_expressions_nest() {
        let shown = |text| {
            read(text, &place(), Mode::Strict)
                .map(|found| format!("{found:?}"))
                .ok()
        };
        assert_eq!(
            shown("and(a, not(or(b,c)))").as_deref(),
            Some(r#"And([Name("a"), Not(Or([Name("b"), Name("c")]))])"#)
        );
        for wrong in [
            "and(a",
            "not(a, b)",
            "xor(a, b)",
            "a b",
            "and()",
            "together(a)",
        ] {
            assert_eq!(shown(wrong), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(text in "[a-c(), notrd]{0,60}") {
            drop(read(&text, &place(), Mode::Strict));
            drop(read(&text, &place(), Mode::Aces));
        }
    }
}
