//! The event rules of a table in a mapping file.

use super::language::{EventRule, Measured, Piece, Source, Template, TimeRule, Value};
use super::parse::Head;
use super::section::{Section, Text};
use super::times::Times;
use std::sync::Arc;

const KEYS: [&str; 21] = [
    "rule",
    "each",
    "when",
    "unless",
    "present",
    "absent",
    "code",
    "time",
    "static",
    "end",
    "recorded",
    "number",
    "value",
    "text",
    "unit",
    "range_low",
    "range_high",
    "flag",
    "written_code",
    "if_timed",
    "once",
];

/// The events of a table.
pub(super) fn events<'d, 'i>(
    table: Text<'_>,
    section: Section<'d, 'i>,
    head: &Head<'_, '_>,
    mut times: Times<'_, '_, '_, 'd, 'i>,
) -> Vec<EventRule> {
    let mut names: Vec<String> = Vec::new();
    let mut all = Vec::new();
    for inner in section.list("events", times.scope.faults) {
        inner.only("an event", &KEYS, times.scope.faults);
        let name = inner.needed("the event", "rule", times.scope.faults);
        if let Some(name) = name {
            if names.iter().any(|known| known == name.text) {
                let what = format!("a second rule `{}` in this table", name.text);
                times
                    .scope
                    .faults
                    .add(name.at, what, "give it another name");
            }
            names.push(name.text.to_owned());
        }
        let name = name.map_or("", |name| name.text);
        let Head {
            name: mapping,
            version,
            digest,
            ..
        } = head;
        let rule = format!("{mapping}/{}.{name}@{version}+{digest}", table.text);
        all.extend(event(inner, rule.into(), &mut times));
        times.scope.in_each = false;
    }
    all
}

fn event<'d, 'i>(
    section: Section<'d, 'i>,
    rule: Arc<str>,
    times: &mut Times<'_, '_, '_, 'd, 'i>,
) -> Option<EventRule> {
    let each = times.scope.columns_at(section, "each");
    times.scope.in_each = !each.is_empty();
    let condition = times.scope.condition(section);
    if !section.has("code") {
        let mend = "add `code = \"SYSTEM//{column}\"`";
        times
            .scope
            .faults
            .add(section.at, "the event has no `code`", mend);
    }
    let code = times.scope.template_at(section, "code");
    let time = time(section, times);
    let if_timed = section.flag("if_timed", times.scope.faults);
    let once = section.flag("once", times.scope.faults);
    if once && !each.is_empty() {
        let what = "an event of `each` cannot be made `once` a subject";
        let place = section.place("once");
        times.scope.faults.add(place, what, "remove one of the two");
    }
    let end = times.at(section, "end");
    let recorded = times.at(section, "recorded");
    let measured = measured(section, times);
    let scope = &mut *times.scope;
    let text = scope.template_at(section, "text");
    let code = code?;
    Some(EventRule {
        rule,
        element: element(&measured, text.as_ref(), time.as_ref(), &code),
        each,
        condition,
        code,
        time,
        if_timed,
        once,
        end,
        recorded,
        text,
        measured,
        unit: scope.template_at(section, "unit"),
        range_low: scope.value_at(section, "range_low"),
        range_high: scope.value_at(section, "range_high"),
        flag: scope.template_at(section, "flag"),
        written_code: scope.template_at(section, "written_code"),
    })
}

/// A time, or `static = true`.
fn time<'d, 'i>(
    section: Section<'d, 'i>,
    times: &mut Times<'_, '_, '_, 'd, 'i>,
) -> Option<TimeRule> {
    let is_static = section.flag("static", times.scope.faults);
    if is_static == section.has("time") {
        let what = "an event needs a `time` or `static = true`, and not both";
        times
            .scope
            .faults
            .add(section.place("time"), what, "keep the one that is meant");
    }
    if is_static {
        for key in ["end", "recorded", "if_timed"]
            .iter()
            .filter(|key| section.has(key))
        {
            let what = format!("a static fact has no `{key}`");
            times
                .scope
                .faults
                .add(section.place(key), what, "remove it");
        }
        return None;
    }
    times.at(section, "time")
}

fn measured(section: Section<'_, '_>, times: &mut Times<'_, '_, '_, '_, '_>) -> Measured {
    if section.has("number") && section.has("value") {
        let what = "an event has a `number` or a `value`, not both";
        let mend = "`value` takes numbers and texts, `number` numbers alone";
        times.scope.faults.add(section.place("value"), what, mend);
    }
    if let Some(value) = times.scope.value_at(section, "number") {
        return Measured::Number(value);
    }
    let value = times.scope.value_at(section, "value");
    value.map_or(Measured::Nothing, Measured::Either)
}

/// The column that an origin names: of the value, else of the text, the time, the code.
fn element(
    measured: &Measured,
    text: Option<&Template>,
    time: Option<&TimeRule>,
    code: &Template,
) -> Arc<str> {
    let of_template = |template: &Template| {
        let inserted = |piece: &Piece| match piece {
            Piece::Insert(value) => Some(Arc::clone(&value.name)),
            Piece::Literal(_) => None,
        };
        template.options.iter().flatten().find_map(inserted)
    };
    let of_value = |value: &Value| match value.source {
        Source::EachName | Source::EachValue => None,
        Source::Column(_) | Source::Joined { .. } | Source::Rank { .. } | Source::File => {
            Some(Arc::clone(&value.name))
        }
    };
    let measured = match measured {
        Measured::Number(value) | Measured::Either(value) => of_value(value),
        Measured::Nothing => None,
    };
    measured
        .or_else(|| text.and_then(of_template))
        .or_else(|| time.and_then(TimeRule::name))
        .or_else(|| of_template(code))
        .unwrap_or_else(|| "".into())
}
