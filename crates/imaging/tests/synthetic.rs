//! A file made here, with identifiers planted in every kind of place a header has.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use dicom_core::header::Header as _;
use dicom_core::value::{DataSetSequence, PrimitiveValue, Value};
use dicom_core::{DataElement, Length, Tag, VR};
use dicom_object::meta::FileMetaTableBuilder;
use dicom_object::{InMemDicomObject, OpenFileOptions};
use longitude_imaging::{
    BurnedIn, BurnedInRule, Dates, Keyed, Options, Outcome, Refusal, Subject, deidentify,
};
use proptest::prelude::*;
use std::sync::LazyLock;

const CT: &str = "1.2.840.10008.5.1.4.1.1.2";
const EXPLICIT: &str = "1.2.840.10008.1.2.1";
const IMPLICIT: &str = "1.2.840.10008.1.2";
const PLANTED: [&str; 14] = [
    "Quillfeather",
    "Zebulon",
    "88123456",
    "ACC5352401",
    "Brannoc",
    "Ottoline",
    "19481221",
    "20190304",
    "1.2.3.4.555",
    "18 North Thistle Lane",
    "421-274-2180",
    "overlay of Zebulon",
    "97Y",
    "SN-99812",
];

struct Plain;

impl Keyed for Plain {
    fn subject(&self, patient_id: &str) -> Subject {
        Subject {
            pseudonym: format!("P{}", patient_id.len()),
            shift_days: 100,
        }
    }

    fn uid(&self, uid: &str) -> u128 {
        uid.bytes().fold(7_u128, |sum, byte| {
            sum.wrapping_mul(257).wrapping_add(u128::from(byte))
        })
    }
}

fn text(tag: (u16, u16), vr: VR, value: &str) -> DataElement<InMemDicomObject> {
    DataElement::new(Tag(tag.0, tag.1), vr, PrimitiveValue::from(value))
}

fn sequence(tag: (u16, u16), items: Vec<InMemDicomObject>) -> DataElement<InMemDicomObject> {
    let sequence = DataSetSequence::new(items, Length::UNDEFINED);
    DataElement::new(Tag(tag.0, tag.1), VR::SQ, Value::Sequence(sequence))
}

/// A CT slice of somebody who never was.
fn object(burned_in: Option<&str>) -> InMemDicomObject {
    let reference = InMemDicomObject::from_element_iter([
        text((0x0008, 0x1150), VR::UI, CT),
        text((0x0008, 0x1155), VR::UI, "1.2.3.4.555.9"),
    ]);
    let inner = InMemDicomObject::from_element_iter([
        text((0x0040, 0xA160), VR::UT, "Zebulon felt well on 20190304"),
        text((0x0040, 0xA123), VR::PN, "Ottoline^Vance"),
        text((0x0040, 0xA040), VR::CS, "TEXT"),
    ]);
    let content = InMemDicomObject::from_element_iter([sequence((0x0040, 0xA730), vec![inner])]);
    let pixels = PrimitiveValue::U8(vec![1, 2, 3, 4].into());
    let mut object = InMemDicomObject::from_element_iter([
        text((0x0008, 0x0008), VR::CS, "ORIGINAL\\PRIMARY"),
        text((0x0008, 0x0016), VR::UI, CT),
        text((0x0008, 0x0018), VR::UI, "1.2.3.4.555.1"),
        text((0x0008, 0x0020), VR::DA, "20190304"),
        text((0x0008, 0x002A), VR::DT, "20190304101500.5+0100"),
        text((0x0008, 0x0030), VR::TM, "101500"),
        text((0x0008, 0x0050), VR::SH, "ACC5352401"),
        text((0x0008, 0x0060), VR::CS, "CT"),
        text((0x0008, 0x0070), VR::LO, "Maker"),
        text((0x0008, 0x0080), VR::LO, "St. Brannoc Hospital"),
        text((0x0008, 0x0090), VR::PN, "Ottoline^Vance"),
        sequence((0x0008, 0x1140), vec![reference]),
        text((0x0009, 0x0010), VR::LO, "MAKER PRIVATE"),
        text((0x0009, 0x1001), VR::LO, "Zebulon Quillfeather"),
        text((0x0010, 0x0010), VR::PN, "Quillfeather^Zebulon"),
        text((0x0010, 0x0020), VR::LO, "88123456"),
        text((0x0010, 0x0030), VR::DA, "19481221"),
        text((0x0010, 0x0040), VR::CS, "M"),
        text((0x0010, 0x1010), VR::AS, "097Y"),
        text((0x0010, 0x1040), VR::LO, "18 North Thistle Lane"),
        text((0x0010, 0x2154), VR::SH, "421-274-2180"),
        text((0x0018, 0x0015), VR::CS, "HEAD"),
        text((0x0018, 0x1000), VR::LO, "SN-99812"),
        text((0x0020, 0x000D), VR::UI, "1.2.3.4.555"),
        text((0x0020, 0x000E), VR::UI, "1.2.3.4.555.2"),
        text((0x0020, 0x0013), VR::IS, "7"),
        text((0x0020, 0x4000), VR::LT, "compare with 88123456"),
        text((0x0028, 0x0010), VR::US, ""),
        text((0x0054, 0x0400), VR::SH, "slice of ZEBULON"),
        sequence((0x0040, 0xA730), vec![content]),
        text((0x6000, 0x4000), VR::LT, "overlay of Zebulon"),
        DataElement::new(Tag(0x7FE0, 0x0010), VR::OB, pixels),
    ]);
    if let Some(flag) = burned_in {
        object.put(text((0x0028, 0x0301), VR::CS, flag));
    }
    object
}

fn bytes_of(object: InMemDicomObject, syntax: &str) -> Vec<u8> {
    let meta = FileMetaTableBuilder::new()
        .transfer_syntax(syntax)
        .source_application_entity_title("BRANNOC_CT1");
    let mut bytes = Vec::new();
    object
        .with_meta(meta)
        .unwrap()
        .write_all(&mut bytes)
        .unwrap();
    // The preamble of a file may hold anything.
    bytes[..8].copy_from_slice(b"Zebulon!");
    bytes
}

fn options() -> Options {
    Options {
        dates: Dates::Remove,
        patient_characteristics: false,
        burned_in: BurnedInRule::Refuse,
    }
}

fn run(bytes: &[u8], options: Options) -> Result<(Vec<u8>, Outcome), Refusal> {
    deidentify(bytes, options, &Plain)
}

fn holds(bytes: &[u8], value: &str) -> bool {
    bytes
        .windows(value.len())
        .any(|window| window == value.as_bytes())
}

fn shown(bytes: &[u8], tag: (u16, u16)) -> Option<String> {
    let object = OpenFileOptions::new().from_reader(bytes).unwrap();
    let element = object.get(Tag(tag.0, tag.1))?;
    Some(element.to_str().unwrap().trim().to_owned())
}

#[test]
fn nothing_planted_is_left() {
    for syntax in [EXPLICIT, IMPLICIT, "1.2.840.10008.1.2.2"] {
        let before = bytes_of(object(None), syntax);
        let planted: Vec<_> = PLANTED
            .iter()
            .filter(|value| holds(&before, value))
            .collect();
        assert_eq!(planted.len(), PLANTED.len(), "all are planted");
        for dates in [Dates::Remove, Dates::Shift] {
            let (after, outcome) = run(&before, Options { dates, ..options() }).unwrap();
            let left: Vec<_> = PLANTED
                .iter()
                .filter(|value| holds(&after, value))
                .collect();
            assert!(left.is_empty(), "{syntax} {dates:?}: {left:?}");
            assert!(!holds(&after, "ZEBULON") && !holds(&after, "BRANNOC"));
            assert_eq!(outcome.burned_in, BurnedIn::NotStated);
            assert_eq!(
                (outcome.counts.private, outcome.counts.known_values),
                (2, 1)
            );
            // What the image is stays.
            assert_eq!(shown(&after, (0x0018, 0x0015)).as_deref(), Some("HEAD"));
            assert_eq!(shown(&after, (0x0020, 0x0013)).as_deref(), Some("7"));
            assert_eq!(shown(&after, (0x0008, 0x0070)).as_deref(), Some("Maker"));
            assert_eq!(shown(&after, (0x0010, 0x0010)).as_deref(), Some("P8"));
        }
    }
}

#[test]
fn dates_move_by_option_and_never_a_birth() {
    let before = bytes_of(object(None), EXPLICIT);
    let removed = run(&before, options()).unwrap().0;
    assert_eq!(shown(&removed, (0x0008, 0x0020)).as_deref(), Some(""));
    assert_eq!(
        shown(&removed, (0x0028, 0x0303)).as_deref(),
        Some("REMOVED")
    );
    let shift = Options {
        dates: Dates::Shift,
        ..options()
    };
    let moved = run(&before, shift).unwrap().0;
    assert_eq!(shown(&moved, (0x0008, 0x0020)).as_deref(), Some("20190612"));
    let time = shown(&moved, (0x0008, 0x002A));
    assert_eq!(time.as_deref(), Some("20190612101500.5+0100"));
    assert_eq!(shown(&moved, (0x0008, 0x0030)).as_deref(), Some("101500"));
    assert_eq!(shown(&moved, (0x0010, 0x0030)).as_deref(), Some(""));
}

#[test]
fn characteristics_stay_by_option_and_tell_no_age_over_89() {
    let keep = Options {
        patient_characteristics: true,
        ..options()
    };
    let before = bytes_of(object(None), EXPLICIT);
    let kept = run(&before, keep).unwrap().0;
    assert_eq!(shown(&kept, (0x0010, 0x0040)).as_deref(), Some("M"));
    assert_eq!(shown(&kept, (0x0010, 0x1010)).as_deref(), Some("090Y"));
    let basic = run(&before, options()).unwrap().0;
    assert_eq!(shown(&basic, (0x0010, 0x0040)).as_deref(), Some(""));
    assert_eq!(shown(&basic, (0x0010, 0x1010)), None);
}

#[test]
fn references_between_files_hold() {
    let before = bytes_of(object(None), EXPLICIT);
    let (after, outcome) = run(&before, options()).unwrap();
    let read = OpenFileOptions::new().from_reader(&after[..]).unwrap();
    let reference = &read.get(Tag(0x0008, 0x1140)).unwrap().items().unwrap()[0];
    let uid = |tag: Tag| reference.get(tag).unwrap().to_str().unwrap().into_owned();
    assert_eq!(
        uid(Tag(0x0008, 0x1150)),
        CT,
        "a class is the standard's own"
    );
    let mut other = object(None);
    other.put(text((0x0008, 0x0018), VR::UI, "1.2.3.4.555.9"));
    let (_, referred) = run(&bytes_of(other, EXPLICIT), options()).unwrap();
    assert_eq!(uid(Tag(0x0008, 0x1155)), referred.instance);
    assert_eq!(outcome.study, referred.study);
    assert!(outcome.study.starts_with("2.25.") && outcome.study.len() <= 64);
}

#[test]
fn pixels_that_may_show_who_it_is_do_not_pass_unseen() {
    let refused = |flag: Option<&str>, change: &dyn Fn(&mut InMemDicomObject)| {
        let mut object = object(flag);
        change(&mut object);
        run(&bytes_of(object, EXPLICIT), options()).err()
    };
    let as_it_is = |_: &mut InMemDicomObject| {};
    let ultrasound = |object: &mut InMemDicomObject| {
        object.put(text((0x0008, 0x0060), VR::CS, "US"));
    };
    let face = |object: &mut InMemDicomObject| {
        object.put(text((0x0028, 0x0302), VR::CS, "YES"));
    };
    assert_eq!(refused(None, &as_it_is), None);
    assert_eq!(
        refused(Some("YES"), &as_it_is),
        Some(Refusal::BurnedIn(BurnedIn::Yes))
    );
    assert_eq!(
        refused(None, &ultrasound),
        Some(Refusal::BurnedIn(BurnedIn::Suspect))
    );
    assert_eq!(refused(Some("NO"), &ultrasound), None);
    assert_eq!(
        refused(Some("NO"), &face),
        Some(Refusal::BurnedIn(BurnedIn::Yes))
    );
    let report = Options {
        burned_in: BurnedInRule::Report,
        ..options()
    };
    let (_, outcome) = run(&bytes_of(object(Some("YES")), EXPLICIT), report).unwrap();
    assert_eq!(outcome.burned_in, BurnedIn::Yes);
    let index = |object: &mut InMemDicomObject| {
        object.put(text((0x0008, 0x0016), VR::UI, "1.2.840.10008.1.3.10"));
    };
    assert_eq!(refused(None, &index), Some(Refusal::Directory));
}

#[test]
fn a_bare_data_set_gets_a_file_meta() {
    for syntax in [EXPLICIT, IMPLICIT] {
        let whole = bytes_of(object(None), syntax);
        let read = OpenFileOptions::new().from_reader(&whole[..]).unwrap();
        let mut bare = Vec::new();
        read.write_dataset(&mut bare).unwrap();
        let (after, outcome) = run(&bare, options()).unwrap();
        assert!(!outcome.had_meta);
        let meta = OpenFileOptions::new().from_reader(&after[..]).unwrap();
        let meta = meta.meta();
        assert_eq!(meta.transfer_syntax(), syntax);
        assert_eq!(meta.media_storage_sop_instance_uid(), outcome.instance);
        // The same without its preamble only.
        assert!(run(&whole[128..], options()).unwrap().1.had_meta);
        assert!(run(&whole[132..], options()).unwrap().1.had_meta);
    }
    for bytes in [&b""[..], b"DICM", b"%PDF-1.7 and so on", &[0; 200]] {
        assert!(run(bytes, options()).is_err());
    }
}

/// What cannot be known is not kept: an unknown attribute, and text in an unknown representation.
#[test]
fn the_unknown_goes() {
    let mut odd = object(None);
    let hidden = PrimitiveValue::U8(b"Zebulon Quillfeather".to_vec().into());
    odd.put(DataElement::new(
        Tag(0x0018, 0x9346),
        VR::UN,
        hidden.clone(),
    ));
    odd.put(DataElement::new(Tag(0x0018, 0x0015), VR::UN, hidden));
    odd.put(text((0x0008, 0x9999), VR::LO, "Zebulon"));
    let (after, outcome) = run(&bytes_of(odd, EXPLICIT), options()).unwrap();
    assert!(!holds(&after, "Zebulon"));
    assert!(outcome.counts.unknown >= 4, "{:?}", outcome.counts);
    let read = OpenFileOptions::new().from_reader(&after[..]).unwrap();
    assert!(read.iter().all(|element| element.tag().group() % 2 == 0));
}

static WHOLE: LazyLock<Vec<u8>> = LazyLock::new(|| bytes_of(object(None), EXPLICIT));

fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(cases(500))]

    #[test]
    fn no_damage_makes_it_panic(
        changes in proptest::collection::vec((any::<u16>(), any::<u8>()), 1..6),
        end in any::<u16>(),
    ) {
        let mut bytes = WHOLE.clone();
        for (place, byte) in changes {
            let at = 128 + usize::from(place) % (bytes.len() - 128);
            bytes[at] = byte;
        }
        let whole = end.is_multiple_of(2);
        bytes.truncate(if whole { bytes.len() } else { usize::from(end) % bytes.len() });
        if let Ok((after, _)) = run(&bytes, options()) {
            prop_assert!(OpenFileOptions::new().from_reader(&after[..]).is_ok());
        }
    }
}

/// Found by fuzzing: a text in no known character set is written longer than its length, so that
/// what follows would be read as other elements. Whatever comes out comes out again.
#[test]
fn what_comes_out_can_be_treated_again() {
    let damaged = include_bytes!("../../../fuzz/corpus/dicom/text-in-no-character-set");
    if let Ok((after, _)) = run(damaged, options()) {
        assert!(run(&after, options()).is_ok());
    }
    let (after, _) = run(&bytes_of(object(Some("NO")), EXPLICIT), options()).unwrap();
    assert!(run(&after, options()).is_ok());
}
