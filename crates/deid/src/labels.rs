//! The labels of identifiers in free text: finer than the kinds of [`crate::policy`], because what
//! takes an identifier's place in a text depends on them. One list; names, kinds and the tagger's
//! numbers follow from it.

use crate::policy::Identifier;

/// What an identifier in a text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Label {
    /// A person's name, without titles before it and degrees after a comma.
    Name,
    /// A date with more than the year, or a holiday.
    Date,
    /// An age over 89.
    Age,
    /// A telephone or pager number.
    Phone,
    /// A fax number.
    Fax,
    /// An address of electronic mail.
    Email,
    /// A social security number.
    Ssn,
    /// A medical record number.
    Mrn,
    /// A health plan's number of a person.
    HealthPlan,
    /// The number of a specimen, film, study, claim or visit.
    Accession,
    /// A device's serial number or identifier.
    Device,
    /// A street with its number, a flat, a post office box.
    Address,
    /// A city or another place below a state.
    City,
    /// A state or territory.
    State,
    /// A postal code.
    Zip,
    /// A hospital, clinic, ward or nursing home by its name.
    Hospital,
    /// An employer, school or any other organisation.
    Organization,
    /// An account number, of a card too.
    Account,
    /// A certificate's or licence's number.
    Licence,
    /// A vehicle's identifier or plate.
    Vehicle,
    /// A web address.
    Url,
    /// An internet protocol address.
    Ip,
    /// Any other unique number or code of a person.
    Id,
    /// A string that the caller knows to identify.
    Known,
}

/// Every label that the tagger can give, by its number.
pub(crate) const TAGGED: [Label; 23] = [
    Label::Name,
    Label::Date,
    Label::Age,
    Label::Phone,
    Label::Fax,
    Label::Email,
    Label::Ssn,
    Label::Mrn,
    Label::HealthPlan,
    Label::Accession,
    Label::Device,
    Label::Address,
    Label::City,
    Label::State,
    Label::Zip,
    Label::Hospital,
    Label::Organization,
    Label::Account,
    Label::Licence,
    Label::Vehicle,
    Label::Url,
    Label::Ip,
    Label::Id,
];

impl Label {
    /// The name in files of spans.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Name => "NAME",
            Self::Date => "DATE",
            Self::Age => "AGE_OVER_89",
            Self::Phone => "PHONE",
            Self::Fax => "FAX",
            Self::Email => "EMAIL",
            Self::Ssn => "SSN",
            Self::Mrn => "MRN",
            Self::HealthPlan => "HEALTH_PLAN_ID",
            Self::Accession => "ACCESSION",
            Self::Device => "DEVICE_ID",
            Self::Address => "ADDRESS",
            Self::City => "CITY",
            Self::State => "STATE",
            Self::Zip => "ZIP",
            Self::Hospital => "HOSPITAL",
            Self::Organization => "ORGANIZATION",
            Self::Account => "ACCOUNT",
            Self::Licence => "LICENSE",
            Self::Vehicle => "VEHICLE",
            Self::Url => "URL",
            Self::Ip => "IP",
            Self::Id => "ID",
            Self::Known => "KNOWN",
        }
    }

    /// The label of a name, if there is one.
    pub fn of_name(name: &str) -> Option<Self> {
        let labels = TAGGED.into_iter().chain([Self::Known]);
        labels.into_iter().find(|label| label.name() == name)
    }

    /// The kind after the list of Safe Harbor.
    pub const fn identifier(self) -> Identifier {
        match self {
            Self::Name => Identifier::Name,
            Self::Date => Identifier::Date,
            Self::Age => Identifier::Age,
            Self::Phone => Identifier::Phone,
            Self::Fax => Identifier::Fax,
            Self::Email => Identifier::Email,
            Self::Ssn => Identifier::Ssn,
            Self::Mrn => Identifier::Mrn,
            Self::HealthPlan => Identifier::HealthPlan,
            Self::Accession | Self::Id => Identifier::Other,
            Self::Device => Identifier::Device,
            Self::Address => Identifier::Address,
            Self::City | Self::State => Identifier::Place,
            Self::Zip => Identifier::Zip,
            Self::Hospital | Self::Organization => Identifier::Organization,
            Self::Account => Identifier::Account,
            Self::Licence => Identifier::Licence,
            Self::Vehicle => Identifier::Vehicle,
            Self::Url => Identifier::Url,
            Self::Ip => Identifier::Ip,
            Self::Known => Identifier::Known,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_labels_number_is_its_place_in_the_list() {
        for (at, label) in TAGGED.into_iter().enumerate() {
            assert_eq!(label as usize, at);
            assert_eq!(Label::of_name(label.name()), Some(label));
        }
    }
}
