//! The slips that are looked for: from an analyte's canonical unit into each unit in which some
//! laboratory reports it.

use crate::analyte::Analyte;
use crate::conversion::Conversion;

/// One way to get a unit wrong: the value is in `unit` while its label says the canonical one.
#[derive(Clone, Debug, PartialEq)]
pub struct Slip {
    /// The unit that the values seem to be in.
    pub unit: String,
    /// What multiplies a right value by mistake: 88.4 where creatinine in umol/L stands under
    /// mg/dL. For temperatures the ratio at the middle of the usual interval.
    pub factor: f64,
    /// From the canonical unit into the other.
    conversion: Conversion,
    /// How much less likely it is than a slip between two units, as a natural logarithm.
    pub(super) odds: f64,
}

impl Slip {
    /// What is recorded by mistake instead of a right value.
    pub fn make(&self, right: f64) -> f64 {
        self.conversion.apply(right)
    }

    /// What a recorded value would be in the canonical unit, had the slip happened.
    pub fn undo(&self, recorded: f64) -> f64 {
        (recorded - self.conversion.add) / self.conversion.factor()
    }
}

/// Units in which results are reported somewhere in the world. Those of another dimension drop out
/// for each analyte by themselves.
const REPORTED: &[&str] = &[
    "mmol/L", "umol/L", "nmol/L", "pmol/L", "meq/L", "g/dL", "g/L", "mg/dL", "mg/L", "ug/dL",
    "ug/L", "ng/mL", "ng/dL", "ng/L", "pg/mL", "ug/mL", "mmol/mol", "mg/mmol", "mg/g", "%", "1",
    "10*3/uL", "10*6/uL", "/uL", "10*9/L", "10*12/L", "kg", "g", "[lb_av]", "[oz_av]", "cm", "m",
    "[in_i]", "[ft_i]", "Cel", "[degF]", "K", "mm[Hg]", "kPa", "cm[H2O]", "ukat/L", "U/L", "U/mL",
    "s", "min", "[IU]/L", "m[IU]/L", "u[IU]/mL", "[IU]/mL",
];

/// Factors nearer to one than this are not told from case mix.
const FACTOR_MIN: f64 = 1.5;
/// Two slips nearer than this (in logarithms) are one: the first unit that has it is named.
const SAME: f64 = 0.02;

/// A decimal point in the wrong place, where no unit has that factor.
const DECIMAL: [(&str, f64); 4] = [
    ("ten times", 10.0),
    ("a tenth", 0.1),
    ("a thousand times", 1000.0),
    ("a thousandth", 0.001),
];

/// Typing errors are of single values; a whole source off by ten is a seventh as likely as one in
/// another unit.
const DECIMAL_ODDS: f64 = 2.0;

/// The slips of an analyte whose label says the canonical unit.
pub fn slips(analyte: &Analyte) -> Vec<Slip> {
    slips_under(analyte, &analyte.unit)
}

/// The slips of an analyte whose label says `stated`, with factors that differ: a value written in
/// another unit is read as one in `stated` and brought into the canonical unit. None where the
/// stated unit is no unit of the analyte.
pub fn slips_under(analyte: &Analyte, stated: &str) -> Vec<Slip> {
    let Ok(read) = analyte.conversion(stated) else {
        return Vec::new();
    };
    let middle = analyte
        .usual
        .map_or(1.0, |(low, high)| f64::midpoint(low, high));
    let mut found: Vec<Slip> = Vec::new();
    for unit in REPORTED {
        let Ok(written) = analyte.conversion_between(&analyte.unit, unit) else {
            continue;
        };
        let conversion = written.then(&read);
        let factor = conversion.apply(middle) / middle;
        let far = factor.is_finite() && factor.ln().abs() > FACTOR_MIN.ln();
        let known = found.iter().any(|s| (s.factor / factor).ln().abs() < SAME);
        if far && !known {
            found.push(Slip {
                unit: (*unit).to_owned(),
                factor,
                conversion,
                odds: 0.0,
            });
        }
    }
    for (name, factor) in DECIMAL {
        if !found.iter().any(|s| (s.factor / factor).ln().abs() < SAME) {
            let mut conversion = Conversion::same(&analyte.unit, name, "");
            conversion.multiply = factor;
            found.push(Slip {
                unit: name.to_owned(),
                factor,
                conversion,
                odds: DECIMAL_ODDS,
            });
        }
    }
    found
}

/// The factors looked for where the analyte is not known: between groups of one code, never against
/// a table. Each is some analyte's.
const GENERIC: &[(&str, f64)] = &[
    ("ten times", 10.0),
    ("a hundred times", 100.0),
    ("a thousand times", 1000.0),
    ("a million times", 1e6),
    ("creatinine, umol/L for mg/dL", 88.4),
    ("glucose, mg/dL for mmol/L", 18.016),
    ("cholesterol, mg/dL for mmol/L", 38.67),
    ("triglycerides, mg/dL for mmol/L", 88.57),
    ("inches, cm for in", 2.54),
    ("pounds, lb for kg", 2.2046),
    ("pressure, mmHg for kPa", 7.5006),
    ("enzymes, U/L for ukat/L", 60.0),
];

/// The slips of a code of no known analyte, in both directions.
pub fn generic_slips() -> Vec<Slip> {
    let both = |(name, factor): &(&str, f64)| {
        [(name, *factor), (name, 1.0 / factor)].map(|(name, factor)| {
            let mut conversion = Conversion::same("1", name, "");
            conversion.multiply = factor;
            let turned = if factor < 1.0 { ", the other way" } else { "" };
            Slip {
                unit: format!("{name}{turned}"),
                factor,
                conversion,
                odds: 0.0,
            }
        })
    };
    GENERIC.iter().flat_map(both).collect()
}
