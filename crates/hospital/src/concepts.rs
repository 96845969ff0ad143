//! The codes that the hospital writes: one list, read by the timeline, the export and the truth.
//!
//! ICD-10-CM codes were checked against the 2024 code list and RxNorm and SNOMED CT codes against
//! public FHIR sample data; displays are shortened where that changes nothing.

use longitude_core::Code;
use std::sync::{Arc, LazyLock};

/// A code system: its short name and its URI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum System {
    /// ICD-10-CM.
    Icd10Cm,
    /// LOINC.
    Loinc,
    /// RxNorm.
    RxNorm,
    /// SNOMED CT.
    Snomed,
}

impl System {
    /// The short name used in events.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Icd10Cm => "ICD10CM",
            Self::Loinc => "LOINC",
            Self::RxNorm => "RxNorm",
            Self::Snomed => "SNOMED",
        }
    }

    /// The URI used in FHIR.
    pub(crate) fn uri(self) -> &'static str {
        match self {
            Self::Icd10Cm => "http://hl7.org/fhir/sid/icd-10-cm",
            Self::Loinc => "http://loinc.org",
            Self::RxNorm => "http://www.nlm.nih.gov/research/umls/rxnorm",
            Self::Snomed => "http://snomed.info/sct",
        }
    }
}

macro_rules! concepts {
    ($($name:ident $system:ident $code:literal $display:literal)*) => {
        /// Something that the hospital has a code for.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub(crate) enum Concept { $(#[doc = $display] $name),* }

        impl Concept {
            /// All of them, in the order of their numbers.
            pub(crate) const ALL: &[Self] = &[$(Self::$name),*];
        }

        const TABLE: &[(System, &str, &str)] = &[$((System::$system, $code, $display)),*];
    };
}

concepts! {
    Hypertension Icd10Cm "I10" "Essential (primary) hypertension"
    Diabetes Icd10Cm "E11.9" "Type 2 diabetes mellitus without complications"
    DiabetesHyperglycemia Icd10Cm "E11.65" "Type 2 diabetes mellitus with hyperglycemia"
    DiabetesKidney Icd10Cm "E11.22" "Type 2 diabetes mellitus with diabetic chronic kidney disease"
    Hyperglycemia Icd10Cm "R73.9" "Hyperglycemia, unspecified"
    Prediabetes Icd10Cm "R73.03" "Prediabetes"
    Kidney3 Icd10Cm "N18.30" "Chronic kidney disease, stage 3 unspecified"
    Kidney3a Icd10Cm "N18.31" "Chronic kidney disease, stage 3a"
    Kidney3b Icd10Cm "N18.32" "Chronic kidney disease, stage 3b"
    Kidney4 Icd10Cm "N18.4" "Chronic kidney disease, stage 4 (severe)"
    Kidney5 Icd10Cm "N18.5" "Chronic kidney disease, stage 5"
    KidneyUnspecified Icd10Cm "N18.9" "Chronic kidney disease, unspecified"
    Copd Icd10Cm "J44.9" "Chronic obstructive pulmonary disease, unspecified"
    CopdExacerbation Icd10Cm "J44.1" "COPD with (acute) exacerbation"
    HeartFailureSystolic Icd10Cm "I50.22" "Chronic systolic (congestive) heart failure"
    HeartFailureDiastolic Icd10Cm "I50.32" "Chronic diastolic (congestive) heart failure"
    HeartFailureAcute Icd10Cm "I50.33" "Acute on chronic diastolic (congestive) heart failure"
    HeartFailure Icd10Cm "I50.9" "Heart failure, unspecified"
    CoronaryDisease Icd10Cm "I25.10" "Atherosclerotic heart disease of native coronary artery"
    CoronaryUnspecified Icd10Cm "I25.9" "Chronic ischemic heart disease, unspecified"
    AtrialFibrillationParoxysmal Icd10Cm "I48.0" "Paroxysmal atrial fibrillation"
    AtrialFibrillation Icd10Cm "I48.91" "Unspecified atrial fibrillation"
    Depression Icd10Cm "F32.A" "Depression, unspecified"
    DepressionRecurrent Icd10Cm "F33.1" "Major depressive disorder, recurrent, moderate"
    ColonCancer Icd10Cm "C18.9" "Malignant neoplasm of colon, unspecified"
    Amyloidosis Icd10Cm "E85.82" "Wild-type transthyretin-related (ATTR) amyloidosis"
    AmyloidosisOrgan Icd10Cm "E85.4" "Organ-limited amyloidosis"
    InfarctionNstemi Icd10Cm "I21.4" "Non-ST elevation (NSTEMI) myocardial infarction"
    Infarction Icd10Cm "I21.9" "Acute myocardial infarction, unspecified"
    OldInfarction Icd10Cm "I25.2" "Old myocardial infarction"
    Stroke Icd10Cm "I63.9" "Cerebral infarction, unspecified"
    StrokeEmbolic Icd10Cm "I63.49" "Cerebral infarction due to embolism of cerebral artery"
    OldStroke Icd10Cm "Z86.73" "Personal history of TIA and cerebral infarction"
    Pneumonia Icd10Cm "J18.9" "Pneumonia, unspecified organism"
    PneumoniaBacterial Icd10Cm "J15.9" "Unspecified bacterial pneumonia"
    Sepsis Icd10Cm "A41.9" "Sepsis, unspecified organism"
    KidneyInjury Icd10Cm "N17.9" "Acute kidney failure, unspecified"
    HipFracture Icd10Cm "S72.001A" "Fracture of neck of right femur, initial encounter"
    WristFracture Icd10Cm "S52.501A" "Fracture of the lower end of right radius, initial encounter"
    UrinaryInfection Icd10Cm "N39.0" "Urinary tract infection, site not specified"
    CheckUp Icd10Cm "Z00.00" "General adult medical examination without abnormal findings"
    BackPain Icd10Cm "M54.50" "Low back pain, unspecified"
    UpperInfection Icd10Cm "J06.9" "Acute upper respiratory infection, unspecified"
    Fatigue Icd10Cm "R53.83" "Other fatigue"
    Breathless Icd10Cm "R06.02" "Shortness of breath"
    Cough Icd10Cm "R05.9" "Cough, unspecified"
    Edema Icd10Cm "R60.0" "Localized edema"
    ChestPain Icd10Cm "R07.9" "Chest pain, unspecified"
    Palpitations Icd10Cm "R00.2" "Palpitations"
    Polyuria Icd10Cm "R35.89" "Other polyuria"
    WeightLoss Icd10Cm "R63.4" "Abnormal weight loss"
    IronDeficiency Icd10Cm "D50.9" "Iron deficiency anemia, unspecified"
    Anemia Icd10Cm "D64.9" "Anemia, unspecified"
    Melena Icd10Cm "K92.1" "Melena"
    CarpalTunnel Icd10Cm "G56.03" "Carpal tunnel syndrome, bilateral upper limbs"
    Neuropathy Icd10Cm "G62.9" "Polyneuropathy, unspecified"
    Hyperlipidemia Icd10Cm "E78.5" "Hyperlipidemia, unspecified"
    Smoker Icd10Cm "F17.210" "Nicotine dependence, cigarettes, uncomplicated"
    ExSmoker Icd10Cm "Z87.891" "Personal history of nicotine dependence"
    KneeArthrosis Icd10Cm "M17.11" "Unilateral primary osteoarthritis, right knee"
    Palliative Icd10Cm "Z51.5" "Encounter for palliative care"

    HbA1c Loinc "4548-4" "Hemoglobin A1c/Hemoglobin.total in Blood"
    Creatinine Loinc "2160-0" "Creatinine [Mass/volume] in Serum or Plasma"
    Ldl Loinc "13457-7" "Cholesterol in LDL [Mass/volume] in Serum or Plasma"
    Hemoglobin Loinc "718-7" "Hemoglobin [Mass/volume] in Blood"
    Potassium Loinc "2823-3" "Potassium [Moles/volume] in Serum or Plasma"
    Sodium Loinc "2951-2" "Sodium [Moles/volume] in Serum or Plasma"
    Crp Loinc "1988-5" "C reactive protein [Mass/volume] in Serum or Plasma"
    Bnp Loinc "30934-4" "Natriuretic peptide B [Mass/volume] in Serum or Plasma"
    Glucose Loinc "2345-7" "Glucose [Mass/volume] in Serum or Plasma"
    Lactate Loinc "2524-7" "Lactate [Moles/volume] in Serum or Plasma"
    Leukocytes Loinc "6690-2" "Leukocytes [#/volume] in Blood by Automated count"
    Systolic Loinc "8480-6" "Systolic blood pressure"
    Diastolic Loinc "8462-4" "Diastolic blood pressure"
    PressurePanel Loinc "85354-9" "Blood pressure panel with all children optional"
    HeartRate Loinc "8867-4" "Heart rate"
    Weight Loinc "29463-7" "Body weight"
    Bmi Loinc "39156-5" "Body mass index (BMI) [Ratio]"
    Saturation Loinc "2708-6" "Oxygen saturation in Arterial blood"
    Temperature Loinc "8310-5" "Body temperature"
    Respiration Loinc "9279-1" "Respiratory rate"
    DischargeSummary Loinc "18842-5" "Discharge summary"
    ProgressNote Loinc "11506-3" "Progress note"

    Amlodipine RxNorm "197361" "amlodipine 5 MG Oral Tablet"
    Lisinopril RxNorm "314076" "lisinopril 10 MG Oral Tablet"
    Metformin RxNorm "860975" "24 HR metformin hydrochloride 500 MG Extended Release Oral Tablet"
    Glargine RxNorm "311041" "insulin glargine 100 UNT/ML Injectable Solution"
    Simvastatin RxNorm "312961" "simvastatin 20 MG Oral Tablet"
    Apixaban RxNorm "1364445" "apixaban 5 MG Oral Tablet"
    Inhaler RxNorm "896209" "fluticasone 0.25 MG / salmeterol 0.05 MG Dry Powder Inhaler"
    Sertraline RxNorm "312938" "sertraline 100 MG Oral Tablet"
    Furosemide RxNorm "313988" "furosemide 40 MG Oral Tablet"
    Metoprolol RxNorm "866412" "24 HR metoprolol succinate 100 MG Extended Release Oral Tablet"
    Azithromycin RxNorm "308460" "azithromycin 250 MG Oral Tablet"
    Ceftriaxone RxNorm "1665021" "ceftriaxone 1000 MG Injection"
    PiperacillinTazobactam RxNorm "1659149" "piperacillin 4000 MG / tazobactam 500 MG Injection"
    Vancomycin RxNorm "1664986" "vancomycin 1000 MG Injection"
    Heparin RxNorm "1659263" "1 ML heparin sodium, porcine 5000 UNT/ML Injection"
    FurosemideInjection RxNorm "1719286" "10 ML furosemide 10 MG/ML Injection"
    Acetaminophen RxNorm "313782" "acetaminophen 325 MG Oral Tablet"
    PenicillinAllergen RxNorm "7984" "penicillin V"
    AspirinAllergen RxNorm "1191" "aspirin"
    CodeineAllergen RxNorm "2670" "codeine"

    ChestXRay Snomed "399208008" "Plain X-ray of chest"
    Electrocardiogram Snomed "29303009" "Electrocardiographic procedure"
    Echocardiography Snomed "40701008" "Echocardiography"
    CoronaryIntervention Snomed "415070008" "Percutaneous coronary intervention"
    Colonoscopy Snomed "73761001" "Colonoscopy"
    Spirometry Snomed "127783003" "Spirometry"
    KneeReplacement Snomed "609588000" "Total knee replacement"
    Colectomy Snomed "23968004" "Colectomy"
    Transfusion Snomed "71493000" "Transfusion of packed red blood cells"
    Intubation Snomed "52765003" "Intubation"
    OutpatientVisit Snomed "185349003" "Encounter for check up"
    EmergencyVisit Snomed "50849002" "Emergency room admission"
    Admission Snomed "32485007" "Hospital admission"
}

/// What a code of the hospital is called; none for codes that are not from its list.
pub fn display(code: &Code) -> Option<&'static str> {
    let value = code.value.split("//").next().unwrap_or_default();
    let found = TABLE
        .iter()
        .find(|(system, known, _)| system.name() == &*code.system && *known == value);
    found.map(|(_, _, display)| *display)
}

impl Concept {
    /// The code system.
    pub(crate) fn system(self) -> System {
        TABLE[self as usize].0
    }

    /// The value as the system writes it.
    pub(crate) fn value(self) -> &'static str {
        TABLE[self as usize].1
    }

    /// A name to read.
    pub(crate) fn display(self) -> &'static str {
        TABLE[self as usize].2
    }

    /// The code, interned.
    pub(crate) fn code(self) -> Code {
        CODES[self as usize].clone()
    }
}

/// Codes with shared strings: an event costs two reference counts and no allocation.
static CODES: LazyLock<Vec<Code>> = LazyLock::new(|| {
    let names = [
        System::Icd10Cm,
        System::Loinc,
        System::RxNorm,
        System::Snomed,
    ]
    .map(|system| Arc::<str>::from(system.name()));
    let name = |system: System| names[system as usize].clone();
    TABLE
        .iter()
        .map(|(system, value, _)| Code::new(name(*system), *value))
        .collect()
});

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn codes_are_unique() {
        let codes: BTreeSet<_> = Concept::ALL.iter().map(|c| c.code()).collect();
        assert_eq!(codes.len(), Concept::ALL.len());
        assert_eq!(Concept::HbA1c.code(), Code::new("LOINC", "4548-4"));
    }
}
