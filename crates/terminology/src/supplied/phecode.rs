//! PhecodeX: the phecodes of ICD codes, their names and what stands above them. Source: the
//! article <https://pmc.ncbi.nlm.nih.gov/articles/PMC10627409> and the files of
//! <https://github.com/PheWAS/PhecodeX>.

use super::files::{Found, of_kind};
use super::rows::Rows;
use super::wanted::Wanted;
use super::{Supplied, SuppliedError, SuppliedKind};
use crate::spelling::Coded;
use crate::standing::Entry;
use longitude_core::Code;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

const SYSTEM: &str = "PhecodeX";

/// All phecodes above each, itself among them, as the roll-up map has them.
type Above = BTreeMap<Box<str>, BTreeSet<Box<str>>>;

/// Reads the maps, then what the other files say of the phecodes that these gave or that are wanted
/// themselves.
pub(super) fn read(
    found: &[Found],
    wanted: &Wanted,
    supplied: &mut Supplied,
) -> Result<(), SuppliedError> {
    let mut needed: BTreeSet<Box<str>> = wanted.values(SYSTEM).map(|one| (**one).into()).collect();
    for one in of_kind(found, SuppliedKind::PhecodeMap) {
        map(one, wanted, &mut needed, supplied)?;
    }
    let mut above = Above::new();
    for one in of_kind(found, SuppliedKind::PhecodeRollup) {
        let rows = roll_up(one, &mut above)?;
        for code in needed.clone() {
            needed.extend(above.get(&code).into_iter().flatten().cloned());
        }
        let used: usize = needed
            .iter()
            .filter_map(|code| Some(above.get(code)?.len()))
            .sum();
        supplied.note(one, &rows, used as u64, 0);
    }
    for code in &needed {
        let parents = directly_above(code, &above);
        // What no file but a data set names is not known by that.
        if above.contains_key(code) {
            let parents = parents.map(|one| Code::new(SYSTEM, one)).collect();
            supplied.put(
                Code::new(SYSTEM, &**code),
                Entry {
                    description: None,
                    parents,
                    is_header: true,
                },
            );
        }
    }
    for one in of_kind(found, SuppliedKind::PhecodeLabels) {
        labels(one, &needed, supplied)?;
        supplied.whole.push(SYSTEM.into());
    }
    Ok(())
}

fn map(
    found: &Found,
    wanted: &Wanted,
    needed: &mut BTreeSet<Box<str>>,
    supplied: &mut Supplied,
) -> Result<(), SuppliedError> {
    let mut rows = Rows::open(&found.path)?;
    let [icd, vocabulary, phecode] = rows.columns(["code", "vocabulary_id", "phecode"])?;
    let (mut used, mut skipped) = (0, 0);
    while rows.next()? {
        rows.check()?;
        let (system, icd) = (rows.field(vocabulary), rows.field(icd));
        let code = Code::new(system, icd);
        // The map has the points. A point elsewhere is no other spelling but another code, as of a
        // procedure.
        let is_own = Coded::of(&code).is_none_or(|coded| coded.to_code() == code);
        if !is_own {
            skipped += 1;
            continue;
        }
        if !wanted.has(&code.system, &code.value) {
            continue;
        }
        used += 1;
        let phecode = rows.field(phecode);
        needed.insert(phecode.into());
        let entry = Entry {
            parents: vec![Code::new(SYSTEM, phecode)],
            ..Entry::default()
        };
        supplied.put(code, entry);
    }
    supplied.note(found, &rows, used, skipped);
    Ok(())
}

fn roll_up(found: &Found, above: &mut Above) -> Result<Rows, SuppliedError> {
    let mut rows = Rows::open(&found.path)?;
    let [code, unrolled] = rows.columns(["code", "phecode_unrolled"])?;
    while rows.next()? {
        rows.check()?;
        let of_code = above.entry(rows.field(code).into()).or_default();
        of_code.insert(rows.field(unrolled).into());
    }
    Ok(rows)
}

/// Of all phecodes above one those that stand above no other of them.
fn directly_above<'a>(code: &'a str, above: &'a Above) -> impl Iterator<Item = &'a str> {
    let all = above.get(code);
    let others = move || {
        let all = all.into_iter().flatten();
        all.map(|one| &**one).filter(move |one| *one != code)
    };
    others().filter(move |one| {
        let is_above = |other: &str| above.get(other).is_some_and(|all| all.contains(*one));
        !others().any(|other| other != *one && is_above(other))
    })
}

fn labels(
    found: &Found,
    needed: &BTreeSet<Box<str>>,
    supplied: &mut Supplied,
) -> Result<(), SuppliedError> {
    let mut rows = Rows::open(&found.path)?;
    let [code, name] = rows.columns(["phenotype", "description"])?;
    let mut used = 0;
    while rows.next()? {
        rows.check()?;
        let (code, name) = (rows.field(code), rows.field(name).trim());
        if needed.contains(code) {
            used += 1;
            let entry = Entry {
                description: (!name.is_empty()).then(|| Arc::from(name)),
                parents: Vec::new(),
                is_header: true,
            };
            supplied.put(Code::new(SYSTEM, code), entry);
        }
    }
    supplied.note(found, &rows, used, 0);
    Ok(())
}
