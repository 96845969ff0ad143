//! Decimal numbers as people write them: points, commas, thousand separators.

/// Which sign parts the decimals where a text alone does not say it: `1,234`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Decimal {
    /// A point, and commas part thousands.
    #[default]
    Point,
    /// A comma, and points part thousands.
    Comma,
}

/// A number that was read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Number {
    /// Its value.
    pub value: f64,
    /// Whether another reading of the separators would have given another number.
    pub assumed: bool,
}

/// The number that a text begins with, and what stands behind it.
pub(super) fn leading(text: &str, decimal: Decimal) -> Option<(Number, &str)> {
    let (negative, digits) = match text.strip_prefix(['-', '−']) {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let end = end_of_digits(digits);
    let (written, rest) = digits.split_at(end);
    if !written.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '.' | ',')) {
        return None;
    }
    let (mut plain, assumed) = plain(written, decimal)?;
    let rest = exponent(rest, &mut plain);
    let value: f64 = plain.parse().ok()?;
    if !value.is_finite() {
        return None;
    }
    let value = if negative { -value } else { value };
    Some((Number { value, assumed }, rest))
}

/// Where digits and separators between digits end.
fn end_of_digits(text: &str) -> usize {
    let bytes = text.as_bytes();
    let digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    let mut at = 0;
    while at < bytes.len() {
        let joins = match bytes[at] {
            b'0'..=b'9' => true,
            b'.' | b',' => digit(at + 1),
            // Thousands parted by a space or an apostrophe: exactly three digits follow.
            b' ' | b'\'' => {
                at > 0 && digit(at - 1) && (1..=3).all(|n| digit(at + n)) && !digit(at + 4)
            }
            _ => false,
        };
        if !joins {
            break;
        }
        at += 1;
    }
    at
}

/// The number with a point and nothing else, and whether that was a choice.
fn plain(written: &str, decimal: Decimal) -> Option<(String, bool)> {
    let compact: String = written
        .chars()
        .filter(|c| !matches!(c, ' ' | '\''))
        .collect();
    let (points, commas) = (compact.matches('.').count(), compact.matches(',').count());
    let thousands = |separator: char| {
        let mut groups = compact.split(separator);
        let first = groups
            .next()
            .is_some_and(|g| (1..=3).contains(&g.len()) && g != "0");
        first && groups.all(|group| group.len() == 3)
    };
    let parted = |decimal: char, thousand: char| {
        let bare: String = compact.chars().filter(|c| *c != thousand).collect();
        bare.replace(decimal, ".")
    };
    match (points, commas) {
        (1, 0) if decimal == Decimal::Comma && thousands('.') => Some((parted(',', '.'), true)),
        (0 | 1, 0) => Some((compact, false)),
        (0, 1) if decimal == Decimal::Point && thousands(',') => Some((parted('.', ','), true)),
        (0, 1) => Some((
            parted(',', '.'),
            decimal == Decimal::Point && thousands(','),
        )),
        (0, _) if thousands(',') => Some((parted('.', ','), false)),
        (_, 0) if thousands('.') => Some((parted(',', '.'), false)),
        // Both signs: the last one parts the decimals, and stands once.
        (1, _) if compact.rfind('.') > compact.rfind(',') => Some((parted('.', ','), false)),
        (_, 1) if compact.rfind(',') > compact.rfind('.') => Some((parted(',', '.'), false)),
        _ => None,
    }
}

/// Takes `e-3`, `x10^3` or `*10^-3` from the text behind a number.
fn exponent<'a>(rest: &'a str, plain: &mut String) -> &'a str {
    let marks = ["e", "E", "x10^", "*10^", "x 10^", " x 10^", " x10^", "×10^"];
    let found = marks.iter().find_map(|mark| rest.strip_prefix(mark));
    let Some(behind) = found else { return rest };
    let signed = behind.strip_prefix(['-', '+']).unwrap_or(behind);
    let digits = signed.len()
        - signed
            .trim_start_matches(|c: char| c.is_ascii_digit())
            .len();
    // `10 e` is no power of ten, and neither is a number of four digits.
    if digits == 0 || digits > 3 {
        return rest;
    }
    let end = behind.len() - signed.len() + digits;
    let after = &behind[end..];
    // `x10^3/uL` is a unit: thousands a microlitre.
    if after.starts_with('/') {
        return rest;
    }
    plain.push('e');
    plain.push_str(&behind[..end]);
    after
}
