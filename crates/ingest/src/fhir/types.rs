//! The resource types of FHIR R4 and what becomes of each, in one list, and a quick way to tell the
//! type of a line before it is parsed.

use super::json::Head;
use std::borrow::Cow;

/// What becomes of a resource type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Treatment {
    /// It is mapped to events.
    Mapped(Kind),
    /// It tells something clinical and is not mapped.
    NotSupported,
    /// It tells nothing of a course of care: administration, finance, definitions, provenance.
    NotClinical,
}

/// The mapped types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    AllergyIntolerance,
    Condition,
    DiagnosticReport,
    DocumentReference,
    Encounter,
    ImagingStudy,
    Immunization,
    Medication,
    MedicationAdministration,
    MedicationDispense,
    MedicationRequest,
    MedicationStatement,
    Observation,
    Patient,
    Procedure,
    ServiceRequest,
    Specimen,
}

use Treatment::{Mapped, NotClinical, NotSupported};

/// Every resource type of FHIR R4 (4.0.1), sorted by name.
/// Source: the specification's resource index, <https://hl7.org/fhir/R4/resourcelist.html>.
pub(crate) const TYPES: &[(&str, Treatment)] = &[
    ("Account", NotClinical),
    ("ActivityDefinition", NotClinical),
    ("AdverseEvent", NotSupported),
    ("AllergyIntolerance", Mapped(Kind::AllergyIntolerance)),
    ("Appointment", NotClinical),
    ("AppointmentResponse", NotClinical),
    ("AuditEvent", NotClinical),
    ("Basic", NotSupported),
    ("Binary", NotSupported),
    ("BiologicallyDerivedProduct", NotSupported),
    ("BodyStructure", NotSupported),
    ("Bundle", NotSupported),
    ("CapabilityStatement", NotClinical),
    ("CarePlan", NotSupported),
    ("CareTeam", NotClinical),
    ("CatalogEntry", NotClinical),
    ("ChargeItem", NotClinical),
    ("ChargeItemDefinition", NotClinical),
    ("Claim", NotClinical),
    ("ClaimResponse", NotClinical),
    ("ClinicalImpression", NotSupported),
    ("CodeSystem", NotClinical),
    ("Communication", NotSupported),
    ("CommunicationRequest", NotSupported),
    ("CompartmentDefinition", NotClinical),
    ("Composition", NotSupported),
    ("ConceptMap", NotClinical),
    ("Condition", Mapped(Kind::Condition)),
    ("Consent", NotClinical),
    ("Contract", NotClinical),
    ("Coverage", NotClinical),
    ("CoverageEligibilityRequest", NotClinical),
    ("CoverageEligibilityResponse", NotClinical),
    ("DetectedIssue", NotSupported),
    ("Device", NotSupported),
    ("DeviceDefinition", NotClinical),
    ("DeviceMetric", NotClinical),
    ("DeviceRequest", NotSupported),
    ("DeviceUseStatement", NotSupported),
    ("DiagnosticReport", Mapped(Kind::DiagnosticReport)),
    ("DocumentManifest", NotClinical),
    ("DocumentReference", Mapped(Kind::DocumentReference)),
    ("EffectEvidenceSynthesis", NotClinical),
    ("Encounter", Mapped(Kind::Encounter)),
    ("Endpoint", NotClinical),
    ("EnrollmentRequest", NotClinical),
    ("EnrollmentResponse", NotClinical),
    ("EpisodeOfCare", NotSupported),
    ("EventDefinition", NotClinical),
    ("Evidence", NotClinical),
    ("EvidenceVariable", NotClinical),
    ("ExampleScenario", NotClinical),
    ("ExplanationOfBenefit", NotClinical),
    ("FamilyMemberHistory", NotSupported),
    ("Flag", NotSupported),
    ("Goal", NotSupported),
    ("GraphDefinition", NotClinical),
    ("Group", NotClinical),
    ("GuidanceResponse", NotSupported),
    ("HealthcareService", NotClinical),
    ("ImagingStudy", Mapped(Kind::ImagingStudy)),
    ("Immunization", Mapped(Kind::Immunization)),
    ("ImmunizationEvaluation", NotSupported),
    ("ImmunizationRecommendation", NotSupported),
    ("ImplementationGuide", NotClinical),
    ("InsurancePlan", NotClinical),
    ("Invoice", NotClinical),
    ("Library", NotClinical),
    ("Linkage", NotClinical),
    ("List", NotSupported),
    ("Location", NotClinical),
    ("Measure", NotClinical),
    ("MeasureReport", NotClinical),
    ("Media", NotSupported),
    ("Medication", Mapped(Kind::Medication)),
    (
        "MedicationAdministration",
        Mapped(Kind::MedicationAdministration),
    ),
    ("MedicationDispense", Mapped(Kind::MedicationDispense)),
    ("MedicationKnowledge", NotClinical),
    ("MedicationRequest", Mapped(Kind::MedicationRequest)),
    ("MedicationStatement", Mapped(Kind::MedicationStatement)),
    ("MedicinalProduct", NotClinical),
    ("MedicinalProductAuthorization", NotClinical),
    ("MedicinalProductContraindication", NotClinical),
    ("MedicinalProductIndication", NotClinical),
    ("MedicinalProductIngredient", NotClinical),
    ("MedicinalProductInteraction", NotClinical),
    ("MedicinalProductManufactured", NotClinical),
    ("MedicinalProductPackaged", NotClinical),
    ("MedicinalProductPharmaceutical", NotClinical),
    ("MedicinalProductUndesirableEffect", NotClinical),
    ("MessageDefinition", NotClinical),
    ("MessageHeader", NotClinical),
    ("MolecularSequence", NotSupported),
    ("NamingSystem", NotClinical),
    ("NutritionOrder", NotSupported),
    ("Observation", Mapped(Kind::Observation)),
    ("ObservationDefinition", NotClinical),
    ("OperationDefinition", NotClinical),
    ("OperationOutcome", NotClinical),
    ("Organization", NotClinical),
    ("OrganizationAffiliation", NotClinical),
    ("Parameters", NotClinical),
    ("Patient", Mapped(Kind::Patient)),
    ("PaymentNotice", NotClinical),
    ("PaymentReconciliation", NotClinical),
    ("Person", NotClinical),
    ("PlanDefinition", NotClinical),
    ("Practitioner", NotClinical),
    ("PractitionerRole", NotClinical),
    ("Procedure", Mapped(Kind::Procedure)),
    ("Provenance", NotClinical),
    ("Questionnaire", NotClinical),
    ("QuestionnaireResponse", NotSupported),
    ("RelatedPerson", NotClinical),
    ("RequestGroup", NotSupported),
    ("ResearchDefinition", NotClinical),
    ("ResearchElementDefinition", NotClinical),
    ("ResearchStudy", NotClinical),
    ("ResearchSubject", NotClinical),
    ("RiskAssessment", NotSupported),
    ("RiskEvidenceSynthesis", NotClinical),
    ("Schedule", NotClinical),
    ("SearchParameter", NotClinical),
    ("ServiceRequest", Mapped(Kind::ServiceRequest)),
    ("Slot", NotClinical),
    ("Specimen", Mapped(Kind::Specimen)),
    ("SpecimenDefinition", NotClinical),
    ("StructureDefinition", NotClinical),
    ("StructureMap", NotClinical),
    ("Subscription", NotClinical),
    ("Substance", NotClinical),
    ("SubstanceNucleicAcid", NotClinical),
    ("SubstancePolymer", NotClinical),
    ("SubstanceProtein", NotClinical),
    ("SubstanceReferenceInformation", NotClinical),
    ("SubstanceSourceMaterial", NotClinical),
    ("SubstanceSpecification", NotClinical),
    ("SupplyDelivery", NotSupported),
    ("SupplyRequest", NotSupported),
    ("Task", NotClinical),
    ("TerminologyCapabilities", NotClinical),
    ("TestReport", NotClinical),
    ("TestScript", NotClinical),
    ("ValueSet", NotClinical),
    ("VerificationResult", NotClinical),
    ("VisionPrescription", NotSupported),
];

/// The type of a name, with the name as the list holds it.
pub(crate) fn find(name: &str) -> Option<(&'static str, Treatment)> {
    let at = TYPES
        .binary_search_by(|(known, _)| (*known).cmp(name))
        .ok()?;
    Some(TYPES[at])
}

const KEY: &[u8] = b"\"resourceType\"";

/// Whether the type is the resource's first key, so that it is surely the resource's own.
pub(crate) fn is_stated_first(text: &str) -> bool {
    first_key(text.as_bytes()).starts_with(KEY)
}

fn first_key(text: &[u8]) -> &[u8] {
    let inner = text.trim_ascii_start();
    inner.strip_prefix(b"{").unwrap_or(inner).trim_ascii_start()
}

/// The type that a resource's text states: a quick guess where the type is the first key or the
/// only one of its name, else by parsing. Contained resources have types too, and the guess may be
/// theirs where the outer resource has none; the typed parse finds that out.
pub(crate) fn of_resource(text: &str) -> Option<Cow<'_, str>> {
    let bytes = text.as_bytes();
    let inner = first_key(bytes);
    let at = if inner.starts_with(KEY) {
        bytes.len() - inner.len()
    } else {
        let at = memchr::memmem::find(bytes, KEY)?;
        if memchr::memmem::find(&bytes[at + KEY.len()..], KEY).is_some() {
            let head = serde_json::from_str::<Head<'_>>(text).ok()?;
            return head
                .resource_type
                .map(|kind| Cow::Owned(kind.as_str().to_owned()));
        }
        at
    };
    let rest = text.get(at + KEY.len()..)?;
    let rest = rest.trim_ascii_start().strip_prefix(':')?;
    let rest = rest.trim_ascii_start().strip_prefix('"')?;
    rest.split_once('"').map(|(name, _)| Cow::Borrowed(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_sorted_and_whole() {
        assert!(TYPES.is_sorted_by(|a, b| a.0 < b.0));
        // FHIR R4 4.0.1 has 148 resource types, of which 146 are concrete names in instances
        // (DomainResource and Resource are abstract and not counted).
        assert_eq!(TYPES.len(), 146);
    }

    #[test]
    fn a_type_is_told_wherever_it_stands() {
        let told = |text| of_resource(text).map(Cow::into_owned);
        let is = |text, name: &str| assert_eq!(told(text).as_deref(), Some(name), "{text}");
        is(r#"{"resourceType":"Patient","id":"1"}"#, "Patient");
        is("{\n  \"resourceType\" : \"Patient\"}", "Patient");
        is(
            r#"{"contained":[{"resourceType":"A"}],"resourceType":"B"}"#,
            "B",
        );
        is(
            r#"{"id":"1","resourceType":"B","contained":[{"resourceType":"A"}]}"#,
            "B",
        );
        is(r#"{"id":"1","resourceType":"B"}"#, "B");
        assert_eq!(told(r#"{"id":"1"}"#), None);
        assert_eq!(told(r#"{"resourceType":5}"#), None);
        assert_eq!(
            told(r#"{"a":[{"resourceType":"A"},{"resourceType":"B"}]}"#),
            None
        );
    }
}
