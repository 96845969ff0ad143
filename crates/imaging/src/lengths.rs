//! A walk over the lengths of a file before it is parsed: no element may claim more bytes than
//! there are. The parser behind it sets aside what an element claims, and four bytes can claim four
//! gigabytes.
//!
//! It is no parser: it looks at tags, representations and lengths (PS3.5, section 7), and makes
//! nothing of values but the transfer syntax.

use dicom_core::dictionary::{DataDictionary as _, DataDictionaryEntry as _};
use dicom_core::{Tag, VR};
use dicom_dictionary_std::StandardDataDictionary;

/// How the data set of a file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    ExplicitLittle,
    ExplicitBig,
    ImplicitLittle,
}

/// What the file meta says, and where the data set begins.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) syntax: String,
    pub(crate) data_at: usize,
}

/// Where the lengths do not fit: the byte of the element, what it claims and what there is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Misfit {
    pub(crate) at: usize,
    pub(crate) claimed: u64,
    pub(crate) left: u64,
}

const TRANSFER_SYNTAX: Tag = Tag(0x0002, 0x0010);
const ITEM_GROUP: u16 = 0xFFFE;
const ITEM: Tag = Tag(ITEM_GROUP, 0xE000);
const ITEM_END: Tag = Tag(ITEM_GROUP, 0xE00D);
const SEQUENCE_END: Tag = Tag(ITEM_GROUP, 0xE0DD);
/// The first group that a data set may have.
const FIRST_GROUP: u16 = 0x0004;
const UNDEFINED: u32 = u32::MAX;
/// Deeper nesting is no record but an attack on the stack.
const DEPTH_MAX: u32 = 64;

/// An element's head.
struct Header {
    tag: Tag,
    vr: Option<VR>,
    length: u32,
    value_at: usize,
}

impl Form {
    /// The form of a transfer syntax; all encapsulated ones are explicit and little.
    pub(crate) fn of(syntax: &str) -> Self {
        match syntax {
            "1.2.840.10008.1.2" => Self::ImplicitLittle,
            "1.2.840.10008.1.2.2" => Self::ExplicitBig,
            _ => Self::ExplicitLittle,
        }
    }
}

/// The file meta of bytes that start with its first element.
pub(crate) fn head(bytes: &[u8]) -> Result<Head, Misfit> {
    let (mut at, mut syntax) = (0, String::new());
    while let Some(header) = header(bytes, at, Form::ExplicitLittle) {
        if header.tag.group() != TRANSFER_SYNTAX.group() {
            break;
        }
        let end = end_of(bytes, at, &header)?;
        if header.tag == TRANSFER_SYNTAX {
            let text = String::from_utf8_lossy(&bytes[header.value_at..end]);
            text.trim_matches([' ', '\0']).clone_into(&mut syntax);
        }
        at = end;
    }
    Ok(Head {
        syntax,
        data_at: at,
    })
}

/// Checks every length of a data set, and its depth. What lies behind the last whole header is left
/// to the parser.
pub(crate) fn check(bytes: &[u8], form: Form) -> Result<(), Misfit> {
    let (mut at, mut depth, mut fragments) = (0, 0_u32, false);
    while let Some(header) = header(bytes, at, form) {
        // Groups of commands and of the file meta have no place here (PS3.5, section 7.1): sorted
        // to the front, they would make what is written unreadable.
        if header.tag.group() < FIRST_GROUP {
            return Err(misfit(bytes, at, &header));
        }
        let delimiter = header.tag.group() == ITEM_GROUP && header.tag != ITEM;
        if delimiter {
            // The parser takes any other tag of the group, and a delimiter that has a length, for
            // an element with a value.
            if header.length != 0 || ![ITEM_END, SEQUENCE_END].contains(&header.tag) {
                return Err(misfit(bytes, at, &header));
            }
            fragments = false;
            depth = depth.saturating_sub(u32::from(header.tag == SEQUENCE_END));
            at = header.value_at;
            continue;
        }
        let entered = (header.tag == ITEM && !fragments) || is_sequence(&header);
        if entered {
            // Of a container with a length the length must fit; its content is walked.
            if header.length != UNDEFINED {
                end_of(bytes, at, &header)?;
            } else if header.tag != ITEM {
                depth += 1;
                fragments = matches!(header.vr, Some(VR::OB | VR::OW));
                // What follows must be an item or the end: the parser reads anything else in
                // another way than this walk does.
                let first = bytes.get(header.value_at..header.value_at + 2);
                let group = if form == Form::ExplicitBig {
                    ITEM_GROUP.to_be_bytes()
                } else {
                    ITEM_GROUP.to_le_bytes()
                };
                if first.is_some_and(|first| first != group) {
                    return Err(misfit(bytes, at, &header));
                }
            }
            if depth > DEPTH_MAX {
                return Err(misfit(bytes, at, &header));
            }
            at = header.value_at;
        } else {
            at = end_of(bytes, at, &header)?;
        }
    }
    Ok(())
}

fn is_sequence(header: &Header) -> bool {
    header.tag != ITEM && (header.length == UNDEFINED || header.vr == Some(VR::SQ))
}

/// Bytes of one value of a representation of fixed size (PS3.5, table 6.2-1). Of a length that is
/// no multiple the parser leaves the rest, and takes it for the next element.
fn value_bytes(vr: VR) -> u32 {
    match vr {
        VR::SS | VR::US | VR::OW => 2,
        VR::AT | VR::FL | VR::OF | VR::OL | VR::SL | VR::UL => 4,
        VR::FD | VR::OD | VR::OV | VR::SV | VR::UV => 8,
        VR::AE
        | VR::AS
        | VR::CS
        | VR::DA
        | VR::DS
        | VR::DT
        | VR::IS
        | VR::LO
        | VR::LT
        | VR::OB
        | VR::PN
        | VR::SH
        | VR::SQ
        | VR::ST
        | VR::TM
        | VR::UC
        | VR::UI
        | VR::UN
        | VR::UR
        | VR::UT => 1,
    }
}

fn end_of(bytes: &[u8], at: usize, header: &Header) -> Result<usize, Misfit> {
    let whole = header.vr.map_or(1, value_bytes);
    if !header.length.is_multiple_of(whole) {
        return Err(misfit(bytes, at, header));
    }
    let length = usize::try_from(header.length).ok();
    let end = length.and_then(|length| header.value_at.checked_add(length));
    end.filter(|end| *end <= bytes.len())
        .ok_or_else(|| misfit(bytes, at, header))
}

fn misfit(bytes: &[u8], at: usize, header: &Header) -> Misfit {
    Misfit {
        at,
        claimed: u64::from(header.length),
        left: bytes.len().saturating_sub(header.value_at) as u64,
    }
}

/// The head at a place; `None` where too few bytes are left for one.
fn header(bytes: &[u8], at: usize, form: Form) -> Option<Header> {
    let big = form == Form::ExplicitBig;
    let short = |at: usize| {
        let pair: [u8; 2] = bytes.get(at..at + 2)?.try_into().ok()?;
        Some(if big {
            u16::from_be_bytes(pair)
        } else {
            u16::from_le_bytes(pair)
        })
    };
    let long = |at: usize| {
        let four: [u8; 4] = bytes.get(at..at + 4)?.try_into().ok()?;
        Some(if big {
            u32::from_be_bytes(four)
        } else {
            u32::from_le_bytes(four)
        })
    };
    let tag = Tag(short(at)?, short(at + 2)?);
    let of = |vr, length, value_at| {
        Some(Header {
            tag,
            vr,
            length,
            value_at,
        })
    };
    if tag.group() == ITEM_GROUP {
        return of(None, long(at + 4)?, at + 8);
    }
    if form == Form::ImplicitLittle {
        let entry = StandardDataDictionary.by_tag(tag);
        let vr = entry.map(|entry| entry.vr().relaxed());
        return of(vr, long(at + 4)?, at + 8);
    }
    let vr = VR::from_binary([*bytes.get(at + 4)?, *bytes.get(at + 5)?]);
    let is_short = matches!(
        vr,
        Some(
            VR::AE
                | VR::AS
                | VR::AT
                | VR::CS
                | VR::DA
                | VR::DS
                | VR::DT
                | VR::FD
                | VR::FL
                | VR::IS
                | VR::LO
                | VR::LT
                | VR::PN
                | VR::SH
                | VR::SL
                | VR::SS
                | VR::ST
                | VR::TM
                | VR::UI
                | VR::UL
                | VR::US
        )
    );
    if is_short {
        return of(vr, u32::from(short(at + 6)?), at + 8);
    }
    of(vr, long(at + 8)?, at + 12)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// (0008,0060) CS `CT`.
    const MODALITY: [u8; 10] = *b"\x08\x00\x60\x00CS\x02\x00CT";

    #[test]
    fn a_length_over_the_end_is_told_with_its_place() {
        assert_eq!(check(&MODALITY, Form::ExplicitLittle), Ok(()));
        let pixels = b"\xE0\x7F\x10\x00OB\x00\x00\xF0\xFF\xFF\xFF\x01\x02";
        let bytes = [&MODALITY[..], pixels].concat();
        let misfit = Misfit {
            at: 10,
            claimed: 0xFFFF_FFF0,
            left: 2,
        };
        assert_eq!(check(&bytes, Form::ExplicitLittle), Err(misfit));
        let implicit = b"\x08\x00\x60\x00\x09\x00\x00\x00CT";
        assert_eq!(
            check(implicit, Form::ImplicitLittle).unwrap_err().claimed,
            9
        );
        assert_eq!(check(implicit, Form::ImplicitLittle).unwrap_err().left, 2);
    }

    #[test]
    fn what_is_nested_is_walked() {
        let sequence = b"\x08\x00\x40\x11SQ\x00\x00\xFF\xFF\xFF\xFF";
        let item = b"\xFE\xFF\x00\xE0\xFF\xFF\xFF\xFF";
        let long = b"\x08\x00\x60\x00CS\xFF\x00CT";
        let bytes = [&sequence[..], item, long].concat();
        assert_eq!(check(&bytes, Form::ExplicitLittle).unwrap_err().at, 20);
        let deep = [&sequence[..], item].concat().repeat(70);
        assert!(check(&deep, Form::ExplicitLittle).is_err());
        // A fragment of pixels is no data set.
        let pixels = b"\xE0\x7F\x10\x00OB\x00\x00\xFF\xFF\xFF\xFF";
        let fragment = b"\xFE\xFF\x00\xE0\x04\x00\x00\x00\x08\x00\x60\x00";
        let end = b"\xFE\xFF\xDD\xE0\x00\x00\x00\x00";
        let bytes = [&pixels[..], fragment, end, &MODALITY].concat();
        assert_eq!(check(&bytes, Form::ExplicitLittle), Ok(()));
    }

    /// Found by fuzzing: behind an element of no known representation and no stated length, what
    /// the parser took for a length was another number than what this walk took for one.
    #[test]
    fn a_container_of_no_length_holds_items() {
        let unknown = b"\xFF\xFF\x16\x00\x00\x00\x00\x00\xFF\xFF\xFF\xFF";
        let item = b"\xFE\xFF\x00\xE0\xFF\xFF\xFF\xFF";
        let bytes = [&unknown[..], item].concat();
        assert_eq!(check(&bytes, Form::ExplicitLittle), Ok(()));
        let bytes = [&unknown[..], &MODALITY].concat();
        assert_eq!(check(&bytes, Form::ExplicitLittle).unwrap_err().at, 0);
    }

    /// An element of a command.
    #[test]
    fn groups_of_commands_are_refused() {
        let bytes = [&MODALITY[..], b"\x00\x00\x00\x00FL\x00\x00"].concat();
        assert_eq!(check(&bytes, Form::ExplicitLittle).unwrap_err().at, 10);
    }

    /// And a length of 22 bytes for numbers of 4.
    #[test]
    fn numbers_come_whole() {
        let numbers = b"\x08\x00\x16\x00FL\x06\x00";
        let bytes = [&numbers[..], &[0; 6], &MODALITY].concat();
        assert_eq!(check(&bytes, Form::ExplicitLittle).unwrap_err().claimed, 6);
        let numbers = b"\x08\x00\x16\x00FL\x08\x00";
        let bytes = [&numbers[..], &[0; 8], &MODALITY].concat();
        assert_eq!(check(&bytes, Form::ExplicitLittle), Ok(()));
    }

    /// Found by fuzzing, too.
    #[test]
    fn a_delimiter_is_one_of_two_and_has_no_length() {
        let other = b"\xFE\xFF\x02\x01\x00\x00\x00\xFF";
        let long = b"\xFE\xFF\xDD\xE0\x00\x00\x00\xFF";
        for end in [other, long] {
            let bytes = [&MODALITY[..], end].concat();
            assert_eq!(check(&bytes, Form::ExplicitLittle).unwrap_err().at, 10);
        }
    }
}
