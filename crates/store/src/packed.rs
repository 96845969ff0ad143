//! Events packed into bytes, as the writer holds, sorts, spills and merges them.
//!
//! A packed row is self-contained but for its repeating texts (code, unit, file, element, ...),
//! which stand in one table of the writer by number. It takes a fifth of an [`Event`]'s memory and
//! one copy, and it becomes a row of a data table without becoming an event again. The layout
//! never leaves one run of the program:
//!
//! ```text
//! length u32 | bits u32 | subject i64 | time i64 | code u32 | the fields of `bits`, in its order
//! ```

use crate::encode::{Row, WrittenRow, filled};
use longitude_core::{Code, Comparator, Event, Precision, SubjectId};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Bytes of the part that every row has.
const HEAD_BYTES: usize = 28;
/// Where its fields stand; the length of the whole row comes first.
const BITS: usize = 4;
const SUBJECT: usize = 8;
const TIME: usize = 16;
const CODE: usize = 24;

/// Bits 0 to 4: precision, and the rank inside a tie.
const PRECISION_SHIFT: u32 = 0;
const RANK_SHIFT: u32 = 2;
/// The bit of each field that a row may lack; fields stand in a row in this order.
mod bit {
    pub(super) const TIME: u32 = 1 << 4;
    pub(super) const NUMERIC: u32 = 1 << 5;
    pub(super) const END: u32 = 1 << 6;
    pub(super) const ENCOUNTER: u32 = 1 << 7;
    pub(super) const OFFSET: u32 = 1 << 8;
    pub(super) const RECORDED: u32 = 1 << 9;
    pub(super) const ROW: u32 = 1 << 10;
    pub(super) const UNIT: u32 = 1 << 11;
    pub(super) const FILE: u32 = 1 << 12;
    pub(super) const ELEMENT: u32 = 1 << 13;
    pub(super) const RULE: u32 = 1 << 14;
    pub(super) const TEXT: u32 = 1 << 15;
    pub(super) const RECORD: u32 = 1 << 16;
    pub(super) const WRITTEN: u32 = 1 << 17;
    pub(super) const VALUE: u32 = 1 << 18;
    pub(super) const LOW: u32 = 1 << 19;
    pub(super) const HIGH: u32 = 1 << 20;
    pub(super) const COMPARATOR: u32 = 1 << 21;
    pub(super) const WRITTEN_CODE: u32 = 1 << 22;
    pub(super) const WRITTEN_UNIT: u32 = 1 << 23;
    pub(super) const FLAG: u32 = 1 << 24;
    pub(super) const CONVERSION: u32 = 1 << 25;
    pub(super) const EXTENSION: u32 = 1 << 26;
}

/// What rows are sorted by: the subject, then core's law of a timeline (static first, then time;
/// inside a tie birth first and death last), then the place, which keeps the order of coming.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    subject: i64,
    /// The least number where there is no time.
    time: i64,
    /// Bit 63: whether there is a time; bits 61 and 62: the rank; below: the place.
    rest: u64,
}

/// Bits of a place.
const PLACE_BITS: u32 = 61;
/// Bits of the offset in a chunk.
const OFFSET_BITS: u32 = 32;

impl Key {
    /// The key of a packed row at a place.
    pub(crate) fn of(row: &[u8], place: u64) -> Self {
        let bits = u32_at(row, BITS);
        let timed = bits & bit::TIME != 0;
        let rank = u64::from(bits >> RANK_SHIFT & 3);
        Self {
            subject: i64_at(row, SUBJECT),
            time: if timed { i64_at(row, TIME) } else { i64::MIN },
            rest: u64::from(timed) << 63 | rank << PLACE_BITS | place,
        }
    }

    /// The place.
    pub(crate) fn place(self) -> u64 {
        self.rest & ((1 << PLACE_BITS) - 1)
    }
}

/// The length of the packed row that `bytes` begin with.
pub(crate) fn length(bytes: &[u8]) -> Option<usize> {
    let length = bytes.first_chunk().map(|own| u32::from_le_bytes(*own))? as usize;
    (HEAD_BYTES..=bytes.len())
        .contains(&length)
        .then_some(length)
}

/// Inside a tie: birth, the rest, death.
pub(crate) fn rank(event: &Event) -> u8 {
    if event.code.is_birth() {
        0
    } else if event.code.is_death() {
        2
    } else {
        1
    }
}

/// The subject of a packed row.
pub(crate) fn subject(row: &[u8]) -> SubjectId {
    SubjectId(i64_at(row, SUBJECT))
}

/// The number of a packed row's code.
pub(crate) fn code(row: &[u8]) -> usize {
    u32_at(row, CODE) as usize
}

/// Texts seen of late by where they stand in memory, so that most are numbered without being read.
const RECENT: usize = 1 << 12;

/// The texts that rows name by number.
pub(crate) struct Texts {
    list: Vec<Arc<str>>,
    numbers: BTreeMap<Arc<str>, u32>,
    recent: Vec<Option<(Arc<str>, u32)>>,
    recent_codes: Vec<Option<(Code, u32)>>,
}

impl Texts {
    /// No texts.
    pub(crate) fn new() -> Self {
        Self {
            list: Vec::new(),
            numbers: BTreeMap::new(),
            recent: vec![None; RECENT],
            recent_codes: vec![None; RECENT],
        }
    }

    /// The text with a number.
    pub(crate) fn get(&self, number: usize) -> &str {
        &self.list[number]
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.list.len()
    }

    fn number(&mut self, text: &Arc<str>) -> u32 {
        let slot = slot(text);
        if let Some((recent, number)) = &self.recent[slot]
            && Arc::ptr_eq(recent, text)
        {
            return *number;
        }
        let number = self.number_of(text);
        self.recent[slot] = Some((Arc::clone(text), number));
        number
    }

    /// A code's MEDS string counts as its text.
    fn code(&mut self, code: &Code) -> u32 {
        let slot = (slot(&code.value) ^ slot(&code.system).rotate_left(3)) % RECENT;
        if let Some((recent, number)) = &self.recent_codes[slot]
            && Arc::ptr_eq(&recent.value, &code.value)
            && Arc::ptr_eq(&recent.system, &code.system)
        {
            return *number;
        }
        let joined: Arc<str> = Arc::from(&*code.to_meds());
        let number = self.number_of(&joined);
        self.recent_codes[slot] = Some((code.clone(), number));
        number
    }

    fn number_of(&mut self, text: &Arc<str>) -> u32 {
        if let Some(&number) = self.numbers.get(text) {
            return number;
        }
        let number = u32::try_from(self.list.len()).unwrap_or(u32::MAX);
        assert!(number < u32::MAX, "fewer texts than rows of one data set");
        self.list.push(Arc::clone(text));
        self.numbers.insert(Arc::clone(text), number);
        number
    }
}

/// Where a text that stands somewhere in memory is looked for.
fn slot(text: &Arc<str>) -> usize {
    let place = text.as_ptr().addr();
    (place >> 4 ^ place >> 16) % RECENT
}

/// Puts a row of `event` behind `out`.
pub(crate) fn pack(texts: &mut Texts, subject: SubjectId, event: &Event, out: &mut Vec<u8>) {
    let start = out.len();
    out.extend([0; HEAD_BYTES]);
    let mut bits = u32::from(precision_number(event.precision)) << PRECISION_SHIFT
        | u32::from(rank(event)) << RANK_SHIFT;
    if event.time.is_some() {
        bits |= bit::TIME;
    }
    let origin = &event.origin;
    let row = i64::try_from(origin.row).ok().filter(|row| *row > 0);
    let numbers = [
        (bit::NUMERIC, event.numeric_value.map(f64::to_le_bytes)),
        (bit::END, event.end_time.map(|time| time.0.to_le_bytes())),
        (bit::ENCOUNTER, event.encounter.map(|id| id.0.to_le_bytes())),
        (
            bit::OFFSET,
            event.utc_offset_minutes.map(|m| i64::from(m).to_le_bytes()),
        ),
        (
            bit::RECORDED,
            event.recorded_time.map(|time| time.0.to_le_bytes()),
        ),
        (bit::ROW, row.map(i64::to_le_bytes)),
    ];
    for (bit, number) in numbers {
        if let Some(number) = number {
            bits |= bit;
            out.extend(number);
        }
    }
    let unit = event.unit.as_ref();
    let repeating = [
        (bit::UNIT, unit),
        (bit::FILE, filled(&origin.file).map(|_text| &origin.file)),
        (
            bit::ELEMENT,
            filled(&origin.element).map(|_text| &origin.element),
        ),
        (bit::RULE, filled(&origin.rule).map(|_text| &origin.rule)),
    ];
    for (bit, text) in repeating {
        if let Some(text) = text {
            bits |= bit;
            out.extend(texts.number(text).to_le_bytes());
        }
    }
    let own = [
        (bit::TEXT, event.text_value.as_deref()),
        (bit::RECORD, filled(&origin.record)),
    ];
    for (bit, text) in own {
        if let Some(text) = text {
            bits |= bit;
            put_text(text, out);
        }
    }
    bits |= pack_written(texts, event, out);
    let code = texts.code(&event.code);
    let length = u32::try_from(out.len() - start).unwrap_or(u32::MAX);
    assert!(length < u32::MAX, "a row shorter than 4 GiB");
    let head = &mut out[start..start + HEAD_BYTES];
    head[..BITS].copy_from_slice(&length.to_le_bytes());
    head[BITS..SUBJECT].copy_from_slice(&bits.to_le_bytes());
    head[SUBJECT..TIME].copy_from_slice(&subject.0.to_le_bytes());
    let time = event.time.map_or(0, |time| time.0);
    head[TIME..CODE].copy_from_slice(&time.to_le_bytes());
    head[CODE..].copy_from_slice(&code.to_le_bytes());
}

/// The source's own words; gives their bits.
fn pack_written(texts: &mut Texts, event: &Event, out: &mut Vec<u8>) -> u32 {
    let Some(written) = event.as_written.as_deref() else {
        return 0;
    };
    let mut bits = bit::WRITTEN;
    let numbers = [
        (bit::VALUE, written.numeric_value),
        (bit::LOW, written.range_low),
        (bit::HIGH, written.range_high),
    ];
    for (bit, number) in numbers {
        if let Some(number) = number {
            bits |= bit;
            out.extend(number.to_le_bytes());
        }
    }
    if let Some(comparator) = written.comparator {
        bits |= bit::COMPARATOR;
        out.push(comparator as u8);
    }
    if let Some(code) = &written.code {
        bits |= bit::WRITTEN_CODE;
        out.extend(texts.code(code).to_le_bytes());
    }
    let repeating = [
        (bit::WRITTEN_UNIT, &written.unit),
        (bit::FLAG, &written.flag),
        (bit::CONVERSION, &written.conversion),
    ];
    for (bit, text) in repeating {
        if let Some(text) = text {
            bits |= bit;
            out.extend(texts.number(text).to_le_bytes());
        }
    }
    if let Some(text) = &written.extension {
        bits |= bit::EXTENSION;
        put_text(text, out);
    }
    bits
}

fn put_text(text: &str, out: &mut Vec<u8>) {
    let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
    assert!(length < u32::MAX, "a text shorter than 4 GiB");
    out.extend(length.to_le_bytes());
    out.extend(text.as_bytes());
}

/// What a packed row says.
pub(crate) fn unpack<'a>(texts: &'a Texts, row: &'a [u8]) -> Row<'a> {
    let bits = u32_at(row, BITS);
    let mut rest = Rest {
        texts,
        bits,
        bytes: &row[HEAD_BYTES..],
    };
    Row {
        subject: subject(row).0,
        time: (bits & bit::TIME != 0).then(|| i64_at(row, TIME)),
        code: texts.get(code(row)).into(),
        precision: PRECISIONS[(bits >> PRECISION_SHIFT & 3) as usize],
        numeric: rest.number(bit::NUMERIC).map(f64::from_le_bytes),
        end: rest.number(bit::END).map(i64::from_le_bytes),
        encounter: rest.number(bit::ENCOUNTER).map(i64::from_le_bytes),
        offset: rest
            .number(bit::OFFSET)
            .and_then(|minutes| i16::try_from(i64::from_le_bytes(minutes)).ok()),
        recorded: rest.number(bit::RECORDED).map(i64::from_le_bytes),
        line: rest.number(bit::ROW).map(i64::from_le_bytes),
        unit: rest.repeating(bit::UNIT),
        file: rest.repeating(bit::FILE),
        element: rest.repeating(bit::ELEMENT),
        rule: rest.repeating(bit::RULE),
        text: rest.own(bit::TEXT),
        record: rest.own(bit::RECORD),
        written: (bits & bit::WRITTEN != 0).then(|| WrittenRow {
            value: rest.number(bit::VALUE).map(f64::from_le_bytes),
            low: rest.number(bit::LOW).map(f64::from_le_bytes),
            high: rest.number(bit::HIGH).map(f64::from_le_bytes),
            comparator: rest
                .has(bit::COMPARATOR)
                .then(|| Comparator::ALL[usize::from(rest.take::<1>()[0])]),
            code: rest.repeating(bit::WRITTEN_CODE).map(Into::into),
            unit: rest.repeating(bit::WRITTEN_UNIT),
            flag: rest.repeating(bit::FLAG),
            conversion: rest.repeating(bit::CONVERSION),
            extension: rest.own(bit::EXTENSION),
        }),
    }
}

/// The fields of a row that are still to be read. Rows are our own and whole (a spilled block that
/// is not is refused before), so a short one is a broken invariant.
struct Rest<'a> {
    texts: &'a Texts,
    bits: u32,
    bytes: &'a [u8],
}

impl<'a> Rest<'a> {
    fn has(&self, bit: u32) -> bool {
        self.bits & bit != 0
    }

    fn take<const N: usize>(&mut self) -> [u8; N] {
        let (taken, rest) = self.bytes.split_at(N);
        self.bytes = rest;
        let mut bytes = [0; N];
        bytes.copy_from_slice(taken);
        bytes
    }

    fn number(&mut self, bit: u32) -> Option<[u8; 8]> {
        self.has(bit).then(|| self.take())
    }

    fn repeating(&mut self, bit: u32) -> Option<&'a str> {
        let texts = self.texts;
        self.has(bit)
            .then(|| texts.get(u32::from_le_bytes(self.take()) as usize))
    }

    fn own(&mut self, bit: u32) -> Option<&'a str> {
        if !self.has(bit) {
            return None;
        }
        let length = u32::from_le_bytes(self.take()) as usize;
        let (text, rest) = self.bytes.split_at(length);
        self.bytes = rest;
        // It was a text when it was packed.
        std::str::from_utf8(text).ok()
    }
}

const PRECISIONS: [Precision; 4] = [
    Precision::Year,
    Precision::Month,
    Precision::Day,
    Precision::Time,
];

fn precision_number(precision: Precision) -> u8 {
    match precision {
        Precision::Year => 0,
        Precision::Month => 1,
        Precision::Day => 2,
        Precision::Time => 3,
    }
}

fn u32_at(row: &[u8], at: usize) -> u32 {
    let mut bytes = [0; 4];
    bytes.copy_from_slice(&row[at..at + 4]);
    u32::from_le_bytes(bytes)
}

fn i64_at(row: &[u8], at: usize) -> i64 {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&row[at..at + 8]);
    i64::from_le_bytes(bytes)
}

/// Bytes of a chunk of packed rows; a longer row has a chunk of its own.
const CHUNK_BYTES: usize = 1 << 20;

/// Packed rows in memory, in the order in which they came until they are sorted.
#[derive(Default)]
pub(crate) struct Held {
    chunks: Vec<Vec<u8>>,
    /// Chunks of an earlier fill, to be filled again.
    spare: Vec<Vec<u8>>,
    /// The place of a row: its chunk, and the offset in it.
    keys: Vec<Key>,
    bytes: usize,
}

impl Held {
    /// Adds a row.
    pub(crate) fn push(&mut self, texts: &mut Texts, subject: SubjectId, event: &Event) {
        let last = self.chunks.last();
        if last.is_none_or(|last| last.len() >= CHUNK_BYTES) {
            let room = || Vec::with_capacity(CHUNK_BYTES + CHUNK_BYTES / 64);
            self.chunks.push(self.spare.pop().unwrap_or_else(room));
        }
        let number = self.chunks.len() - 1;
        let chunk = &mut self.chunks[number];
        let start = chunk.len();
        pack(texts, subject, event, chunk);
        self.bytes += chunk.len() - start + size_of::<Key>();
        let place = (number as u64) << OFFSET_BITS | start as u64;
        self.keys.push(Key::of(&chunk[start..], place));
    }

    /// How many rows there are.
    pub(crate) fn len(&self) -> usize {
        self.keys.len()
    }

    /// Bytes that the rows take.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Sorts the rows by [`Key`]; ties keep their order.
    pub(crate) fn sort(&mut self) {
        // No two are equal; sources come in runs, which this sort makes use of.
        self.keys.sort();
    }

    /// The rows in their order.
    pub(crate) fn rows(&self) -> impl Iterator<Item = &[u8]> {
        self.keys.iter().map(|key| {
            let place = key.place();
            let offset = place & ((1 << OFFSET_BITS) - 1);
            let bytes = &self.chunks[index(place >> OFFSET_BITS)][index(offset)..];
            &bytes[..u32_at(bytes, 0) as usize]
        })
    }

    /// Lets the rows go and keeps the room.
    pub(crate) fn clear(&mut self) {
        self.keys.clear();
        self.bytes = 0;
        for mut chunk in self.chunks.drain(..) {
            chunk.clear();
            chunk.shrink_to(2 * CHUNK_BYTES);
            self.spare.push(chunk);
        }
    }
}

fn index(of: u64) -> usize {
    usize::try_from(of).unwrap_or(usize::MAX)
}
