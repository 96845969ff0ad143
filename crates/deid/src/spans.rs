//! Places of identifiers in a text: taken from patterns, brought into one order without overlap,
//! and replaced.

use crate::labels::Label;
use crate::policy::Identifier;
use crate::text::Found;
use regex::Regex;

/// A place to replace; for a date, the number of the pattern that reads it.
#[derive(Clone, Copy)]
pub(crate) struct Span {
    pub(crate) found: Found,
    pub(crate) date: Option<usize>,
}

impl Span {
    pub(crate) const fn plain(found: Found) -> Self {
        Self { found, date: None }
    }
}

/// What a pattern finds: its group `x` or the whole, and the groups `city`, `state` and `zip`.
pub(crate) fn matches<'a>(
    pattern: &'a Regex,
    text: &'a str,
    label: Label,
) -> impl Iterator<Item = Found> + 'a {
    pattern.captures_iter(text).flat_map(move |captures| {
        let parts = [
            ("city", Label::City),
            ("state", Label::State),
            ("zip", Label::Zip),
            ("x", label),
        ];
        let named = parts.map(|(group, label)| captures.name(group).map(|found| (found, label)));
        let whole = captures.get(0).map(|found| (found, label));
        let whole = named.iter().all(Option::is_none).then_some(whole).flatten();
        let found = named.into_iter().flatten().chain(whole);
        found.map(|(found, label)| Found {
            start: found.start(),
            end: found.start() + found.as_str().trim_end().len(),
            label,
        })
    })
}

/// A tagged span without marks at its ends that belong to the sentence.
pub(crate) fn bare(text: &str, found: Found) -> Found {
    let outside = |c: char| c.is_whitespace() || ",;:".contains(c);
    let inner = &text[found.start..found.end];
    let kept = inner.trim_start_matches(outside);
    let start = found.end - kept.len();
    Found {
        start,
        end: start + kept.trim_end_matches(outside).len(),
        ..found
    }
}

/// Spans in order without overlap. Of overlapping ones, the one that starts first, and of those the
/// longest, and of those the first found, keeps its label; what sticks out of it becomes part of it
/// when it is of the same label, and a span of its own otherwise. A date stays readable only whole.
pub(crate) fn resolved(text: &str, mut spans: Vec<Span>) -> Vec<Span> {
    spans.retain(|span| span.found.start < span.found.end);
    spans.sort_by_key(|span| (span.found.start, usize::MAX - span.found.end));
    let mut resolved: Vec<Span> = Vec::new();
    for span in spans {
        match resolved.last_mut() {
            Some(last) if span.found.start < last.found.end => {
                if span.found.end <= last.found.end {
                    continue;
                }
                if span.found.label == last.found.label {
                    last.found.end = span.found.end;
                    last.date = None;
                    continue;
                }
                let from = last.found.end;
                resolved.extend(piece(text, &span.found, from, span.found.end));
            }
            _ => resolved.push(span),
        }
    }
    resolved
}

/// A part of a span, without what is neither letter nor digit at its ends.
fn piece(text: &str, of: &Found, start: usize, end: usize) -> Option<Span> {
    let outside = |c: char| !c.is_alphanumeric();
    let kept = text[start..end].trim_start_matches(outside);
    let start = end - kept.len();
    let kept = kept.trim_end_matches(outside);
    (!kept.is_empty()).then(|| {
        Span::plain(Found {
            start,
            end: start + kept.len(),
            label: of.label,
        })
    })
}

/// The tagger's spans beside those that are certain: where they overlap, the certain one keeps its
/// place and label, and what is left of the tagger's is added to it or stands beside it.
pub(crate) fn beside(text: &str, certain: &[Span], tagged: &[Found]) -> Vec<Span> {
    let mut all = certain.to_vec();
    for found in tagged {
        let overlapping = certain
            .iter()
            .map(|span| span.found)
            .filter(|other| other.start < found.end && found.start < other.end);
        let mut at = found.start;
        for other in overlapping {
            if at < other.start {
                all.extend(grown(text, found, at, other.start));
            }
            at = at.max(other.end);
        }
        if at < found.end {
            all.extend(grown(text, found, at, found.end));
        }
    }
    all
}

/// A piece of a tagged span; a whole one stays as it is.
fn grown(text: &str, found: &Found, start: usize, end: usize) -> Option<Span> {
    if (start, end) == (found.start, found.end) {
        return Some(Span::plain(*found));
    }
    piece(text, found, start, end)
}

pub(crate) fn replace(
    text: &str,
    spans: &[Span],
    mut with: impl FnMut(&Span) -> Option<String>,
) -> (String, Vec<Identifier>) {
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for span in spans {
        out.push_str(&text[at..span.found.start]);
        match with(span) {
            Some(other) => out.push_str(&other),
            None => out.push_str(span.found.label.identifier().tag()),
        }
        at = span.found.end;
    }
    out.push_str(&text[at..]);
    let identifiers = spans.iter().map(|span| span.found.label.identifier());
    (out, identifiers.collect())
}
