//! Notes: clinical facts in sentences, with identifiers planted at known places.
//!
//! The text is made of the patient's own record, so that a reader of notes can find there what the
//! codes say. Every identifier that is written is noted down with its bytes; nothing else in the
//! text names a person.

use crate::calendar::{Seconds, local_date, write_date};
use crate::concepts::Concept;
use crate::identity::Identity;
use crate::measure::{Value, analyte};
use crate::random::Random;
use serde::{Deserialize, Serialize};

/// The kind of a planted identifier (categories of 45 CFR 164.514(b)(2)).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IdentifierKind {
    /// The patient's name or a part of it.
    Name,
    /// A relative's or a neighbour's name.
    RelativeName,
    /// A clinician's name.
    ClinicianName,
    /// The medical record number.
    RecordNumber,
    /// The social security number.
    SocialSecurityNumber,
    /// A telephone number.
    Phone,
    /// An e-mail address.
    Email,
    /// A street, a town or a postal code.
    Address,
    /// A date other than a year alone.
    Date,
    /// An age over 89.
    Age,
}

/// One identifier in a note.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlantedIdentifier {
    /// Its kind.
    pub kind: IdentifierKind,
    /// The first byte in the note's UTF-8 text.
    pub start: usize,
    /// The byte after the last.
    pub end: usize,
    /// The exact text.
    pub text: String,
}

/// Redacted: the kind and the place only.
impl std::fmt::Debug for PlantedIdentifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}({}..{})", self.kind, self.start, self.end)
    }
}

/// A note with its planted identifiers.
#[derive(Clone)]
pub(crate) struct Note {
    pub(crate) kind: Concept,
    pub(crate) text: String,
    pub(crate) planted: Vec<PlantedIdentifier>,
}

/// What a note tells.
pub(crate) struct Facts<'a> {
    pub(crate) male: bool,
    pub(crate) age: f64,
    pub(crate) start: Seconds,
    pub(crate) end: Seconds,
    /// The reason, as a name to read.
    pub(crate) reason: &'a str,
    pub(crate) died: bool,
    pub(crate) known: &'a [Concept],
    pub(crate) drugs: &'a [Concept],
    pub(crate) results: &'a [(Concept, Value)],
}

struct Draft<'a> {
    who: &'a Identity,
    random: &'a mut Random,
    text: String,
    planted: Vec<PlantedIdentifier>,
}

/// A discharge summary.
pub(crate) fn discharge(who: &Identity, facts: &Facts<'_>, random: &mut Random) -> Note {
    let mut draft = Draft::new(who, random);
    draft.header(facts);
    draft.say("\nHospital course: ");
    draft.subject(facts);
    draft.say(" was admitted on ");
    draft.date(facts.start);
    draft.say(" with ");
    draft.say(facts.reason);
    draft.say(". ");
    draft.results(facts);
    if facts.died {
        draft.say("Despite treatment the patient died on ");
        draft.date(facts.end);
        draft.say(". The ");
        draft.relation();
        draft.say(" was present.\n");
    } else {
        draft.say("Discharged home on ");
        draft.date(facts.end);
        draft.say(" in stable condition.\n");
    }
    draft.lists(facts);
    draft.closing(facts);
    draft.finish(Concept::DischargeSummary)
}

/// A progress note of a visit.
pub(crate) fn progress(who: &Identity, facts: &Facts<'_>, random: &mut Random) -> Note {
    let mut draft = Draft::new(who, random);
    if draft.random.chance(0.5) {
        draft.header(facts);
    }
    draft.subject(facts);
    draft.say(" was seen on ");
    draft.date(facts.start);
    draft.say(" for ");
    draft.say(facts.reason);
    draft.say(". ");
    if draft.random.chance(0.4) {
        draft.say("Lives at ");
        draft.address();
        draft.say(". ");
    }
    if draft.random.chance(0.3) {
        draft.say("Brought in by the ");
        draft.relation();
        draft.say(". ");
    }
    draft.results(facts);
    draft.lists(facts);
    if draft.random.chance(0.7) {
        draft.closing(facts);
    }
    draft.finish(Concept::ProgressNote)
}

impl<'a> Draft<'a> {
    fn new(who: &'a Identity, random: &'a mut Random) -> Self {
        Self {
            who,
            random,
            text: String::with_capacity(900),
            planted: Vec::with_capacity(12),
        }
    }

    fn finish(self, kind: Concept) -> Note {
        Note {
            kind,
            text: self.text,
            planted: self.planted,
        }
    }

    fn say(&mut self, words: &str) {
        self.text.push_str(words);
    }

    fn say_one(&mut self, ways: &[&str]) {
        let words = *self.random.pick(ways);
        self.say(words);
    }

    fn plant(&mut self, kind: IdentifierKind, text: &str) {
        let start = self.text.len();
        self.text.push_str(text);
        self.planted.push(PlantedIdentifier {
            kind,
            start,
            end: self.text.len(),
            text: text.to_owned(),
        });
    }

    fn header(&mut self, facts: &Facts<'_>) {
        let who = self.who;
        let name = match self.random.below(3) {
            0 => format!("{}, {}", who.family, who.given),
            1 => format!("{} {}", who.given, who.family),
            _ => format!(
                "{}, {}",
                who.family.to_uppercase(),
                who.given.to_uppercase()
            ),
        };
        self.say_one(&["Patient: ", "Name: ", "Pt "]);
        self.plant(IdentifierKind::Name, &name);
        self.say_one(&["   MRN: ", "  MRN #", " | Record no. "]);
        self.plant(IdentifierKind::RecordNumber, &who.mrn);
        if self.random.chance(0.15) {
            self.say("   SSN: ");
            self.plant(IdentifierKind::SocialSecurityNumber, &who.ssn);
        }
        self.say("\nDate: ");
        self.date(facts.end);
        self.say("\n");
    }

    /// The patient as the subject of a sentence.
    fn subject(&mut self, facts: &Facts<'_>) {
        let who = self.who;
        let age = format!("{:.0}", facts.age.floor());
        let sex = if facts.male { "man" } else { "woman" };
        let title = if facts.male { "Mr. " } else { "Ms. " };
        match self.random.below(3) {
            0 => {
                self.say(title);
                self.plant(IdentifierKind::Name, who.family);
            }
            1 => self.plant(
                IdentifierKind::Name,
                &format!("{} {}", who.given, who.family),
            ),
            _ => {
                self.plant(IdentifierKind::Name, who.given);
                self.say(" (as the patient prefers to be called)");
            }
        }
        self.say(", a ");
        if facts.age >= 90.0 {
            self.plant(IdentifierKind::Age, &age);
        } else {
            self.say(&age);
        }
        self.say("-year-old ");
        self.say(sex);
        self.say(",");
    }

    /// A date in one of the ways in which clinicians write it.
    fn date(&mut self, at: Seconds) {
        const MONTHS: [&str; 12] = [
            "January",
            "February",
            "March",
            "April",
            "May",
            "June",
            "July",
            "August",
            "September",
            "October",
            "November",
            "December",
        ];
        let (year, month, day) = local_date(at);
        let name = MONTHS[usize::try_from(month - 1).unwrap_or(0) % 12];
        let text = match self.random.below(5) {
            0 => format!("{month:02}/{day:02}/{year}"),
            1 => format!("{name} {day}, {year}"),
            2 => format!("{day} {} {year}", &name[..3]),
            3 => format!("{month}/{day}/{:02}", year % 100),
            _ => iso(at),
        };
        self.plant(IdentifierKind::Date, &text);
    }

    fn address(&mut self) {
        let who = self.who;
        self.plant(IdentifierKind::Address, &who.street);
        self.say(", ");
        self.plant(IdentifierKind::Address, who.city);
        if self.random.chance(0.5) {
            self.say(", MA ");
            self.plant(IdentifierKind::Address, &who.zip);
        }
    }

    fn relation(&mut self) {
        let who = self.who;
        self.say(who.relation);
        self.say(" ");
        self.plant(IdentifierKind::RelativeName, &who.relative.text());
    }

    fn results(&mut self, facts: &Facts<'_>) {
        let count = facts.results.len();
        for (at, (concept, value)) in facts.results.iter().enumerate() {
            self.say(match at {
                0 => "Latest results: ",
                _ => ", ",
            });
            let short = concept.display().split(['[', '/']).next().unwrap_or("");
            self.say(short.trim());
            self.say(" ");
            let mut text = Vec::new();
            value.write(&mut text);
            self.say(&String::from_utf8_lossy(&text));
            self.say(" ");
            self.say(analyte(*concept).unit);
            if at + 1 == count {
                self.say(".\n");
            }
        }
    }

    fn lists(&mut self, facts: &Facts<'_>) {
        for (title, list) in [("\nKnown: ", facts.known), ("\nTakes: ", facts.drugs)] {
            if list.is_empty() {
                continue;
            }
            self.say(title);
            for (at, concept) in list.iter().enumerate() {
                if at > 0 {
                    self.say("; ");
                }
                self.say(concept.display());
            }
            self.say(".");
        }
        self.say("\n");
    }

    fn closing(&mut self, facts: &Facts<'_>) {
        let who = self.who;
        if !facts.died {
            self.say_one(&["\nReach at ", "\nCall back: ", "\nTel. "]);
            self.plant(IdentifierKind::Phone, &who.phone);
            if self.random.chance(0.4) {
                self.say(" or ");
                self.plant(IdentifierKind::Email, &who.email);
            }
            self.say(".");
        }
        if self.random.chance(0.35) {
            self.say(" Emergency contact is the ");
            self.relation();
            self.say(".");
        }
        self.say_one(&["\nSigned, Dr. ", "\nElectronically signed by "]);
        self.plant(IdentifierKind::ClinicianName, &who.physician.text());
        self.say("\n");
    }
}

/// The local date as `2019-03-04`.
fn iso(at: Seconds) -> String {
    let mut out = Vec::with_capacity(10);
    write_date(&mut out, local_date(at));
    String::from_utf8_lossy(&out).into_owned()
}
