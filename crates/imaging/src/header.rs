//! The profile applied to a data set, element by element and at every depth.
//!
//! Beside the table's actions: private attributes, curves and overlays, group lengths, padding,
//! and attributes that the dictionary does not know are removed, for what they hold is not known.
//! What is kept is searched for the values that were taken away.

use crate::dates;
use crate::dummy;
use crate::known::Known;
use crate::options::{Dates, Keyed, Options, Subject};
use crate::table::{Action, action_of};
use dicom_core::dictionary::{DataDictionary as _, DataDictionaryEntry as _};
use dicom_core::header::Header as _;
use dicom_core::value::{DataSetSequence, PrimitiveValue, Value};
use dicom_core::{DataElement, Length, Tag, VR};
use dicom_dictionary_std::StandardDataDictionary;
use dicom_object::InMemDicomObject;
use dicom_object::mem::InMemElement;
use serde::{Deserialize, Serialize};

pub(crate) const PATIENT_NAME: Tag = Tag(0x0010, 0x0010);
pub(crate) const PATIENT_ID: Tag = Tag(0x0010, 0x0020);
const PATIENT_AGE: Tag = Tag(0x0010, 0x1010);
const CODE_MEANING: Tag = Tag(0x0008, 0x0104);
/// UIDs under this root are the standard's own and name nobody.
const STANDARD_ROOT: &str = "1.2.840.10008.";
/// The option "Retain Patient Characteristics": age, sex, sex neutered, size, weight, pregnancy,
/// smoking.
const CHARACTERISTICS: [Tag; 7] = [
    Tag(0x0010, 0x0040),
    Tag(0x0010, 0x1010),
    Tag(0x0010, 0x1020),
    Tag(0x0010, 0x1030),
    Tag(0x0010, 0x21A0),
    Tag(0x0010, 0x21C0),
    Tag(0x0010, 0x2203),
];
/// Dates that are the patient's own and move with no option: birth date and time.
const BIRTH: [Tag; 2] = [Tag(0x0010, 0x0030), Tag(0x0010, 0x0032)];

/// What was done to the elements of a data set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Removed by the table.
    pub removed: u64,
    /// Emptied by the table.
    pub emptied: u64,
    /// Replaced by a dummy or the pseudonym.
    pub replaced: u64,
    /// UIDs replaced.
    pub uids: u64,
    /// Dates moved.
    pub dates_moved: u64,
    /// Private attributes removed.
    pub private: u64,
    /// Curves, overlays, group lengths, padding and unknown attributes removed.
    pub unknown: u64,
    /// Kept attributes emptied because they held a value that was taken away elsewhere.
    pub known_values: u64,
}

impl Counts {
    /// Adds the counts of another file.
    pub fn merge(&mut self, other: &Self) {
        self.removed += other.removed;
        self.emptied += other.emptied;
        self.replaced += other.replaced;
        self.uids += other.uids;
        self.dates_moved += other.dates_moved;
        self.private += other.private;
        self.unknown += other.unknown;
        self.known_values += other.known_values;
    }
}

/// The work on one file.
pub(crate) struct Profile<'a> {
    pub(crate) options: Options,
    pub(crate) keyed: &'a dyn Keyed,
    pub(crate) subject: Subject,
    pub(crate) known: Known,
    pub(crate) counts: Counts,
}

impl Profile<'_> {
    /// Notes every value that will be taken away, at every depth.
    pub(crate) fn learn(&mut self, object: &InMemDicomObject) {
        for element in object {
            let vr = vr_of(element);
            if let Some(items) = element.items() {
                for item in items {
                    self.learn(item);
                }
            } else if (action_of(element.tag()).is_some() || vr == VR::PN)
                && !self.keeps(element)
                && let Ok(text) = element.to_str()
            {
                self.known.add(vr, &text);
            }
        }
    }

    fn keeps(&self, element: &InMemElement) -> bool {
        self.options.patient_characteristics && CHARACTERISTICS.contains(&element.tag())
    }

    /// A data set without what identifies. Inside a replaced sequence (`dummies`) free text is
    /// replaced, too, for the table names the sequence and not what stands in it.
    pub(crate) fn object(&mut self, object: InMemDicomObject, dummies: bool) -> InMemDicomObject {
        let elements: Vec<_> = object
            .into_iter()
            .filter_map(|element| self.element(element, dummies))
            .collect();
        InMemDicomObject::from_element_iter(elements)
    }

    fn element(&mut self, element: InMemElement, dummies: bool) -> Option<InMemElement> {
        let tag = element.tag();
        let Tag(group, number) = tag;
        if group % 2 == 1 {
            self.counts.private += 1;
            return None;
        }
        let curve_or_overlay = matches!(group, 0x5000..=0x50FF | 0x6000..=0x60FF);
        let padding = number == 0 || group <= 2 || group >= 0xFFFA;
        if curve_or_overlay || padding || StandardDataDictionary.by_tag(tag).is_none() {
            self.counts.unknown += 1;
            return None;
        }
        if tag == PATIENT_ID || tag == PATIENT_NAME {
            self.counts.replaced += 1;
            let pseudonym = PrimitiveValue::from(self.subject.pseudonym.as_str());
            return Some(DataElement::new(tag, element.vr(), pseudonym));
        }
        if self.keeps(&element) {
            return Some(capped_age(element));
        }
        let vr = vr_of(&element);
        if self.options.dates == Dates::Shift && is_temporal(vr) && !BIRTH.contains(&tag) {
            return Some(self.temporal(element, vr));
        }
        match action_of(tag) {
            Some(action) => self.act(element, action),
            None => self.kept(element, dummies),
        }
    }

    fn act(&mut self, element: InMemElement, action: Action) -> Option<InMemElement> {
        let (tag, vr) = (element.tag(), element.vr());
        match action {
            Action::Remove => {
                self.counts.removed += 1;
                None
            }
            Action::Empty => {
                self.counts.emptied += 1;
                Some(empty(tag, vr))
            }
            Action::Uid => Some(self.uids(&element)),
            Action::References => self.sequence(element, false),
            Action::Dummy if vr == VR::SQ => self.sequence(element, true),
            Action::Dummy => {
                self.counts.replaced += 1;
                let dummy = dummy::of(vr).unwrap_or(PrimitiveValue::Empty);
                Some(DataElement::new(tag, vr, dummy))
            }
        }
    }

    /// An element that the table does not name.
    fn kept(&mut self, element: InMemElement, dummies: bool) -> Option<InMemElement> {
        let (tag, vr) = (element.tag(), vr_of(&element));
        if vr == VR::SQ {
            return self.sequence(element, dummies);
        }
        if element.vr() == VR::UN && !is_plain(vr) {
            // An unknown representation may hide a sequence, and text in it.
            self.counts.unknown += 1;
            return None;
        }
        let free = matches!(vr, VR::LO | VR::LT | VR::ST | VR::UC | VR::UT);
        if vr == VR::PN || (dummies && free && tag != CODE_MEANING) {
            self.counts.replaced += 1;
            return Some(DataElement::new(tag, vr, PrimitiveValue::from(dummy::TEXT)));
        }
        if is_date(vr) {
            self.counts.emptied += 1;
            return Some(empty(tag, vr));
        }
        if vr == VR::UI {
            return Some(self.uids(&element));
        }
        if is_text(vr)
            && let Ok(text) = element.to_str()
            && self.known.is_in(&text)
        {
            self.counts.known_values += 1;
            return Some(empty(tag, vr));
        }
        Some(element)
    }

    fn sequence(&mut self, element: InMemElement, dummies: bool) -> Option<InMemElement> {
        let (tag, vr) = (element.tag(), element.vr());
        let Some(items) = element.into_value().into_items() else {
            self.counts.unknown += 1;
            return None;
        };
        let items: Vec<_> = items
            .into_iter()
            .map(|item| self.object(item, dummies))
            .collect();
        let sequence = DataSetSequence::new(items, Length::UNDEFINED);
        let vr = if vr == VR::UN { VR::SQ } else { vr };
        Some(DataElement::new(tag, vr, Value::Sequence(sequence)))
    }

    /// Every UID of an element by its own other one; the standard's own stay.
    fn uids(&mut self, element: &InMemElement) -> InMemElement {
        let (tag, vr) = (element.tag(), element.vr());
        let Ok(text) = element.to_str() else {
            return empty(tag, vr);
        };
        let mut any = false;
        let moved: Vec<String> = text
            .split('\\')
            .map(|uid| {
                let other = self.uid(uid);
                any |= other != uid;
                other
            })
            .collect();
        if !any {
            return element.clone();
        }
        self.counts.uids += 1;
        DataElement::new(tag, vr, PrimitiveValue::Strs(moved.into()))
    }

    /// The UID that stands for another: in the arc of UUIDs (PS3.5, annex B.2).
    pub(crate) fn uid(&self, uid: &str) -> String {
        let uid = uid.trim_matches([' ', '\0']);
        if uid.is_empty() || uid.starts_with(STANDARD_ROOT) {
            return uid.to_owned();
        }
        format!("2.25.{}", self.keyed.uid(uid))
    }

    /// Under the option of modified dates: dates move, times of day stay.
    fn temporal(&mut self, element: InMemElement, vr: VR) -> InMemElement {
        if vr == VR::TM {
            return element;
        }
        let (tag, text) = (element.tag(), element.to_str());
        let text = text.map(std::borrow::Cow::into_owned).unwrap_or_default();
        let parts = text.split('\\').filter(|part| !part.trim().is_empty());
        let moved: Option<Vec<String>> = parts
            .map(|part| dates::moved(part, self.subject.shift_days))
            .collect();
        match moved {
            Some(moved) if !moved.is_empty() => {
                self.counts.dates_moved += 1;
                DataElement::new(tag, vr, PrimitiveValue::Strs(moved.into()))
            }
            Some(_) => empty(tag, vr),
            None => {
                self.counts.emptied += 1;
                empty(tag, vr)
            }
        }
    }
}

/// The representation of an element, the dictionary's where the file has none.
fn vr_of(element: &InMemElement) -> VR {
    if element.vr() != VR::UN {
        return element.vr();
    }
    let entry = StandardDataDictionary.by_tag(element.tag());
    entry.map_or(VR::UN, |entry| entry.vr().relaxed())
}

fn empty(tag: Tag, vr: VR) -> InMemElement {
    if vr == VR::SQ {
        let none = DataSetSequence::new(Vec::new(), Length(0));
        return DataElement::new(tag, vr, Value::Sequence(none));
    }
    DataElement::new(tag, vr, PrimitiveValue::Empty)
}

/// An age over 89 becomes 90 years (45 CFR 164.514(b)(2)(i)(C)).
fn capped_age(element: InMemElement) -> InMemElement {
    let over = |text: &str| {
        let years = text
            .trim()
            .strip_suffix('Y')
            .and_then(|n| n.parse::<u16>().ok());
        years.is_some_and(|years| years > 89)
    };
    let age = element.tag() == PATIENT_AGE;
    if age && element.to_str().is_ok_and(|text| over(&text)) {
        return DataElement::new(PATIENT_AGE, VR::AS, PrimitiveValue::from("090Y"));
    }
    element
}

fn is_date(vr: VR) -> bool {
    matches!(vr, VR::DA | VR::DT)
}

fn is_temporal(vr: VR) -> bool {
    is_date(vr) || vr == VR::TM
}

fn is_text(vr: VR) -> bool {
    matches!(
        vr,
        VR::AE
            | VR::AS
            | VR::CS
            | VR::LO
            | VR::LT
            | VR::SH
            | VR::ST
            | VR::UC
            | VR::UR
            | VR::UT
            | VR::PN
            | VR::IS
            | VR::DS
    )
}

/// Representations that cannot hide text.
fn is_plain(vr: VR) -> bool {
    matches!(
        vr,
        VR::US | VR::SS | VR::UL | VR::SL | VR::FL | VR::FD | VR::OW | VR::OB | VR::OF | VR::OD
    )
}
