//! Escape sequences of HL7 v2 (chapter 2.7) and the character sets of MSH-18.

use super::message::Separators;
use encoding_rs::Encoding;
use std::borrow::Cow;

/// The longest escape sequence that is looked for; further on the sign stands for itself.
const SEQUENCE_BYTES_MAX: usize = 200;

/// The text that is meant. What is no escape sequence stays as it is.
pub(crate) fn unescape(text: &str, separators: Separators) -> Cow<'_, str> {
    let sign = separators.escape;
    if !text.contains(sign) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once(sign) {
        out.push_str(before);
        if let Some((meant, further)) = sequence(behind, separators) {
            out.push_str(&meant);
            rest = further;
        } else {
            out.push(sign);
            rest = behind;
        }
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// What the sequence at the start of `behind` (after the sign) means, and what follows it.
fn sequence(behind: &str, separators: Separators) -> Option<(Cow<'static, str>, &str)> {
    let end = behind.find(separators.escape)?;
    if end == 0 || end > SEQUENCE_BYTES_MAX {
        return None;
    }
    let (inside, further) = (
        &behind[..end],
        &behind[end + separators.escape.len_utf8()..],
    );
    let one = |sign: char| Some(Cow::Owned(sign.to_string()));
    let meant = match inside {
        "F" => one(separators.field),
        "S" => one(separators.component),
        "R" => one(separators.repetition),
        "T" => one(separators.sub_component),
        "E" => one(separators.escape),
        "P" => one('#'),
        // Highlighting on and off.
        "H" | "N" => Some(Cow::Borrowed("")),
        _ => None,
    };
    if let Some(meant) = meant {
        return Some((meant, further));
    }
    let meant = match inside.as_bytes()[0] {
        b'X' => Cow::Owned(hexadecimal(&inside[1..])?),
        b'.' => formatting(&inside[1..])?,
        // Changes of character set and local sequences: a sign of the sender's alone.
        b'C' | b'M' if inside[1..].bytes().all(|byte| byte.is_ascii_hexdigit()) => {
            Cow::Borrowed("")
        }
        b'Z' if inside.len() <= 20 && !inside.contains(' ') => Cow::Borrowed(""),
        _ => return None,
    };
    Some((meant, further))
}

/// Formatting commands of FT fields: those that end a line do so, the others vanish.
fn formatting(command: &str) -> Option<Cow<'static, str>> {
    let name = command.get(..2)?;
    match name {
        "br" | "sp" | "ce" => Some(Cow::Borrowed("\n")),
        "in" | "ti" | "fi" | "nf" | "sk" => Some(Cow::Borrowed(" ")),
        _ => None,
    }
}

/// Pairs of hexadecimal digits as UTF-8, else as ISO 8859-1.
fn hexadecimal(digits: &str) -> Option<String> {
    if digits.is_empty() || digits.len() % 2 == 1 {
        return None;
    }
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let mut bytes = Vec::with_capacity(digits.len() / 2);
    for pair in digits.as_bytes().chunks(2) {
        let value = digit(pair[0])? * 16 + digit(pair[1])?;
        bytes.push(u8::try_from(value).ok()?);
    }
    let text = String::from_utf8(bytes);
    Some(text.unwrap_or_else(|error| error.as_bytes().iter().copied().map(char::from).collect()))
}

/// How the characters of a message were told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Characters {
    /// As the message says, or in ASCII or UTF-8.
    AsStated,
    /// Not UTF-8, and nothing else is stated: read as Windows-1252, the superset of ISO 8859-1.
    Guessed,
    /// In the stated character set some bytes mean nothing; they became U+FFFD.
    Damaged,
    /// The stated character set is not known; read as UTF-8 or Windows-1252.
    Unknown,
}

/// The text of a message whose MSH-18 says `stated`.
pub(crate) fn decode<'b>(bytes: &'b [u8], stated: &str) -> (Cow<'b, str>, Characters) {
    let label = match stated {
        "" | "ASCII" | "UNICODE UTF-8" | "UTF-8" | "UNICODE" => None,
        stated => Some(encoding(stated)),
    };
    match (label, std::str::from_utf8(bytes)) {
        (None, Ok(text)) => (Cow::Borrowed(text), Characters::AsStated),
        (Some(None), Ok(text)) => (Cow::Borrowed(text), Characters::Unknown),
        (Some(Some(encoding)), _) => {
            let (text, is_damaged) = encoding.decode_without_bom_handling(bytes);
            let how = if is_damaged {
                Characters::Damaged
            } else {
                Characters::AsStated
            };
            (text, how)
        }
        (unknown, Err(_)) => {
            let (text, _) = encoding_rs::WINDOWS_1252.decode_without_bom_handling(bytes);
            let how = if unknown.is_none() {
                Characters::Guessed
            } else {
                Characters::Unknown
            };
            (text, how)
        }
    }
}

/// The character set of a name in HL7 table 0211.
fn encoding(name: &str) -> Option<&'static Encoding> {
    let upper = name.to_ascii_uppercase();
    let label = match upper.as_str() {
        "8859/1" => "iso-8859-1",
        "8859/2" => "iso-8859-2",
        "8859/3" => "iso-8859-3",
        "8859/4" => "iso-8859-4",
        "8859/5" => "iso-8859-5",
        "8859/6" => "iso-8859-6",
        "8859/7" => "iso-8859-7",
        "8859/8" => "iso-8859-8",
        "8859/9" => "windows-1254",
        "8859/15" => "iso-8859-15",
        "GB 18030-2000" | "GB 18030" => "gb18030",
        "BIG-5" => "big5",
        "KS X 1001" => "euc-kr",
        "ISO IR87" | "ISO IR159" | "ISO IR14" => "iso-2022-jp",
        other => return Encoding::for_label(other.as_bytes()),
    };
    Encoding::for_label(label.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_mean_what_chapter_2_says() {
        let usual = Separators::of_header("MSH|^~\\&|").unwrap();
        let cases = [
            ("plain", "plain"),
            ("a\\F\\b\\S\\c\\T\\d\\R\\e\\E\\f", "a|b^c&d~e\\f"),
            ("one\\.br\\two\\.sp2\\three", "one\ntwo\nthree"),
            ("\\H\\bold\\N\\ \\.in+4\\x", "bold  x"),
            ("\\X0D0A\\|", "\r\n|"),
            ("\\XE9\\ \\XC3A9\\", "é é"),
            ("\\Zlocal\\x", "x"),
            ("C:\\dir\\file", "C:\\dir\\file"),
            ("open\\", "open\\"),
            ("\\\\", "\\\\"),
            ("\\XZZ\\", "\\XZZ\\"),
            ("\\.zz\\", "\\.zz\\"),
        ];
        for (text, meant) in cases {
            assert_eq!(unescape(text, usual), meant, "{text}");
        }
    }

    #[test]
    fn character_sets_by_msh_18() {
        let show = |bytes: &[u8], stated: &str| {
            let (text, how) = decode(bytes, stated);
            format!("{text} {how:?}")
        };
        assert_eq!(show("é".as_bytes(), ""), "é AsStated");
        assert_eq!(show(b"\xE9", ""), "é Guessed");
        assert_eq!(show(b"\xE9", "8859/1"), "é AsStated");
        assert_eq!(show(b"\xE6", "8859/2"), "ć AsStated");
        assert_eq!(show(b"\xA4", "8859/15"), "€ AsStated");
        assert_eq!(show(b"\xE9", "NO SUCH"), "é Unknown");
        assert_eq!(show(b"\x81", "BIG-5"), "\u{FFFD} Damaged");
        assert_eq!(show("é".as_bytes(), "UNICODE UTF-8"), "é AsStated");
    }
}
