//! From one unit into another: by dimension, by molar mass, by valence, or not at all.

use crate::ucum::{Dimension, Unit, UnitError};
use std::fmt;

/// How a value gets from one unit into another: `value * multiply / divide + add`.
#[derive(Clone, Debug, PartialEq)]
pub struct Conversion {
    /// The unit that the value is in, UCUM.
    pub from: String,
    /// The unit that it gets into, UCUM.
    pub to: String,
    /// The number that the value is multiplied by.
    pub multiply: f64,
    /// The number that it is divided by.
    pub divide: f64,
    /// The number that is added at the end: zero but for temperatures and published lines.
    pub add: f64,
    /// What else the conversion rests on, for the reader: a molar mass, a valence, a published
    /// line; empty where the units alone say it.
    pub basis: String,
}

/// Why a value is not converted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A unit is not known.
    #[error("{0}")]
    Unit(#[from] UnitError),
    /// The units measure different things.
    #[error("the units measure different things")]
    Incommensurable,
    /// One is an arbitrary unit, or says which quantity is measured; such are not converted.
    #[error("an arbitrary unit converts into no other")]
    Arbitrary,
    /// Mass against amount of substance, and the molar mass is not known.
    #[error("mass and amount of substance, and no molar mass is known")]
    NoMolarMass,
    /// Equivalents against moles, and the valence is not known.
    #[error("equivalents, and no valence is known")]
    NoValence,
}

/// What is known of the substance.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Substance {
    /// g/mol.
    pub(crate) molar_mass: Option<f64>,
    /// Charges a particle.
    pub(crate) valence: Option<u8>,
}

/// The conversion between two UCUM units that says nothing of the substance.
///
/// # Errors
/// When a unit is unknown, or the units do not measure the same.
pub fn convert(from: &str, to: &str) -> Result<Conversion, Refusal> {
    between(from, to, Substance::default())
}

/// The conversion between two UCUM units of a substance.
pub(crate) fn between(from: &str, to: &str, what: Substance) -> Result<Conversion, Refusal> {
    if from == to {
        return Ok(Conversion::same(from, to, ""));
    }
    let (a, b) = (Unit::parse(from)?, Unit::parse(to)?);
    if a.arbitrary != b.arbitrary || a.quantity != b.quantity {
        return Err(Refusal::Arbitrary);
    }
    let mut gap = [0i32; 10];
    for (gap, (a, b)) in gap.iter_mut().zip(a.dimension.0.iter().zip(b.dimension.0)) {
        *gap = i32::from(*a) - i32::from(b);
    }
    let [mass, amount, charge] = [Dimension::MASS, Dimension::AMOUNT, Dimension::EQUIVALENTS]
        .map(|place| std::mem::take(&mut gap[place]));
    if gap != [0; 10] || mass + amount + charge != 0 {
        return Err(Refusal::Incommensurable);
    }
    let mut conversion = Conversion::same(from, to, "");
    conversion.times(a.scale.0, 1);
    conversion.times(b.scale.0, -1);
    conversion.times(10.0, a.scale.1 - b.scale.1);
    conversion.add = (a.offset - b.offset) / b.scale.0;
    if a.offset != 0.0 || b.offset != 0.0 {
        conversion.in_ninths();
    }
    if mass != 0 {
        let molar_mass = what.molar_mass.ok_or(Refusal::NoMolarMass)?;
        conversion.times(molar_mass, amount + charge);
        conversion.basis = format!("{molar_mass} g/mol");
    }
    if charge != 0 {
        let valence = what.valence.ok_or(Refusal::NoValence)?;
        conversion.times(f64::from(valence), -charge);
        let comma = if mass == 0 { "" } else { ", " };
        conversion.basis += &format!("{comma}valence {valence}");
    }
    Ok(conversion)
}

impl Conversion {
    /// The conversion that changes no number.
    pub(crate) fn same(from: &str, to: &str, basis: &str) -> Self {
        Self {
            from: from.to_owned(),
            to: to.to_owned(),
            multiply: 1.0,
            divide: 1.0,
            add: 0.0,
            basis: basis.to_owned(),
        }
    }

    /// Whether it changes no number.
    #[expect(clippy::float_cmp, reason = "one and zero are exact")]
    pub fn is_identity(&self) -> bool {
        self.multiply == self.divide && self.add == 0.0
    }

    /// The value in the other unit, to twelve significant digits: no measurement has more, and the
    /// noise of binary fractions (98.6 degrees Fahrenheit as 37.00000000000006 Celsius) goes.
    pub fn apply(&self, value: f64) -> f64 {
        if self.is_identity() {
            return value;
        }
        rounded(value * self.multiply / self.divide + self.add)
    }

    /// The factor alone, for conversions without an offset.
    pub fn factor(&self) -> f64 {
        self.multiply / self.divide
    }

    /// This conversion and then another one, of numbers; the names of the units are the outer ones.
    pub(crate) fn then(&self, next: &Self) -> Self {
        Self {
            from: self.from.clone(),
            to: next.to.clone(),
            multiply: self.multiply * next.multiply,
            divide: self.divide * next.divide,
            add: self.add * next.factor() + next.add,
            basis: String::new(),
        }
    }

    /// The factor as a fraction of ninths: a degree Fahrenheit is five ninths of a kelvin.
    fn in_ninths(&mut self) {
        let ninths = (self.factor() * 9.0 * 1e6).round() / 1e6;
        let ends = [ninths, (9.0 / self.factor() * 1e6).round() / 1e6];
        match ends.map(|number| number.fract() == 0.0) {
            [true, _] => (self.multiply, self.divide) = (ends[0], 9.0),
            [_, true] => (self.multiply, self.divide) = (9.0, ends[1]),
            [false, false] => {}
        }
    }

    fn times(&mut self, base: f64, power: i32) {
        if power >= 0 {
            self.multiply *= base.powi(power);
        } else {
            self.divide *= base.powi(-power);
        }
    }
}

/// To twelve significant digits.
fn rounded(exact: f64) -> f64 {
    format!("{exact:.11e}").parse().unwrap_or(exact)
}

/// `umol/L -> mg/dL: * 113.12 / 10000 (113.12 g/mol)`.
impl fmt::Display for Conversion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} -> {}:", self.from, self.to)?;
        if self.is_identity() {
            write!(f, " the same number")?;
        } else {
            write!(
                f,
                " * {} / {}",
                rounded(self.multiply),
                rounded(self.divide)
            )?;
        }
        if self.add != 0.0 {
            let sign = if self.add < 0.0 { '-' } else { '+' };
            write!(f, " {sign} {}", rounded(self.add.abs()))?;
        }
        if self.basis.is_empty() {
            Ok(())
        } else {
            write!(f, " ({})", self.basis)
        }
    }
}
