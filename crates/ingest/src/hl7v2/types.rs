//! Which messages and segments of HL7 v2 become events, which are there for others, and which are
//! left out. One list each; everything else in the reader asks here.

/// What is done with a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Treatment {
    /// It becomes events, by a mapping of its own.
    Mapped(Kind),
    /// It says something about its neighbours or the message, and makes no event.
    Context,
    /// It carries no clinical event: payers, consents, files.
    NotClinical,
    /// It may carry events and is not mapped.
    NotSupported,
}

/// The segments with a mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Patient,
    Merge,
    Kin,
    Visit,
    VisitMore,
    Diagnosis,
    Allergy,
    AdverseReaction,
    Problem,
    Procedure,
    Charge,
    Order,
    CommonOrder,
    Comment,
    Specimen,
    Document,
    DrugRequested,
    DrugEncoded,
    DrugDispensed,
    DrugGiven,
    DrugComponent,
    Appointment,
    Observed,
}

use Treatment::{Context, Mapped, NotClinical};

/// The segments that are known, sorted by name. Source: HL7 v2.8.2 appendix A, and the versions
/// before it.
const SEGMENTS: &[(&str, Treatment)] = &[
    ("ACC", NotClinical),
    ("ADD", Context),
    ("AL1", Mapped(Kind::Allergy)),
    ("ARV", NotClinical),
    ("BHS", Context),
    ("BTS", Context),
    ("CON", NotClinical),
    ("CTD", NotClinical),
    ("DB1", NotClinical),
    ("DG1", Mapped(Kind::Diagnosis)),
    ("DRG", NotClinical),
    ("DSC", Context),
    ("EVN", Context),
    ("FHS", Context),
    ("FT1", Mapped(Kind::Charge)),
    ("FTS", Context),
    ("GT1", NotClinical),
    ("IAM", Mapped(Kind::AdverseReaction)),
    ("IN1", NotClinical),
    ("IN2", NotClinical),
    ("IN3", NotClinical),
    ("MRG", Mapped(Kind::Merge)),
    ("MSA", Context),
    ("MSH", Context),
    ("NK1", Mapped(Kind::Kin)),
    ("NTE", Mapped(Kind::Comment)),
    ("OBR", Mapped(Kind::Order)),
    ("OBX", Mapped(Kind::Observed)),
    ("ORC", Mapped(Kind::CommonOrder)),
    ("PD1", Context),
    ("PID", Mapped(Kind::Patient)),
    ("PR1", Mapped(Kind::Procedure)),
    ("PRB", Mapped(Kind::Problem)),
    ("PRT", NotClinical),
    ("PV1", Mapped(Kind::Visit)),
    ("PV2", Mapped(Kind::VisitMore)),
    ("ROL", NotClinical),
    ("RXA", Mapped(Kind::DrugGiven)),
    ("RXC", Mapped(Kind::DrugComponent)),
    ("RXD", Mapped(Kind::DrugDispensed)),
    ("RXE", Mapped(Kind::DrugEncoded)),
    ("RXO", Mapped(Kind::DrugRequested)),
    ("RXR", Context),
    ("SCH", Mapped(Kind::Appointment)),
    ("SFT", Context),
    ("SPM", Mapped(Kind::Specimen)),
    ("TQ1", Context),
    ("TQ2", Context),
    ("TXA", Mapped(Kind::Document)),
    ("UAC", Context),
    ("UB1", NotClinical),
    ("UB2", NotClinical),
];

/// What is done with a segment of this name, and its name as a static text where it is known.
pub(crate) fn segment(name: &str) -> (Option<&'static str>, Treatment) {
    match SEGMENTS.binary_search_by(|(known, _)| (*known).cmp(name)) {
        Ok(place) => (Some(SEGMENTS[place].0), SEGMENTS[place].1),
        Err(_) => (None, Treatment::NotSupported),
    }
}

/// The version of a segment's rule: it grows with every change of what the segment becomes.
pub(crate) fn version(name: &str) -> &'static str {
    match name {
        // Route and frequency; severity and reaction.
        "RXA" | "RXD" | "RXE" | "RXO" | "AL1" | "IAM" => "@2",
        _ => "@1",
    }
}

/// What a message is about, as far as mappings ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Topic {
    /// Admission, transfer, discharge and the patient's data.
    Visit,
    /// Results and observations.
    Results,
    /// Documents.
    Document,
    /// Orders of tests and services.
    Order,
    /// Orders, dispenses and administrations of drugs.
    Drugs,
    /// Vaccinations.
    Vaccines,
    /// Appointments.
    Appointment,
    /// Charges, with diagnoses and procedures.
    Charges,
    /// Problems.
    Problems,
}

/// The message types that are mapped (MSH-9.1), sorted.
const MESSAGES: &[(&str, Topic)] = &[
    ("ADT", Topic::Visit),
    ("BAR", Topic::Charges),
    ("DFT", Topic::Charges),
    ("MDM", Topic::Document),
    ("OMG", Topic::Order),
    ("OML", Topic::Order),
    ("OMP", Topic::Drugs),
    ("ORM", Topic::Order),
    ("ORU", Topic::Results),
    ("OUL", Topic::Results),
    ("PPR", Topic::Problems),
    ("RAS", Topic::Drugs),
    ("RDE", Topic::Drugs),
    ("RDS", Topic::Drugs),
    ("SIU", Topic::Appointment),
    ("VXU", Topic::Vaccines),
];

/// What a message of this type is about; `None` where the type is not mapped.
pub(crate) fn message(kind: &str) -> Option<Topic> {
    let place = MESSAGES.binary_search_by(|(known, _)| (*known).cmp(kind));
    place.ok().map(|place| MESSAGES[place].1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lists_are_sorted() {
        assert!(SEGMENTS.is_sorted_by(|a, b| a.0 < b.0));
        assert!(MESSAGES.is_sorted_by(|a, b| a.0 < b.0));
        assert_eq!(segment("OBX").1, Mapped(Kind::Observed));
        assert_eq!(segment("ZPD"), (None, Treatment::NotSupported));
        assert_eq!(message("ACK"), None);
    }
}
