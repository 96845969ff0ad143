//! The files of `shared/data/dicom` and a chest radiograph: each is de-identified or refused with
//! its reason, none panics, and no value that the profile takes away is in the bytes that come out.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use dicom_core::header::Header as _;
use dicom_core::{Tag, VR};
use dicom_object::{InMemDicomObject, OpenFileOptions};
use longitude_imaging::{
    Action, BurnedInRule, Dates, Keyed, Options, Outcome, Refusal, Subject, action_of, deidentify,
};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

/// A stand-in for the key: FNV-1a, which is enough to tell values apart.
struct Plain;

fn number(text: &str) -> u128 {
    text.bytes()
        .fold(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d, |hash, byte| {
            (hash ^ u128::from(byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b)
        })
}

impl Keyed for Plain {
    fn subject(&self, patient_id: &str) -> Subject {
        Subject {
            pseudonym: format!("P{}", number(patient_id) % 1_000_000_007),
            shift_days: 100,
        }
    }

    fn uid(&self, uid: &str) -> u128 {
        number(uid)
    }
}

fn options(dates: Dates, burned_in: BurnedInRule) -> Options {
    Options {
        dates,
        patient_characteristics: false,
        burned_in,
    }
}

/// Every file there is, or none where the data is not there.
fn files() -> Vec<PathBuf> {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let mut files = Vec::new();
    for folder in ["dicom", "cxr"] {
        let Ok(entries) = fs::read_dir(shared.join(folder)) else {
            continue;
        };
        files.extend(entries.map(|entry| entry.unwrap().path()));
    }
    files.retain(|path| path.extension().is_some_and(|end| end == "dcm"));
    files.sort();
    if files.is_empty() {
        eprintln!("LEFT OUT: 1 tests need shared/data");
    }
    files
}

fn run(path: &Path, options: Options) -> Result<(Vec<u8>, Outcome), Refusal> {
    deidentify(&fs::read(path).unwrap(), options, &Plain)
}

#[test]
fn every_file_comes_out_or_is_refused_with_its_reason() {
    let files = files();
    if files.is_empty() {
        return;
    }
    let mut shown = String::new();
    for path in &files {
        let name = path.file_name().unwrap().to_string_lossy();
        let refuse = run(path, options(Dates::Remove, BurnedInRule::Refuse));
        let report = run(path, options(Dates::Remove, BurnedInRule::Report));
        let one = |result: &Result<(Vec<u8>, Outcome), Refusal>| match result {
            Ok((_, outcome)) => format!("{:?}", outcome.burned_in),
            Err(refusal) => format!("refused: {}", refusal.kind()),
        };
        writeln!(shown, "{name:<32} {:<20} {}", one(&refuse), one(&report)).unwrap();
    }
    expect_test::expect![[r"
        Fake_MONOHR1.dcm                 refused: burned_in   Suspect
        CT_small.dcm                     NotStated            NotStated
        ExplVR_BigEnd.dcm                refused: burned_in   Suspect
        JPEG-lossy.dcm                   refused: burned_in   Suspect
        JPEG2000.dcm                     refused: burned_in   Suspect
        MR_small.dcm                     NotStated            NotStated
        MR_small_RLE.dcm                 NotStated            NotStated
        MR_small_implicit.dcm            NotStated            NotStated
        MR_small_jpeg_ls_lossless.dcm    NotStated            NotStated
        MR_truncated.dcm                 refused: data_set    refused: data_set
        SC_rgb_jpeg_dcmtk.dcm            refused: burned_in   Suspect
        badVR.dcm                        NotStated            NotStated
        empty_charset_LEI.dcm            NoPixels             NoPixels
        examples_palette.dcm             refused: burned_in   Suspect
        image_dfl.dcm                    refused: burned_in   Suspect
        liver_1frame.dcm                 NotStated            NotStated
        meta_missing_tsyntax.dcm         refused: file_meta   refused: file_meta
        no_meta.dcm                      refused: not_dicom   refused: not_dicom
        priv_SQ.dcm                      NoPixels             NoPixels
        rtdose.dcm                       NotStated            NotStated
        rtplan.dcm                       NoPixels             NoPixels
        rtstruct.dcm                     NoPixels             NoPixels
        test-SR.dcm                      NoPixels             NoPixels
        waveform_ecg.dcm                 NoPixels             NoPixels
    "]]
    .assert_eq(&shown);
}

/// What the profile takes away, by a second reading that shares no code with the first.
fn identifying(object: &InMemDicomObject, into: &mut BTreeSet<String>) {
    for element in object {
        if let Some(items) = element.items() {
            for item in items {
                identifying(item, into);
            }
            continue;
        }
        let Ok(text) = element.to_str() else { continue };
        // What private attributes say may stand elsewhere, too: they go for being unknown.
        let named = action_of(element.tag()).is_some() || element.vr() == VR::PN;
        let texts = [
            VR::PN,
            VR::LO,
            VR::SH,
            VR::LT,
            VR::ST,
            VR::UT,
            VR::UI,
            VR::DA,
            VR::DT,
            VR::AE,
        ];
        if !named || !texts.contains(&element.vr()) {
            continue;
        }
        for value in text.split('\\') {
            let value = value.trim_matches([' ', '\0']);
            // The standard's own UIDs name nobody.
            if value.len() >= 6 && !value.starts_with("1.2.840.10008.") {
                into.insert(value.to_owned());
            }
            if element.vr() == VR::PN {
                let parts = value.split(['^', '=']).filter(|part| part.len() >= 5);
                into.extend(parts.map(str::to_owned));
            }
        }
    }
}

fn holds(bytes: &[u8], value: &str) -> bool {
    bytes
        .windows(value.len())
        .any(|window| window == value.as_bytes())
}

#[test]
fn no_identifying_value_is_in_the_bytes_that_come_out() {
    let (mut looked_for, mut files_read) = (0, 0);
    for path in files() {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let Ok(before) = OpenFileOptions::new().open_file(&path) else {
            continue;
        };
        let mut values = BTreeSet::new();
        identifying(&before, &mut values);
        for dates in [Dates::Remove, Dates::Shift] {
            let Ok((bytes, _)) = run(&path, options(dates, BurnedInRule::Report)) else {
                continue;
            };
            files_read += 1;
            let left: Vec<_> = values.iter().filter(|value| holds(&bytes, value)).collect();
            assert!(left.is_empty(), "{name}, {dates:?}: {left:?}");
            looked_for += values.len();
        }
    }
    assert!(
        files_read == 0 || (files_read > 30 && looked_for > 300),
        "{looked_for}"
    );
}

#[test]
fn what_comes_out_says_what_was_done_and_fits_itself() {
    for path in files() {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let Ok((bytes, outcome)) = run(&path, options(Dates::Shift, BurnedInRule::Report)) else {
            continue;
        };
        let after = OpenFileOptions::new().from_reader(&bytes[..]);
        let after = after.unwrap_or_else(|error| panic_with(&name, &error));
        let text = |tag: Tag| {
            after
                .get(tag)
                .map(|e| e.to_str().unwrap().trim().to_owned())
        };
        assert_eq!(text(Tag(0x0012, 0x0062)).as_deref(), Some("YES"), "{name}");
        assert_eq!(
            text(Tag(0x0028, 0x0303)).as_deref(),
            Some("MODIFIED"),
            "{name}"
        );
        let codes = after.get(Tag(0x0012, 0x0064)).unwrap().items().unwrap();
        let code = |item: &InMemDicomObject| {
            item.get(Tag(0x0008, 0x0100))
                .unwrap()
                .to_str()
                .unwrap()
                .into_owned()
        };
        assert_eq!(
            codes.iter().map(code).collect::<Vec<_>>(),
            ["113100", "113107"]
        );
        let instance = text(Tag(0x0008, 0x0018)).unwrap_or_default();
        assert_eq!(
            after
                .meta()
                .media_storage_sop_instance_uid()
                .trim_end_matches('\0'),
            instance
        );
        assert_eq!(outcome.instance, instance);
        assert!(
            instance.is_empty() || instance.starts_with("2.25."),
            "{name}"
        );
        assert_eq!(after.meta().source_application_entity_title(), None);
        assert!(
            bytes[..128].iter().all(|byte| *byte == 0),
            "the preamble tells nothing"
        );
        nothing_of_the_table(&after, &name);
        // The same file again is the same bytes.
        assert_eq!(
            run(&path, options(Dates::Shift, BurnedInRule::Report))
                .unwrap()
                .0,
            bytes
        );
    }
}

#[expect(clippy::panic, reason = "a test fails by panicking")]
fn panic_with(name: &str, error: &dyn std::error::Error) -> ! {
    panic!("{name}: {error}")
}

/// No attribute that the profile removes is there, and none that it empties has a value but the
/// pseudonym, at any depth.
fn nothing_of_the_table(object: &InMemDicomObject, name: &str) {
    for element in object {
        let tag = element.tag();
        assert_eq!(tag.group() % 2, 0, "{name}: {tag} is private");
        let temporal = matches!(element.vr(), VR::DA | VR::DT | VR::TM);
        match action_of(tag) {
            Some(Action::Remove) if !temporal => assert!(false_at(name, tag)),
            Some(Action::Empty) if !temporal && tag.group() != 0x0010 => {
                let text = element.to_str().unwrap_or_default();
                assert_eq!(text.trim(), "", "{name}: {tag}");
            }
            _ => {}
        }
        for item in element.items().unwrap_or_default() {
            nothing_of_the_table(item, name);
        }
    }
}

fn false_at(name: &str, tag: Tag) -> bool {
    eprintln!("{name}: {tag} is there");
    false
}
