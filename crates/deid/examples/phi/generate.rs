//! Made-up notes: sentences of `sentences.txt` with their places filled, among sentences of other
//! texts, in the forms in which notes are written.

use crate::random::Random;
use crate::values::{Lists, Person};
use longitude_deid::{Found, Label};

const SENTENCES: &str = include_str!("sentences.txt");
const STYLES: &str = include_str!("styles.txt");

/// A text with its identifiers, in order.
#[derive(Clone, Default)]
pub(crate) struct Annotated {
    pub(crate) text: String,
    pub(crate) spans: Vec<Found>,
}

impl Annotated {
    pub(crate) fn push(&mut self, text: &str) {
        self.text.push_str(text);
    }

    pub(crate) fn push_labelled(&mut self, label: Label, text: &str) {
        let start = self.text.len();
        self.text.push_str(text);
        self.spans.push(Found {
            start,
            end: self.text.len(),
            label,
        });
    }

    pub(crate) fn append(&mut self, other: &Self) {
        let by = self.text.len();
        self.text.push_str(&other.text);
        self.spans.extend(other.spans.iter().map(|span| Found {
            start: span.start + by,
            end: span.end + by,
            label: span.label,
        }));
    }
}

/// The sentences by section of the file.
pub(crate) struct Bank {
    lists: Lists,
    phi: Vec<&'static str>,
    plain: Vec<&'static str>,
    head: Vec<&'static str>,
    foot: Vec<&'static str>,
    section: Vec<&'static str>,
}

/// Who is in a note, and how their names are written.
struct Cast {
    patient: Person,
    doctors: Vec<Person>,
    style: usize,
}

impl Bank {
    pub(crate) fn new() -> Self {
        Self::part(|_| true)
    }

    /// The same with values that nothing was learnt from.
    pub(crate) fn unseen() -> Self {
        Self {
            lists: Lists::unseen(),
            ..Self::new()
        }
    }

    /// The styles of whole notes: the name of each and its notes with places to fill.
    pub(crate) fn styles() -> Vec<(&'static str, Vec<&'static str>)> {
        let styles = STYLES.split("##### ").skip(1);
        let styles = styles.filter_map(|style| style.split_once('\n'));
        styles
            .map(|(name, notes)| (name, notes.split("=====\n").collect()))
            .collect()
    }

    /// A note of a style with its places filled.
    pub(crate) fn of_style(&self, template: &str, random: &mut Random) -> Annotated {
        let cast = self.cast(random);
        let mut note = Annotated::default();
        // The bar is the end of a line in sentences only.
        for (number, part) in template.split('|').enumerate() {
            note.push(if number > 0 { "|" } else { "" });
            self.fill(part, &cast, random, &mut note);
        }
        note
    }

    /// A note with other identifiers, now and then in capitals or in small letters.
    pub(crate) fn injected(&self, note: &Annotated, random: &mut Random) -> Annotated {
        let again = self.again(note, random);
        match random.below(10) {
            0 => lettered(&again, str::to_lowercase),
            1 => lettered(&again, str::to_uppercase),
            _ => again,
        }
    }

    /// With some of the sentences, by their numbers.
    pub(crate) fn part(kept: fn(usize) -> bool) -> Self {
        let section = |name: &str| {
            let lines = SENTENCES.lines().skip_while(|line| *line != name).skip(1);
            let lines = lines.take_while(|line| {
                !(line.starts_with('[') && line.ends_with(']') && !line.contains(' '))
            });
            let lines = lines.filter(|line| !line.is_empty()).enumerate();
            lines
                .filter(|(at, _)| kept(*at))
                .map(|(_, line)| line)
                .collect()
        };
        Self {
            lists: Lists::new(),
            phi: section("[phi]"),
            plain: section("[plain]"),
            head: section("[head]"),
            foot: section("[foot]"),
            section: section("[section]"),
        }
    }

    fn cast(&self, random: &mut Random) -> Cast {
        Cast {
            patient: self.lists.person(random),
            doctors: (0..3).map(|_| self.lists.person(random)).collect(),
            style: random.below(100),
        }
    }

    /// A note of its own: a head, sections, a foot. `filler` are sentences of other texts, `terms`
    /// are terms of vocabularies.
    pub(crate) fn note(
        &self,
        filler: &[Annotated],
        terms: &[Annotated],
        random: &mut Random,
    ) -> Annotated {
        let cast = self.cast(random);
        let mut note = Annotated::default();
        if random.percent(85) {
            self.fill(random.line(&self.head), &cast, random, &mut note);
            note.push("\n\n");
        }
        let inline = random.percent(30);
        for _ in 0..random.between(1, 6) {
            if random.percent(80) {
                note.push(random.line(&self.section));
                note.push(if inline { " " } else { "\n" });
                if random.percent(40) && !inline {
                    note.push("\n");
                }
            }
            let bullets = random.percent(15);
            for _ in 0..random.between(1, 5) {
                if bullets {
                    note.push(random.word("- |• |* |# "));
                }
                self.sentence((filler, terms), &cast, random, &mut note);
                note.push(if bullets || random.percent(12) {
                    "\n"
                } else {
                    " "
                });
            }
            note.push(if random.percent(70) { "\n\n" } else { "\n" });
        }
        if random.percent(70) {
            self.fill(random.line(&self.foot), &cast, random, &mut note);
            note.push("\n");
        }
        Self::written(note, random)
    }

    fn sentence(
        &self,
        (filler, terms): (&[Annotated], &[Annotated]),
        cast: &Cast,
        random: &mut Random,
        note: &mut Annotated,
    ) {
        match random.below(100) {
            0..=44 => self.fill(random.line(&self.phi), cast, random, note),
            45..=49 if !terms.is_empty() => {
                let term = random.pick(terms);
                let text = match random.below(4) {
                    0 => crate::values::title(&term.text),
                    1 => term.text.to_uppercase(),
                    _ => term.text.clone(),
                };
                note.push(random.word("|Dx: |History of |1. |Diagnosis: |PMH: "));
                note.push(&text);
                note.push(random.word(".||;|\n"));
            }
            45..=66 => self.fill(random.line(&self.plain), cast, random, note),
            _ if filler.is_empty() => self.fill(random.line(&self.plain), cast, random, note),
            _ => note.append(random.pick(filler)),
        }
    }

    /// Another note with sentences of ours put between its own, and other names and numbers in the
    /// places of its own.
    pub(crate) fn mixed(&self, note: &Annotated, random: &mut Random) -> Annotated {
        let cast = self.cast(random);
        let mut mixed = Annotated::default();
        let mut at = 0;
        let again = self.again(note, random);
        for (end, _) in again.text.match_indices(". ") {
            if !random.percent(7) || again.spans.iter().any(|s| s.start < end + 2 && end < s.end) {
                continue;
            }
            copy(&again, at, end + 2, &mut mixed);
            at = end + 2;
            let plain = random.percent(20);
            let list = if plain { &self.plain } else { &self.phi };
            self.fill(random.line(list), &cast, random, &mut mixed);
            mixed.push(" ");
        }
        copy(&again, at, again.text.len(), &mut mixed);
        Self::written(mixed, random)
    }

    /// The same note with other identifiers; a string is replaced by one and the same.
    fn again(&self, note: &Annotated, random: &mut Random) -> Annotated {
        let mut out = Annotated::default();
        let mut at = 0;
        let mut names: Vec<(String, String)> = Vec::new();
        for span in &note.spans {
            out.push(&note.text[at..span.start]);
            at = span.end;
            let old = &note.text[span.start..span.end];
            let new = self.other(old, span.label, &mut names, random);
            out.push_labelled(span.label, &new);
        }
        out.push(&note.text[at..]);
        out
    }

    fn other(
        &self,
        old: &str,
        label: Label,
        names: &mut Vec<(String, String)>,
        random: &mut Random,
    ) -> String {
        if label == Label::Name {
            let words = old.split(' ').enumerate();
            let words = words.map(|(at, word)| {
                let last = at > 0 || !old.contains(' ');
                self.other_name(word, last, names, random)
            });
            return words.collect::<Vec<_>>().join(" ");
        }
        match place_of(label, old) {
            Some("date") => {
                let place = random.word("date|date|date|date|date|md|my|wd|rd");
                self.lists.value(place, random).1
            }
            Some(place) => self.lists.value(place, random).1,
            None => old.to_owned(),
        }
    }

    /// Another name for a word of a name, the same for the same word.
    fn other_name(
        &self,
        word: &str,
        last: bool,
        names: &mut Vec<(String, String)>,
        random: &mut Random,
    ) -> String {
        let bare = word.trim_matches(|c: char| !c.is_alphabetic());
        if bare.len() < 3 || ["Jr", "Mrs", "Miss", "DDS", "III"].contains(&bare) {
            return word.to_owned();
        }
        let lower = bare.to_lowercase();
        let known = names.iter().find(|(from, _)| *from == lower);
        let new = if let Some((_, new)) = known {
            new.clone()
        } else {
            let new = if last {
                self.lists.surname(random)
            } else {
                self.lists.given(random.percent(50), random)
            };
            names.push((lower, new.clone()));
            new
        };
        let lowered = bare.chars().all(char::is_lowercase);
        word.replace(bare, &if lowered { new.to_lowercase() } else { new })
    }

    fn fill(&self, template: &str, cast: &Cast, random: &mut Random, out: &mut Annotated) {
        let mut rest = template;
        let doctor = random.below(cast.doctors.len());
        let relative = self.lists.person(random);
        let mut turn = 0;
        while let Some((before, after)) = rest.split_once('{') {
            out.push(&before.replace('|', "\n"));
            let Some((place, after)) = after.split_once('}') else {
                break;
            };
            rest = after;
            let person = match place.split('.').next() {
                Some("pt") => &cast.patient,
                Some("dr") => &cast.doctors[(doctor + turn / 2) % cast.doctors.len()],
                Some("rel") => &relative,
                _ => {
                    self.other_place(place, cast, random, out);
                    continue;
                }
            };
            turn += usize::from(place.starts_with("dr"));
            let form = place.split_once('.').map_or("", |(_, form)| form);
            out.push_labelled(Label::Name, &written_name(person, form, cast.style, random));
        }
        out.push(&rest.replace('|', "\n"));
    }

    fn other_place(&self, place: &str, cast: &Cast, random: &mut Random, out: &mut Annotated) {
        let male = cast.patient.male;
        let by_sex = |m: &'static str, f: &'static str| if male { m } else { f };
        let fixed = match place {
            "mr" => by_sex("Mr.", random.word("Mrs.|Ms.|Miss")),
            "he" => by_sex("he", "she"),
            "He" => by_sex("He", "She"),
            "his" => by_sex("his", "her"),
            "His" => by_sex("His", "Her"),
            "him" => by_sex("him", "her"),
            "sex" => by_sex("male", "female"),
            "sexm" => by_sex("M", "F"),
            _ => {
                match self.lists.value(place, random) {
                    (Some(label), value) => out.push_labelled(label, &value),
                    (None, value) => out.push(&value),
                }
                return;
            }
        };
        out.push(fixed);
    }

    /// The form of a whole note: lines broken, letters made small, spaces doubled.
    fn written(note: Annotated, random: &mut Random) -> Annotated {
        match random.below(100) {
            0..=12 => broken(&note, random.between(60, 90)),
            13..=20 => lettered(&note, str::to_lowercase),
            21..=28 => lettered(&note, str::to_uppercase),
            _ => note,
        }
    }
}

/// The place of `sentences.txt` that makes another value for a label.
fn place_of(label: Label, old: &str) -> Option<&'static str> {
    Some(match label {
        Label::Date => "date",
        Label::Age => "old",
        Label::Phone if old.len() <= 5 => "pager",
        Label::Phone => "phone",
        Label::Fax => "fax",
        Label::Email => "email",
        Label::Ssn => "ssn",
        Label::Mrn => "mrn",
        Label::HealthPlan => "plan",
        Label::Accession => "acc",
        Label::Device => "device",
        Label::Address => "street",
        Label::City => "city",
        Label::State if old.len() == 2 => "st",
        Label::State => "state",
        Label::Zip => "zip",
        Label::Hospital => "hosp",
        Label::Organization => "org",
        Label::Account => "acct",
        Label::Licence => "lic",
        Label::Vehicle => "plate",
        Label::Url => "url",
        Label::Ip => "ip",
        Label::Id => "id",
        Label::Name | Label::Known => return None,
    })
}

/// A part of a text with its spans.
pub(crate) fn copy(from: &Annotated, start: usize, end: usize, to: &mut Annotated) {
    let by = to.text.len();
    to.push(&from.text[start..end]);
    let inside = from
        .spans
        .iter()
        .filter(|s| s.start >= start && s.end <= end);
    to.spans.extend(inside.map(|span| Found {
        start: span.start - start + by,
        end: span.end - start + by,
        label: span.label,
    }));
}

/// Blanks become ends of lines at a width; every letter stays in its place.
fn broken(note: &Annotated, width: usize) -> Annotated {
    let mut text = note.text.clone().into_bytes();
    let (mut line, mut blank) = (0, None);
    for at in 0..text.len() {
        match text[at] {
            b'\n' => (line, blank) = (at, None),
            b' ' => blank = Some(at),
            _ => {}
        }
        if let (true, Some(cut)) = (at - line > width, blank) {
            text[cut] = b'\n';
            (line, blank) = (cut, None);
        }
    }
    Annotated {
        text: String::from_utf8(text).unwrap_or_default(),
        spans: note.spans.clone(),
    }
}

fn lettered(note: &Annotated, with: fn(&str) -> String) -> Annotated {
    let mut out = Annotated::default();
    let mut at = 0;
    for span in &note.spans {
        out.push(&with(&note.text[at..span.start]));
        out.push_labelled(span.label, &with(&note.text[span.start..span.end]));
        at = span.end;
    }
    out.push(&with(&note.text[at..]));
    out
}

fn written_name(person: &Person, form: &str, style: usize, random: &mut Random) -> String {
    let Person {
        first,
        last,
        middle,
        ..
    } = person;
    let initial = &first[..first.chars().next().map_or(0, char::len_utf8)];
    let middle = &middle[..1];
    match form {
        "l" => last.clone(),
        "f" => first.clone(),
        "u" => last.to_uppercase(),
        "fu" => first.to_uppercase(),
        "up" => format!("{first} {last}").to_uppercase(),
        "low" => match random.below(2) {
            0 => last.to_lowercase(),
            _ => format!("{first} {last}").to_lowercase(),
        },
        "i" => match random.below(3) {
            0 => format!("{initial}. {last}"),
            1 => format!("{initial}. {middle}. {last}"),
            _ => format!("{last}, {initial}"),
        },
        _ => match style {
            0..=59 => format!("{first} {last}"),
            60..=69 => format!("{first} {middle}. {last}"),
            70..=79 => format!("{last}, {first}"),
            80..=85 => format!("{first} {last}").to_lowercase(),
            86..=90 => format!("{first} {last}").to_uppercase(),
            91..=93 => format!("{last}, {first}").to_uppercase(),
            94..=95 => format!("{last}, {first} {middle}."),
            96 => format!("{} {first} {last}", random.word("Dr.|Mr.|Mrs.|Ms.|Miss")),
            97 => format!("{first} {last} {}", random.word("Jr.|MD|III|DDS|PhD")),
            _ => format!("{first} {last} {}", random.word("Jr.|Sr.|II")),
        },
    }
}
