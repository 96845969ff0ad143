//! The detector on made-up values: what it must find, what it must leave alone, over many seeds.

use super::*;
use crate::Analytes;

/// SplitMix64 (Steele, Lea and Flood 2014).
struct Random(u64);

impl Random {
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }

    fn normal(&mut self) -> f64 {
        let (a, b) = (self.uniform().max(1e-300), self.uniform());
        (-2.0 * a.ln()).sqrt() * (std::f64::consts::TAU * b).cos()
    }
}

/// How an analyte varies between persons and within one, in logarithms.
struct Model {
    name: &'static str,
    middle: f64,
    between: f64,
    within: f64,
    decimals: i32,
}

const MODELS: &[Model] = &[
    Model {
        name: "creatinine",
        middle: 1.0,
        between: 0.45,
        within: 0.15,
        decimals: 1,
    },
    Model {
        name: "glucose",
        middle: 118.0,
        between: 0.28,
        within: 0.22,
        decimals: 0,
    },
    Model {
        name: "cholesterol",
        middle: 185.0,
        between: 0.22,
        within: 0.08,
        decimals: 0,
    },
    Model {
        name: "hemoglobin",
        middle: 11.5,
        between: 0.18,
        within: 0.08,
        decimals: 1,
    },
    Model {
        name: "body weight",
        middle: 80.0,
        between: 0.25,
        within: 0.03,
        decimals: 1,
    },
    Model {
        name: "body temperature",
        middle: 36.9,
        between: 0.008,
        within: 0.01,
        decimals: 1,
    },
    Model {
        name: "C reactive protein",
        middle: 12.0,
        between: 1.3,
        within: 0.6,
        decimals: 1,
    },
];

/// Persons with some values each; a share of rows in the unit of a slip. Values and steps, each
/// ascending.
fn group(model: &Model, seed: u64, slip: Option<(&Slip, f64)>) -> (Vec<f64>, Vec<f64>) {
    let mut random = Random(seed.wrapping_mul(0x1234_5678_9abc_def1) ^ 0x4d);
    let (mut values, mut steps) = (Vec::new(), Vec::new());
    let ten = 10f64.powi(model.decimals);
    for _person in 0..120 {
        let own = model.middle.ln() + model.between * random.normal();
        let mut before: Option<f64> = None;
        for _visit in 0..4 {
            let right = (own + model.within * random.normal()).exp();
            let mut value = (right * ten).round().max(1.0) / ten;
            if let Some((slip, share)) = slip
                && random.uniform() < share
            {
                value = slip.make(value);
            }
            if let Some(before) = before.replace(value) {
                steps.push((value / before).ln());
            }
            values.push(value);
        }
    }
    values.sort_by(f64::total_cmp);
    steps.sort_by(f64::total_cmp);
    (values, steps)
}

fn look(model: &Model, (values, steps): &(Vec<f64>, Vec<f64>)) -> Option<Finding> {
    let analyte = Analytes::shipped().named(model.name).unwrap();
    let sample = Sample { values, steps };
    examine(
        sample,
        Some(analyte),
        &slips(analyte),
        None,
        &Options::standard(),
    )
}

fn model(name: &str) -> &'static Model {
    MODELS.iter().find(|model| model.name == name).unwrap()
}

fn slip(name: &str, unit: &str) -> Slip {
    let all = slips(Analytes::shipped().named(name).unwrap());
    all.into_iter().find(|slip| slip.unit == unit).unwrap()
}

#[test]
fn right_values_raise_no_alarm() {
    let mut alarms = Vec::new();
    for model in MODELS {
        for seed in 0..60 {
            if let Some(finding) = look(model, &group(model, seed, None)) {
                alarms.push(format!("{} {seed} {finding:?}", model.name));
            }
        }
    }
    assert!(alarms.is_empty(), "{} of 420: {alarms:?}", alarms.len());
}

#[test]
fn a_whole_source_in_the_wrong_unit_is_found() {
    for (name, unit) in [
        ("creatinine", "umol/L"),
        ("glucose", "mmol/L"),
        ("cholesterol", "mmol/L"),
        ("hemoglobin", "g/L"),
        ("body temperature", "[degF]"),
    ] {
        let slip = slip(name, unit);
        for seed in 0..20 {
            let finding = look(model(name), &group(model(name), seed, Some((&slip, 1.0))));
            let finding = finding.unwrap_or_else(|| panic!("{name} {seed}"));
            assert!(
                (finding.slip.factor / slip.factor - 1.0).abs() < 0.05,
                "{name} {finding:?}"
            );
            assert_eq!(
                (finding.share.to_string(), finding.certainty),
                ("1".into(), Certainty::Likely)
            );
        }
    }
}

#[test]
fn five_rows_in_a_hundred_are_found() {
    for (name, unit) in [
        ("creatinine", "umol/L"),
        ("glucose", "mmol/L"),
        ("cholesterol", "mmol/L"),
        ("hemoglobin", "g/L"),
        ("body weight", "[lb_av]"),
        ("body temperature", "[degF]"),
    ] {
        let slip = slip(name, unit);
        let mut found = 0;
        for seed in 0..40 {
            let finding = look(model(name), &group(model(name), seed, Some((&slip, 0.05))));
            let right =
                |f: &Finding| (f.slip.factor / slip.factor).ln().abs() < 0.1 && f.share < 0.15;
            found += usize::from(finding.as_ref().is_some_and(right));
        }
        assert!(found >= 38, "{name}: {found} of 40");
    }
}

#[test]
fn other_groups_tell_what_the_table_cannot() {
    let (pounds, model) = (slip("body weight", "[lb_av]"), model("body weight"));
    let others: Vec<Vec<f64>> = (0..4)
        .map(|seed| group(model, 100 + seed, None).0)
        .collect();
    let others: Vec<&[f64]> = others.iter().map(Vec::as_slice).collect();
    let options = Options::standard();
    let reference = reference(&others, &options).unwrap();
    let analyte = Analytes::shipped().named(model.name).unwrap();
    let all = slips(analyte);
    let look = |values: &[f64]| {
        let sample = Sample { values, steps: &[] };
        examine(sample, Some(analyte), &all, Some(&reference), &options)
    };
    let wrong = group(model, 7, Some((&pounds, 1.0))).0;
    let finding = look(&wrong).unwrap();
    assert_eq!(
        (finding.slip.unit.as_str(), finding.signs),
        ("[lb_av]", vec![Sign::ShiftFromOthers])
    );
    assert_eq!(look(&group(model, 8, None).0), None);
    // A children's ward weighs a third and varies more: no slip.
    let children = Model {
        name: model.name,
        middle: 28.0,
        between: 0.75,
        within: 0.03,
        decimals: 1,
    };
    assert_eq!(look(&group(&children, 9, None).0), None);
}

#[test]
fn a_threshold_in_another_unit_is_found() {
    let creatinine = Analytes::shipped().named("creatinine").unwrap();
    let all = slips(creatinine);
    let values = group(model("creatinine"), 1, None).0;
    let found = |threshold: f64| threshold_slip(&values, threshold, &all).map(|s| s.unit.as_str());
    // The limit of acute kidney injury, 1.5 mg/dL, written in umol/L.
    assert_eq!(found(132.6), Some("umol/L"));
    assert_eq!(found(1.5), None);
    assert_eq!(found(f64::NAN), None);
}

#[test]
fn a_code_of_no_known_analyte_is_compared_with_its_other_groups() {
    let model = model("glucose");
    let others: Vec<Vec<f64>> = (0..3)
        .map(|seed| group(model, 200 + seed, None).0)
        .collect();
    let others: Vec<&[f64]> = others.iter().map(Vec::as_slice).collect();
    let options = Options::standard();
    let reference = reference(&others, &options).unwrap();
    let wrong: Vec<f64> = group(model, 5, None).0.iter().map(|v| v / 18.016).collect();
    let sample = Sample {
        values: &wrong,
        steps: &[],
    };
    let finding = examine(sample, None, &generic_slips(), Some(&reference), &options).unwrap();
    assert!(
        (finding.slip.factor * 18.016 - 1.0).abs() < 0.01,
        "{finding:?}"
    );
}

#[test]
fn the_right_unit_under_a_wrong_label_is_found() {
    // PhysioNet's Challenge 2012 states magnesium in mmol/L; its values are in mg/dL.
    let magnesium = Analytes::shipped().named("magnesium").unwrap();
    let label = magnesium.conversion("mmol/L").unwrap();
    let model = Model {
        name: "magnesium",
        middle: 2.0,
        between: 0.15,
        within: 0.1,
        decimals: 1,
    };
    let values: Vec<f64> = group(&model, 1, None)
        .0
        .iter()
        .map(|v| label.apply(*v))
        .collect();
    let sample = Sample {
        values: &values,
        steps: &[],
    };
    let all = slips_under(magnesium, "mmol/L");
    let finding = examine(sample, Some(magnesium), &all, None, &Options::standard()).unwrap();
    assert_eq!(
        (finding.slip.unit.as_str(), finding.share.to_string()),
        ("mg/dL", "1".into())
    );
    let fahrenheit = slips_under(
        Analytes::shipped().named("body temperature").unwrap(),
        "[degF]",
    );
    let celsius = fahrenheit.iter().find(|slip| slip.unit == "Cel").unwrap();
    assert!((celsius.undo(celsius.make(37.0)) - 37.0).abs() < 1e-9);
    // 37 read as Fahrenheit is 2.8 degrees Celsius.
    assert!((celsius.make(37.0) - 25.0 / 9.0).abs() < 1e-9);
    assert!(slips_under(magnesium, "mm[Hg]").is_empty());
}

#[test]
fn empty_and_odd_groups_say_nothing() {
    let analyte = Analytes::shipped().named("creatinine").unwrap();
    let all = slips(analyte);
    for values in [
        vec![],
        vec![0.0; 100],
        vec![-1.0; 100],
        vec![1.0; 100],
        vec![1e300; 10],
    ] {
        let sample = Sample {
            values: &values,
            steps: &[],
        };
        assert_eq!(
            examine(sample, Some(analyte), &all, None, &Options::standard()),
            None
        );
    }
}
