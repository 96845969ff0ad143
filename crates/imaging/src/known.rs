//! Values that were found to identify, looked for in what is left: a name that somebody wrote into
//! a comment that no rule names.

use dicom_core::VR;
use std::collections::BTreeSet;

/// Shorter values stand in too many places by chance.
const LETTERS_MIN: usize = 5;
/// Shorter parts of a name are initials, titles and syllables.
const NAME_LETTERS_MIN: usize = 4;

/// Identifying values in capitals.
#[derive(Default)]
pub(crate) struct Known {
    /// Found anywhere in a text.
    whole: BTreeSet<String>,
    /// Found as whole words.
    words: BTreeSet<String>,
}

impl Known {
    /// Notes a value of an attribute that the profile takes away.
    pub(crate) fn add(&mut self, vr: VR, text: &str) {
        let whole = [
            VR::AE,
            VR::DA,
            VR::DT,
            VR::LO,
            VR::SH,
            VR::LT,
            VR::ST,
            VR::UC,
            VR::UT,
        ];
        if vr == VR::PN {
            let parts = text.split(['^', '=', ' ', '\\', ',']);
            let long = parts.filter(|part| part.chars().count() >= NAME_LETTERS_MIN);
            self.words.extend(long.map(str::to_uppercase));
        } else if whole.contains(&vr) {
            let parts = text.split('\\').map(str::trim);
            let long = parts.filter(|part| part.chars().count() >= LETTERS_MIN);
            self.whole.extend(long.map(str::to_uppercase));
        }
    }

    /// Whether a text holds one of them.
    pub(crate) fn is_in(&self, text: &str) -> bool {
        if self.whole.is_empty() && self.words.is_empty() {
            return false;
        }
        let text = text.to_uppercase();
        let mut words = text.split(|c: char| !c.is_alphanumeric());
        self.whole.iter().any(|value| text.contains(value))
            || words.any(|word| self.words.contains(word))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_words_and_numbers_are_found_everywhere() {
        let mut known = Known::default();
        known.add(VR::PN, "Roe^Jane Ann^^Dr");
        known.add(VR::LO, "A-553-24");
        known.add(VR::CS, "HEAD");
        assert!(known.is_in("scan of jane, supine") && known.is_in("acc a-553-24/7"));
        assert!(!known.is_in("janeway") && !known.is_in("HEAD FIRST") && !known.is_in("roe"));
        assert!(!Known::default().is_in("anything"));
    }
}
