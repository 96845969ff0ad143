//! What is measured: its canonical unit, its molar mass, the limits of a possible value.
//!
//! The table is data (`data/analytes.toml`), where each column has its source. A site adds to it
//! in the same form.

use crate::conversion::{Conversion, Refusal, Substance, between};
use crate::error::{Error, Result};
use crate::spelling::to_ucum;
use crate::ucum::Unit;
use longitude_core::Code;
use serde::Deserialize;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// The code systems in which MIMIC-IV's item numbers stand: MEDS, and the FHIR export's.
const MIMIC: &[&str] = &[
    "LAB",
    "mimic-d-labitems",
    "mimic-chartevents-d-items",
    "mimic-d-items",
];

/// One analyte or vital sign.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Analyte {
    /// Its name, for people.
    pub name: String,
    /// The unit in which it is kept, UCUM.
    pub unit: String,
    /// Grams a mole.
    #[serde(default)]
    pub molar_mass: Option<f64>,
    /// Charges a particle.
    #[serde(default)]
    pub valence: Option<u8>,
    /// Units that mean the canonical one for this analyte.
    #[serde(default)]
    pub same: Vec<String>,
    /// Other units, by a published line.
    #[serde(default)]
    affine: Vec<Line>,
    /// The lowest and the highest possible value in the canonical unit.
    pub limits: (f64, f64),
    /// The reference interval of adults in the canonical unit; its order of magnitude is meant.
    #[serde(default)]
    pub usual: Option<(f64, f64)>,
    #[serde(default)]
    loinc: Vec<String>,
    #[serde(default)]
    mimic: Vec<u32>,
    #[serde(default)]
    codes: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    unit: String,
    factor: f64,
    offset: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    analyte: Vec<Analyte>,
}

/// A value that its analyte cannot have. It is flagged and kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Implausible {
    /// Below the lowest possible.
    Low,
    /// Above the highest possible.
    High,
    /// Not a number, or infinite.
    NotFinite,
}

/// All analytes, found by code.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Analytes {
    list: Vec<Analyte>,
    /// System, then value, then the place in the list.
    by_code: BTreeMap<String, BTreeMap<String, usize>>,
}

static SHIPPED: LazyLock<Analytes> = LazyLock::new(|| {
    // A test holds that the table is read whole.
    Analytes::default()
        .extended(include_str!("../data/analytes.toml"))
        .unwrap_or_default()
});

impl Analytes {
    /// The table that the program comes with.
    pub fn shipped() -> &'static Self {
        &SHIPPED
    }

    /// This table with the rows of another one, in TOML: a row with a known name replaces it, and
    /// its codes take precedence.
    ///
    /// # Errors
    /// When the text is no table of analytes, or a row contradicts itself.
    pub fn extended(&self, toml: &str) -> Result<Self> {
        let table: Table = toml::from_str(toml)?;
        let mut all = self.clone();
        for analyte in table.analyte {
            check(&analyte)?;
            let known = all.list.iter().position(|one| one.name == analyte.name);
            let at = known.unwrap_or(all.list.len());
            for code in analyte.every_code() {
                let values = all.by_code.entry(code.system.to_string()).or_default();
                values.insert(code.value.to_string(), at);
            }
            if at == all.list.len() {
                all.list.push(analyte);
            } else {
                all.list[at] = analyte;
            }
        }
        Ok(all)
    }

    /// All rows.
    pub fn list(&self) -> &[Analyte] {
        &self.list
    }

    /// The analyte of a code. Behind `//` stands what modifies a code (a unit, a method, a coded
    /// answer): `50912//mg/dL` is looked for whole, and then as `50912`.
    pub fn of(&self, code: &Code) -> Option<&Analyte> {
        let values = self.by_code.get(&*code.system)?;
        let at = values.get(&*code.value).or_else(|| {
            let (bare, _) = code.value.split_once("//")?;
            values.get(bare)
        })?;
        self.list.get(*at)
    }

    /// The analyte of a name.
    pub fn named(&self, name: &str) -> Option<&Analyte> {
        self.list.iter().find(|analyte| analyte.name == name)
    }
}

impl Analyte {
    /// The conversion of a value in `unit` (UCUM or a known spelling) into the canonical unit.
    ///
    /// # Errors
    /// When the unit is unknown, or is none of this analyte's.
    pub fn conversion(&self, unit: &str) -> std::result::Result<Conversion, Refusal> {
        self.conversion_between(unit, &self.unit)
    }

    /// The conversion between any two units of this analyte.
    ///
    /// # Errors
    /// When a unit is unknown, or is none of this analyte's.
    pub fn conversion_between(
        &self,
        from: &str,
        to: &str,
    ) -> std::result::Result<Conversion, Refusal> {
        let known = to_ucum(from).unwrap_or(from);
        let means = "written so for this analyte";
        if self.same.iter().any(|unit| unit == known) {
            let mut conversion = self.conversion_between(&self.unit, to)?;
            known.clone_into(&mut conversion.from);
            if conversion.is_identity() && known != to {
                means.clone_into(&mut conversion.basis);
            }
            return Ok(conversion);
        }
        if let Some(line) = self.affine.iter().find(|line| line.unit == known)
            && to == self.unit
        {
            let mut conversion = Conversion::same(known, to, "published line");
            conversion.multiply = line.factor;
            conversion.add = line.offset;
            return Ok(conversion);
        }
        let what = Substance {
            molar_mass: self.molar_mass,
            valence: self.valence,
        };
        between(known, to, what)
    }

    /// Whether a value in the canonical unit cannot be.
    pub fn implausible(&self, value: f64) -> Option<Implausible> {
        let (low, high) = self.limits;
        if !value.is_finite() {
            Some(Implausible::NotFinite)
        } else if value < low {
            Some(Implausible::Low)
        } else if value > high {
            Some(Implausible::High)
        } else {
            None
        }
    }

    fn every_code(&self) -> Vec<Code> {
        let loinc = self
            .loinc
            .iter()
            .map(|value| Code::new("LOINC", value.as_str()));
        let items = self.mimic.iter().flat_map(|item| {
            MIMIC
                .iter()
                .map(move |system| Code::new(*system, item.to_string()))
        });
        let others = self.codes.iter().map(|code| Code::from_meds(code));
        loinc.chain(items).chain(others).collect()
    }
}

/// Whether a row can be used.
fn check(analyte: &Analyte) -> Result<()> {
    let fault = |fault: &str| {
        Err(Error::Entry {
            name: analyte.name.clone(),
            fault: fault.to_owned(),
        })
    };
    let (low, high) = analyte.limits;
    if Unit::parse(&analyte.unit).is_err() {
        return fault("its unit is not UCUM");
    }
    if low.partial_cmp(&high) != Some(Ordering::Less) {
        return fault("its limits are not in order");
    }
    if let Some((from, to)) = analyte.usual
        && !(low <= from && from < to && to <= high)
    {
        return fault("its usual values are not within its limits");
    }
    if analyte
        .molar_mass
        .is_some_and(|mass| mass.is_nan() || mass <= 0.0)
        || analyte.valence == Some(0)
    {
        return fault("its molar mass and valence must be above zero");
    }
    Ok(())
}

#[cfg(test)]
mod tests;
