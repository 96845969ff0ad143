//! A task file as it stands: predicates, trigger and windows with their places, before they are
//! compiled. Both modes read the same form; the strict one knows a few keys more.

use crate::boundary::{Boundary, Reference, Side, is_name};
use crate::error::{Error, Result, nearest};
use crate::names::{STRICT_WINDOW_KEYS, TASK_KEYS, WINDOW_KEYS};
use crate::program::Mode;
use crate::yaml::{self, Entry, Node, Place, Value};
use std::collections::BTreeMap;

/// A task as written, with the predicates of a second file put over its own.
pub(crate) struct Document {
    pub(crate) predicates: BTreeMap<String, Definition>,
    pub(crate) trigger: Named,
    pub(crate) windows: Vec<Window>,
}

/// A predicate as written.
#[derive(Clone)]
pub(crate) struct Definition {
    pub(crate) place: Place,
    pub(crate) node: Node,
    pub(crate) demographic: bool,
}

/// A name with its place.
#[derive(Clone)]
pub(crate) struct Named {
    pub(crate) name: String,
    pub(crate) place: Place,
}

/// How often a predicate may hold in a window.
#[derive(Clone)]
pub(crate) struct Count {
    pub(crate) predicate: Named,
    pub(crate) min: Option<i64>,
    pub(crate) max: Option<i64>,
}

/// A window as written.
pub(crate) struct Window {
    pub(crate) name: String,
    pub(crate) place: Place,
    pub(crate) start: Boundary,
    pub(crate) end: Boundary,
    pub(crate) start_inclusive: bool,
    pub(crate) end_inclusive: bool,
    pub(crate) has: Vec<Count>,
    pub(crate) label: Option<Node>,
    pub(crate) index: Option<Side>,
    pub(crate) censoring: Option<Node>,
    pub(crate) competing: Option<Node>,
}

impl Window {
    /// The side that the other one is counted from.
    pub(crate) fn root(&self) -> Side {
        if self.start.reference == Reference::Own(Side::End) {
            Side::End
        } else {
            Side::Start
        }
    }

    /// The boundary of a side.
    pub(crate) fn side(&self, side: Side) -> &Boundary {
        match side {
            Side::Start => &self.start,
            Side::End => &self.end,
        }
    }
}

/// The two texts that make a task: each with the name of its file.
#[derive(Clone, Copy, Debug)]
pub struct Source<'t> {
    /// The task file's name and text.
    pub task: (&'t str, &'t str),
    /// The name and text of a file of predicates that are put over the task's own.
    pub predicates: Option<(&'t str, &'t str)>,
}

/// Reads a task.
pub(crate) fn read(source: &Source<'_>, mode: Mode) -> Result<Document> {
    let (file, text) = source.task;
    let task = yaml::parse(file, text)?;
    let entries = task.map("a task")?;
    known_keys(entries, &[&TASK_KEYS], "a task")?;
    let mut predicates = BTreeMap::new();
    definitions(entries, &mut predicates)?;
    if let Some((file, text)) = source.predicates {
        let over = yaml::parse(file, text)?;
        let entries = over.map("a file of predicates")?;
        known_keys(entries, &[&TASK_KEYS[..4]], "a file of predicates")?;
        definitions(entries, &mut predicates)?;
    }
    let Some(trigger) = find(entries, "trigger") else {
        return Err(Error::new(
            &task.place,
            "the task has no trigger",
            "add `trigger: NAME`, the predicate at whose instants samples begin",
        ));
    };
    let trigger = name_of(&trigger.node, "the trigger")?;
    let mut windows = Vec::new();
    if let Some(all) = find(entries, "windows").filter(|all| !all.node.is_null()) {
        for entry in all.node.map("`windows`")? {
            windows.push(window(entry, mode)?);
        }
    }
    Ok(Document {
        predicates,
        trigger,
        windows,
    })
}

/// The entry of a key.
pub(crate) fn find<'n>(entries: &'n [Entry], key: &str) -> Option<&'n Entry> {
    entries.iter().find(|entry| entry.key == key)
}

/// Refuses a key that is in none of the lists.
pub(crate) fn known_keys(entries: &[Entry], lists: &[&[&str]], what: &str) -> Result<()> {
    for entry in entries {
        let known = || lists.iter().flat_map(|list| list.iter().copied());
        if known().any(|key| key == entry.key) {
            continue;
        }
        let mend = match nearest(&entry.key, known()) {
            Some(meant) => format!("is `{meant}` meant?"),
            None => format!("known are {}", known().collect::<Vec<_>>().join(", ")),
        };
        return Err(Error::new(
            &entry.place,
            format!("{what} has no key `{}`", entry.key),
            mend,
        ));
    }
    Ok(())
}

/// The predicates and demographics of a file, put over those that are known. A demographic wins
/// over a predicate of its name, as in ACES.
fn definitions(entries: &[Entry], into: &mut BTreeMap<String, Definition>) -> Result<()> {
    for (key, demographic) in [("predicates", false), ("patient_demographics", true)] {
        let Some(all) = find(entries, key) else {
            continue;
        };
        for entry in all.node.map(&format!("`{key}`"))? {
            if !demographic && into.get(&entry.key).is_some_and(|known| known.demographic) {
                continue;
            }
            let definition = Definition {
                place: entry.place.clone(),
                node: entry.node.clone(),
                demographic,
            };
            into.insert(entry.key.clone(), definition);
        }
    }
    Ok(())
}

pub(crate) fn name_of(node: &Node, what: &str) -> Result<Named> {
    match node.text() {
        Some(name) if is_name(name) => Ok(Named {
            name: name.to_owned(),
            place: node.place.clone(),
        }),
        _ => Err(Error::new(
            &node.place,
            format!("{what} is no name of a predicate"),
            "name one of the predicates, or `_ANY_EVENT`",
        )),
    }
}

fn window(entry: &Entry, mode: Mode) -> Result<Window> {
    let name = &entry.key;
    if !is_name(name) {
        return Err(Error::new(
            &entry.place,
            format!("`{name}` is no name of a window"),
            "use letters, digits and `_` only",
        ));
    }
    let what = format!("window `{name}`");
    let keys = entry.node.map(&what)?;
    match mode {
        Mode::Aces => known_keys(keys, &[&WINDOW_KEYS], &what)?,
        Mode::Strict => known_keys(keys, &[&WINDOW_KEYS, &STRICT_WINDOW_KEYS], &what)?,
    }
    let needed = |key: &str| {
        find(keys, key).map(|entry| &entry.node).ok_or_else(|| {
            let mend = format!("add `{key}:`; ACES has no default for it");
            Error::new(&entry.place, format!("{what} has no `{key}`"), mend)
        })
    };
    let present = |key: &str| {
        let node = find(keys, key).map(|entry| &entry.node);
        node.filter(|node| !node.is_null()).cloned()
    };
    let window = Window {
        name: name.clone(),
        place: entry.place.clone(),
        start: Boundary::read(needed("start")?, Side::Start)?,
        end: Boundary::read(needed("end")?, Side::End)?,
        start_inclusive: flag(needed("start_inclusive")?, "start_inclusive")?,
        end_inclusive: flag(needed("end_inclusive")?, "end_inclusive")?,
        has: present("has").map_or(Ok(Vec::new()), |has| counts(&has, mode))?,
        label: present("label"),
        index: present("index_timestamp")
            .map(|side| index(&side))
            .transpose()?,
        censoring: present("censoring"),
        competing: present("competing"),
    };
    one_root(&window)?;
    Ok(window)
}

/// One side must be counted from the other, and lie on the right side of it.
fn one_root(window: &Window) -> Result<()> {
    let name = &window.name;
    let start_hangs = window.start.reference == Reference::Own(Side::End);
    let end_hangs = window.end.reference == Reference::Own(Side::Start);
    if start_hangs == end_hangs {
        let (place, message) = if start_hangs {
            (
                &window.start.place,
                "both its sides are counted from each other",
            )
        } else {
            (&window.end.place, "neither side is counted from the other")
        };
        return Err(Error::new(
            place,
            format!("window `{name}` has no fixed place: {message}"),
            "count one side from the trigger or another window, and the other as `start + 24h`, \
             `end - 24h`, `start -> NAME` or nothing",
        ));
    }
    let hanging = window.side(if start_hangs { Side::Start } else { Side::End });
    if hanging.before() == Some(!start_hangs) {
        return Err(Error::new(
            &hanging.place,
            format!("window `{name}` would end before it starts"),
            "turn the sign or the arrow round, or swap start and end",
        ));
    }
    Ok(())
}

fn flag(node: &Node, key: &str) -> Result<bool> {
    match node.value {
        Value::Bool(value) => Ok(value),
        Value::Null
        | Value::Int(_)
        | Value::Float(_)
        | Value::Text(_)
        | Value::List(_)
        | Value::Map(_) => Err(Error::new(
            &node.place,
            format!("`{key}` is {}", node.kind()),
            "write true or false (in YAML 1.2 `yes` and `no` are texts)",
        )),
    }
}

fn index(node: &Node) -> Result<Side> {
    match node.text() {
        Some("start") => Ok(Side::Start),
        Some("end") => Ok(Side::End),
        _ => Err(Error::new(
            &node.place,
            "`index_timestamp` says which side of its window is the prediction time",
            "write `start` or `end`",
        )),
    }
}

fn counts(node: &Node, mode: Mode) -> Result<Vec<Count>> {
    let mut counts = Vec::new();
    for entry in node.map("`has`")? {
        let bad = |message: &str| {
            Error::new(
                &entry.node.place,
                format!("`{}` in `has` {message}", entry.key),
                "write `(1, None)` for at least one, `(None, 0)` for none, `(2, 5)` for two to five",
            )
        };
        let (min, max) = range(&entry.node, mode).ok_or_else(|| bad("is no pair of counts"))?;
        match (min, max) {
            (None, None) => return Err(bad("asks for nothing")),
            (Some(min), Some(max)) if max < min => return Err(bad("can never hold")),
            _ => {}
        }
        let predicate = Named {
            name: entry.key.clone(),
            place: entry.place.clone(),
        };
        counts.push(Count {
            predicate,
            min,
            max,
        });
    }
    Ok(counts)
}

fn range(node: &Node, mode: Mode) -> Option<(Option<i64>, Option<i64>)> {
    let bound = |text: &str| match text.trim() {
        "None" | "" => Some(None),
        number => number.replace('_', "").parse().ok().map(Some),
    };
    match &node.value {
        Value::Text(text) => {
            let (min, max) = text.trim_matches(['(', ')']).split_once(',')?;
            Some((bound(min)?, bound(max)?))
        }
        Value::List(pair) if mode == Mode::Strict => {
            let [min, max] = pair.as_slice() else {
                return None;
            };
            let bound = |node: &Node| match &node.value {
                Value::Null => Some(None),
                Value::Int(number) => Some(Some(*number)),
                Value::Text(text) => bound(text),
                Value::Bool(_) | Value::Float(_) | Value::List(_) | Value::Map(_) => None,
            };
            Some((bound(min)?, bound(max)?))
        }
        Value::Null
        | Value::Bool(_)
        | Value::Int(_)
        | Value::Float(_)
        | Value::List(_)
        | Value::Map(_) => None,
    }
}
