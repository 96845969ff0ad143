//! `metadata/dataset.json`: what a data set says of itself.

use crate::columns::{MEDS_VERSION, Role, names};
use serde::{Deserialize, Deserializer, Serialize};

/// What a data set says of itself (MEDS 0.4.1, `DatasetMetadataSchema`). An empty text is a field
/// that is not there. The lists of columns and the version are set by the writer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DatasetInfo {
    /// The data set's name.
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "text")]
    pub dataset_name: String,
    /// Its version.
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "text")]
    pub dataset_version: String,
    /// The program that made it.
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "text")]
    pub etl_name: String,
    /// That program's version.
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "text")]
    pub etl_version: String,
    /// The version of MEDS that it keeps to.
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "text")]
    pub meds_version: String,
    /// When it was made, ISO 8601. The caller says it, for this crate reads no clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<String>,
    /// Its licence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub license: Option<String>,
    /// Where it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location_uri: Option<String>,
    /// Where it is described.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description_uri: Option<String>,
    /// Columns that lead back to the source.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "list")]
    pub raw_source_id_columns: Vec<String>,
    /// Columns that modify the code.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "list")]
    pub code_modifier_columns: Vec<String>,
    /// Columns with further kinds of values.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "list")]
    pub additional_value_modality_columns: Vec<String>,
    /// Columns that say where care took place.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "list")]
    pub site_id_columns: Vec<String>,
    /// All other columns that MEDS does not have.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "list")]
    pub other_extension_columns: Vec<String>,
}

impl DatasetInfo {
    /// What a data set says of itself, with the columns and the version that this crate writes.
    #[must_use]
    pub(crate) fn declared(mut self) -> Self {
        MEDS_VERSION.clone_into(&mut self.meds_version);
        self.raw_source_id_columns = names(Role::RawSourceId);
        self.code_modifier_columns = names(Role::CodeModifier);
        self.other_extension_columns = names(Role::Other);
        self.additional_value_modality_columns.clear();
        self.site_id_columns.clear();
        self
    }

    /// Every column that is declared, whatever its role.
    pub fn declared_columns(&self) -> impl Iterator<Item = &str> {
        let lists = [
            &self.raw_source_id_columns,
            &self.code_modifier_columns,
            &self.additional_value_modality_columns,
            &self.site_id_columns,
            &self.other_extension_columns,
        ];
        lists.into_iter().flatten().map(String::as_str)
    }
}

/// Other tools write `null` for a text that is not there.
fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.unwrap_or_default())
}

/// Other tools write `null` for an empty list.
fn list<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    Ok(Option::<Vec<String>>::deserialize(deserializer)?.unwrap_or_default())
}
