//! The definitions of plain predicates and of changes, from the file's form to what rows are
//! matched with.

use crate::document::{Definition, find, known_keys};
use crate::duration;
use crate::error::{Error, Result, nearest};
use crate::names::{CHANGE_KEYS, PLAIN_KEYS};
use crate::program::{Against, CodeMatch, Limit, Literal, Mode, Plain};
use crate::yaml::{Entry, Node, Place, Value};
use regex::Regex;

/// A definition of the file, by its form.
pub(crate) enum Form<'d> {
    /// An expression over others; whether it is static.
    Derived(&'d str, &'d Place, bool),
    /// What holds of rows; whether it is static.
    Plain(&'d [Entry], bool),
    /// A change of another predicate's values.
    Change(&'d [Entry]),
}

/// Which form a definition has.
pub(crate) fn form<'d>(name: &str, definition: &'d Definition, mode: Mode) -> Result<Form<'d>> {
    let node = &definition.node;
    if node.is_null() || node.text().is_some() {
        return Err(Error::new(
            &node.place,
            format!("the predicate `{name}` is left open"),
            "give a file that defines it with --predicates, or write its `code:` here",
        ));
    }
    let entries = node.map(&format!("the predicate `{name}`"))?;
    let fixed = match find(entries, "static").map(|entry| &entry.node) {
        None => false,
        Some(node) => flag(node)?,
    };
    if let Some(expression) = find(entries, "expr") {
        known_keys(entries, &[&["expr", "static"]], "a derived predicate")?;
        if definition.demographic {
            return Err(Error::new(
                &expression.place,
                format!("the demographic `{name}` is an expression"),
                "a demographic has a `code:`; put expressions under `predicates`",
            ));
        }
        let Some(text) = expression.node.text() else {
            return Err(Error::new(
                &expression.node.place,
                format!("`expr` is {}", expression.node.kind()),
                "write `and(a, b)` or `or(a, b)`",
            ));
        };
        return Ok(Form::Derived(text, &expression.node.place, fixed));
    }
    if mode == Mode::Strict && find(entries, "change").is_some() {
        known_keys(entries, &[&CHANGE_KEYS], "a predicate of change")?;
        return Ok(Form::Change(entries));
    }
    Ok(Form::Plain(entries, fixed || definition.demographic))
}

fn flag(node: &Node) -> Result<bool> {
    match node.value {
        Value::Bool(value) => Ok(value),
        Value::Null => Ok(false),
        Value::Int(_) | Value::Float(_) | Value::Text(_) | Value::List(_) | Value::Map(_) => {
            Err(Error::new(
                &node.place,
                format!("this should be true or false and is {}", node.kind()),
                "write true or false (in YAML 1.2 `yes` and `no` are texts)",
            ))
        }
    }
}

/// Columns of the data that predicates look at, each with its first place.
pub(crate) type Cells = Vec<(String, Place)>;

/// A plain predicate. Columns that it looks at are added to `cells`.
pub(crate) fn plain(
    name: &str,
    definition: &Definition,
    entries: &[Entry],
    mode: Mode,
    cells: &mut Cells,
) -> Result<Plain> {
    let Some(code) = find(entries, "code") else {
        let near = entries
            .iter()
            .find(|entry| nearest(&entry.key, ["code"].into_iter()).is_some());
        return Err(Error::new(
            near.map_or(&definition.place, |entry| &entry.place),
            format!("the predicate `{name}` has no `code`"),
            "write `code: CODE`, `code: {regex: ...}`, `code: {any: [...]}`, or an `expr:`",
        ));
    };
    let mut limits = Vec::new();
    for (key, flag_key, upper) in [
        ("value_min", "value_min_inclusive", false),
        ("value_max", "value_max_inclusive", true),
    ] {
        let inclusive = find(entries, flag_key).map_or(Ok(false), |entry| flag(&entry.node))?;
        if let Some(bound) = find(entries, key).filter(|bound| !bound.node.is_null()) {
            limits.push(limit(&bound.node, (upper, inclusive), mode)?);
        }
    }
    if let ([low, high], Mode::Strict) = (limits.as_slice(), mode) {
        let touching = low.value >= high.value;
        let both = low.inclusive && high.inclusive && low.value <= high.value;
        if touching && !both && low.unit == high.unit {
            return Err(Error::new(
                &definition.place,
                format!("no value can keep both bounds of `{name}`"),
                "swap them, or make both inclusive",
            ));
        }
    }
    let mut own = Vec::new();
    for (key, place, node) in other_columns(definition, entries, mode)? {
        let at = cells.iter().position(|(known, _)| known == key);
        let at = at.unwrap_or_else(|| {
            cells.push((key.to_owned(), place.clone()));
            cells.len() - 1
        });
        own.push((at, literal(node)?));
    }
    Ok(Plain {
        name: name.to_owned(),
        place: code.node.place.clone(),
        codes: codes(&code.node, mode)?,
        limits,
        cells: own,
        compared: Vec::new(),
    })
}

/// Every further key of a predicate is a column of the data with the value that it must have. A
/// demographic has them under `other_cols`, as in ACES.
fn other_columns<'d>(
    definition: &Definition,
    entries: &'d [Entry],
    mode: Mode,
) -> Result<Vec<(&'d str, &'d Place, &'d Node)>> {
    let mut columns = Vec::new();
    for entry in entries {
        if PLAIN_KEYS.contains(&entry.key.as_str()) {
            continue;
        }
        let nested = entry.key == "other_cols";
        if nested && (definition.demographic || mode == Mode::Strict) {
            for inner in entry.node.map("`other_cols`")? {
                columns.push((&*inner.key, &inner.place, &inner.node));
            }
            continue;
        }
        if definition.demographic || nested {
            known_keys(
                std::slice::from_ref(entry),
                &[&PLAIN_KEYS],
                if nested {
                    "a predicate of ACES"
                } else {
                    "a demographic"
                },
            )?;
        }
        columns.push((&*entry.key, &entry.place, &entry.node));
    }
    Ok(columns)
}

fn literal(node: &Node) -> Result<Literal> {
    Ok(match &node.value {
        Value::Null => Literal::Null,
        Value::Bool(value) => Literal::Bool(*value),
        Value::Int(value) => Literal::Int(*value),
        Value::Float(value) => Literal::Float(*value),
        Value::Text(text) => Literal::Text(text.clone()),
        Value::List(_) | Value::Map(_) => {
            return Err(Error::new(
                &node.place,
                format!("a column's value is {}", node.kind()),
                "write the one value that the column must have",
            ));
        }
    })
}

fn codes(node: &Node, mode: Mode) -> Result<CodeMatch> {
    let bad = |place: &Place, message: String| {
        Error::new(
            place,
            message,
            "write `code: CODE`, `code: {regex: \"^START\"}` or `code: {any: [A, B]}`",
        )
    };
    match &node.value {
        Value::Text(text) if text == "???" && mode == Mode::Strict => Err(Error::new(
            &node.place,
            "the code is left open",
            "give a file that defines the predicate with --predicates",
        )),
        Value::Text(text) => Ok(CodeMatch::Exact(text.clone())),
        Value::Null if mode == Mode::Aces => Ok(CodeMatch::Never),
        Value::Map(entries) => {
            let [entry] = entries.as_slice() else {
                return Err(bad(
                    &node.place,
                    "`code` has not exactly one key".to_owned(),
                ));
            };
            match entry.key.as_str() {
                "regex" => regex(&entry.node),
                "any" => Ok(CodeMatch::Any(texts(&entry.node)?.into_iter().collect())),
                "descendants" if mode == Mode::Strict => {
                    Ok(CodeMatch::Descendants(texts(&entry.node)?))
                }
                other => Err(bad(&entry.place, format!("`code` has no key `{other}`"))),
            }
        }
        Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::List(_) => {
            Err(bad(
                &node.place,
                format!("`code` is {}, which no code is", node.kind()),
            ))
        }
    }
}

fn regex(node: &Node) -> Result<CodeMatch> {
    let text = node.text().filter(|text| !text.is_empty());
    let Some(text) = text else {
        return Err(Error::new(
            &node.place,
            "`regex` is no text",
            "write an expression in quotes, for example \"^LAB//50912\"",
        ));
    };
    let compiled = Regex::new(text).map_err(|error| {
        let reason = error.to_string();
        let last = reason.lines().last().unwrap_or_default();
        Error::new(
            &node.place,
            format!("`{text}` is no regular expression: {}", last.trim()),
            "the syntax is that of the Rust crate regex: no look-around, no back-references",
        )
    })?;
    Ok(CodeMatch::Regex(Box::new(compiled)))
}

fn texts(node: &Node) -> Result<Vec<String>> {
    let texts: Option<Vec<String>> = match &node.value {
        Value::List(items) if !items.is_empty() => items
            .iter()
            .map(|item| item.text().map(str::to_owned))
            .collect(),
        Value::Text(text) => Some(vec![text.clone()]),
        Value::Null
        | Value::Bool(_)
        | Value::Int(_)
        | Value::Float(_)
        | Value::List(_)
        | Value::Map(_) => None,
    };
    texts.ok_or_else(|| {
        Error::new(
            &node.place,
            "this is no list of codes",
            "write `[CODE, CODE]`, each a text",
        )
    })
}

fn limit(node: &Node, (upper, inclusive): (bool, bool), mode: Mode) -> Result<Limit> {
    let (value, unit) = match &node.value {
        Value::Int(value) => (Some(*value as f64), None),
        Value::Float(value) => (Some(*value), None),
        Value::Text(text) if mode == Mode::Strict => {
            let (number, unit) = text.trim().split_once(' ').unwrap_or((text.trim(), ""));
            let unit = Some(unit.trim()).filter(|unit| !unit.is_empty());
            (number.parse().ok(), unit.map(str::to_owned))
        }
        Value::Null | Value::Bool(_) | Value::Text(_) | Value::List(_) | Value::Map(_) => {
            (None, None)
        }
    };
    let value = value.filter(|value| mode == Mode::Aces || !value.is_nan());
    let Some(value) = value else {
        let mend = match mode {
            Mode::Aces => "write a number, without quotes and without a unit",
            Mode::Strict => "write a number, or a number and its unit as `1.3 mg/dL`",
        };
        return Err(Error::new(&node.place, "this bound is no number", mend));
    };
    Ok(Limit {
        value,
        upper,
        inclusive,
        unit,
    })
}

/// What a change asks for, beside the predicate that it is of.
pub(crate) struct Asked {
    pub(crate) within: i64,
    pub(crate) against: Against,
    /// `rise_min`, `fall_min`, `ratio_min`, `ratio_max`.
    pub(crate) bounds: [Option<f64>; 4],
    /// The unit of the first two.
    pub(crate) unit: Option<String>,
}

/// The further keys of a predicate of change.
pub(crate) fn change(entries: &[Entry], place: &Place) -> Result<Asked> {
    let within = find(entries, "within").and_then(|entry| {
        let text = entry.node.text()?;
        duration::parse(text).filter(|micros| *micros > 0)
    });
    let Some(within) = within else {
        return Err(Error::new(
            find(entries, "within").map_or(place, |entry| &entry.node.place),
            "a change has no length of time that it happens in",
            "write `within: 48h`",
        ));
    };
    let (bounds, unit) = differences(entries)?;
    if bounds.iter().all(Option::is_none) {
        return Err(Error::new(
            place,
            "a change asks for no difference",
            "add `rise_min`, `fall_min`, `ratio_min` or `ratio_max`",
        ));
    }
    let falls = bounds[1].is_some() || bounds[3].is_some();
    let against = match find(entries, "against").map(|entry| (&entry.node.place, entry.node.text()))
    {
        None if falls => Against::Highest,
        None | Some((_, Some("lowest"))) => Against::Lowest,
        Some((_, Some("highest"))) => Against::Highest,
        Some((_, Some("last"))) => Against::Last,
        Some((_, Some("first"))) => Against::First,
        Some((place, _)) => {
            return Err(Error::new(
                place,
                "`against` says which earlier value a change is measured from",
                "write lowest, highest, last or first",
            ));
        }
    };
    Ok(Asked {
        within,
        against,
        bounds,
        unit,
    })
}

/// The bounds of a change, and the unit of its differences: one for all, and none of a ratio.
fn differences(entries: &[Entry]) -> Result<([Option<f64>; 4], Option<String>)> {
    let mut bounds = [None; 4];
    let mut units: Vec<Option<String>> = Vec::new();
    for (bound, key) in bounds.iter_mut().zip(&CHANGE_KEYS[3..]) {
        let Some(entry) = find(entries, key) else {
            continue;
        };
        let asked = limit(&entry.node, (false, true), Mode::Strict)?;
        *bound = Some(asked.value);
        if !key.starts_with("ratio") {
            units.push(asked.unit);
        } else if asked.unit.is_some() {
            return Err(Error::new(
                &entry.node.place,
                format!("`{key}` has a unit, and a ratio has none"),
                "write the number alone",
            ));
        }
        if units.windows(2).any(|pair| pair[0] != pair[1]) {
            return Err(Error::new(
                &entry.node.place,
                "the bounds of one change have different units",
                "write them all in one unit, as `rise_min: 0.3 mg/dL`",
            ));
        }
    }
    Ok((bounds, units.into_iter().flatten().next()))
}
