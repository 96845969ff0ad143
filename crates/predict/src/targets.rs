//! What may lie ahead of anyone: death, every group of diagnoses, every class of drugs, laboratory
//! results beyond the outer tenth of the training values, and events of care. Read from the
//! vocabulary alone, so that every patient is asked after the same list.

use longitude_core::{Code, Event};
use longitude_tokens::{Bin, Bins, Vocabulary};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The share of training values beyond a laboratory limit, at most.
const TAIL: f64 = 0.10;

/// What kind of thing a code stands for, by its code system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Death.
    Death,
    /// A diagnosis: ICD, SNOMED CT (findings and procedures are not told apart there).
    Diagnosis,
    /// A drug: RxNorm, ATC, NDC, CVX and what MEDS extractions call medication.
    Drug,
    /// A measurement with values.
    Laboratory,
    /// Encounters, transfers and procedures.
    Care,
}

impl Kind {
    /// The kind of a code; none for what describes a person (birth, sex) and for what fits nothing
    /// above. `valued` says whether the code has values.
    pub fn of(code: &Code, valued: bool) -> Option<Self> {
        let value = &*code.value;
        Some(match &*code.system {
            _ if code.is_death() => Self::Death,
            _ if code.is_birth() => return None,
            "DIAGNOSIS" | "ICD10CM" | "ICD10" | "ICD9CM" | "ICD9" | "PHECODE" | "SNOMED" => {
                Self::Diagnosis
            }
            "RxNorm" | "ATC" | "NDC" | "CVX" | "MEDICATION" | "DRUG" | "INFUSION_START" => {
                Self::Drug
            }
            "ENCOUNTER" if value.ends_with("END") => return None,
            "ENCOUNTER" | "VISIT" | "PROCEDURE" | "ICD10PCS" | "ICD9PROC" | "CPT4" | "HCPCS"
            | "TRANSFER_TO" | "HOSPITAL_ADMISSION" | "ICU_ADMISSION" | "ED_REGISTRATION" => {
                Self::Care
            }
            _ if valued => Self::Laboratory,
            _ => return None,
        })
    }
}

/// The side of a laboratory limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// At the limit or under it.
    Below,
    /// At the limit or over it.
    Above,
}

/// A limit of a measurement: about a tenth of the training values lie beyond. It says what is
/// unusual among the training subjects, not what is abnormal in health.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Limit {
    /// Which side counts.
    pub side: Side,
    /// The limit in the code's unit.
    pub value: f64,
    /// The unit, where there is one.
    pub unit: Option<String>,
    /// The share of training values beyond it.
    pub share: f64,
    /// The first and the last value bin that count.
    pub bins: (u16, u16),
}

/// Something that may lie ahead.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Target {
    /// The name of the group in the vocabulary, or a code that stands alone; with a limit, the
    /// side, the limit and its unit after it. Unique in a list.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// A code of it: the commonest in training.
    pub code: Code,
    /// The values that count, for a measurement.
    pub limit: Option<Limit>,
    /// The vocabulary's ids that count, ascending.
    #[serde(skip)]
    pub ids: Vec<u32>,
}

impl Target {
    /// Whether an event is one of it.
    pub fn holds(&self, vocabulary: &Vocabulary, event: &Event) -> bool {
        let id = vocabulary.id(&event.code);
        if self.ids.binary_search(&id).is_err() {
            return false;
        }
        let Some(limit) = &self.limit else {
            return true;
        };
        let bins = vocabulary
            .bins_of(id)
            .filter(|bins| bins.unit.as_deref() == event.unit.as_deref());
        let bin = bins
            .zip(event.numeric_value)
            .map(|(bins, value)| bins.bin(value));
        bin.is_some_and(|bin| (limit.bins.0..=limit.bins.1).contains(&bin))
    }
}

/// All targets that at least `subjects_min` training subjects had a code of, by kind and name.
pub fn targets(vocabulary: &Vocabulary, subjects_min: u32) -> Vec<Target> {
    let mut groups: BTreeMap<(Kind, String), Vec<u32>> = BTreeMap::new();
    let ids = (0..).take(vocabulary.len());
    for (id, base) in ids.filter_map(|id| Some((id, vocabulary.base(id)?))) {
        let Some(kind) = Kind::of(base, vocabulary.bins_of(id).is_some()) else {
            continue;
        };
        let category = vocabulary.group_name(vocabulary.groups(id)[1]);
        // Values of two codes, or of two units, share no bins.
        let alone = kind == Kind::Laboratory || category.is_none();
        let own = || match vocabulary.code(id) {
            Some(code) => code.to_meds().into_owned(),
            None => base.to_meds().into_owned(),
        };
        let name = category.filter(|_| !alone).map_or_else(own, str::to_owned);
        groups.entry((kind, name)).or_default().push(id);
    }
    let enough = |ids: &[u32]| {
        ids.iter()
            .any(|id| vocabulary.subjects_with(*id) >= subjects_min)
    };
    groups.retain(|_, ids| enough(ids));
    let targets = groups.into_iter().flat_map(|((kind, name), ids)| {
        let commonest = ids.iter().max_by_key(|id| vocabulary.subjects_with(**id));
        let code = commonest.and_then(|id| vocabulary.base(*id)).cloned();
        let target = |name: String, limit: Option<Limit>| {
            Some(Target {
                name,
                kind,
                code: code.clone()?,
                limit,
                ids: ids.clone(),
            })
        };
        let limits = match (kind, ids.first().and_then(|id| vocabulary.bins_of(*id))) {
            (Kind::Laboratory, Some(bins)) => limits(bins),
            _ => return vec![target(name, None)],
        };
        let named = |limit: Limit| {
            let side = if limit.side == Side::Above {
                ">="
            } else {
                "<="
            };
            let unit = limit.unit.as_deref().unwrap_or_default();
            let name = format!("{name} {side} {} {unit}", limit.value);
            target(name.trim_end().to_owned(), Some(limit))
        };
        limits.into_iter().map(named).collect()
    });
    targets.flatten().collect()
}

/// The limits of a measurement: as many whole bins from either end as hold at most a tenth of the
/// training values; none where the outermost bin alone holds more.
fn limits(bins: &Bins) -> Vec<Limit> {
    let count = |ends: &mut dyn Iterator<Item = &Bin>| {
        let mut sum = 0.0;
        let taken = ends.take_while(|bin| {
            sum += bin.share;
            sum <= TAIL + 1e-9
        });
        let shares: Vec<f64> = taken.map(|bin| bin.share).collect();
        (shares.len(), shares.iter().sum::<f64>())
    };
    let all = bins.bins.len();
    let number = |bin: usize| u16::try_from(bin).unwrap_or(u16::MAX);
    let mut limits = Vec::new();
    let (low, share) = count(&mut bins.bins.iter());
    if let (1.., Some(last)) = (low, low.checked_sub(1).and_then(|at| bins.bins.get(at))) {
        limits.push(Limit {
            side: Side::Below,
            value: last.high,
            unit: bins.unit.clone(),
            share,
            bins: (1, number(low)),
        });
    }
    let (high, share) = count(&mut bins.bins.iter().rev());
    if let (1.., Some(first)) = (high, bins.bins.get(all - high)) {
        limits.push(Limit {
            side: Side::Above,
            value: first.low,
            unit: bins.unit.clone(),
            share,
            bins: (number(all - high + 1), number(all)),
        });
    }
    limits
}

#[cfg(test)]
mod tests;
