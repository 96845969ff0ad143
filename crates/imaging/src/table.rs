//! The action table: DICOM PS3.15, Table E.1-1, column of the basic profile, as data.

use dicom_core::Tag;
use std::collections::BTreeMap;
use std::sync::OnceLock;

/// The edition that the table was taken from.
pub const EDITION: &str = "2026c";

const TABLE: &str = include_str!("table.txt");

/// What the profile asks for an attribute. Where it leaves a choice that depends on the object's
/// definition, the action that is right in every definition is taken: a value of no length rather
/// than none, a dummy rather than no length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// X: the attribute goes.
    Remove,
    /// Z, X/Z, X/Z/D: the value goes, the attribute stays.
    Empty,
    /// D, Z/D, X/D: a dummy stands in its place.
    Dummy,
    /// U: every UID is replaced by another, always by the same.
    Uid,
    /// X/Z/U*: a sequence of references; its UIDs are replaced.
    References,
}

/// The action for an attribute; `None` when the profile leaves it as it is.
pub fn action_of(tag: Tag) -> Option<Action> {
    static ACTIONS: OnceLock<BTreeMap<Tag, Action>> = OnceLock::new();
    let actions = ACTIONS.get_or_init(|| TABLE.lines().filter_map(read).collect());
    actions.get(&tag).copied()
}

fn read(line: &str) -> Option<(Tag, Action)> {
    let mut parts = line.split(' ');
    let tag = parts.next()?;
    let number = |part: Option<&str>| u16::from_str_radix(part?, 16).ok();
    let tag = Tag(number(tag.get(..4))?, number(tag.get(4..))?);
    let action = match parts.next()? {
        "X" => Action::Remove,
        "Z" | "X/Z" | "X/Z/D" => Action::Empty,
        "D" | "Z/D" | "X/D" => Action::Dummy,
        "U" => Action::Uid,
        "X/Z/U*" => Action::References,
        _ => return None,
    };
    Some((tag, action))
}

#[cfg(test)]
mod tests {
    use super::*;
    use dicom_core::VR;
    use dicom_core::dictionary::{DataDictionary as _, DataDictionaryEntry as _};
    use dicom_dictionary_std::StandardDataDictionary;

    #[test]
    fn every_line_is_read_and_in_order() {
        let lines: Vec<_> = TABLE
            .lines()
            .filter(|line| !line.starts_with('#'))
            .collect();
        let read: Vec<_> = lines.iter().filter_map(|line| read(line)).collect();
        assert_eq!((lines.len(), read.len()), (652, 652));
        assert!(read.windows(2).all(|pair| pair[0].0 < pair[1].0));
    }

    /// What the profile replaces as a UID is one, and what it names is in the dictionary.
    #[test]
    fn actions_fit_what_the_dictionary_says() {
        let unknown = |tag: Tag| StandardDataDictionary.by_tag(tag).is_none();
        let rows: Vec<_> = TABLE.lines().filter_map(read).collect();
        let lacking = rows.iter().filter(|(tag, _)| unknown(*tag)).count();
        assert!(lacking <= 20, "{lacking} newer than the dictionary");
        for (tag, action) in rows {
            let Some(entry) = StandardDataDictionary.by_tag(tag) else {
                continue;
            };
            let vr = entry.vr().relaxed();
            match action {
                Action::Uid => assert_eq!(vr, VR::UI, "{tag}"),
                Action::References => assert_eq!(vr, VR::SQ, "{tag}"),
                Action::Remove | Action::Empty | Action::Dummy => {}
            }
        }
        assert_eq!(action_of(Tag(0x0010, 0x0010)), Some(Action::Empty));
        assert_eq!(action_of(Tag(0x0020, 0x000D)), Some(Action::Uid));
        assert_eq!(action_of(Tag(0x0028, 0x0010)), None);
    }
}
