//! The state after one subject's history, to be kept between two answers: a later question about
//! the same subject then runs only the events that are new. The answers are the same bytes with it
//! and without. It is that subject's data. Not here: where it is kept.

use crate::engine::{Asked, Engine};
use crate::sample::SampleOptions;
use crate::{Error, Result};
use longitude_core::{Digest, SubjectId};
use longitude_model::Prefix;
use serde::Serialize;
use std::sync::Arc;

/// What kept bytes begin with; another format has another.
const FORMAT: &str = "longitude past 1";

/// The state after a subject's history.
#[derive(Clone)]
pub struct Past {
    pub(crate) subject: SubjectId,
    pub(crate) prefix: Arc<Prefix>,
}

/// Redacted: its length.
impl std::fmt::Debug for Past {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Past({} events)", self.prefix.len())
    }
}

impl Past {
    /// Whether it is the very same state, not only an equal one.
    pub fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.prefix, &other.prefix)
    }

    /// The events that it has run.
    pub fn events(&self) -> usize {
        self.prefix.len()
    }
}

/// Why kept bytes are not used. Nothing is lost: the history is run again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unusable {
    /// Of another model, vocabulary, kernel level, precision or subject.
    Foreign,
    /// Cut short or altered.
    Damaged,
}

/// What a state belongs to: another of any of these has other numbers.
#[derive(Serialize)]
struct Key {
    model: Digest,
    vocabulary: String,
    level: &'static str,
    precision: &'static str,
    subject: SubjectId,
}

impl Engine {
    /// The state after a subject's history as the sampler sees it. Of `before`, the state of the
    /// same subject at another time, what both histories begin with is not run again.
    ///
    /// # Errors
    /// When the history has no event or the model refuses it.
    pub fn past(
        &self,
        asked: &Asked<'_>,
        options: &SampleOptions,
        before: Option<&Past>,
    ) -> Result<Past> {
        let history = self.history(asked, options)?;
        let subject = asked.timeline.subject();
        let before = before.filter(|past| past.subject == subject);
        let prefix = self.prefix(&history, before)?;
        Ok(Past { subject, prefix })
    }

    /// The bytes to keep a state in: a line with the format, the digest of what it belongs to and
    /// the digest of the rest, then a safetensors file.
    ///
    /// # Errors
    /// When its key has no digest.
    pub fn past_to_bytes(&self, past: &Past) -> Result<Vec<u8>> {
        let body = self.on_first(|decoder| decoder.prefix_to_bytes(&past.prefix));
        let body = body.map_err(|reason| Error::Past { reason })?;
        let (key, digest) = (self.past_key(past.subject)?, Digest::of(&body));
        let mut bytes = format!("{FORMAT} {key} {digest}\n").into_bytes();
        bytes.extend(body);
        Ok(bytes)
    }

    /// The state of a subject in kept bytes.
    ///
    /// # Errors
    /// Why it cannot be used.
    pub fn past_from_bytes(&self, subject: SubjectId, bytes: &[u8]) -> Result<Past, Unusable> {
        let end = bytes.iter().take(256).position(|byte| *byte == b'\n');
        let (head, body) = bytes.split_at(end.ok_or(Unusable::Damaged)?);
        let body = &body[1..];
        let key = self.past_key(subject).map_err(|_error| Unusable::Foreign)?;
        let foreign = !head.starts_with(format!("{FORMAT} {key} ").as_bytes());
        let ours = head.starts_with(b"longitude past ");
        if ours && foreign {
            return Err(Unusable::Foreign);
        }
        if head != format!("{FORMAT} {key} {}", Digest::of(body)).as_bytes() {
            return Err(Unusable::Damaged);
        }
        let prefix = self.on_first(|decoder| decoder.prefix_from_bytes(body));
        let prefix = prefix.map_err(|_reason| Unusable::Damaged)?;
        Ok(Past {
            subject,
            prefix: Arc::new(prefix),
        })
    }

    fn past_key(&self, subject: SubjectId) -> Result<Digest> {
        let (level, precision) = self.arithmetic();
        let key = Key {
            model: self.root(),
            vocabulary: self.model().config().vocabulary.clone(),
            level: level.name(),
            precision: precision.name(),
            subject,
        };
        let reason = "its key has no digest";
        Digest::of_json(&key).map_err(|_error| Error::Past { reason })
    }
}

#[cfg(test)]
mod tests;
