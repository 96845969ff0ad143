//! Where a stream of bytes may be cut: between lines, or between HL7 v2 messages, whose segments
//! end in a carriage return, a line feed or both.

use memchr::{memchr, memchr_iter, memchr2_iter, memmem, memrchr};

/// What must not be cut through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Lines; a row is a line.
    Line,
    /// HL7 v2 messages; a row is a segment.
    Message,
}

impl Unit {
    /// Where the last unit begins: what is before it is whole. `None` where there is one unit only.
    pub(crate) fn last_cut(self, bytes: &[u8]) -> Option<usize> {
        match self {
            Self::Line => memrchr(b'\n', bytes).map(|last| last + 1),
            Self::Message => {
                let mut end = bytes.len();
                while let Some(place) = memmem::rfind(&bytes[..end], b"MSH") {
                    if starts_message(bytes, place) {
                        return Some(place);
                    }
                    end = place + 2;
                }
                None
            }
        }
    }

    /// Where the unit that began before `bytes` ends.
    pub(crate) fn first_cut(self, bytes: &[u8]) -> Option<usize> {
        match self {
            Self::Line => memchr(b'\n', bytes).map(|end| end + 1),
            Self::Message => {
                memmem::find_iter(bytes, b"MSH").find(|place| starts_message(bytes, *place))
            }
        }
    }

    /// The rows in whole units.
    pub(crate) fn rows(self, bytes: &[u8]) -> u64 {
        match self {
            Self::Line => memchr_iter(b'\n', bytes).count() as u64,
            Self::Message => segments(bytes).count() as u64,
        }
    }

    /// Row `at` of the rows in `bytes`, counted from 0.
    pub(crate) fn nth(self, bytes: &[u8], at: usize) -> Option<&[u8]> {
        match self {
            Self::Line => bytes.split(|byte| *byte == b'\n').nth(at),
            Self::Message => segments(bytes).nth(at),
        }
    }

    /// Bytes at the end of a buffer that may be the start of a boundary.
    pub(crate) fn overlap(self) -> usize {
        match self {
            Self::Line => 0,
            Self::Message => 4,
        }
    }
}

/// Whether `MSH` at this place follows a segment's end and is followed by a separator.
fn starts_message(bytes: &[u8], place: usize) -> bool {
    let follows = place > 0 && matches!(bytes[place - 1], b'\r' | b'\n' | 0x0B | 0x1C);
    let separator = bytes.get(place + 3);
    follows && separator.is_some_and(u8::is_ascii_punctuation)
}

/// The segments: what stands between line ends, without the bytes of MLLP frames (start 0x0B, end
/// 0x1C) and white space around it; nothing where nothing is left.
pub(crate) fn segments(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let ends = memchr2_iter(b'\r', b'\n', bytes).chain([bytes.len()]);
    let mut start = 0;
    ends.filter_map(move |end| {
        let segment = trim(&bytes[start..end]);
        start = end + 1;
        (!segment.is_empty()).then_some(segment)
    })
}

fn trim(mut bytes: &[u8]) -> &[u8] {
    let outside = |byte: &u8| matches!(byte, 0x0B | 0x1C | b' ' | b'\t' | 0);
    while let [first, rest @ ..] = bytes
        && outside(first)
    {
        bytes = rest;
    }
    while let [rest @ .., last] = bytes
        && outside(last)
    {
        bytes = rest;
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_cut_between_and_nowhere_else() {
        let bytes = b"MSH|^~\\&|A\rPID|1|MSH|x\r\nNTE|1||MSH is a word\rMSH|^~\\&|B\nPID|2\n";
        let at = Unit::Message.last_cut(bytes).unwrap();
        assert!(bytes[at..].starts_with(b"MSH|^~\\&|B"));
        assert_eq!(Unit::Message.first_cut(bytes), Some(at));
        assert_eq!(Unit::Message.last_cut(&bytes[..at]), None);
        assert_eq!(Unit::Message.rows(bytes), 5);
    }

    #[test]
    fn frames_and_blank_lines_are_no_segments() {
        let bytes = b"\x0bMSH|^~\\&|A\r\r\nPID|1 \r\x1c\r\x0bMSH|^~\\&|B\r\x1c\r\0\0";
        let shown: Vec<_> = segments(bytes).map(String::from_utf8_lossy).collect();
        assert_eq!(shown, ["MSH|^~\\&|A", "PID|1", "MSH|^~\\&|B"]);
        let at = Unit::Message.last_cut(bytes).unwrap();
        assert!(bytes[at..].starts_with(b"MSH|^~\\&|B"));
    }
}
