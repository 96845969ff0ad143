//! The codes of ICD and what stands above each: the code shortened letter by letter to its
//! category, then the blocks and the chapter.

use crate::groups::{self, Group};
use crate::spelling::{Coded, Held};
use crate::tables;

/// Letters of a category; an external cause of ICD-9-CM has four.
fn category_letters(coded: &Coded) -> usize {
    match coded.system {
        Held::Icd9Cm if coded.plain.starts_with('E') => 4,
        Held::Icd9Cm | Held::Icd10Cm | Held::Icd10Pcs => 3,
    }
}

/// What the list says of a code.
pub(crate) struct Listed {
    /// None for headers whose names are not shipped.
    pub(crate) description: Option<&'static str>,
    /// Whether it groups codes and is none that a record is coded with.
    pub(crate) is_header: bool,
}

/// What the shipped list says; none where it holds no such code.
pub(crate) fn listed(coded: &Coded) -> Option<Listed> {
    if let Some(group) = group(coded) {
        return Some(Listed {
            description: Some(group.description),
            is_header: true,
        });
    }
    let header = |table: &tables::Table| {
        let is_header = table.has_below(&coded.plain) && coded.is_well_formed();
        is_header.then_some(Listed {
            description: None,
            is_header,
        })
    };
    match coded.system {
        Held::Icd10Cm => {
            let mut fields = tables::icd10cm().find(&coded.plain)?;
            let is_header = fields.next() == Some("H");
            let description = fields.nth(2).filter(|text| !text.is_empty());
            Some(Listed {
                description,
                is_header,
            })
        }
        Held::Icd9Cm => of_list(tables::icd9cm(), &coded.plain, header),
        Held::Icd10Pcs => of_list(tables::icd10pcs(), &coded.plain, header),
    }
}

/// A list of codes and descriptions has no headers of its own.
fn of_list(
    table: &'static tables::Table,
    plain: &str,
    header: impl FnOnce(&tables::Table) -> Option<Listed>,
) -> Option<Listed> {
    match table.find(plain) {
        Some(mut fields) => Some(Listed {
            description: fields.next(),
            is_header: false,
        }),
        None => header(table),
    }
}

/// The group that a code names, if it names one.
fn group(coded: &Coded) -> Option<Group> {
    let has_groups = coded.system != Held::Icd10Pcs && coded.is_span();
    has_groups.then(|| groups::find(coded.system == Held::Icd10Cm, &coded.plain))?
}

/// What stands directly above: a shorter code, whether it is listed or not, then a group.
pub(crate) fn above(coded: &Coded) -> Option<Coded> {
    let is_icd10 = coded.system == Held::Icd10Cm;
    let of_group = |group: Group| Coded::new(coded.system, &group.value());
    if let Some(group) = group(coded) {
        return groups::above(is_icd10, group).map(of_group);
    }
    let category = category_letters(coded);
    if coded.plain.len() > category && coded.plain.is_ascii() {
        let mut shorter = &coded.plain[..coded.plain.len() - 1];
        // A placeholder X that heads no codes of its own says nothing.
        while is_icd10
            && shorter.len() > category
            && shorter.ends_with('X')
            && tables::icd10cm().find(shorter).is_none()
        {
            shorter = &shorter[..shorter.len() - 1];
        }
        return Some(Coded::new(coded.system, shorter));
    }
    if coded.system == Held::Icd10Pcs || !coded.is_well_formed() {
        return None;
    }
    groups::above_category(is_icd10, &coded.plain).map(of_group)
}
