//! Charlson's index from ICD codes (Quan et al. 2005, table 1, the enhanced lists; weights of
//! Charlson et al. 1987, table 3).

use longitude_core::Code;
use longitude_terminology::{Coded, Held};

/// A condition: its weight, and the starts of its codes in ICD-9-CM and in ICD-10, without points.
/// `A-B` stands for all starts of equal length from `A` to `B`.
struct Condition {
    weight: f64,
    icd9: &'static [&'static str],
    icd10: &'static [&'static str],
}

const fn condition(
    weight: f64,
    icd9: &'static [&'static str],
    icd10: &'static [&'static str],
) -> Condition {
    Condition {
        weight,
        icd9,
        icd10,
    }
}

/// Places of the milder and the graver form of one condition, of which only the graver counts.
const GRAVER: [(usize, usize); 3] = [(8, 14), (9, 10), (13, 15)];

const CONDITIONS: [Condition; 17] = [
    // Myocardial infarction.
    condition(1.0, &["410", "412"], &["I21", "I22", "I252"]),
    // Congestive heart failure.
    condition(
        1.0,
        &[
            "39891",
            "40201",
            "40211",
            "40291",
            "40401",
            "40403",
            "40411",
            "40413",
            "40491",
            "40493",
            "4254-4259",
            "428",
        ],
        &[
            "I099",
            "I110",
            "I130",
            "I132",
            "I255",
            "I420",
            "I425-I429",
            "I43",
            "I50",
            "P290",
        ],
    ),
    // Peripheral vascular disease.
    condition(
        1.0,
        &[
            "0930",
            "4373",
            "440",
            "441",
            "4431-4439",
            "4471",
            "5571",
            "5579",
            "V434",
        ],
        &[
            "I70", "I71", "I731", "I738", "I739", "I771", "I790", "I792", "K551", "K558", "K559",
            "Z958", "Z959",
        ],
    ),
    // Cerebrovascular disease.
    condition(
        1.0,
        &["36234", "430-438"],
        &["G45", "G46", "H340", "I60-I69"],
    ),
    // Dementia.
    condition(
        1.0,
        &["290", "2941", "3312"],
        &["F00-F03", "F051", "G30", "G311"],
    ),
    // Chronic pulmonary disease.
    condition(
        1.0,
        &["4168", "4169", "490-505", "5064", "5081", "5088"],
        &["I278", "I279", "J40-J47", "J60-J67", "J684", "J701", "J703"],
    ),
    // Rheumatic disease.
    condition(
        1.0,
        &["4465", "7100-7104", "7140-7142", "7148", "725"],
        &["M05", "M06", "M315", "M32-M34", "M351", "M353", "M360"],
    ),
    // Peptic ulcer disease.
    condition(1.0, &["531-534"], &["K25-K28"]),
    // Mild liver disease.
    condition(
        1.0,
        &[
            "07022", "07023", "07032", "07033", "07044", "07054", "0706", "0709", "570", "571",
            "5733", "5734", "5738", "5739", "V427",
        ],
        &[
            "B18",
            "K700-K703",
            "K709",
            "K713-K715",
            "K717",
            "K73",
            "K74",
            "K760",
            "K762-K764",
            "K768",
            "K769",
            "Z944",
        ],
    ),
    // Diabetes without chronic complication.
    condition(
        1.0,
        &["2500-2503", "2508", "2509"],
        &[
            "E100", "E101", "E106", "E108", "E109", "E110", "E111", "E116", "E118", "E119", "E120",
            "E121", "E126", "E128", "E129", "E130", "E131", "E136", "E138", "E139", "E140", "E141",
            "E146", "E148", "E149",
        ],
    ),
    // Diabetes with chronic complication.
    condition(
        2.0,
        &["2504-2507"],
        &[
            "E102-E105",
            "E107",
            "E112-E115",
            "E117",
            "E122-E125",
            "E127",
            "E132-E135",
            "E137",
            "E142-E145",
            "E147",
        ],
    ),
    // Hemiplegia or paraplegia.
    condition(
        2.0,
        &["3341", "342", "343", "3440-3446", "3449"],
        &[
            "G041",
            "G114",
            "G801",
            "G802",
            "G81",
            "G82",
            "G830-G834",
            "G839",
        ],
    ),
    // Renal disease.
    condition(
        2.0,
        &[
            "40301",
            "40311",
            "40391",
            "40402",
            "40403",
            "40412",
            "40413",
            "40492",
            "40493",
            "582",
            "5830-5837",
            "585",
            "586",
            "5880",
            "V420",
            "V451",
            "V56",
        ],
        &[
            "I120",
            "I131",
            "N032-N037",
            "N052-N057",
            "N18",
            "N19",
            "N250",
            "Z490-Z492",
            "Z940",
            "Z992",
        ],
    ),
    // Any malignancy, but of the skin other than melanoma.
    condition(
        2.0,
        &["140-172", "174-194", "1950-1958", "200-208", "2386"],
        &[
            "C00-C26", "C30-C34", "C37-C41", "C43", "C45-C58", "C60-C76", "C81-C85", "C88",
            "C90-C97",
        ],
    ),
    // Moderate or severe liver disease.
    condition(
        3.0,
        &["4560-4562", "5722-5728"],
        &[
            "I850", "I859", "I864", "I982", "K704", "K711", "K721", "K729", "K765", "K766", "K767",
        ],
    ),
    // Metastatic solid tumour.
    condition(6.0, &["196-199"], &["C77-C80"]),
    // AIDS.
    condition(6.0, &["042-044"], &["B20-B22", "B24"]),
];

/// The index of all codes; none without a single diagnosis in ICD-9-CM, ICD-10-CM or ICD-10.
pub(super) fn index<'a>(codes: impl Iterator<Item = &'a Code>) -> Option<f64> {
    let mut has = [false; CONDITIONS.len()];
    let mut any = false;
    for code in codes {
        let Some((is_nine, plain)) = diagnosis(code) else {
            continue;
        };
        any = true;
        for (has, condition) in has.iter_mut().zip(&CONDITIONS) {
            let starts = if is_nine {
                condition.icd9
            } else {
                condition.icd10
            };
            *has |= starts.iter().any(|start| begins(&plain, start));
        }
    }
    for (mild, grave) in GRAVER {
        has[mild] &= !has[grave];
    }
    let weights = CONDITIONS.iter().zip(has).filter(|(_, has)| *has);
    any.then(|| weights.map(|(condition, _)| condition.weight).sum())
}

/// Whether a code is of ICD-9-CM, and its characters without the point.
fn diagnosis(code: &Code) -> Option<(bool, String)> {
    if &*code.system == "ICD10" {
        return Some((false, Coded::new(Held::Icd10Cm, &code.value).plain));
    }
    let coded = Coded::of(code)?;
    match coded.system {
        Held::Icd9Cm => Some((true, coded.plain)),
        Held::Icd10Cm => Some((false, coded.plain)),
        Held::Icd10Pcs => None,
    }
}

fn begins(plain: &str, start: &str) -> bool {
    match start.split_once('-') {
        None => plain.starts_with(start),
        Some((first, last)) => plain
            .get(..first.len())
            .is_some_and(|s| first <= s && s <= last),
    }
}
