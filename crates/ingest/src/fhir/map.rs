//! The mapped resource types, one file each or one for a family, and how a row finds its own.

mod allergy;
mod composition;
mod condition;
mod document;
mod drug;
mod encounter;
mod imaging;
mod immunization;
mod medication;
mod observation;
mod patient;
mod procedure;
mod questionnaire;
mod reference;
mod report;
pub(crate) mod rule;
mod specimen;
mod value;

use super::json::Text;
use super::rows::Mapper;
use super::types::Kind;
use crate::batch::Note;
use longitude_core::IssueKind;

/// A resource that becomes events.
pub(crate) trait Record<'a>: serde::Deserialize<'a> {
    /// Whether the resource itself (not one that it contains) states its type.
    fn is_typed(&self) -> bool;

    /// `Resource.id`.
    fn id(&self) -> Option<&str>;

    /// Adds the row's events, or says why there are none.
    fn map(&self, mapper: &mut Mapper<'_>, id: Option<&str>) -> Result<(), Note>;
}

/// The two answers that every record gives alike, and the mapping by name.
macro_rules! record {
    ($name:ident, $map:path) => {
        impl<'a> $crate::fhir::map::Record<'a> for $name<'a> {
            fn is_typed(&self) -> bool {
                self.resource_type.0
            }

            fn id(&self) -> Option<&str> {
                self.id.as_ref().map($crate::fhir::json::Text::as_str)
            }

            fn map(
                &self,
                mapper: &mut $crate::fhir::rows::Mapper<'_>,
                id: Option<&str>,
            ) -> Result<(), $crate::batch::Note> {
                $map(self, mapper, id)
            }
        }
    };
}
use record;

/// Maps a row of a known type.
pub(crate) fn dispatch(
    mapper: &mut Mapper<'_>,
    kind: Kind,
    text: &str,
    url: Option<&str>,
) -> Result<(), Note> {
    match kind {
        Kind::AllergyIntolerance => mapper.record::<allergy::AllergyIntolerance<'_>>(text, url),
        Kind::Composition => mapper.record::<composition::Composition<'_>>(text, url),
        Kind::Condition => mapper.record::<condition::Condition<'_>>(text, url),
        Kind::DiagnosticReport => mapper.record::<report::DiagnosticReport<'_>>(text, url),
        Kind::DocumentReference => mapper.record::<document::DocumentReference<'_>>(text, url),
        Kind::Encounter => mapper.record::<encounter::Encounter<'_>>(text, url),
        Kind::ImagingStudy => mapper.record::<imaging::ImagingStudy<'_>>(text, url),
        Kind::Immunization => mapper.record::<immunization::Immunization<'_>>(text, url),
        Kind::Device | Kind::Location | Kind::Medication => {
            mapper.record::<reference::Known<'_>>(text, url)
        }
        Kind::Linkage => mapper.record::<reference::Linkage<'_>>(text, url),
        Kind::MedicationAdministration => {
            mapper.record::<medication::MedicationAdministration<'_>>(text, url)
        }
        Kind::MedicationDispense => mapper.record::<medication::MedicationDispense<'_>>(text, url),
        Kind::MedicationRequest => mapper.record::<medication::MedicationRequest<'_>>(text, url),
        Kind::MedicationStatement => {
            mapper.record::<medication::MedicationStatement<'_>>(text, url)
        }
        Kind::Observation => mapper.record::<observation::Observation<'_>>(text, url),
        Kind::Patient => mapper.record::<patient::Patient<'_>>(text, url),
        Kind::Person => mapper.record::<reference::Person<'_>>(text, url),
        Kind::Procedure => mapper.record::<procedure::Procedure<'_>>(text, url),
        Kind::QuestionnaireResponse => {
            mapper.record::<questionnaire::QuestionnaireResponse<'_>>(text, url)
        }
        Kind::ServiceRequest => mapper.record::<procedure::ServiceRequest<'_>>(text, url),
        Kind::Specimen => mapper.record::<specimen::Specimen<'_>>(text, url),
    }
}

/// Refuses a record whose status says that it did not happen.
fn refuse(
    status: Option<&Text<'_>>,
    refused: &[&'static str],
    element: &'static str,
) -> Result<(), Note> {
    let status = status.map(Text::as_str);
    let said = refused.iter().find(|refused| Some(**refused) == status);
    match said {
        Some(said) => {
            let detail = [element, ": ", said].concat();
            Err(Note::new(IssueKind::NotDone, element, detail))
        }
        None => Ok(()),
    }
}
