//! Identity in the pixels: what the header says of it, and what kinds of images are known for it.
//! No pixel is looked at.

use dicom_core::Tag;
use dicom_object::InMemDicomObject;
use serde::{Deserialize, Serialize};

const MODALITY: Tag = Tag(0x0008, 0x0060);
const IMAGE_TYPE: Tag = Tag(0x0008, 0x0008);
const CONVERSION_TYPE: Tag = Tag(0x0008, 0x0064);
const BURNED_IN_ANNOTATION: Tag = Tag(0x0028, 0x0301);
const RECOGNIZABLE_FEATURES: Tag = Tag(0x0028, 0x0302);
const PIXEL_DATA: [Tag; 3] = [
    Tag(0x7FE0, 0x0008),
    Tag(0x7FE0, 0x0009),
    Tag(0x7FE0, 0x0010),
];

/// Modalities whose machines write the patient's name into the image, or whose images are
/// photographs or scans of paper (PS3.15, E.3.1, names screen captures and ultrasound).
const SUSPECT_MODALITIES: [&str; 10] = [
    "US", "IVUS", "ES", "XC", "GM", "SC", "OT", "DOC", "HC", "RF",
];
/// Words of Image Type that say that the pixels show a screen or a page.
const SUSPECT_TYPES: [&str; 4] = ["SCREEN SAVE", "SCREENSHOT", "REPORT", "DOSE_INFO"];
/// The root of the Secondary Capture classes.
const SECONDARY_CAPTURE: &str = "1.2.840.10008.5.1.4.1.1.7";
const SOP_CLASS: Tag = Tag(0x0008, 0x0016);

/// What is known of identity in the pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BurnedIn {
    /// There are no pixels.
    NoPixels,
    /// The header says that there is none.
    No,
    /// The header does not say, and the kind of image is not known for it.
    NotStated,
    /// The header does not say, and the kind of image is known for it.
    Suspect,
    /// The header says that there is, or that a face can be recognised.
    Yes,
}

impl BurnedIn {
    /// Whether it must not pass unseen.
    pub fn is_dangerous(self) -> bool {
        matches!(self, Self::Suspect | Self::Yes)
    }

    /// What the header of an object says.
    pub(crate) fn of(object: &InMemDicomObject) -> Self {
        let text = |tag: Tag| {
            let element = object.get(tag)?;
            Some(element.to_str().ok()?.trim().to_uppercase())
        };
        if !PIXEL_DATA.iter().any(|tag| object.get(*tag).is_some()) {
            return Self::NoPixels;
        }
        let flags = [text(BURNED_IN_ANNOTATION), text(RECOGNIZABLE_FEATURES)];
        if flags.iter().flatten().any(|flag| flag == "YES") {
            return Self::Yes;
        }
        if flags[0].as_deref() == Some("NO") {
            return Self::No;
        }
        let kind = text(IMAGE_TYPE).unwrap_or_default();
        let modality = text(MODALITY).unwrap_or_default();
        let suspect = text(CONVERSION_TYPE).is_some_and(|conversion| !conversion.is_empty())
            || SUSPECT_MODALITIES.contains(&&*modality)
            || modality.is_empty()
            || text(SOP_CLASS).is_some_and(|class| class.starts_with(SECONDARY_CAPTURE))
            || kind
                .split('\\')
                .any(|word| SUSPECT_TYPES.contains(&word.trim()));
        if suspect {
            Self::Suspect
        } else {
            Self::NotStated
        }
    }
}
