//! Surrogates and spans on texts of any kind: spans stand in order on letters' borders, and what
//! takes an identifier's place keeps sex, case, form and intervals.

use longitude_deid::{Key, Label, NoteScrubber, NoteText};
use proptest::prelude::*;
use std::sync::OnceLock;

fn scrubber() -> &'static NoteScrubber {
    static MADE: OnceLock<NoteScrubber> = OnceLock::new();
    MADE.get_or_init(|| NoteScrubber::new(&[]).with_surrogates(&Key::from_bytes([3; 32]), 400))
}

fn scrubbed(text: &str, subject: &str) -> String {
    let note = NoteText {
        text,
        subject,
        known: &[],
        written: None,
    };
    scrubber().scrub(&note).1
}

/// The sex that the list of given names tells, where it tells one.
fn sex(name: &str) -> Option<char> {
    let list = include_str!("../data/given.txt");
    let lower = name.to_lowercase();
    let line = list
        .lines()
        .find(|line| line.split(' ').next() == Some(&*lower))?;
    let marks = line.split(' ').nth(1)?;
    (marks.len() == 1).then(|| marks.chars().next()).flatten()
}

#[test]
fn given_names_keep_their_sex_and_names_their_case() {
    for subject in ["a", "b", "c", "d"] {
        let text = scrubbed(
            "Patient: Margaret Collins\nSpouse ROBERT COLLINS called.",
            subject,
        );
        let words: Vec<&str> = text.split_whitespace().collect();
        assert_eq!(sex(words[1]), Some('f'), "{text}");
        assert_eq!(sex(words[4]), Some('m'), "{text}");
        assert_eq!(words[4], words[4].to_uppercase(), "{text}");
        assert_eq!(words[2].to_uppercase(), words[5], "one family: {text}");
        assert!(!text.contains("Margaret") && !text.to_lowercase().contains("collins"));
    }
}

#[test]
fn numbers_keep_their_form() {
    let text = "MRN: 61717355\nSSN: 123-45-6789\nPhone: (617) 555-0143";
    let other = scrubbed(text, "s");
    let form = |text: &str| -> String {
        let letters = text.chars();
        letters
            .map(|c| if c.is_ascii_digit() { '0' } else { c })
            .collect()
    };
    assert_eq!(form(&other), form(text));
    assert!(other.contains("SSN: 9"), "{other}");
    assert!(!other.contains("61717355") && !other.contains("555-0143"));
}

/// The same subject by number has the same shift as its timeline: it follows from the number.
#[test]
fn the_same_subject_has_the_same_shift_in_every_note() {
    let one = scrubbed("Seen on 2024-03-05.", "42");
    let two = scrubbed("Seen on 03/05/2024.", "42");
    let iso: Vec<&str> = one[8..18].split('-').collect();
    let slashed = format!("{}/{}/{}", iso[1], iso[2], iso[0]);
    assert!(two.contains(&slashed), "{one} {two}");
    assert!(!one.contains("2024-03-05"));
}

/// A date in words moves as the same date in figures does, and stays in words.
#[test]
fn a_date_in_words_moves_as_one_in_figures() {
    let words = scrubbed(
        "Seen on the third of March and on March twenty-first.",
        "42",
    );
    let figures = scrubbed("Seen on 3 March and on March 21.", "42");
    assert!(
        !words.contains('[') && !words.contains("third of March"),
        "{words}"
    );
    let month = |text: &str| {
        let months = text.split([' ', '.']).filter(|word| word.len() > 2);
        let months = months.filter(|word| word.starts_with(char::is_uppercase) && *word != "Seen");
        months.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(month(&words), month(&figures), "{words} {figures}");
}

#[test]
fn measurements_stay() {
    let text = "CBC: WBC 11.2 (4.5-11.0), Hgb 9.8. K 4.1 (3.5-5.1). Strength 5/5, reflexes 2/4. \
        Metoprolol 25 mg twice daily for 90 days. Ejection fraction 45-50%.";
    assert_eq!(scrubbed(text, "42"), text);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn spans_stand_in_order_on_borders_of_letters(
        pieces in prop::collection::vec(
            prop_oneof![
                "\\PC{0,12}",
                Just("Dr. Ann Lee ".to_owned()),
                Just("3/14/2020 ".to_owned()),
                Just("\n\n".to_owned()),
                Just("\0É🙂ß ".to_owned()),
                Just("Lives at 12 Oak St., Salem, MA 01970 ".to_owned()),
            ],
            0..12,
        )
    ) {
        let text = pieces.concat();
        let note = NoteText { text: &text, subject: "s", known: &[], written: None };
        let mut before = 0;
        for span in scrubber().find(&note) {
            prop_assert!(before <= span.start && span.start < span.end);
            prop_assert!(text.get(span.start..span.end).is_some());
            prop_assert!(Label::of_name(span.label.name()) == Some(span.label));
            before = span.end;
        }
        // What takes their place is text again.
        let (_, other) = scrubber().scrub(&note);
        prop_assert!(other.is_char_boundary(0));
    }
}
