//! A file from bytes to bytes: reading with or without file meta, the profile, the method codes,
//! and a file meta that fits.

use crate::burned_in::BurnedIn;
use crate::header::{Counts, PATIENT_ID, Profile};
use crate::known::Known;
use crate::lengths::{self, Form, Misfit};
use crate::options::{BurnedInRule, Dates, Keyed, Options};
use crate::table::EDITION;
use dicom_core::header::Header;
use dicom_core::value::{DataSetSequence, PrimitiveValue, Value};
use dicom_core::{DataElement, Length, Tag, VR};
use dicom_object::file::ReadPreamble;
use dicom_object::meta::FileMetaTableBuilder;
use dicom_object::{DefaultDicomObject, InMemDicomObject, OpenFileOptions};
use serde::{Deserialize, Serialize};
use std::io::Read as _;

const SOP_CLASS: Tag = Tag(0x0008, 0x0016);
const SOP_INSTANCE: Tag = Tag(0x0008, 0x0018);
const STUDY: Tag = Tag(0x0020, 0x000D);
const SERIES: Tag = Tag(0x0020, 0x000E);
const IDENTITY_REMOVED: Tag = Tag(0x0012, 0x0062);
const METHOD: Tag = Tag(0x0012, 0x0063);
const METHOD_CODES: Tag = Tag(0x0012, 0x0064);
const TEMPORAL_MODIFIED: Tag = Tag(0x0028, 0x0303);
/// Media Storage Directory Storage: an index of other files, made of what identifies.
const DICOMDIR: &str = "1.2.840.10008.1.3.10";
const EXPLICIT: &str = "1.2.840.10008.1.2.1";
const DEFLATED: &str = "1.2.840.10008.1.2.1.99";
/// What a deflated file may become: no header is larger, and a bomb is.
const INFLATED_BYTES_MAX: u64 = 1 << 30;
const IMPLICIT: &str = "1.2.840.10008.1.2";
/// This program as an implementation: a UUID drawn once for it, in the arc 2.25.
const IMPLEMENTATION: &str = "2.25.230182374150173950411923466217840124771";
const PREAMBLE_BYTES: usize = 128;
const MAGIC: &[u8] = b"DICM";

/// A file that was not de-identified, and of which nothing was written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The bytes are no DICOM file.
    #[error("not a DICOM file")]
    NotDicom,
    /// The file meta cannot be read.
    #[error("the file meta cannot be read: {0}")]
    Meta(String),
    /// The data set cannot be read to its end.
    #[error("the data set cannot be read: {0}")]
    DataSet(String),
    /// An index of other files.
    #[error("a DICOMDIR, which is an index of other files and names patients")]
    Directory,
    /// The pixels may show who it is.
    #[error("the pixels may show who it is ({0:?})")]
    BurnedIn(BurnedIn),
    /// The de-identified file cannot be written in its transfer syntax.
    #[error("the de-identified file cannot be written: {0}")]
    Write(String),
}

impl Refusal {
    /// A short name for counting.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::NotDicom => "not_dicom",
            Self::Meta(_) => "file_meta",
            Self::DataSet(_) => "data_set",
            Self::Directory => "dicomdir",
            Self::BurnedIn(_) => "burned_in",
            Self::Write(_) => "write",
        }
    }

    /// What to do about it.
    pub fn mend(&self) -> &'static str {
        match self {
            Self::NotDicom => "leave it out, or export it again as DICOM Part 10",
            Self::Meta(_) => "export it again with its transfer syntax in the file meta",
            Self::DataSet(_) => "the file is truncated or damaged: get it again from its source",
            Self::Directory => "make a new DICOMDIR of the de-identified files",
            Self::BurnedIn(_) => {
                "look at the pixels and mask them, then state (0028,0301) NO; or set burned_in = \
                 \"report\" in the policy and answer for it"
            }
            Self::Write(_) => "convert it to Explicit VR Little Endian first",
        }
    }
}

/// What was done to a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// The pseudonym of its patient.
    pub subject: String,
    /// The new UIDs of study, series and instance; empty where the file has none.
    pub study: String,
    /// See `study`.
    pub series: String,
    /// See `study`.
    pub instance: String,
    /// What is known of identity in the pixels.
    pub burned_in: BurnedIn,
    /// Whether the file had a file meta of its own.
    pub had_meta: bool,
    /// Whether it named its patient.
    pub had_patient: bool,
    /// What was done to its elements.
    pub counts: Counts,
}

/// De-identifies a file.
///
/// # Errors
/// When the bytes are no whole DICOM file, its pixels may show who it is and the options do not let
/// that pass, or it cannot be written again.
pub fn deidentify(
    bytes: &[u8],
    options: Options,
    keyed: &dyn Keyed,
) -> Result<(Vec<u8>, Outcome), Refusal> {
    let (file, had_meta) = read(bytes)?;
    let syntax = trimmed(file.meta().transfer_syntax());
    let object = file.into_inner();
    let class = text_of(&object, SOP_CLASS);
    if class == DICOMDIR {
        return Err(Refusal::Directory);
    }
    let burned_in = BurnedIn::of(&object);
    if burned_in.is_dangerous() && options.burned_in == BurnedInRule::Refuse {
        return Err(Refusal::BurnedIn(burned_in));
    }
    let patient = text_of(&object, PATIENT_ID);
    let mut profile = Profile {
        options,
        keyed,
        subject: keyed.subject(&patient_or_study(&patient, &object)),
        known: Known::default(),
        counts: Counts::default(),
    };
    profile.learn(&object);
    let mut object = profile.object(object, false);
    state_method(&mut object, options);
    let outcome = Outcome {
        subject: profile.subject.pseudonym.clone(),
        study: text_of(&object, STUDY),
        series: text_of(&object, SERIES),
        instance: text_of(&object, SOP_INSTANCE),
        burned_in,
        had_meta,
        had_patient: !patient.is_empty(),
        counts: profile.counts,
    };
    let written = write(object, &class, &outcome.instance, &syntax)?;
    Ok((written, outcome))
}

/// Who has no identifier is known by the study.
fn patient_or_study(patient: &str, object: &InMemDicomObject) -> String {
    if patient.is_empty() {
        format!("study {}", text_of(object, STUDY))
    } else {
        patient.to_owned()
    }
}

/// Reads a file; without preamble and file meta as a bare data set, whose form its first bytes
/// tell.
fn read(bytes: &[u8]) -> Result<(DefaultDicomObject, bool), Refusal> {
    let magic_at = |at: usize| bytes.get(at..at + MAGIC.len()) == Some(MAGIC);
    if magic_at(PREAMBLE_BYTES) {
        return Ok((parse(&bytes[PREAMBLE_BYTES..])?, true));
    }
    if magic_at(0) {
        return Ok((parse(bytes)?, true));
    }
    let head: [u8; 6] = bytes
        .get(..6)
        .and_then(|head| head.try_into().ok())
        .ok_or(Refusal::NotDicom)?;
    let group = u16::from_le_bytes([head[0], head[1]]);
    if group == 2 {
        let whole = [MAGIC, bytes].concat();
        return Ok((parse(&whole)?, true));
    }
    let explicit = VR::from_binary([head[4], head[5]]).is_some();
    let short = head[4] as usize + 256 * head[5] as usize;
    // A data set starts with one of the first groups; an implicit one with a length that fits.
    if !matches!(group, 4 | 8) || (!explicit && short > bytes.len()) {
        return Err(Refusal::NotDicom);
    }
    let syntax = if explicit { EXPLICIT } else { IMPLICIT };
    Ok((data_set(syntax, bytes)?, false))
}

/// Parses bytes that start with the magic code. Of the file meta only the transfer syntax is
/// taken, for what comes out has a file meta of its own.
fn parse(bytes: &[u8]) -> Result<DefaultDicomObject, Refusal> {
    let after_magic = &bytes[MAGIC.len()..];
    let head = lengths::head(after_magic).map_err(|found| Refusal::Meta(told(&found)))?;
    if head.syntax.is_empty() {
        return Err(Refusal::Meta("it names no transfer syntax".to_owned()));
    }
    let data = &after_magic[head.data_at..];
    if head.syntax == DEFLATED {
        return data_set(EXPLICIT, &inflated(data)?);
    }
    data_set(&head.syntax, data)
}

fn told(misfit: &Misfit) -> String {
    format!(
        "the element at byte {} claims {} bytes ({} are left), which cannot be",
        misfit.at, misfit.claimed, misfit.left
    )
}

/// A deflated data set as an explicit one, in which form it is written, too.
fn inflated(deflated: &[u8]) -> Result<Vec<u8>, Refusal> {
    let mut data = Vec::new();
    let mut reader = flate2::read::DeflateDecoder::new(deflated).take(INFLATED_BYTES_MAX);
    let read = reader.read_to_end(&mut data);
    read.map_err(|error| Refusal::DataSet(error.to_string()))?;
    if data.len() as u64 == INFLATED_BYTES_MAX {
        let what = format!("it inflates to more than {INFLATED_BYTES_MAX} bytes");
        return Err(Refusal::DataSet(what));
    }
    Ok(data)
}

/// Parses a bare data set, once all its lengths fit, behind a file meta of its form.
fn data_set(syntax: &str, data: &[u8]) -> Result<DefaultDicomObject, Refusal> {
    let fits = lengths::check(data, Form::of(syntax));
    fits.map_err(|found| Refusal::DataSet(told(&found)))?;
    let mut before = MAGIC.to_vec();
    let written = meta(syntax, "", "")?.write(&mut before);
    written.map_err(|error| Refusal::Meta(chain(&error)))?;
    let options = OpenFileOptions::new().read_preamble(ReadPreamble::Never);
    let read = options.from_reader(before.chain(data));
    read.map_err(|error| Refusal::DataSet(chain(&error)))
}

/// An error and its causes, without any value of the file: dicom-rs names tags, positions and
/// lengths; what it quotes is cut.
fn chain(error: &dyn std::error::Error) -> String {
    let mut texts = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next {
        let text = error.to_string();
        let plain = text.split(['`', '"', '\'']).next().unwrap_or("");
        texts.push(plain.trim_end().to_owned());
        next = error.source();
    }
    texts.dedup();
    texts.join(": ")
}

fn meta(syntax: &str, class: &str, instance: &str) -> Result<dicom_object::FileMetaTable, Refusal> {
    let meta = FileMetaTableBuilder::new()
        .transfer_syntax(syntax)
        .media_storage_sop_class_uid(class)
        .media_storage_sop_instance_uid(instance)
        .implementation_class_uid(IMPLEMENTATION)
        .implementation_version_name("LONGITUDE_0.1")
        .build();
    meta.map_err(|error| Refusal::Meta(chain(&error)))
}

fn write(
    object: InMemDicomObject,
    class: &str,
    instance: &str,
    syntax: &str,
) -> Result<Vec<u8>, Refusal> {
    let tags: Vec<Tag> = object.iter().map(Header::tag).collect();
    let file = object.with_exact_meta(meta(syntax, class, instance)?);
    let mut bytes = Vec::new();
    let written = file.write_all(&mut bytes);
    written.map_err(|error| Refusal::Write(chain(&error)))?;
    // What a damaged file became may not be readable, or be read as other elements than were meant;
    // then nothing is handed on.
    let options = OpenFileOptions::new().read_preamble(ReadPreamble::Never);
    let whole = options.from_reader(&bytes[PREAMBLE_BYTES..]);
    whole.map_err(|error| Refusal::Write(chain(&error)))?;
    let again = parse(&bytes[PREAMBLE_BYTES..]);
    let again = again.map_err(|refusal| Refusal::Write(refusal.to_string()))?;
    if !again.iter().map(Header::tag).eq(tags) {
        let what = "what was written is read as other elements".to_owned();
        return Err(Refusal::Write(what));
    }
    Ok(bytes)
}

/// Says that identity was removed, and by which method and options (PS3.15, E.1.1; codes of
/// PS3.16, context group 7050).
fn state_method(object: &mut InMemDicomObject, options: Options) {
    let mut codes = vec![("113100", "Basic Application Confidentiality Profile")];
    if options.dates == Dates::Shift {
        let meaning = "Retain Longitudinal Temporal Information Modified Dates Option";
        codes.push(("113107", meaning));
    }
    if options.patient_characteristics {
        codes.push(("113108", "Retain Patient Characteristics Option"));
    }
    let text = |tag, vr, text: &str| DataElement::new(tag, vr, PrimitiveValue::from(text));
    object.put(text(IDENTITY_REMOVED, VR::CS, "YES"));
    let program = concat!("longitude ", env!("CARGO_PKG_VERSION"));
    let profile = format!("PS3.15 {EDITION} Basic Application Confidentiality Profile");
    let method = PrimitiveValue::Strs(vec![program.to_owned(), profile].into());
    object.put(DataElement::new(METHOD, VR::LO, method));
    let items = codes.into_iter().map(|(value, meaning)| {
        InMemDicomObject::from_element_iter([
            text(Tag(0x0008, 0x0100), VR::SH, value),
            text(Tag(0x0008, 0x0102), VR::SH, "DCM"),
            text(Tag(0x0008, 0x0104), VR::LO, meaning),
        ])
    });
    let sequence = DataSetSequence::new(items.collect::<Vec<_>>(), Length::UNDEFINED);
    object.put(DataElement::new(
        METHOD_CODES,
        VR::SQ,
        Value::Sequence(sequence),
    ));
    let modified = match options.dates {
        Dates::Remove => "REMOVED",
        Dates::Shift => "MODIFIED",
    };
    object.put(text(TEMPORAL_MODIFIED, VR::CS, modified));
}

fn text_of(object: &InMemDicomObject, tag: Tag) -> String {
    let text = object.get(tag).and_then(|element| element.to_str().ok());
    text.map_or(String::new(), |text| trimmed(&text))
}

fn trimmed(text: &str) -> String {
    text.trim_matches([' ', '\0']).to_owned()
}
