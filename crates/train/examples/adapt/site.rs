//! One site of a synthetic hospital, de-identified: what it learns from and is judged by.

use super::Result;
use longitude_core::{Code, Split, Timeline};
use longitude_deid::{Deidentified, Deidentifier, Key, Options as DeidOptions};
use longitude_hospital::{Options, Site, display, patient, timeline};
use longitude_tokens::{Vocabulary, VocabularyBuilder, VocabularyOptions};
use longitude_train::{Descriptions, Part, TrainData};

/// How a site writes its codes.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Spelling {
    /// As all hospitals do.
    Standard,
    /// Drugs, laboratory and procedures in codes of its own. They are described by the standard
    /// words in reverse order, each cut to five letters; one in ten is not described at all.
    Own,
}

pub(crate) struct Hospital {
    learn: Vec<(Part, Deidentified<Timeline>)>,
    pub(crate) held_out: Vec<Deidentified<Timeline>>,
    pub(crate) vocabulary: Vocabulary,
    pub(crate) descriptions: Descriptions,
}

impl Hospital {
    /// The patients of one site among that many, by the project's splits; the vocabulary is fitted
    /// on those to learn from.
    pub(crate) fn new(
        (seed, site): (u64, Site),
        patients: u32,
        spelling: Spelling,
    ) -> Result<Self> {
        let options = Options {
            patients,
            seed,
            ..Options::standard()
        };
        let key = Key::from_bytes([9; 32]);
        let boundary = Deidentifier::new(&key, &DeidOptions::expert_determination(180));
        let mut builder = VocabularyBuilder::new(VocabularyOptions::with_subjects_min(5));
        let (mut learn, mut held_out) = (Vec::new(), Vec::new());
        let mut descriptions = Descriptions::new();
        for index in 0..patients {
            let patient = patient(&options, index);
            if patient.site() != site {
                continue;
            }
            let plain = written(&timeline(&patient), spelling, &mut descriptions);
            let sealed = boundary.timeline(plain).0;
            let subject = sealed.get().subject();
            let split = Split::of(subject);
            if split == Split::Train {
                builder.observe(sealed.get());
            }
            match Part::of(subject, split) {
                Some(part) => learn.push((part, sealed)),
                None if split == Split::HeldOut => held_out.push(sealed),
                None => {}
            }
        }
        Ok(Self {
            learn,
            held_out,
            vocabulary: builder.finish()?,
            descriptions,
        })
    }

    /// The subjects to learn from, in the codes of a vocabulary.
    pub(crate) fn data(&self, vocabulary: &Vocabulary) -> Result<TrainData> {
        let mut data = TrainData::new(vocabulary)?;
        for (part, sealed) in &self.learn {
            data.push(*part, sealed);
        }
        Ok(data)
    }
}

/// A timeline in the site's own codes, and what they are called.
fn written(timeline: &Timeline, spelling: Spelling, called: &mut Descriptions) -> Timeline {
    let (subject, observation) = (timeline.subject(), timeline.observation());
    let mut events = timeline.events().to_vec();
    for event in &mut events {
        let Some(words) = display(&event.code) else {
            continue;
        };
        let own = spelling == Spelling::Own && &*event.code.system != "ICD10CM";
        let code = if own {
            own_code(&event.code)
        } else {
            event.code.clone()
        };
        let described = !own || !number(&code.value).is_multiple_of(10);
        if described && !called.contains_key(&code) {
            let text = if own {
                abbreviated(words)
            } else {
                words.to_owned()
            };
            called.insert(code.clone(), text);
        }
        event.code = code;
    }
    Timeline::new(subject, events, observation)
}

/// A code of the site's own: a number that says nothing.
fn own_code(code: &Code) -> Code {
    let (value, rest) = match code.value.split_once("//") {
        Some((value, rest)) => (value, format!("-{rest}")),
        None => (&*code.value, String::new()),
    };
    let name = format!("{}{value}", code.system);
    Code::new("SITE", format!("{:05}{rest}", number(&name) % 100_000))
}

fn number(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

fn abbreviated(words: &str) -> String {
    let short = |word: &str| word.chars().take(5).collect::<String>();
    let words: Vec<String> = words.split_whitespace().rev().map(short).collect();
    words.join(" ")
}
