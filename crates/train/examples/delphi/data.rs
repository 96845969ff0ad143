//! The simulated people: triplets of patient, age in days and token, as timelines.

use longitude_core::{
    Code, Days, Event, Instant, Observation, ObservationSource, Origin, Split, SubjectId, Timeline,
};
use longitude_deid::{Deidentified, Deidentifier, Key, Options};
use std::error::Error;
use std::path::Path;

const FEMALE: u32 = 1;
/// The first disease; all tokens from here to [`DEATH`] are scored.
pub(crate) const FIRST: u32 = 12;
pub(crate) const DEATH: u32 = 1268;
/// Diseases and death.
pub(crate) const CODES: usize = (DEATH - FIRST + 1) as usize;
/// The last whole day before age 80, where the simulation ends.
pub(crate) const END: f64 = 29_219.0;
/// Subjects of whom the file holds a part only.
const CUT: [i64; 2] = [402_867, 427_985];

/// One person: the sex, then diseases and perhaps death in order of age.
pub(crate) struct Person {
    pub(crate) subject: i64,
    sex: u32,
    /// Age in days of each event.
    pub(crate) days: Vec<f64>,
    /// Its token less [`FIRST`].
    pub(crate) codes: Vec<usize>,
    /// The same behind the privacy boundary.
    timeline: Option<Deidentified<Timeline>>,
}

/// What a person is used for.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Use {
    Learn,
    Tune,
    HeldOut,
}

impl Person {
    /// 70 % to learn from, 10 % to tune on, 20 % held out.
    pub(crate) fn used_for(&self) -> Use {
        match Split::bucket("delphi", SubjectId(self.subject)) {
            0..700 => Use::Learn,
            700..800 => Use::Tune,
            _ => Use::HeldOut,
        }
    }

    /// A number from 0 to below 1 that depends on the subject alone.
    pub(crate) fn share(&self) -> f64 {
        f64::from(Split::bucket("delphi share", SubjectId(self.subject))) / 1000.0
    }

    pub(crate) fn timeline(&self) -> Result<&Deidentified<Timeline>, Box<dyn Error>> {
        self.timeline.as_ref().ok_or_else(|| "no timeline".into())
    }

    pub(crate) fn died(&self) -> bool {
        self.codes.last() == Some(&(CODES - 1))
    }

    /// The person's timeline: sex is static, the likelihood begins at birth and ends with death or
    /// with the last day before age 80.
    fn raw(&self, codes: &[Code]) -> Timeline {
        let origin = || Origin::derived("simulated");
        let at = |days: f64| Some(Instant(0).plus(Days(days)));
        let sex = ["female", "male"][usize::from(self.sex != FEMALE)];
        let first = [
            Event::new(Code::new("GENDER", sex), None, origin()),
            Event::new(Code::birth(), at(0.0), origin()),
        ];
        let events = self.days.iter().zip(&self.codes);
        let events = events.map(|(day, code)| Event::new(codes[*code].clone(), at(*day), origin()));
        let observation = Observation {
            start: at(0.0),
            end: at(END + 0.5),
            source: ObservationSource::Stated,
        };
        let events = first.into_iter().chain(events).collect();
        Timeline::new(SubjectId(self.subject), events, observation)
    }
}

/// Everybody of `train.bin.zst` but those who are cut, in the order of the file.
pub(crate) fn people(folder: &Path, codes: &[Code]) -> Result<Vec<Person>, Box<dyn Error>> {
    let file = std::fs::File::open(folder.join("train.bin.zst"))?;
    let bytes = zstd::decode_all(file)?;
    let mut people: Vec<Person> = Vec::new();
    for row in bytes.chunks_exact(12) {
        let number = |i: usize| u32::from_le_bytes([row[i], row[i + 1], row[i + 2], row[i + 3]]);
        let (subject, day, token) = (i64::from(number(0)), number(4), number(8));
        if CUT.contains(&subject) {
            continue;
        }
        match people.last_mut().filter(|last| last.subject == subject) {
            None => people.push(Person {
                subject,
                sex: token,
                days: vec![],
                codes: vec![],
                timeline: None,
            }),
            Some(person) => {
                let code = token.checked_sub(FIRST).ok_or("a token is no disease")?;
                person.days.push(f64::from(day));
                person.codes.push(code as usize);
            }
        }
    }
    let (key, options) = (Key::from_bytes([1; 32]), Options::expert_determination(180));
    let boundary = Deidentifier::new(&key, &options);
    for person in &mut people {
        person.timeline = Some(boundary.timeline(person.raw(codes)).0);
    }
    Ok(people)
}

/// The codes by token less [`FIRST`], from `labels.csv`: line t + 2 names token t.
pub(crate) fn codes(folder: &Path, system: &str) -> Result<Vec<Code>, Box<dyn Error>> {
    let text = std::fs::read_to_string(folder.join("labels.csv"))?;
    let labels = text.lines().skip(1 + FIRST as usize).take(CODES - 1);
    let category = |label: &str| Code::new(system, label.split([' ', '(']).next().unwrap_or(label));
    let mut codes: Vec<Code> = labels.map(category).collect();
    codes.push(Code::death());
    Ok(codes)
}
