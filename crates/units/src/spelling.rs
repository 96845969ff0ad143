//! Spellings of units into UCUM. What is neither in the table nor written in UCUM is `None`:
//! whoever asks keeps the unit as written and says so. No value is converted here.

use crate::ucum::Unit;

/// The unit system's URI.
pub const UCUM: &str = "http://unitsofmeasure.org";

/// Clinical spellings that are not UCUM, or that UCUM would read as something else, sorted.
/// Source of the right-hand side: the UCUM specification's tables (<https://ucum.org/ucum>, 2.1).
/// Source of the left-hand side: laboratory and bedside spellings of MIMIC-IV (`mimic-units`), of
/// Synthea, and of LOINC's list of submitted units ("example units").
const SPELLINGS: &[(&str, &str)] = &[
    ("#/HPF", "/[HPF]"),
    ("#/LPF", "/[LPF]"),
    ("#/hpf", "/[HPF]"),
    ("#/lpf", "/[LPF]"),
    ("#/uL", "/uL"),
    ("/HPF", "/[HPF]"),
    ("/LPF", "/[LPF]"),
    ("/cumm", "/mm3"),
    ("/hpf", "/[HPF]"),
    ("/lpf", "/[LPF]"),
    ("10*3/mcL", "10*3/uL"),
    ("10E3/uL", "10*3/uL"),
    ("10^12/L", "10*12/L"),
    ("10^3/uL", "10*3/uL"),
    ("10^6/uL", "10*6/uL"),
    ("10^9/L", "10*9/L"),
    ("Appl", "{application}"),
    ("BPM", "/min"),
    ("C", "Cel"),
    ("CAP", "{cap}"),
    ("CM", "cm"),
    ("Cel", "Cel"),
    ("DROP", "[drp]"),
    ("Deg. C", "Cel"),
    ("Deg. F", "[degF]"),
    ("Enema", "{enema}"),
    ("F", "[degF]"),
    ("GPL", "[GPL'U]"),
    ("INH", "{inhalation}"),
    ("IU", "[IU]"),
    ("IU/L", "[IU]/L"),
    ("IU/mL", "[IU]/mL"),
    ("Inch", "[in_i]"),
    ("K/cumm", "10*3/mm3"),
    ("K/mcL", "10*3/uL"),
    ("K/uL", "10*3/uL"),
    ("L/min.", "L/min"),
    ("LBS", "[lb_av]"),
    ("LOZ", "{lozenge}"),
    ("Liters", "L"),
    ("M/mcL", "10*6/uL"),
    ("M/uL", "10*6/uL"),
    ("MPL", "[MPL'U]"),
    ("NEB", "{nebule}"),
    ("PKT", "{packet}"),
    ("PTCH", "{patch}"),
    ("PUFF", "{puff}"),
    ("Ratio", "1"),
    ("SECONDS", "s"),
    ("SPRY", "{spray}"),
    ("SUPP", "{suppository}"),
    ("TAB", "{tbl}"),
    ("WAF", "{wafer}"),
    ("beats/min", "/min"),
    ("beats/minute", "/min"),
    ("bpm", "/min"),
    ("breaths/min", "/min"),
    ("breaths/minute", "/min"),
    ("capsule", "{cap}"),
    ("cc", "mL"),
    ("cells/nL", "/nL"),
    ("cells/uL", "/uL"),
    ("cmH20", "cm[H2O]"),
    ("cmH2O", "cm[H2O]"),
    ("days", "d"),
    ("deg C", "Cel"),
    ("deg F", "[degF]"),
    ("degC", "Cel"),
    ("degF", "[degF]"),
    ("dose", "{dose}"),
    ("fl", "fL"),
    ("ft", "[ft_i]"),
    ("gm", "g"),
    ("gm/dL", "g/dL"),
    ("grams", "g"),
    ("hour", "h"),
    ("hours", "h"),
    ("hr", "h"),
    ("hrs", "h"),
    ("in", "[in_i]"),
    ("inHg", "[in_i'Hg]"),
    ("inches", "[in_i]"),
    ("insp/min", "/min"),
    ("kg/m^2", "kg/m2"),
    ("kg/m²", "kg/m2"),
    ("lb", "[lb_av]"),
    ("lbs", "[lb_av]"),
    ("m/uL", "10*6/uL"),
    ("mEq", "meq"),
    ("mEq.", "meq"),
    ("mEq/L", "meq/L"),
    ("mIU/L", "m[IU]/L"),
    ("mIU/mL", "m[IU]/mL"),
    ("mL/hour", "mL/h"),
    ("mL/hr", "mL/h"),
    ("mL/min/1.73 m2", "mL/min/{1.73_m2}"),
    ("mL/min/1.73m2", "mL/min/{1.73_m2}"),
    ("mL/min/{1.73}", "mL/min/{1.73}"),
    ("mOsm/kg", "mosm/kg"),
    ("mOsm/kg H2O", "mosm/kg"),
    ("mcg", "ug"),
    ("mcg/dL", "ug/dL"),
    ("mcg/hour", "ug/h"),
    ("mcg/hr", "ug/h"),
    ("mcg/kg/min", "ug/kg/min"),
    ("mcg/mL", "ug/mL"),
    ("mcg/min", "ug/min"),
    ("meq/l", "meq/L"),
    ("mg/24hr", "mg/(24.h)"),
    ("mg/day", "mg/d"),
    ("mg/dl", "mg/dL"),
    ("mg/hour", "mg/h"),
    ("mg/hr", "mg/h"),
    ("mg/kg/hour", "mg/kg/h"),
    ("minutes", "min"),
    ("ml", "mL"),
    ("ml/h", "mL/h"),
    ("ml/hr", "mL/h"),
    ("ml/min", "mL/min"),
    ("mm Hg", "mm[Hg]"),
    ("mm/hr", "mm/h"),
    ("mmHg", "mm[Hg]"),
    ("mmhg", "mm[Hg]"),
    ("mmol/l", "mmol/L"),
    ("months", "mo"),
    ("ng/mL FEU", "ng/mL{FEU}"),
    ("oz", "[oz_av]"),
    ("percent", "%"),
    ("ratio", "1"),
    ("score", "{score}"),
    ("sec", "s"),
    ("seconds", "s"),
    ("secs", "s"),
    ("tablet", "{tbl}"),
    ("tablets", "{tbl}"),
    ("uIU/mL", "u[IU]/mL"),
    ("weeks", "wk"),
    ("x10(3)/mcL", "10*3/uL"),
    ("x10(6)/mcL", "10*6/uL"),
    ("x10E3/uL", "10*3/uL"),
    ("x10E6/uL", "10*6/uL"),
    ("x10^3/uL", "10*3/uL"),
    ("x10^9/L", "10*9/L"),
    ("years", "a"),
    ("°C", "Cel"),
    ("°F", "[degF]"),
    ("µg", "ug"),
    ("µg/L", "ug/L"),
    ("µg/dL", "ug/dL"),
    ("µmol/L", "umol/L"),
    ("μg", "ug"),
    ("μg/L", "ug/L"),
    ("μmol/L", "umol/L"),
];

/// The UCUM units that laboratories write in capitals throughout, as HL7 v2 interfaces do. In
/// UCUM's own case-sensitive form `MMOL/L` would be no unit and `M` a mega.
const CAPITALS: &[&str] = &[
    "%", "10*3/uL", "10*6/uL", "Cel", "cm", "fL", "g/L", "g/dL", "g/mL", "kg", "kg/m2", "meq/L",
    "mg", "mg/L", "mg/dL", "mg/g", "mg/mL", "mL", "mL/min", "mm/h", "mmol/L", "mmol/mol",
    "mosm/kg", "ng/dL", "ng/L", "ng/mL", "nmol/L", "pg", "pg/mL", "pmol/L", "s", "ug/L", "ug/dL",
    "ug/g", "ug/mL", "umol/L",
];

/// The UCUM unit of a spelling, or `None` when it is not known. The table of spellings comes
/// first: `K/uL` is thousands a microlitre, and not the kelvins that UCUM reads.
pub fn to_ucum(unit: &str) -> Option<&str> {
    let unit = unit.trim();
    if let Ok(at) = SPELLINGS.binary_search_by(|(spelling, _)| (*spelling).cmp(unit)) {
        return Some(SPELLINGS[at].1);
    }
    if Unit::parse(unit).is_ok() {
        return Some(unit);
    }
    let shouted = !unit.bytes().any(|byte| byte.is_ascii_lowercase());
    let found = CAPITALS
        .iter()
        .find(|code| shouted && code.eq_ignore_ascii_case(unit));
    found.copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_its_right_side_is_ucum() {
        for pair in SPELLINGS.windows(2) {
            assert!(pair[0].0 < pair[1].0, "{} {}", pair[0].0, pair[1].0);
        }
        for (spelling, ucum) in SPELLINGS {
            assert!(Unit::parse(ucum).is_ok(), "{spelling}: {ucum}");
        }
        for code in CAPITALS {
            assert!(Unit::parse(code).is_ok(), "{code}");
        }
    }

    #[test]
    fn clinical_spellings_become_ucum() {
        let cases = [
            ("mg/dL", "mg/dL"),
            ("K/uL", "10*3/uL"),
            ("m/uL", "10*6/uL"),
            ("mEq/L", "meq/L"),
            ("IU/L", "[IU]/L"),
            ("mmHg", "mm[Hg]"),
            ("mm[Hg]", "mm[Hg]"),
            ("bpm", "/min"),
            ("%", "%"),
            ("°F", "[degF]"),
            ("°C", "Cel"),
            ("{score}", "{score}"),
            ("pg", "pg"),
            ("kg/m2", "kg/m2"),
            ("10*3/uL", "10*3/uL"),
            ("mL/min/{1.73_m2}", "mL/min/{1.73_m2}"),
            ("ng/mL{FEU}", "ng/mL{FEU}"),
            ("/min", "/min"),
            (" sec ", "s"),
            ("units", "?"),
            ("", "?"),
            ("{", "?"),
            ("/", "?"),
            ("mg//dL", "?"),
            ("mOsm/kg", "mosm/kg"),
            ("MMOL/L", "mmol/L"),
            ("MG/DL", "mg/dL"),
            ("IU/ML", "?"),
        ];
        for (unit, expected) in cases {
            assert_eq!(to_ucum(unit).unwrap_or("?"), expected, "{unit}");
        }
    }
}
