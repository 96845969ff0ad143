//! Postal codes: what 45 CFR 164.514(b)(2)(i)(B) leaves of a US ZIP code.

use serde::Serialize;
use std::collections::BTreeSet;

/// Areas of three digits with 20,000 people or fewer by the census of 2000: the 17 of the Office
/// for Civil Rights' guidance on de-identification (26 November 2012, question "When can ZIP codes
/// be included in de-identified information?"). The rule asks for the current census: a policy may
/// name more, never fewer.
pub const SMALL_AREAS: [&str; 17] = [
    "036", "059", "063", "102", "203", "556", "692", "790", "821", "823", "830", "831", "878",
    "879", "884", "890", "893",
];
/// What stands for a small area, and for what is no ZIP code.
const NOWHERE: &str = "000";

/// What is left of a postal code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ZipAction {
    /// The first three digits; `000` for a small area.
    Zip3,
    /// Nothing.
    Drop,
}

/// The first three digits of a ZIP code, or `000` where the area is small or the text is none.
/// Accepts `02139`, `02139-4307`, `021394307` and a number that lost its leading zeros.
pub(crate) fn zip3(text: &str, small: &BTreeSet<String>) -> String {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let others = text
        .chars()
        .any(|c| !c.is_ascii_digit() && !c.is_whitespace() && c != '-');
    let whole = match digits.len() {
        3..=5 => format!("{digits:0>5}"),
        8 | 9 => format!("{digits:0>9}"),
        _ => return NOWHERE.to_owned(),
    };
    let area = &whole[..3];
    if others || small.contains(area) {
        return NOWHERE.to_owned();
    }
    area.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_digits_are_left_and_none_of_small_areas() {
        let small = SMALL_AREAS.map(str::to_owned).into();
        for (zip, left) in [
            ("02139", "021"),
            ("02139-4307", "021"),
            ("021394307", "021"),
            ("2139", "021"),
            ("03601", "000"),
            ("89301", "000"),
            ("SW1A 1AA", "000"),
            ("12", "000"),
            ("", "000"),
        ] {
            assert_eq!(zip3(zip, &small), left, "{zip}");
        }
    }
}
