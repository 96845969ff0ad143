//! Chapters and blocks: the spans of categories above the codes of ICD.

use crate::spelling::span;
use crate::tables;
use std::sync::OnceLock;

/// Chapters of ICD-9-CM, first and last category. Source: the tabular list of diseases of ICD-9-CM
/// (NCHS and CMS), its table of contents.
const ICD9_CHAPTERS: [Group; 19] = [
    chapter("001", "139", "Infectious and parasitic diseases"),
    chapter("140", "239", "Neoplasms"),
    chapter(
        "240",
        "279",
        "Endocrine, nutritional and metabolic diseases, and immunity disorders",
    ),
    chapter(
        "280",
        "289",
        "Diseases of the blood and blood-forming organs",
    ),
    chapter("290", "319", "Mental disorders"),
    chapter(
        "320",
        "389",
        "Diseases of the nervous system and sense organs",
    ),
    chapter("390", "459", "Diseases of the circulatory system"),
    chapter("460", "519", "Diseases of the respiratory system"),
    chapter("520", "579", "Diseases of the digestive system"),
    chapter("580", "629", "Diseases of the genitourinary system"),
    chapter(
        "630",
        "679",
        "Complications of pregnancy, childbirth, and the puerperium",
    ),
    chapter("680", "709", "Diseases of the skin and subcutaneous tissue"),
    chapter(
        "710",
        "739",
        "Diseases of the musculoskeletal system and connective tissue",
    ),
    chapter("740", "759", "Congenital anomalies"),
    chapter(
        "760",
        "779",
        "Certain conditions originating in the perinatal period",
    ),
    chapter("780", "799", "Symptoms, signs, and ill-defined conditions"),
    chapter("800", "999", "Injury and poisoning"),
    chapter(
        "E000",
        "E999",
        "Supplementary classification of external causes of injury and poisoning",
    ),
    chapter(
        "V01",
        "V91",
        "Supplementary classification of factors influencing health status and contact with \
         health services",
    ),
];

/// A chapter or a block.
#[derive(Clone, Copy)]
pub(crate) struct Group {
    first: &'static str,
    last: &'static str,
    pub(crate) is_chapter: bool,
    pub(crate) description: &'static str,
}

const fn chapter(first: &'static str, last: &'static str, description: &'static str) -> Group {
    Group {
        first,
        last,
        is_chapter: true,
        description,
    }
}

impl Group {
    /// Its value as a code: `E08-E13`.
    pub(crate) fn value(self) -> String {
        span(self.first, self.last)
    }

    /// Whether a code of this many first characters lies in the span.
    fn holds(self, plain: &str) -> bool {
        let upto = |end: &str| plain.get(..end.len().min(plain.len())).unwrap_or(plain) <= end;
        *self.first <= *plain && upto(self.last)
    }

    fn holds_all(self, other: Self) -> bool {
        self.holds(other.first) && self.holds(other.last)
    }
}

fn icd10() -> &'static [Group] {
    static GROUPS: OnceLock<Vec<Group>> = OnceLock::new();
    GROUPS.get_or_init(|| read_icd10().collect())
}

fn read_icd10() -> impl Iterator<Item = Group> {
    let table = tables::icd10cm_groups();
    (0..table.len()).filter_map(|number| {
        let mut fields = table.line(number);
        let (first, last) = fields.next()?.split_once('-')?;
        Some(Group {
            first,
            last,
            is_chapter: fields.next()? == "C",
            description: fields.next()?,
        })
    })
}

/// The groups of ICD-10-CM, or the chapters of ICD-9-CM.
fn all(is_icd10: bool) -> &'static [Group] {
    if is_icd10 { icd10() } else { &ICD9_CHAPTERS }
}

/// The narrowest group that holds a category; of ICD-10-CM its block, which lies in a chapter.
pub(crate) fn above_category(is_icd10: bool, plain: &str) -> Option<Group> {
    // A few stand where no order of letters puts them (C4A); the table says beside which.
    let mut moved = tables::icd10cm_groups().find(plain).filter(|_| is_icd10);
    let moved = moved.as_mut().and_then(|fields| fields.nth(1));
    let plain = moved.unwrap_or(plain);
    narrowest(all(is_icd10), |group| group.holds(plain))
}

/// The group with this value.
pub(crate) fn find(is_icd10: bool, value: &str) -> Option<Group> {
    let mut groups = all(is_icd10).iter().copied();
    groups.find(|group| group.value() == value)
}

/// The narrowest group that holds another.
pub(crate) fn above(is_icd10: bool, group: Group) -> Option<Group> {
    if group.is_chapter {
        return None;
    }
    narrowest(all(is_icd10), |other| {
        other.holds_all(group) && (other.is_chapter || !group.holds_all(other))
    })
}

/// Of the groups that hold something the one that lies in all others; a chapter where only one is.
fn narrowest(groups: &[Group], holds: impl Fn(Group) -> bool) -> Option<Group> {
    let holding = groups.iter().copied().filter(|group| holds(*group));
    holding.reduce(|best, next| {
        if next.is_chapter || (!best.is_chapter && next.holds_all(best)) {
            best
        } else {
            next
        }
    })
}
