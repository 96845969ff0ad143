//! Recent texts, so that equal ones share memory: what keeps millions of events small.

use crate::hash::hash64;
use std::sync::Arc;

/// A table of fixed size in which a newcomer takes the place of whatever had its slot.
pub(crate) struct Names(Vec<Option<Arc<str>>>);

impl Names {
    const SLOTS: usize = 4096;

    pub(crate) fn new() -> Self {
        Self(vec![None; Self::SLOTS])
    }

    #[expect(clippy::cast_possible_truncation, reason = "only low bits are used")]
    pub(crate) fn get(&mut self, text: &str) -> Arc<str> {
        let slot = &mut self.0[hash64("", text) as usize % Self::SLOTS];
        match slot {
            Some(known) if **known == *text => Arc::clone(known),
            _ => Arc::clone(slot.insert(text.into())),
        }
    }
}
