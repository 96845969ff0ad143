//! Rare codes: a diagnosis that three people in the data set have points at them. Codes of fewer
//! subjects than a limit are made coarser, step by step, or left out.
//!
//! ```text
//! codes of every subject -> CodeCensus -> RarePlan -> applied to each event
//! ```
//!
//! Memory: a code holds its subjects only while they are fewer than the limit.

use crate::policy::Changes;
use crate::policy_file::RareCodes;
use crate::rules::{cut, forget_written_code};
use longitude_core::{Code, Event};
use std::collections::{BTreeMap, BTreeSet};

/// Letters of an ICD category, the level above all its codes.
const CATEGORY_LETTERS: usize = 3;
/// Letters of ATC's levels, from the substance up.
const ATC_LETTERS: [usize; 4] = [5, 4, 3, 1];

/// The subjects of a code: which, as long as they are few.
#[derive(Clone, Debug)]
enum Subjects {
    Few(BTreeSet<u32>),
    Enough,
}

/// Which codes the subjects of a data set have, as far as it matters for rarity.
#[derive(Clone, Debug)]
pub struct CodeCensus {
    limit: usize,
    subjects: u32,
    codes: BTreeMap<Code, Subjects>,
}

impl CodeCensus {
    /// An empty census; codes of at least `limit` subjects are not rare.
    pub fn new(limit: u32) -> Self {
        Self {
            limit: usize::try_from(limit).unwrap_or(usize::MAX),
            subjects: 0,
            codes: BTreeMap::new(),
        }
    }

    /// Counts the codes of one subject; the subject's number in this census.
    pub fn add<'a>(&mut self, codes: impl IntoIterator<Item = &'a Code>) -> u32 {
        let subject = self.subjects;
        self.subjects += 1;
        for code in codes {
            let few = BTreeSet::from([subject]);
            self.join(code, &Subjects::Few(few));
        }
        subject
    }

    fn join(&mut self, code: &Code, more: &Subjects) {
        let there = self.codes.get_mut(code);
        match (there, more) {
            (Some(Subjects::Few(few)), Subjects::Few(more)) => {
                few.extend(more);
                if few.len() >= self.limit {
                    self.codes.insert(code.clone(), Subjects::Enough);
                }
            }
            (Some(Subjects::Enough), _) => {}
            (Some(few), Subjects::Enough) => *few = Subjects::Enough,
            (None, Subjects::Few(few)) if few.len() >= self.limit => {
                self.codes.insert(code.clone(), Subjects::Enough);
            }
            (None, more) => {
                self.codes.insert(code.clone(), more.clone());
            }
        }
    }

    /// Different codes.
    pub fn codes(&self) -> usize {
        self.codes.len()
    }

    /// The codes of fewer subjects than the limit, with their subjects. MEDS's own birth and death
    /// are none: they are judged as quasi-identifiers.
    pub(crate) fn rare(&self) -> impl Iterator<Item = (&Code, &BTreeSet<u32>)> {
        self.codes
            .iter()
            .filter_map(|(code, subjects)| match subjects {
                Subjects::Few(few) if !code.is_birth() && !code.is_death() => Some((code, few)),
                Subjects::Few(_) | Subjects::Enough => None,
            })
    }

    /// What is to be done with each rare code so that no code of fewer subjects is left.
    pub fn plan(&self, action: RareCodes) -> RarePlan {
        let mut plan = RarePlan::default();
        if action == RareCodes::Keep {
            return plan;
        }
        // The longest codes first, so that all below a parent have joined it before it is judged.
        let mut world = self.clone();
        let mut left: BTreeSet<(usize, Code)> = world
            .rare()
            .map(|(code, _)| (code.value.len(), code.clone()))
            .collect();
        while let Some((_, code)) = left.pop_last() {
            let Some(Subjects::Few(few)) = world.codes.get(&code).cloned() else {
                continue;
            };
            world.codes.remove(&code);
            let above = match action {
                RareCodes::Generalise => parent(&code),
                RareCodes::Keep | RareCodes::Suppress => None,
            };
            if let Some(above) = &above {
                world.join(above, &Subjects::Few(few));
                if matches!(world.codes.get(above), Some(Subjects::Few(_))) {
                    left.insert((above.value.len(), above.clone()));
                }
            }
            plan.becomes.insert(code, above);
        }
        plan.resolve();
        plan
    }
}

/// What each rare code becomes: a coarser one, or nothing.
#[derive(Clone, Debug, Default)]
pub struct RarePlan {
    becomes: BTreeMap<Code, Option<Code>>,
}

impl RarePlan {
    /// Follows parents that became something in their turn.
    fn resolve(&mut self) {
        let steps = self.becomes.clone();
        for above in self.becomes.values_mut() {
            while let Some(further) = above.as_ref().and_then(|code| steps.get(code)) {
                above.clone_from(further);
            }
        }
    }

    /// Codes that become a coarser one.
    pub fn generalised(&self) -> usize {
        self.becomes.values().flatten().count()
    }

    /// Codes that are left out.
    pub fn suppressed(&self) -> usize {
        self.becomes.len() - self.generalised()
    }

    /// Treats the code of an event; `None` when the event is left out.
    pub(crate) fn apply(&self, event: &mut Event, changes: &mut Changes) -> Option<()> {
        let written = event.as_written.as_ref().and_then(|w| w.code.as_ref());
        if written.is_some_and(|code| self.becomes.contains_key(code)) {
            forget_written_code(event);
        }
        match self.becomes.get(&event.code) {
            None => {}
            Some(None) => {
                changes.rare_suppressed += 1;
                return None;
            }
            Some(Some(above)) => {
                event.code = above.clone();
                forget_written_code(event);
                changes.rare_generalised += 1;
            }
        }
        Some(())
    }
}

/// The next coarser code: within ICD to the category of three letters, within ATC level by level.
/// Other systems tell nothing by the letters of their codes, and have none here.
fn parent(code: &Code) -> Option<Code> {
    let (before, last) = match code.value.rsplit_once("//") {
        Some((before, last)) => (format!("{before}//"), last),
        None => (String::new(), &*code.value),
    };
    let system = code.system.to_ascii_uppercase();
    let icd = system.starts_with("ICD") || before.starts_with("ICD//");
    let letters = last.chars().count();
    let length = if system == "ATC" {
        ATC_LETTERS.into_iter().find(|length| *length < letters)?
    } else if icd && letters > CATEGORY_LETTERS {
        CATEGORY_LETTERS
    } else {
        return None;
    };
    let value = format!("{before}{}", cut(last, length));
    Some(Code::new(code.system.clone(), value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn census(limit: u32, subjects: &[&[&str]]) -> CodeCensus {
        let mut census = CodeCensus::new(limit);
        for codes in subjects {
            let codes: Vec<_> = codes.iter().map(|code| Code::from_meds(code)).collect();
            census.add(&codes);
        }
        census
    }

    fn shown(plan: &RarePlan) -> Vec<String> {
        let to = |code: &Option<Code>| code.as_ref().map_or("-".into(), |c| c.to_meds().into());
        plan.becomes
            .iter()
            .map(|(code, above): (&Code, &Option<Code>)| {
                let above: String = to(above);
                format!("{} > {above}", code.to_meds())
            })
            .collect()
    }

    #[test]
    fn rare_codes_climb_until_enough_subjects_share_them() {
        let census = census(
            3,
            &[
                &[
                    "ICD10CM//E11.9",
                    "ICD10CM//Q87.40",
                    "RxNorm//1",
                    "ATC//N02BE01",
                ],
                &[
                    "ICD10CM//E11.9",
                    "ICD10CM//Q87.41",
                    "MEDS_DEATH",
                    "ATC//N02BA01",
                ],
                &["ICD10CM//E11.9", "ICD10CM//Q87.5", "ATC//N02AA01"],
                &["DIAGNOSIS//ICD//10//Z999", "LOINC//1"],
            ],
        );
        assert_eq!(
            shown(&census.plan(RareCodes::Generalise)),
            [
                "ATC//N02A > ATC//N02",
                "ATC//N02AA > ATC//N02",
                "ATC//N02AA01 > ATC//N02",
                "ATC//N02B > ATC//N02",
                "ATC//N02BA > ATC//N02",
                "ATC//N02BA01 > ATC//N02",
                "ATC//N02BE > ATC//N02",
                "ATC//N02BE01 > ATC//N02",
                "DIAGNOSIS//ICD//10//Z99 > -",
                "DIAGNOSIS//ICD//10//Z999 > -",
                "ICD10CM//Q87.40 > ICD10CM//Q87",
                "ICD10CM//Q87.41 > ICD10CM//Q87",
                "ICD10CM//Q87.5 > ICD10CM//Q87",
                "LOINC//1 > -",
                "RxNorm//1 > -",
            ]
        );
        assert_eq!(census.plan(RareCodes::Suppress).generalised(), 0);
        assert_eq!(census.plan(RareCodes::Suppress).suppressed(), 9);
        assert_eq!(census.plan(RareCodes::Keep).suppressed(), 0);
    }
}
