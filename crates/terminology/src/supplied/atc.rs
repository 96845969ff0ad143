//! ATC: its hierarchy, which stands in the letters of its codes, and lists of codes and names. The
//! WHO publishes no list freely, so that none has a fixed form: the accepted headers are
//! [`columns`].

use super::files::{Found, of_kind};
use super::rows::Rows;
use super::wanted::Wanted;
use super::{Supplied, SuppliedError, SuppliedKind};
use crate::standing::Entry;
use longitude_core::Code;
use std::collections::BTreeMap;
use std::sync::Arc;

pub(super) const SYSTEM: &str = "ATC";
/// Letters of a substance, the last of the five levels.
pub(super) const SUBSTANCE_LETTERS: usize = 7;
/// Lengths of the levels of <https://atcddd.fhi.no/atc/structure_and_principles/>.
const LEVELS: [usize; 5] = [1, 3, 4, 5, SUBSTANCE_LETTERS];

/// Whether a text is a code of ATC's form: `A`, `A10`, `A10B`, `A10BA`, `A10BA02`.
pub(super) fn is_code(text: &str) -> bool {
    let fits = |(place, byte): (usize, u8)| match place {
        1 | 2 | 5 | 6 => byte.is_ascii_digit(),
        _ => byte.is_ascii_uppercase(),
    };
    LEVELS.contains(&text.len()) && text.bytes().enumerate().all(fits)
}

/// The code one level up; the text is a code.
fn above(code: &str) -> Option<&str> {
    let length = LEVELS.into_iter().rev().find(|length| *length < code.len());
    length.and_then(|length| code.get(..length))
}

/// Adds a code and everything above it.
pub(super) fn put(code: &str, name: impl Fn(&str) -> Option<Arc<str>>, supplied: &mut Supplied) {
    for code in std::iter::successors(is_code(code).then_some(code), |code| above(code)) {
        let above = above(code).map(|above| Code::new(SYSTEM, above));
        let entry = Entry {
            description: name(code),
            parents: above.into_iter().collect(),
            is_header: code.len() < SUBSTANCE_LETTERS,
        };
        supplied.put(Code::new(SYSTEM, code), entry);
    }
}

/// The columns of code and name: `atc_code` or `atc`, and `atc_name` or `atc_level_name`. In a file
/// with `atc` in its name also `code`, and `name` or `description`, which a list of drugs has too.
/// Case, spaces and underscores do not count. None where the header is another's.
pub(super) fn columns(header: &[String], file: &str) -> Option<(usize, usize)> {
    let bare = |name: &String| name.replace([' ', '_'], "");
    let place = |sure: &[&str], named: &[&str]| {
        let place = |name: &&str| header.iter().position(|other| bare(other) == **name);
        let named = named.iter().filter(|_| file.contains("atc"));
        sure.iter().chain(named).find_map(place)
    };
    let code = place(&["atccode", "atc"], &["code"])?;
    let name = place(&["atcname", "atclevelname"], &["name", "description"])?;
    Some((code, name))
}

/// Reads the lists. Of a code with several rows, one a defined daily dose, the first counts.
pub(super) fn read(
    found: &[Found],
    wanted: &Wanted,
    supplied: &mut Supplied,
) -> Result<(), SuppliedError> {
    for one in of_kind(found, SuppliedKind::Atc) {
        let mut rows = Rows::open(&one.path)?;
        let file = one.path.file_name().unwrap_or_default().to_string_lossy();
        let columns = columns(rows.header(), &file.to_ascii_lowercase());
        // The file was told by these columns.
        let Some((code, name)) = columns else {
            continue;
        };
        let mut names: BTreeMap<Box<str>, (u64, Arc<str>)> = BTreeMap::new();
        let mut skipped = 0;
        while rows.next()? {
            let code = rows.field(code).trim();
            if !is_code(code) {
                skipped += 1;
                continue;
            }
            rows.check()?;
            let name = rows.field(name).trim();
            let known = names.entry(code.into()).or_insert_with(|| (0, name.into()));
            known.0 += 1;
        }
        for code in wanted.values(SYSTEM) {
            if names.contains_key(&**code) {
                put(code, |code| Some(Arc::clone(&names.get(code)?.1)), supplied);
            }
        }
        let is_used = |code: &str| supplied.entries.contains_key(&Code::new(SYSTEM, code));
        let used = names.iter().filter(|(code, _)| is_used(code));
        let used = used.map(|(_, (rows, _))| rows).sum();
        supplied.note(one, &rows, used, skipped);
        supplied.whole.push(SYSTEM.into());
    }
    Ok(())
}
