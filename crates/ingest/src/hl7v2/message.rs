//! An HL7 v2 message as it lies in memory: segments, fields, repetitions, components and
//! sub-components, all borrowed from the text. It knows the grammar (HL7 v2.8.2 chapter 2) and no
//! segment's meaning.

use super::escape::unescape;
use std::borrow::Cow;

/// The signs that part a message, from MSH-1 and MSH-2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Separators {
    pub(crate) field: char,
    pub(crate) component: char,
    pub(crate) repetition: char,
    pub(crate) escape: char,
    pub(crate) sub_component: char,
}

impl Separators {
    /// Those of a header segment (MSH, FHS, BHS). Signs that are not stated are the usual ones.
    /// `None` where a sign is a letter, a digit, white space, or stands for two things.
    pub(crate) fn of_header(header: &str) -> Option<Self> {
        let rest = header.get(3..)?;
        let mut signs = rest.chars();
        let field = signs.next()?;
        let stated: Vec<char> = signs.take_while(|sign| *sign != field).take(6).collect();
        // Some senders escape the escape sign of MSH-2 itself (`^~\\&`).
        let mut encoding: Vec<char> = Vec::new();
        for sign in stated {
            if encoding.last() != Some(&sign) {
                encoding.push(sign);
            }
        }
        let of = |place: usize, usual: char| encoding.get(place).copied().unwrap_or(usual);
        let separators = Self {
            field,
            component: of(0, '^'),
            repetition: of(1, '~'),
            escape: of(2, '\\'),
            sub_component: of(3, '&'),
        };
        separators.are_distinct().then_some(separators)
    }

    fn are_distinct(self) -> bool {
        let signs = [
            self.field,
            self.component,
            self.repetition,
            self.escape,
            self.sub_component,
        ];
        let is_sign = |sign: &char| sign.is_ascii_punctuation();
        let mut sorted = signs;
        sorted.sort_unstable();
        signs.iter().all(is_sign) && sorted.windows(2).all(|two| two[0] != two[1])
    }
}

/// One segment, parted into fields.
#[derive(Clone, Copy)]
pub(crate) struct Segment<'m, 'a> {
    pub(crate) separators: Separators,
    /// `[0]` is the name.
    fields: &'m [&'a str],
    pub(crate) row: u64,
}

impl<'m, 'a> Segment<'m, 'a> {
    /// The three letters.
    pub(crate) fn name(self) -> &'a str {
        self.fields.first().copied().unwrap_or_default()
    }

    /// Field `number`, counted from 1 as in the standard; empty where it is absent.
    pub(crate) fn field(self, number: usize) -> Field<'a> {
        Field {
            text: self.fields.get(number).copied().unwrap_or_default(),
            separators: self.separators,
        }
    }

    /// The first component of the first repetition of a field, as a text.
    pub(crate) fn text(self, number: usize) -> Cow<'a, str> {
        self.field(number).first().component(1).text()
    }

    /// The fields as they stand, for comparison.
    pub(crate) fn raw(self) -> &'m [&'a str] {
        self.fields
    }
}

/// A field, or a part of one on any level.
#[derive(Clone, Copy)]
pub(crate) struct Field<'a> {
    text: &'a str,
    separators: Separators,
}

impl<'a> Field<'a> {
    /// As it stands, escapes and all.
    pub(crate) fn raw(self) -> &'a str {
        self.text
    }

    /// Nothing, or the `""` that says that nothing is to stand there.
    pub(crate) fn is_empty(self) -> bool {
        let text = self.text.trim_ascii();
        text.is_empty() || text == "\"\""
    }

    /// The repetitions of a field; none of an empty one.
    pub(crate) fn repetitions(self) -> impl Iterator<Item = Field<'a>> {
        let separator = self.separators.repetition;
        let parts = self.text.split(separator).map(move |text| self.part(text));
        parts.filter(|part| !part.is_empty())
    }

    /// The first repetition that is filled, else the empty field.
    pub(crate) fn first(self) -> Field<'a> {
        self.repetitions().next().unwrap_or(self.part(""))
    }

    /// Component `number`, counted from 1.
    pub(crate) fn component(self, number: usize) -> Field<'a> {
        self.nth(self.separators.component, number)
    }

    /// Sub-component `number`, counted from 1.
    pub(crate) fn sub(self, number: usize) -> Field<'a> {
        self.nth(self.separators.sub_component, number)
    }

    /// The text, unescaped and trimmed; empty for `""`. What is behind the first sub-component is
    /// left out where there are several.
    pub(crate) fn text(self) -> Cow<'a, str> {
        if self.is_empty() {
            return Cow::Borrowed("");
        }
        let first = self.sub(1).text;
        match unescape(first.trim_ascii(), self.separators) {
            Cow::Borrowed(text) => Cow::Borrowed(text.trim_ascii()),
            Cow::Owned(text) => Cow::Owned(text.trim_ascii().to_owned()),
        }
    }

    /// The whole of it as prose: unescaped, with the parts that the separators make put together
    /// again, for senders do not escape separators in prose. Repetitions are lines.
    pub(crate) fn prose(self) -> String {
        let lines = self.text.split(self.separators.repetition);
        let unescaped: Vec<_> = lines.map(|line| unescape(line, self.separators)).collect();
        unescaped.join("\n").trim_end().to_owned()
    }

    fn part(self, text: &'a str) -> Field<'a> {
        Field { text, ..self }
    }

    fn nth(self, separator: char, number: usize) -> Field<'a> {
        let text = self.text.split(separator).nth(number.wrapping_sub(1));
        self.part(text.unwrap_or_default())
    }
}

/// The segments of one message.
pub(crate) struct Message<'a> {
    pub(crate) separators: Separators,
    fields: Vec<&'a str>,
    /// Start and end in `fields`, and the row.
    segments: Vec<(usize, usize, u64)>,
}

impl<'a> Message<'a> {
    pub(crate) fn new(separators: Separators) -> Self {
        Self {
            separators,
            fields: Vec::new(),
            segments: Vec::new(),
        }
    }

    /// Adds a segment. False where the text is none.
    pub(crate) fn push(&mut self, text: &'a str, row: u64) -> bool {
        let name = text.split(self.separators.field).next().unwrap_or_default();
        if !is_name(name) {
            return false;
        }
        let start = self.fields.len();
        self.fields.push(name);
        if is_header(name) {
            // MSH-1 is the field separator itself, and MSH-2 must not be split.
            self.fields.push("");
        }
        let parts = text.split(self.separators.field).skip(1);
        self.fields.extend(parts);
        self.segments.push((start, self.fields.len(), row));
        true
    }

    pub(crate) fn len(&self) -> usize {
        self.segments.len()
    }

    pub(crate) fn segment(&self, place: usize) -> Option<Segment<'_, 'a>> {
        let (start, end, row) = *self.segments.get(place)?;
        Some(Segment {
            separators: self.separators,
            fields: &self.fields[start..end],
            row,
        })
    }

    pub(crate) fn segments(&self) -> impl Iterator<Item = Segment<'_, 'a>> {
        (0..self.len()).filter_map(|place| self.segment(place))
    }
}

/// Whether a segment is a header, which states separators.
pub(crate) fn is_header(name: &str) -> bool {
    matches!(name, "MSH" | "FHS" | "BHS")
}

/// Whether a text is a segment's name: a capital and two capitals or digits.
pub(crate) fn is_name(name: &str) -> bool {
    match name.as_bytes() {
        [first, rest @ ..] if rest.len() == 2 => {
            let further = |byte: &u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
            first.is_ascii_uppercase() && rest.iter().all(further)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(lines: &'static [&'static str]) -> Message<'static> {
        let mut message = Message::new(Separators::of_header(lines[0]).unwrap());
        for (row, line) in (1..).zip(lines) {
            assert!(message.push(line, row), "{line}");
        }
        message
    }

    #[test]
    fn every_level_is_parted() {
        let message = message(&[
            "MSH|^~\\&|APP|FAC|||20200102||ADT^A01^ADT_A01|7|P|2.5",
            "PID|1||12^^^H&1.2.3&ISO^MR~34^^^S||Roe\\T\\Co^Jane|\"\"|",
        ]);
        let header = message.segment(0).unwrap();
        assert_eq!(header.field(2).raw(), "^~\\&");
        assert_eq!(header.text(9), "ADT");
        assert_eq!(header.field(9).component(2).text(), "A01");
        assert_eq!(header.text(12), "2.5");
        let person = message.segment(1).unwrap();
        let numbers: Vec<_> = person.field(3).repetitions().collect();
        assert_eq!(numbers[0].component(4).sub(2).text(), "1.2.3");
        assert_eq!(numbers[1].component(1).text(), "34");
        assert_eq!(person.text(5), "Roe&Co");
        assert!(person.field(6).is_empty() && person.field(99).is_empty());
        assert_eq!((person.row, person.name()), (2, "PID"));
    }

    #[test]
    fn separators_are_those_of_the_header() {
        let usual = Separators::of_header("MSH|^~\\&|").unwrap();
        assert_eq!(Separators::of_header("MSH|^~\\\\&|"), Some(usual));
        assert_eq!(Separators::of_header("MSH|||x"), Some(usual));
        let odd = Separators::of_header("MSH#*!?%#").unwrap();
        assert_eq!((odd.field, odd.sub_component), ('#', '%'));
        let truncation = Separators::of_header("MSH|^~\\&#|").unwrap();
        assert_eq!(truncation, usual);
        for header in [
            "MSH",
            "MSHA",
            "MSH|^^^^|",
            "MSH|a~\\&|",
            "MSH ^~\\&",
            "MSHé^~\\&é",
        ] {
            assert!(
                Separators::of_header(header).is_none_or(|found| found == usual),
                "{header}"
            );
        }
        assert_eq!(Separators::of_header("MSH|~~\\&|x").map(|s| s.field), None);
    }
}
