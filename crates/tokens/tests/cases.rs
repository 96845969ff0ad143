//! Golden files: timelines in text, the vocabulary fitted on them, and their tokens.
//!
//! `cases/tokens/NAME.timelines.txt` makes `NAME.vocabulary.txt` and `NAME.tokens.txt`; run with
//! `UPDATE_EXPECT=1` to write them again, and read the difference. A line of the input is
//! `subject ID start DAY end DAY` (`-` for unknown) or, tab-separated, `DAY CODE [NUMBER] [UNIT]
//! [TEXT]`, again with `-` for nothing.

#![expect(
    clippy::unwrap_used,
    reason = "a case that cannot be read or shown fails its test"
)]

use expect_test::expect_file;
use longitude_core::{
    Code, Days, Event, Instant, Observation, ObservationSource, Origin, SubjectId, Timeline,
};
use longitude_tokens::{Next, Vocabulary, VocabularyBuilder, VocabularyOptions, encode};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

const DAY_US: f64 = 86_400_000_000.0;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../cases/tokens")
}

fn read(path: &Path) -> Vec<Timeline> {
    let text = std::fs::read_to_string(path).unwrap();
    let mut timelines: Vec<(SubjectId, Observation, Vec<Event>)> = Vec::new();
    let day = |field: &str| (field != "-").then(|| Instant(0).plus(Days(field.parse().unwrap())));
    for line in text
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
    {
        if let Some(rest) = line.strip_prefix("subject ") {
            let fields: Vec<&str> = rest.split(' ').collect();
            let observation = Observation {
                start: day(fields[2]),
                end: day(fields[4]),
                source: ObservationSource::Stated,
            };
            timelines.push((
                SubjectId(fields[0].parse().unwrap()),
                observation,
                Vec::new(),
            ));
            continue;
        }
        let mut fields = line.split('\t');
        let mut field = || fields.next().filter(|field| *field != "-");
        let time = field().and_then(day);
        let code = Code::from_meds(field().unwrap());
        let event = Event {
            numeric_value: field().map(|number| number.parse().unwrap()),
            unit: field().map(Into::into),
            text_value: field().map(Into::into),
            ..Event::new(code, time, Origin::derived("test"))
        };
        timelines.last_mut().unwrap().2.push(event);
    }
    let whole = |(subject, observation, events)| Timeline::new(subject, events, observation);
    timelines.into_iter().map(whole).collect()
}

fn show_vocabulary(vocabulary: &Vocabulary) -> String {
    let mut out = String::new();
    for id in (2u32..).take(vocabulary.len() - 2) {
        let code = vocabulary.code(id).unwrap();
        let [system, category] = vocabulary.groups(id);
        let name = |group| vocabulary.group_name(group).unwrap_or("-");
        let once = if vocabulary.once_only(id) {
            ", once only"
        } else {
            ""
        };
        let subjects = vocabulary.subjects_with(id);
        writeln!(
            out,
            "{id} {code}: {subjects} subjects{once}; {}; {}",
            name(system),
            name(category)
        )
        .unwrap();
        let Some(bins) = vocabulary.bins_of(id) else {
            continue;
        };
        let unit = bins.unit.as_deref().unwrap_or("no unit");
        write!(
            out,
            "    {unit}, step {}, median {}:",
            bins.step, bins.median
        )
        .unwrap();
        for bin in &bins.bins {
            let atom = if bin.is_atom() { "=" } else { "" };
            write!(
                out,
                " {atom}{:.4}..{:.4} {:.3}",
                bin.low, bin.high, bin.share
            )
            .unwrap();
        }
        out.push('\n');
    }
    writeln!(
        out,
        "{}",
        serde_json::to_string_pretty(vocabulary.report()).unwrap()
    )
    .unwrap();
    out
}

fn show_tokens(vocabulary: &Vocabulary, timeline: &Timeline) -> String {
    let tokens = encode(vocabulary, timeline);
    let mut out = String::new();
    writeln!(
        out,
        "subject {}: lead {}, scored {}..{}{}",
        timeline.subject(),
        tokens.lead,
        tokens.scored_from,
        tokens.scored_until,
        if tokens.died { ", died" } else { "" }
    )
    .unwrap();
    for position in 0..tokens.len() {
        let days = |micros: i64| micros as f64 / DAY_US;
        let next = match tokens.next(position) {
            Next::None => "-".to_owned(),
            Next::Event { wait_us } => format!("{:.2}", days(wait_us)),
            Next::Censored { wait_us } => format!(">{:.2}", days(wait_us)),
        };
        write!(
            out,
            "{:>3} day {:.2} age {:.1} next {next}",
            tokens.code[position],
            days(tokens.time_us[position]),
            tokens.age_days[position] / 365.25,
        )
        .unwrap();
        if tokens.value_bin[position] > 0 {
            write!(
                out,
                " bin {} z {:.3} nats {:.3}",
                tokens.value_bin[position], tokens.value[position], tokens.value_nats[position]
            )
            .unwrap();
        }
        let event = &timeline.events()[tokens.event[position] as usize];
        writeln!(out, " <- {}", event.code).unwrap();
    }
    out
}

#[test]
fn timelines_make_their_golden_tokens() {
    let mut seen = 0;
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    for path in paths {
        let name = path.file_name().unwrap().to_str().unwrap();
        let Some(name) = name.strip_suffix(".timelines.txt") else {
            continue;
        };
        seen += 1;
        let timelines = read(&path);
        let mut builder = VocabularyBuilder::new(VocabularyOptions {
            value_bins: 4,
            once_only_subjects_min: 4,
            ..VocabularyOptions::with_subjects_min(3)
        });
        for timeline in &timelines {
            builder.observe(timeline);
        }
        let vocabulary = builder.finish().unwrap();
        let shown = show_vocabulary(&vocabulary);
        expect_file![folder().join(format!("{name}.vocabulary.txt"))].assert_eq(&shown);
        let all: Vec<String> = timelines
            .iter()
            .map(|one| show_tokens(&vocabulary, one))
            .collect();
        expect_file![folder().join(format!("{name}.tokens.txt"))].assert_eq(&all.join("\n"));
    }
    assert!(seen > 0, "no golden case was found");
}
