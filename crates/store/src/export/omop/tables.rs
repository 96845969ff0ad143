//! The tables that are written and their columns, in the order of the CDM.
//!
//! Source: OHDSI CommonDataModel, `OMOPCDM_postgresql_5.4_ddl.sql`.

/// A table of the CDM.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) name: &'static str,
    pub(super) columns: &'static [&'static str],
}

macro_rules! tables {
    ($($constant:ident $name:literal: $($column:ident)*;)*) => {
        $(pub(super) const $constant: &Table = &Table {
            name: $name,
            columns: &[$(stringify!($column)),*],
        };)*
        /// All of them.
        pub(super) const ALL: &[&Table] = &[$($constant),*];
    };
}

tables! {
    PERSON "person": person_id gender_concept_id year_of_birth month_of_birth day_of_birth
        birth_datetime race_concept_id ethnicity_concept_id location_id provider_id care_site_id
        person_source_value gender_source_value gender_source_concept_id race_source_value
        race_source_concept_id ethnicity_source_value ethnicity_source_concept_id;
    OBSERVATION_PERIOD "observation_period": observation_period_id person_id
        observation_period_start_date observation_period_end_date period_type_concept_id;
    VISIT_OCCURRENCE "visit_occurrence": visit_occurrence_id person_id visit_concept_id
        visit_start_date visit_start_datetime visit_end_date visit_end_datetime
        visit_type_concept_id provider_id care_site_id visit_source_value visit_source_concept_id
        admitted_from_concept_id admitted_from_source_value discharged_to_concept_id
        discharged_to_source_value preceding_visit_occurrence_id;
    CONDITION_OCCURRENCE "condition_occurrence": condition_occurrence_id person_id
        condition_concept_id condition_start_date condition_start_datetime condition_end_date
        condition_end_datetime condition_type_concept_id condition_status_concept_id stop_reason
        provider_id visit_occurrence_id visit_detail_id condition_source_value
        condition_source_concept_id condition_status_source_value;
    DRUG_EXPOSURE "drug_exposure": drug_exposure_id person_id drug_concept_id
        drug_exposure_start_date drug_exposure_start_datetime drug_exposure_end_date
        drug_exposure_end_datetime verbatim_end_date drug_type_concept_id stop_reason refills
        quantity days_supply sig route_concept_id lot_number provider_id visit_occurrence_id
        visit_detail_id drug_source_value drug_source_concept_id route_source_value
        dose_unit_source_value;
    PROCEDURE_OCCURRENCE "procedure_occurrence": procedure_occurrence_id person_id
        procedure_concept_id procedure_date procedure_datetime procedure_end_date
        procedure_end_datetime procedure_type_concept_id modifier_concept_id quantity provider_id
        visit_occurrence_id visit_detail_id procedure_source_value procedure_source_concept_id
        modifier_source_value;
    DEVICE_EXPOSURE "device_exposure": device_exposure_id person_id device_concept_id
        device_exposure_start_date device_exposure_start_datetime device_exposure_end_date
        device_exposure_end_datetime device_type_concept_id unique_device_id production_id
        quantity provider_id visit_occurrence_id visit_detail_id device_source_value
        device_source_concept_id unit_concept_id unit_source_value unit_source_concept_id;
    MEASUREMENT "measurement": measurement_id person_id measurement_concept_id measurement_date
        measurement_datetime measurement_time measurement_type_concept_id operator_concept_id
        value_as_number value_as_concept_id unit_concept_id range_low range_high provider_id
        visit_occurrence_id visit_detail_id measurement_source_value measurement_source_concept_id
        unit_source_value unit_source_concept_id value_source_value measurement_event_id
        meas_event_field_concept_id;
    OBSERVATION "observation": observation_id person_id observation_concept_id observation_date
        observation_datetime observation_type_concept_id value_as_number value_as_string
        value_as_concept_id qualifier_concept_id unit_concept_id provider_id visit_occurrence_id
        visit_detail_id observation_source_value observation_source_concept_id unit_source_value
        qualifier_source_value value_source_value observation_event_id obs_event_field_concept_id;
    DEATH "death": person_id death_date death_datetime death_type_concept_id cause_concept_id
        cause_source_value cause_source_concept_id;
    NOTE "note": note_id person_id note_date note_datetime note_type_concept_id
        note_class_concept_id note_title note_text encoding_concept_id language_concept_id
        provider_id visit_occurrence_id visit_detail_id note_source_value note_event_id
        note_event_field_concept_id;
    CDM_SOURCE "cdm_source": cdm_source_name cdm_source_abbreviation cdm_holder source_description
        source_documentation_reference cdm_etl_reference source_release_date cdm_release_date
        cdm_version cdm_version_concept_id vocabulary_version;
    CONCEPT "concept": concept_id concept_name domain_id vocabulary_id concept_class_id
        standard_concept concept_code valid_start_date valid_end_date invalid_reason;
    VOCABULARY "vocabulary": vocabulary_id vocabulary_name vocabulary_reference vocabulary_version
        vocabulary_concept_id;
}

/// Where the events of a table of rows go.
#[derive(Debug)]
pub(super) struct Clinical {
    pub(super) table: &'static Table,
    /// The domain of its concepts.
    pub(super) domain: &'static str,
    pub(super) id: &'static str,
    pub(super) concept: &'static str,
    pub(super) source_concept: &'static str,
    pub(super) source_value: &'static str,
    pub(super) kind: &'static str,
    /// The columns of the start: date, datetime.
    pub(super) start: [&'static str; 2],
    /// Those of the end; none where the table has no end.
    pub(super) end: Option<[&'static str; 2]>,
    /// Whether the end may not be empty.
    pub(super) needs_end: bool,
    /// The number, and whether it must be whole.
    pub(super) number: Option<(&'static str, bool)>,
    /// The text and its longest length.
    pub(super) text: Option<(&'static str, usize)>,
    pub(super) unit_concept: Option<&'static str>,
    pub(super) unit_source: Option<&'static str>,
    pub(super) value_concept: Option<&'static str>,
    /// Whether the table has the sign before the number and the reference range.
    pub(super) has_bounds: bool,
}

pub(super) const CONDITIONS: &Clinical = &Clinical {
    table: CONDITION_OCCURRENCE,
    domain: "Condition",
    id: "condition_occurrence_id",
    concept: "condition_concept_id",
    source_concept: "condition_source_concept_id",
    source_value: "condition_source_value",
    kind: "condition_type_concept_id",
    start: ["condition_start_date", "condition_start_datetime"],
    end: Some(["condition_end_date", "condition_end_datetime"]),
    needs_end: false,
    number: None,
    text: None,
    unit_concept: None,
    unit_source: None,
    value_concept: None,
    has_bounds: false,
};

pub(super) const DRUGS: &Clinical = &Clinical {
    table: DRUG_EXPOSURE,
    domain: "Drug",
    id: "drug_exposure_id",
    concept: "drug_concept_id",
    source_concept: "drug_source_concept_id",
    source_value: "drug_source_value",
    kind: "drug_type_concept_id",
    start: ["drug_exposure_start_date", "drug_exposure_start_datetime"],
    end: Some(["drug_exposure_end_date", "drug_exposure_end_datetime"]),
    needs_end: true,
    number: Some(("quantity", false)),
    text: Some(("sig", usize::MAX)),
    unit_source: Some("dose_unit_source_value"),
    ..*CONDITIONS
};

pub(super) const PROCEDURES: &Clinical = &Clinical {
    table: PROCEDURE_OCCURRENCE,
    domain: "Procedure",
    id: "procedure_occurrence_id",
    concept: "procedure_concept_id",
    source_concept: "procedure_source_concept_id",
    source_value: "procedure_source_value",
    kind: "procedure_type_concept_id",
    start: ["procedure_date", "procedure_datetime"],
    end: Some(["procedure_end_date", "procedure_end_datetime"]),
    number: Some(("quantity", true)),
    ..*CONDITIONS
};

pub(super) const DEVICES: &Clinical = &Clinical {
    table: DEVICE_EXPOSURE,
    domain: "Device",
    id: "device_exposure_id",
    concept: "device_concept_id",
    source_concept: "device_source_concept_id",
    source_value: "device_source_value",
    kind: "device_type_concept_id",
    start: [
        "device_exposure_start_date",
        "device_exposure_start_datetime",
    ],
    end: Some(["device_exposure_end_date", "device_exposure_end_datetime"]),
    number: Some(("quantity", true)),
    unit_concept: Some("unit_concept_id"),
    unit_source: Some("unit_source_value"),
    ..*CONDITIONS
};

pub(super) const MEASUREMENTS: &Clinical = &Clinical {
    table: MEASUREMENT,
    domain: "Measurement",
    id: "measurement_id",
    concept: "measurement_concept_id",
    source_concept: "measurement_source_concept_id",
    source_value: "measurement_source_value",
    kind: "measurement_type_concept_id",
    start: ["measurement_date", "measurement_datetime"],
    end: None,
    number: Some(("value_as_number", false)),
    text: Some(("value_source_value", 50)),
    unit_concept: Some("unit_concept_id"),
    unit_source: Some("unit_source_value"),
    value_concept: Some("value_as_concept_id"),
    has_bounds: true,
    ..*CONDITIONS
};

pub(super) const OBSERVATIONS: &Clinical = &Clinical {
    table: OBSERVATION,
    domain: "Observation",
    id: "observation_id",
    concept: "observation_concept_id",
    source_concept: "observation_source_concept_id",
    source_value: "observation_source_value",
    kind: "observation_type_concept_id",
    start: ["observation_date", "observation_datetime"],
    end: None,
    number: Some(("value_as_number", false)),
    text: Some(("value_as_string", 60)),
    unit_concept: Some("unit_concept_id"),
    unit_source: Some("unit_source_value"),
    value_concept: Some("value_as_concept_id"),
    ..*CONDITIONS
};

/// Rules of mappings, by what they begin with, and the table that their events belong to.
const BY_RULE: &[(&str, &Clinical)] = &[
    ("omop/condition_occurrence@", CONDITIONS),
    ("omop/drug_exposure@", DRUGS),
    ("omop/procedure_occurrence@", PROCEDURES),
    ("omop/device_exposure@", DEVICES),
    ("omop/measurement@", MEASUREMENTS),
    ("omop/observation@", OBSERVATIONS),
    ("fhir/Condition@", CONDITIONS),
    ("fhir/Medication", DRUGS),
    ("fhir/Immunization@", DRUGS),
    ("fhir/Procedure@", PROCEDURES),
    ("fhir/Device", DEVICES),
];

/// Code systems (and MEDS's first parts of codes), and the table of their domain.
const BY_SYSTEM: &[(&str, &Clinical)] = &[
    ("ATC", DRUGS),
    ("CPT", PROCEDURES),
    ("CPT4", PROCEDURES),
    ("CVX", DRUGS),
    ("DIAGNOSIS", CONDITIONS),
    ("HCPCS", PROCEDURES),
    ("ICD10", CONDITIONS),
    ("ICD10CM", CONDITIONS),
    ("ICD10PCS", PROCEDURES),
    ("ICD9CM", CONDITIONS),
    ("ICD9PCS", PROCEDURES),
    ("ICD9Proc", PROCEDURES),
    ("INFUSION_START", DRUGS),
    ("LAB", MEASUREMENTS),
    ("LOINC", MEASUREMENTS),
    ("MEDICATION", DRUGS),
    ("NDC", DRUGS),
    ("PROCEDURE", PROCEDURES),
    ("RxNorm", DRUGS),
    ("RxNorm Extension", DRUGS),
    ("SNOMED", CONDITIONS),
    ("VITAL", MEASUREMENTS),
];

/// Where an event of this rule and code system goes; a SNOMED code with a value is no diagnosis.
pub(super) fn home(rule: &str, system: &str, has_value: bool) -> &'static Clinical {
    if let Some((_, home)) = BY_RULE.iter().find(|(start, _)| rule.starts_with(start)) {
        return home;
    }
    let by_system = BY_SYSTEM.iter().find(|(known, _)| *known == system);
    match by_system {
        Some(("SNOMED", _)) if has_value => OBSERVATIONS,
        Some((_, home)) => home,
        None => OBSERVATIONS,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_column_that_is_filled_exists() {
        for one in [
            CONDITIONS,
            DRUGS,
            PROCEDURES,
            DEVICES,
            MEASUREMENTS,
            OBSERVATIONS,
        ] {
            let fixed = [
                one.id,
                one.concept,
                one.source_concept,
                one.source_value,
                one.kind,
            ];
            let numbers = one.number.map(|(name, _)| name).into_iter();
            let texts = one.text.map(|(name, _)| name).into_iter();
            let more = [one.unit_concept, one.unit_source, one.value_concept];
            let all = fixed
                .into_iter()
                .chain(one.start)
                .chain(one.end.into_iter().flatten());
            let all = all
                .chain(numbers)
                .chain(texts)
                .chain(more.into_iter().flatten());
            for column in all.chain(["person_id", "visit_occurrence_id"]) {
                assert!(one.table.columns.contains(&column), "{column}");
            }
        }
        // Columns a table, counted in the DDL.
        let counts: Vec<_> = ALL.iter().map(|table| table.columns.len()).collect();
        assert_eq!(
            counts,
            [18, 5, 17, 16, 23, 16, 19, 23, 21, 7, 16, 11, 10, 5]
        );
    }
}
