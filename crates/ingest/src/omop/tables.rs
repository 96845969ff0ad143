//! The tables of OMOP CDM 5.3 and 5.4 and what becomes of their rows. One list: detection, mapping,
//! reports and documentation follow it.
//!
//! Source: the OHDSI Common Data Model 5.3 and 5.4 specifications
//! (<https://ohdsi.github.io/CommonDataModel/>). Where the two name a column differently, both
//! names stand, the newer first.

use crate::files::extension;

/// What becomes of the rows of a table.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    Person,
    /// Spans of observation.
    Period,
    Visit,
    Death,
    /// One event a row, by these columns.
    Clinical(&'static Clinical),
    /// Derived from other tables: left out unless asked for.
    Era(&'static Clinical),
    /// Others are resolved through it.
    Reference(Reference),
    NotClinical,
}

/// What a table that makes no event is read for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reference {
    /// CONCEPT: codes of concept identifiers.
    Concept,
    /// Addresses of persons.
    Location,
    /// Clinicians, whose names may stand in notes.
    Provider,
    /// CARE_SITE and the vocabulary's other tables.
    Other,
}

/// A table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Table {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    /// Told when it is absent.
    is_expected: bool,
    /// A name by which a folder is known to hold OMOP.
    is_telling: bool,
}

/// The columns of a table whose rows are events. `?` before a name: nothing is said where the
/// column is absent, for only one version of the CDM has it. Empty: the table has none.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Clinical {
    /// The system that codes are put in, where the plain code would say too little.
    pub(crate) within: &'static str,
    pub(crate) id: &'static str,
    pub(crate) concept: &'static str,
    pub(crate) source_concept: &'static str,
    /// Another concept to take where the first is 0.
    pub(crate) fallback: &'static str,
    /// Its text stands for a code where there is no concept.
    pub(crate) source_value: &'static str,
    pub(crate) start: [&'static str; 2],
    pub(crate) end: [&'static str; 2],
    pub(crate) number: &'static str,
    pub(crate) text: [&'static str; 2],
    pub(crate) value_concept: &'static str,
    pub(crate) unit_concept: &'static str,
    pub(crate) unit_source: &'static str,
    pub(crate) operator: &'static str,
    pub(crate) range: [&'static str; 2],
}

const NONE: Clinical = Clinical {
    within: "",
    id: "",
    concept: "",
    source_concept: "",
    fallback: "",
    source_value: "",
    start: ["", ""],
    end: ["", ""],
    number: "",
    text: ["", ""],
    value_concept: "",
    unit_concept: "",
    unit_source: "",
    operator: "",
    range: ["", ""],
};

const CONDITION: Clinical = Clinical {
    id: "condition_occurrence_id",
    concept: "condition_concept_id",
    source_concept: "condition_source_concept_id",
    source_value: "condition_source_value",
    start: ["condition_start_datetime", "condition_start_date"],
    end: ["condition_end_datetime", "condition_end_date"],
    ..NONE
};

const DRUG: Clinical = Clinical {
    id: "drug_exposure_id",
    concept: "drug_concept_id",
    source_concept: "drug_source_concept_id",
    source_value: "drug_source_value",
    start: ["drug_exposure_start_datetime", "drug_exposure_start_date"],
    end: ["drug_exposure_end_datetime", "drug_exposure_end_date"],
    number: "quantity",
    text: ["sig", ""],
    unit_source: "dose_unit_source_value",
    ..NONE
};

const PROCEDURE: Clinical = Clinical {
    id: "procedure_occurrence_id",
    concept: "procedure_concept_id",
    source_concept: "procedure_source_concept_id",
    source_value: "procedure_source_value",
    start: ["procedure_datetime", "procedure_date"],
    end: ["?procedure_end_datetime", "?procedure_end_date"],
    number: "quantity",
    ..NONE
};

const DEVICE: Clinical = Clinical {
    id: "device_exposure_id",
    concept: "device_concept_id",
    source_concept: "device_source_concept_id",
    source_value: "device_source_value",
    start: [
        "device_exposure_start_datetime",
        "device_exposure_start_date",
    ],
    end: ["device_exposure_end_datetime", "device_exposure_end_date"],
    number: "quantity",
    unit_concept: "?unit_concept_id",
    unit_source: "?unit_source_value",
    ..NONE
};

const MEASUREMENT: Clinical = Clinical {
    id: "measurement_id",
    concept: "measurement_concept_id",
    source_concept: "measurement_source_concept_id",
    source_value: "measurement_source_value",
    start: ["measurement_datetime", "measurement_date"],
    number: "value_as_number",
    text: ["value_source_value", ""],
    value_concept: "value_as_concept_id",
    unit_concept: "unit_concept_id",
    unit_source: "unit_source_value",
    operator: "operator_concept_id",
    range: ["range_low", "range_high"],
    ..NONE
};

const OBSERVATION: Clinical = Clinical {
    id: "observation_id",
    concept: "observation_concept_id",
    source_concept: "observation_source_concept_id",
    source_value: "observation_source_value",
    start: ["observation_datetime", "observation_date"],
    number: "value_as_number",
    text: ["value_as_string", "?value_source_value"],
    value_concept: "value_as_concept_id",
    unit_concept: "unit_concept_id",
    unit_source: "unit_source_value",
    ..NONE
};

const NOTE: Clinical = Clinical {
    within: "NOTE",
    id: "note_id",
    concept: "note_class_concept_id",
    fallback: "note_type_concept_id",
    start: ["note_datetime", "note_date"],
    text: ["note_text", ""],
    ..NONE
};

const SPECIMEN: Clinical = Clinical {
    within: "SPECIMEN",
    id: "specimen_id",
    concept: "specimen_concept_id",
    source_value: "specimen_source_value",
    start: ["specimen_datetime", "specimen_date"],
    number: "quantity",
    unit_concept: "unit_concept_id",
    unit_source: "unit_source_value",
    ..NONE
};

const EPISODE: Clinical = Clinical {
    within: "EPISODE",
    id: "episode_id",
    concept: "episode_concept_id",
    source_concept: "episode_source_concept_id",
    source_value: "episode_source_value",
    start: ["episode_start_datetime", "episode_start_date"],
    end: ["episode_end_datetime", "episode_end_date"],
    ..NONE
};

const VISIT_DETAIL: Clinical = Clinical {
    within: "VISIT_DETAIL",
    id: "visit_detail_id",
    concept: "visit_detail_concept_id",
    source_concept: "visit_detail_source_concept_id",
    start: ["visit_detail_start_datetime", "visit_detail_start_date"],
    end: ["visit_detail_end_datetime", "visit_detail_end_date"],
    ..NONE
};

const CONDITION_ERA: Clinical = Clinical {
    within: "CONDITION_ERA",
    id: "condition_era_id",
    concept: "condition_concept_id",
    start: ["?condition_era_start_datetime", "condition_era_start_date"],
    end: ["?condition_era_end_datetime", "condition_era_end_date"],
    number: "condition_occurrence_count",
    ..NONE
};

const DRUG_ERA: Clinical = Clinical {
    within: "DRUG_ERA",
    id: "drug_era_id",
    concept: "drug_concept_id",
    start: ["?drug_era_start_datetime", "drug_era_start_date"],
    end: ["?drug_era_end_datetime", "drug_era_end_date"],
    number: "drug_exposure_count",
    ..NONE
};

const DOSE_ERA: Clinical = Clinical {
    within: "DOSE_ERA",
    id: "dose_era_id",
    concept: "drug_concept_id",
    start: ["?dose_era_start_datetime", "dose_era_start_date"],
    end: ["?dose_era_end_datetime", "dose_era_end_date"],
    number: "dose_value",
    unit_concept: "unit_concept_id",
    ..NONE
};

const fn expected(name: &'static str, kind: Kind) -> Table {
    Table {
        name,
        kind,
        is_expected: true,
        is_telling: true,
    }
}

const fn table(name: &'static str, kind: Kind) -> Table {
    Table {
        name,
        kind,
        is_expected: false,
        is_telling: false,
    }
}

const fn telling(name: &'static str, kind: Kind) -> Table {
    Table {
        name,
        kind,
        is_expected: false,
        is_telling: true,
    }
}

/// All tables, in the order of the specification.
pub(crate) const TABLES: &[Table] = &[
    expected("person", Kind::Person),
    expected("observation_period", Kind::Period),
    expected("visit_occurrence", Kind::Visit),
    telling("visit_detail", Kind::Clinical(&VISIT_DETAIL)),
    expected("condition_occurrence", Kind::Clinical(&CONDITION)),
    expected("drug_exposure", Kind::Clinical(&DRUG)),
    expected("procedure_occurrence", Kind::Clinical(&PROCEDURE)),
    telling("device_exposure", Kind::Clinical(&DEVICE)),
    expected("measurement", Kind::Clinical(&MEASUREMENT)),
    Table {
        is_telling: false,
        ..expected("observation", Kind::Clinical(&OBSERVATION))
    },
    Table {
        is_telling: false,
        ..expected("death", Kind::Death)
    },
    table("note", Kind::Clinical(&NOTE)),
    table("note_nlp", Kind::NotClinical),
    table("specimen", Kind::Clinical(&SPECIMEN)),
    table("fact_relationship", Kind::NotClinical),
    table("location", Kind::Reference(Reference::Location)),
    table("care_site", Kind::Reference(Reference::Other)),
    table("provider", Kind::Reference(Reference::Provider)),
    table("payer_plan_period", Kind::NotClinical),
    table("cost", Kind::NotClinical),
    table("drug_era", Kind::Era(&DRUG_ERA)),
    table("dose_era", Kind::Era(&DOSE_ERA)),
    table("condition_era", Kind::Era(&CONDITION_ERA)),
    table("episode", Kind::Clinical(&EPISODE)),
    table("episode_event", Kind::NotClinical),
    table("metadata", Kind::NotClinical),
    telling("cdm_source", Kind::NotClinical),
    Table {
        is_telling: false,
        ..expected("concept", Kind::Reference(Reference::Concept))
    },
    table("vocabulary", Kind::Reference(Reference::Other)),
    table("domain", Kind::Reference(Reference::Other)),
    table("concept_class", Kind::Reference(Reference::Other)),
    telling("concept_relationship", Kind::Reference(Reference::Other)),
    table("relationship", Kind::Reference(Reference::Other)),
    table("concept_synonym", Kind::Reference(Reference::Other)),
    table("concept_ancestor", Kind::Reference(Reference::Other)),
    table("source_to_concept_map", Kind::Reference(Reference::Other)),
    table("drug_strength", Kind::Reference(Reference::Other)),
    table("cohort", Kind::NotClinical),
    table("cohort_definition", Kind::NotClinical),
    table("cohort_attribute", Kind::NotClinical),
    table("attribute_definition", Kind::NotClinical),
];

/// The tables that are told when they are absent.
pub(crate) fn expected_tables() -> impl Iterator<Item = &'static Table> {
    TABLES.iter().filter(|table| table.is_expected)
}

/// The table that a file holds, by its name (`2b_concept.csv.gz`, `PERSON.csv`,
/// `measurement_0001.parquet`) or by its folder's (`measurement/part-0001.parquet`).
pub(crate) fn of_file(name: &str) -> Option<&'static Table> {
    locate(name).map(|(table, _)| table)
}

/// The table that a file holds, and the folder in which the tables stand.
pub(crate) fn locate(name: &str) -> Option<(&'static Table, &str)> {
    if !matches!(extension(name).as_str(), "csv" | "tsv" | "psv" | "parquet") {
        return None;
    }
    let (folder, own) = name.rsplit_once('/').unwrap_or(("", name));
    let stem = own.split('.').next().unwrap_or_default();
    if let Some(table) = find(&stem.to_ascii_lowercase()) {
        return Some((table, folder));
    }
    let (above, folder) = folder.rsplit_once('/').unwrap_or(("", folder));
    find(&folder.to_ascii_lowercase()).map(|table| (table, above))
}

/// The folder of which a file's name says that it holds OMOP.
pub(crate) fn telling_folder(name: &str) -> Option<&str> {
    let (table, folder) = locate(name)?;
    table.is_telling.then_some(folder)
}

fn find(name: &str) -> Option<&'static Table> {
    // `2b_` marks the two-billion concepts of a site's own vocabulary.
    let name = name.strip_prefix("2b_").unwrap_or(name);
    let whole = |name: &str| TABLES.iter().find(|table| table.name == name);
    let numbered = name.trim_end_matches(|c: char| c.is_ascii_digit());
    let numbered = numbered.trim_end_matches(['_', '-']);
    whole(name).or_else(|| whole(numbered))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_recognised() {
        let name = |file: &str| of_file(file).map_or("-", |table| table.name);
        for (file, expected) in [
            ("person.csv", "person"),
            ("x/PERSON.CSV", "person"),
            ("all.zip/MEASUREMENT.csv", "measurement"),
            ("2b_concept.csv.gz", "concept"),
            ("measurement_000012.csv.gz", "measurement"),
            ("measurement-3.parquet", "measurement"),
            (
                "omop/drug_exposure/part-00001.snappy.parquet",
                "drug_exposure",
            ),
            ("note.txt", "-"),
            ("patients.csv", "-"),
        ] {
            assert_eq!(name(file), expected, "{file}");
        }
        assert_eq!(telling_folder("a/condition_occurrence.csv"), Some("a"));
        assert_eq!(telling_folder("a/person/1.parquet"), Some("a"));
        assert_eq!(telling_folder("provider.csv.gz"), None);
        assert_eq!(telling_folder("note.csv"), None);
    }

    #[test]
    fn names_stand_once() {
        for (place, table) in TABLES.iter().enumerate() {
            assert!(TABLES[..place].iter().all(|other| other.name != table.name));
        }
    }
}
