//! Notes outside a timeline: what identifies in them, and the same notes with tags or surrogates in
//! its place. The way of notes inside a timeline is [`crate::timeline`].

use crate::key::{Key, Subkey};
use crate::known::{Known, Strings};
use crate::spans::replace;
use crate::surrogates::Surrogates;
use crate::text::{Found, Scrubber};
use longitude_core::Instant;
use std::fmt;

/// A note to be scrubbed.
#[derive(Clone, Copy)]
pub struct NoteText<'a> {
    /// The text.
    pub text: &'a str,
    /// Whose it is, as the source names the subject: notes of one subject share surrogates.
    pub subject: &'a str,
    /// Strings that identify the subject: names and numbers of the structured record.
    pub known: &'a [String],
    /// When it was written, for dates without a year.
    pub written: Option<Instant>,
}

/// Not the text.
impl fmt::Debug for NoteText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NoteText({} bytes)", self.text.len())
    }
}

/// Scrubs notes.
#[derive(Debug)]
pub struct NoteScrubber {
    scrubber: Scrubber,
    shared: Strings,
    surrogates: Option<(Subkey, Subkey, u32)>,
}

impl NoteScrubber {
    /// A scrubber of notes; `shared` are strings that identify in anybody's notes, such as the
    /// names of clinicians. Make it once.
    pub fn new(shared: &[String]) -> Self {
        Self {
            scrubber: Scrubber::new(),
            shared: Strings::of_all(shared),
            surrogates: None,
        }
    }

    /// With surrogates instead of tags, made from a key; dates are moved by at most so many days.
    #[must_use]
    pub fn with_surrogates(mut self, key: &Key, shift_days_max: u32) -> Self {
        let keys = (key.subkey("surrogate"), key.subkey("shift"), shift_days_max);
        self.surrogates = Some(keys);
        self
    }

    /// The identifiers in a note, in order, not overlapping.
    pub fn find(&self, note: &NoteText<'_>) -> Vec<Found> {
        let spans = self.scrubber.spans(note.text, &self.known(note));
        spans.into_iter().map(|span| span.found).collect()
    }

    /// The identifiers in a note, and the note with tags or surrogates in their place.
    pub fn scrub(&self, note: &NoteText<'_>) -> (Vec<Found>, String) {
        let spans = self.scrubber.spans(note.text, &self.known(note));
        let (text, _identifiers) = match &self.surrogates {
            None => replace(note.text, &spans, |_span| None),
            Some((key, shifts, max)) => {
                let keys = (key, shifts, *max);
                let own = Surrogates::of(&self.scrubber, keys, note.subject, note.written);
                replace(note.text, &spans, |span| {
                    Some(own.surrogate(note.text, span))
                })
            }
        };
        (spans.into_iter().map(|span| span.found).collect(), text)
    }

    fn known<'a>(&'a self, note: &NoteText<'_>) -> Known<'a> {
        Known {
            own: Strings::of_subject(note.known),
            shared: &self.shared,
        }
    }
}
