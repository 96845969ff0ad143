//! What matters in a report, as one list: the rules by which counts become findings.
//!
//! The thresholds are the project's judgement of what is worth a person's time; each stands here
//! with its reason, and none is clinical.

use crate::report::{
    CodeRow, Counts, Fault, Finding, FindingKind, MixUp, Report, Severity, UnitRow,
};

/// More findings than this nobody reads.
const FINDINGS_MAX: usize = 500;
/// A share of events that is worth a look: one in a thousand moves a rare outcome's count.
const LOOK: f64 = 0.001;
/// A share that must be mended: one in twenty is no longer an accident.
const MEND: f64 = 0.05;
/// Codes with fewer events say nothing about what is usual of them.
const EVENTS_MIN: u64 = 50;

/// The findings, the most important first.
pub(crate) fn findings(report: &Report) -> Vec<Finding> {
    let mut found: Vec<Finding> = report.mixups.iter().map(|one| mixed(one, report)).collect();
    found.extend(report.units.iter().filter_map(unfit));
    for row in &report.codes {
        of_code(row, &mut found);
    }
    duplicates(report, &mut found);
    times(report, &mut found);
    labels(report, &mut found);
    for gap in &report.gaps {
        found.push(Finding {
            severity: Severity::Look,
            kind: FindingKind::Gap,
            place: gap.what.clone(),
            count: gap.events,
            of: gap.usual_per_month * u64::from(gap.months),
            text: format!(
                "{} to {}: {} months with little or nothing",
                gap.start, gap.end, gap.months
            ),
        });
    }
    local(report, &mut found);
    if report.groups_not_examined > 0 {
        found.push(Finding {
            severity: Severity::Note,
            kind: FindingKind::NotExamined,
            place: "values by source and year".to_owned(),
            count: report.groups_not_examined,
            of: report.groups_not_examined + report.units.len() as u64,
            text: "more groups than are kept: their units were not examined".to_owned(),
        });
    }
    found.sort_by(|a, b| {
        let rank = |f: &Finding| (f.severity, f.kind == FindingKind::UnitMixUp, f.count);
        rank(b).cmp(&rank(a)).then_with(|| a.place.cmp(&b.place))
    });
    found.truncate(FINDINGS_MAX);
    found
}

fn mixed(one: &MixUp, report: &Report) -> Finding {
    let what = one.analyte.as_deref().unwrap_or("values");
    let unit = one.unit.as_deref().unwrap_or("no unit");
    let part = one
        .part
        .as_deref()
        .map_or(String::new(), |part| format!(", {part}"));
    Finding {
        severity: if one.is_likely {
            Severity::Mend
        } else {
            Severity::Look
        },
        kind: FindingKind::UnitMixUp,
        place: format!("{}{part}", one.code),
        count: one.values,
        of: report
            .code(&one.code)
            .map_or(one.values, |row| row.counts.numeric),
        text: format!(
            "{what} stated in {unit} looks like {} (times {:.4}): {}",
            one.looks_like,
            one.factor,
            one.signs.join("; ")
        ),
    }
}

fn unfit(row: &UnitRow) -> Option<Finding> {
    let refusal = row.refusal.as_deref()?;
    let unit = row.unit.as_deref().unwrap_or_default();
    Some(Finding {
        severity: Severity::Look,
        kind: FindingKind::UnitDoesNotFit,
        place: row.code.clone(),
        count: row.count,
        of: row.count,
        text: format!(
            "{} in {unit}: {refusal}",
            row.analyte.as_deref().unwrap_or_default()
        ),
    })
}

fn share(count: u64, of: u64) -> f64 {
    count as f64 / of.max(1) as f64
}

fn severity(count: u64, of: u64) -> Severity {
    match share(count, of) {
        // Of a handful of events no share says anything.
        _ if of < EVENTS_MIN => Severity::Note,
        part if part >= MEND => Severity::Mend,
        part if part >= LOOK => Severity::Look,
        _ => Severity::Note,
    }
}

fn of_code(row: &CodeRow, found: &mut Vec<Finding>) {
    let Counts {
        events,
        numeric,
        text,
        without_time,
        without_unit,
        impossible,
        ..
    } = row.counts;
    let mut add = |severity, kind, count, of, text: &str| {
        found.push(Finding {
            severity,
            kind,
            place: row.code.clone(),
            count,
            of,
            text: text.to_owned(),
        });
    };
    if impossible > 0 {
        let text = "numbers that nobody has, in their unit; they are kept";
        add(
            severity(impossible, numeric),
            FindingKind::Impossible,
            impossible,
            numeric,
            text,
        );
    }
    // Without a unit a number of a known analyte is a guess.
    if without_unit > 0 {
        let text = "numbers without a unit";
        add(
            severity(without_unit, numeric),
            FindingKind::UnitMissing,
            without_unit,
            numeric,
            text,
        );
    }
    if events < EVENTS_MIN {
        return;
    }
    // A code that has a value in most events and lacks it in some was not measured, or was lost.
    let valued = numeric + text;
    let missing = events - valued;
    if valued * 2 > events && share(missing, events) >= MEND {
        let text = "events without the value that most of this code have";
        add(
            Severity::Look,
            FindingKind::ValueMissing,
            missing,
            events,
            text,
        );
    }
    if without_time > 0 && without_time * 2 < events {
        let text = "events without a time, where most of this code have one";
        add(
            severity(without_time, events),
            FindingKind::TimeMissing,
            without_time,
            events,
            text,
        );
    }
    let late = row.faults.get(&Fault::RecordedLate).copied().unwrap_or(0);
    // One in ten: fewer are corrections and late results.
    if late * 10 >= events {
        let text =
            "recorded much later than they happened: used by their time alone they tell the future";
        add(Severity::Look, FindingKind::Leak, late, events, text);
    }
}

fn duplicates(report: &Report, found: &mut Vec<Finding>) {
    for row in &report.systems {
        let counts = row.counts;
        let name = if row.name.is_empty() {
            "MEDS"
        } else {
            &row.name
        };
        let kinds = [
            (
                counts.exact_duplicates,
                "events that repeat another in everything",
            ),
            (
                counts.same_value_duplicates,
                "events that repeat subject, time, code and value",
            ),
        ];
        for (count, text) in kinds.into_iter().filter(|(count, _)| *count > 0) {
            found.push(Finding {
                severity: severity(count, counts.events).min(Severity::Look),
                kind: FindingKind::Duplicates,
                place: format!("system {name}"),
                count,
                of: counts.events,
                text: text.to_owned(),
            });
        }
    }
}

fn times(report: &Report, found: &mut Vec<Finding>) {
    for (fault, count) in &report.faults {
        if *fault == Fault::RecordedLate {
            continue;
        }
        found.push(Finding {
            severity: severity(*count, report.counts.events),
            kind: FindingKind::TimeOrder,
            place: "all codes".to_owned(),
            count: *count,
            of: report.counts.events,
            text: format!("events {}", fault.explanation()),
        });
    }
}

fn labels(report: &Report, found: &mut Vec<Finding>) {
    for row in &report.labels {
        let all = row.yes + row.no;
        let (severity, text) = if row.yes == 0 {
            (
                Severity::Mend,
                "nobody has the outcome: every model is right by saying no",
            )
        } else if row.no == 0 {
            (
                Severity::Mend,
                "everybody has the outcome: every model is right by saying yes",
            )
        } else if row.yes.min(row.no) < 20 {
            (
                Severity::Look,
                "fewer than 20 subjects on one side: no figure on it will be sure",
            )
        } else {
            continue;
        };
        found.push(Finding {
            severity,
            kind: FindingKind::ConstantLabel,
            place: format!("task {}", row.task),
            count: row.yes,
            of: all,
            text: text.to_owned(),
        });
    }
}

fn local(report: &Report, found: &mut Vec<Finding>) {
    for row in report.systems.iter().filter(|row| row.is_local) {
        let part = share(row.counts.events, report.counts.events);
        // Under one in twenty they are the usual remainder.
        let severity = if part >= MEND {
            Severity::Look
        } else {
            Severity::Note
        };
        found.push(Finding {
            severity,
            kind: FindingKind::LocalCodes,
            place: format!("system {}", row.name),
            count: row.counts.events,
            of: report.counts.events,
            text: "events whose codes mean nothing outside of this source".to_owned(),
        });
    }
}
