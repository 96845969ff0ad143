//! A mapping file into the language, with every fault at its place. It knows no data: whether the
//! columns exist is checked against the files, in `claim`.

use super::clock::Zone;
use super::fault::{Fault, Faults};
use super::language::{
    Column, FileRule, IdKind, Keep, Language, LookupRule, RANK, Rank, Skip, Step, TableRule,
    ValueMap,
};
use super::rules;
use super::scope::Scope;
use super::section::{Section, Text, text_of};
use super::times::{Named, Times, formats};
use longitude_core::Digest;
use longitude_units::reading::Decimal;
use toml::de::DeTable;

const TOP: [&str; 5] = ["mapping", "maps", "lookups", "times", "tables"];
const HEAD: [&str; 10] = [
    "name",
    "version",
    "description",
    "time_zone",
    "time_formats",
    "null",
    "subject",
    "encounter",
    "authority",
    "detect",
];
const LOOKUP: [&str; 6] = ["files", "key", "columns", "keep", "rank", "null"];
const TABLE: [&str; 15] = [
    "files",
    "key",
    "unique",
    "subject",
    "encounter",
    "join",
    "null",
    "time_zone",
    "time_formats",
    "optional",
    "identifiers",
    "decimal",
    "skip",
    "reference",
    "events",
];

/// What holds for every table unless it says otherwise.
pub(super) struct Head<'d, 'i> {
    pub(super) name: String,
    pub(super) version: String,
    /// The first characters of the digest of the file.
    pub(super) digest: String,
    section: Section<'d, 'i>,
    zone: Zone,
    subject: IdKind,
    encounter: IdKind,
}

/// Reads a mapping file.
pub(super) fn parse(text: &str) -> Result<Language, Vec<Fault>> {
    let mut faults = Faults::new(text);
    let document = match DeTable::parse(text) {
        Ok(document) => document,
        Err(error) => {
            let at = error.span().map_or(0, |span| span.start);
            let what = error.message().lines().collect::<Vec<_>>().join(", ");
            faults.add(at, format!("this is no TOML: {what}"), "mend the line");
            return Err(faults.finish());
        }
    };
    let top = Section {
        table: document.get_ref(),
        at: 0,
    };
    let language = language(top, text, &mut faults);
    let faults = faults.finish();
    match language {
        Some(language) if faults.is_empty() => Ok(language),
        _ => Err(faults),
    }
}

fn language(top: Section<'_, '_>, text: &str, faults: &mut Faults<'_>) -> Option<Language> {
    top.only("the file", &TOP, faults);
    for key in ["mapping", "tables"] {
        if !top.has(key) {
            faults.add(0, format!("the file has no [{key}]"), "see docs/mapping.md");
        }
    }
    let section = top.section("mapping", faults)?;
    let head = head(section, text, faults);
    let maps = maps(top, faults);
    let nulls = nulls(section, vec![String::new()], faults);
    let lookups: Vec<_> = top
        .named("lookups", faults)
        .into_iter()
        .map(|(name, section)| lookup(name, section, &nulls, faults))
        .collect();
    let named: Named<'_, '_> = top
        .named("times", faults)
        .into_iter()
        .map(|(name, one)| (name.text, one))
        .collect();
    let mut tables = Vec::new();
    for (name, section) in top.named("tables", faults) {
        let scope = Scope {
            faults,
            maps: &maps,
            lookups: &lookups,
            columns: Vec::new(),
            optional: Vec::new(),
            joins: Vec::new(),
            in_each: false,
        };
        tables.push(table(name, section, &nulls, (&head, &named), scope));
    }
    let detect = detect(section, &tables, faults);
    Some(Language {
        name: head.name,
        version: head.version,
        description: section
            .text("description", faults)
            .map_or("", |t| t.text)
            .to_owned(),
        maps,
        lookups,
        tables,
        detect,
    })
}

fn head<'d, 'i>(section: Section<'d, 'i>, text: &str, faults: &mut Faults<'_>) -> Head<'d, 'i> {
    section.only("[mapping]", &HEAD, faults);
    let name = section.needed("[mapping]", "name", faults);
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if let Some(name) = name.filter(|n| n.text.is_empty() || !n.text.bytes().all(is_plain)) {
        let mend = "use letters, digits, `-`, `_` and `.`";
        faults.add(
            name.at,
            "the name of the mapping has other characters",
            mend,
        );
    }
    let name = name.map_or("", |name| name.text).to_owned();
    let version = section.needed("[mapping]", "version", faults);
    let authority = section
        .text("authority", faults)
        .map_or(&*name, |text| text.text)
        .to_owned();
    let kind = |text: Option<Text<'_>>, of: &str, faults: &mut Faults<'_>| match text {
        Some(Text { text: "text", .. }) => IdKind::Text(format!("{authority}/{of}")),
        Some(Text {
            text: "integer", ..
        })
        | None => IdKind::Integer,
        Some(other) => {
            faults.unknown(
                other.at,
                ("there is no kind of identifier", other.text),
                ["integer", "text"],
            );
            IdKind::Integer
        }
    };
    let subject = section.needed("[mapping]", "subject", faults);
    let subject = kind(subject, "subject", faults);
    let encounter = section.text("encounter", faults);
    let encounter = kind(encounter, "encounter", faults);
    let zone = section.needed("[mapping]", "time_zone", faults);
    Head {
        version: version.map_or("", |version| version.text).to_owned(),
        digest: Digest::of(text.as_bytes()).hex().chars().take(8).collect(),
        section,
        zone: zone.map_or(Zone::Naive, |text| zone_of(text, faults)),
        subject,
        encounter,
        name,
    }
}

fn zone_of(text: Text<'_>, faults: &mut Faults<'_>) -> Zone {
    Zone::named(text.text).unwrap_or_else(|| {
        let names: Vec<String> = jiff::tz::db().available().map(|n| n.to_string()).collect();
        let near = super::fault::nearest(text.text, names.iter().map(String::as_str));
        let mend = match near {
            Some(near) => format!("did you mean `{near}`?"),
            None => "write a name like `America/New_York`, `UTC`, or `naive`".to_owned(),
        };
        faults.add(text.at, format!("`{}` is no time zone", text.text), mend);
        Zone::Naive
    })
}

fn nulls(section: Section<'_, '_>, inherited: Vec<String>, faults: &mut Faults<'_>) -> Vec<String> {
    if !section.has("null") {
        return inherited;
    }
    let mut all = vec![String::new()];
    all.extend(
        section
            .texts("null", faults)
            .iter()
            .map(|text| text.text.trim().to_owned()),
    );
    all
}

fn maps(top: Section<'_, '_>, faults: &mut Faults<'_>) -> Vec<(String, ValueMap)> {
    let mut all = Vec::new();
    for (name, section) in top.named("maps", faults) {
        if Step::BUILT_IN.iter().any(|(known, _)| *known == name.text) {
            let what = format!("`{}` is a built-in step", name.text);
            faults.add(name.at, what, "give the map another name");
        }
        let mut map = ValueMap::default();
        for (key, value) in section.table {
            let Some(to) = text_of(value, key.get_ref(), faults) else {
                continue;
            };
            if key.get_ref() == "*" {
                map.otherwise = Some(to.text.to_owned());
            } else {
                map.values
                    .insert(key.get_ref().to_string(), to.text.to_owned());
            }
        }
        all.push((name.text.to_owned(), map));
    }
    all
}

fn files(section: Section<'_, '_>, nulls: Vec<String>, faults: &mut Faults<'_>) -> FileRule {
    let texts = section.texts("files", faults);
    if texts.is_empty() {
        let mend = "add `files = \"name\"`, the file's name without its extension";
        faults.add(section.at, "no file is named", mend);
    }
    let patterns = texts
        .iter()
        .map(|text| text.text.to_ascii_lowercase())
        .collect();
    FileRule { patterns, nulls }
}

fn lookup(
    name: Text<'_>,
    section: Section<'_, '_>,
    head: &[String],
    faults: &mut Faults<'_>,
) -> LookupRule {
    section.only("a lookup", &LOOKUP, faults);
    let nulls = nulls(section, head.to_vec(), faults);
    let mut columns: Vec<Column> = Vec::new();
    let mut add = |text: &Text<'_>| {
        let column = Column {
            name: text.text.to_owned(),
            at: text.at,
            optional: false,
        };
        columns.push(column);
    };
    let key = section.texts("key", faults);
    let taken = section.texts("columns", faults);
    key.iter().chain(&taken).for_each(&mut add);
    if key.is_empty() {
        let mend = "add `key = \"column\"`";
        faults.add(section.at, "the lookup has no key", mend);
    }
    let rank = section.section("rank", faults).map(|inner| {
        inner.only("rank", &["within", "by"], faults);
        let mut positions = |key: &str, faults: &mut Faults<'_>| -> Vec<usize> {
            let texts = inner.texts(key, faults);
            if texts.is_empty() {
                let mend = format!("add `{key} = \"column\"`");
                faults.add(inner.at, format!("the rank has no `{key}`"), mend);
            }
            texts
                .iter()
                .map(|text| {
                    columns.push(Column {
                        name: text.text.into(),
                        at: text.at,
                        optional: false,
                    });
                    columns.len() - 1
                })
                .collect()
        };
        Rank {
            within: positions("within", faults),
            by: positions("by", faults),
        }
    });
    if let Some(clash) = taken
        .iter()
        .find(|text| text.text == RANK && rank.is_some())
    {
        faults.add(
            clash.at,
            "`rank` is both a column and the rank",
            "leave one of them out",
        );
    }
    LookupRule {
        name: name.text.to_owned(),
        files: files(section, nulls, faults),
        columns,
        key_count: key.len(),
        taken: taken.len(),
        keep: keep(section, faults),
        rank,
    }
}

fn keep(section: Section<'_, '_>, faults: &mut Faults<'_>) -> Keep {
    const NAMES: [&str; 4] = ["first", "last", "least", "greatest"];
    match section
        .text("keep", faults)
        .map(|text| (text.text, text.at))
    {
        None | Some(("first", _)) => Keep::First,
        Some(("last", _)) => Keep::Last,
        Some(("least", _)) => Keep::Least,
        Some(("greatest", _)) => Keep::Greatest,
        Some((other, at)) => {
            faults.unknown(at, ("there is no way to keep", other), NAMES);
            Keep::First
        }
    }
}

fn table<'d, 'i>(
    name: Text<'_>,
    section: Section<'d, 'i>,
    nulls_of_head: &[String],
    (head, named): (&Head<'_, '_>, &Named<'d, 'i>),
    mut scope: Scope<'_, '_>,
) -> TableRule {
    section.only(&format!("[tables.{}]", name.text), &TABLE, scope.faults);
    let optional = section.texts("optional", scope.faults);
    scope.optional = optional.iter().map(|text| text.text.to_owned()).collect();
    joins(section, &mut scope);
    let reference = section.flag("reference", scope.faults);
    let key = scope.columns_at(section, "key");
    let unique = !section.has("unique") || section.flag("unique", scope.faults);
    let subject = scope.value_at(section, "subject");
    if subject.is_none() && !reference && !section.has("subject") {
        let mend = "add `subject = \"column\"`, or `reference = true`";
        scope.faults.add(
            section.at,
            format!("[tables.{}] has no subject", name.text),
            mend,
        );
    }
    let encounter = scope.value_at(section, "encounter");
    let identifiers = scope.columns_at(section, "identifiers");
    let zone = section.text("time_zone", scope.faults);
    let zone = zone.map_or_else(|| head.zone.clone(), |text| zone_of(text, scope.faults));
    let within = if section.has("time_formats") {
        section
    } else {
        head.section
    };
    let mut formats = formats(within, "time_formats", &mut scope);
    if !within.has("time_formats") {
        formats.push(super::clock::Format::Iso);
    }
    let decimal = decimal(section, scope.faults);
    let skips = skips(section, &mut scope);
    let nulls = nulls(section, nulls_of_head.to_vec(), scope.faults);
    let files = files(section, nulls, scope.faults);
    let times = Times {
        scope: &mut scope,
        named,
    };
    let events = rules::events(name, section, head, times);
    if !section.has("events") && !reference {
        let mend = "add [[tables.NAME.events]], or `reference = true`";
        scope.faults.add(
            section.at,
            format!("[tables.{}] makes no event", name.text),
            mend,
        );
    }
    let synthetic = events.iter().filter_map(|event| event.time.as_ref());
    let synthetic = synthetic
        .flat_map(|time| &time.options)
        .any(|option| option.synthetic);
    TableRule {
        name: name.text.into(),
        files,
        columns: scope.columns,
        joins: scope.joins,
        key,
        unique,
        subject,
        subject_kind: head.subject.clone(),
        encounter,
        encounter_kind: head.encounter.clone(),
        identifiers,
        zone,
        formats,
        decimal,
        skips,
        reference,
        events,
        synthetic,
    }
}

/// `decimal = "point"` or `"comma"`.
fn decimal(section: Section<'_, '_>, faults: &mut Faults<'_>) -> Decimal {
    match section
        .text("decimal", faults)
        .map(|text| (text.text, text.at))
    {
        None | Some(("point", _)) => Decimal::Point,
        Some(("comma", _)) => Decimal::Comma,
        Some((other, at)) => {
            faults.unknown(at, ("there is no decimal sign", other), ["point", "comma"]);
            Decimal::Point
        }
    }
}

/// `join = { lookup = "column" }`, with a list of columns where the key is of several.
fn joins(section: Section<'_, '_>, scope: &mut Scope<'_, '_>) {
    let Some(inner) = section.section("join", scope.faults) else {
        return;
    };
    let mut names = Vec::new();
    for (name, value) in inner.table {
        let text = name.get_ref().as_ref();
        let known = scope.lookups.iter().position(|one| one.name == text);
        let Some(lookup) = known else {
            let names = scope.lookups.iter().map(|one| one.name.as_str());
            scope
                .faults
                .unknown(name.span().start, ("there is no lookup", text), names);
            continue;
        };
        scope.joins.push((lookup, Vec::new()));
        names.push((text, value.span().start));
    }
    // Only now may the key of one join stand in another.
    for (join, (text, at)) in names.into_iter().enumerate() {
        let values = scope.values(inner, text);
        let wanted = scope.lookups[scope.joins[join].0].key_count;
        if values.len() != wanted {
            let what = format!(
                "the key of `{text}` has {wanted} columns, not {}",
                values.len()
            );
            scope
                .faults
                .add(at, what, "name as many, in the same order");
        }
        scope.joins[join].1 = values;
    }
}

fn skips(section: Section<'_, '_>, scope: &mut Scope<'_, '_>) -> Vec<Skip> {
    let known = ["when", "unless", "present", "absent", "reason"];
    let mut all = Vec::new();
    for inner in section.list("skip", scope.faults) {
        inner.only("a skip", &known, scope.faults);
        let reason = inner.needed("a skip", "reason", scope.faults);
        let condition = scope.condition(inner);
        if known[..4].iter().all(|key| !inner.has(key)) {
            let mend = "add when, unless, present or absent";
            scope
                .faults
                .add(inner.at, "the skip has no condition", mend);
        }
        let reason = reason.map_or("", |reason| reason.text).to_owned();
        all.push(Skip { condition, reason });
    }
    all
}

/// The tables without which a folder is not this source; all that are no reference where the file
/// does not say.
fn detect(section: Section<'_, '_>, tables: &[TableRule], faults: &mut Faults<'_>) -> Vec<usize> {
    let mut all = Vec::new();
    for text in section.texts("detect", faults) {
        if let Some(table) = tables.iter().position(|table| &*table.name == text.text) {
            all.push(table);
        } else {
            let known = tables.iter().map(|table| &*table.name);
            faults.unknown(text.at, ("there is no table", text.text), known);
        }
    }
    all
}
