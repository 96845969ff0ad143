//! LOCATION and PROVIDER: what identifies persons and clinicians. Neither makes an event.

use super::columns::find;
use super::rows::{Mapper, integer};
use crate::batch::Note;
use crate::person::PersonAddress;
use crate::table::{Header, Row};

/// The columns of LOCATION that are read.
pub(super) const LOCATION: &[&str] = &["location_id", "address_1", "city", "state", "zip"];
/// The columns of PROVIDER that are read.
pub(super) const PROVIDER: &[&str] = &["provider_id", "provider_name", "npi", "dea"];

/// An address of LOCATION.
#[derive(Clone, Default)]
pub(super) struct Address {
    pub(super) lines: Vec<String>,
    pub(super) city: String,
    pub(super) county: String,
    pub(super) state: String,
    pub(super) zip: String,
}

impl Address {
    /// Reads a row; `None` where it has no identifier.
    pub(super) fn read(header: &Header, row: &Row<'_>) -> Option<(i64, Self)> {
        let text = |name| {
            row.filled(find(header, name))
                .unwrap_or_default()
                .to_owned()
        };
        let id = integer(row.filled(find(header, "location_id"))?)?;
        let lines = ["address_1", "address_2"].map(text);
        let address = Self {
            lines: lines.into_iter().filter(|line| !line.is_empty()).collect(),
            city: text("city"),
            county: text("county"),
            state: text("state"),
            zip: text("zip"),
        };
        Some((id, address))
    }

    /// What of it a note may give away; a state alone names nobody.
    pub(super) fn identifiers(&self) -> impl Iterator<Item = &str> {
        let parts = [&self.city, &self.county, &self.zip];
        let parts = self.lines.iter().chain(parts).map(String::as_str);
        parts.filter(|part| !part.is_empty())
    }

    pub(super) fn of_person(&self) -> PersonAddress {
        PersonAddress {
            lines: self.lines.clone(),
            city: self.city.clone(),
            state: self.state.clone(),
            postal_code: self.zip.clone(),
            country: String::new(),
        }
    }
}

/// Where PROVIDER's columns stand.
pub(super) struct Provider {
    id: Option<usize>,
    names: [Option<usize>; 3],
}

impl Provider {
    pub(super) fn of(header: &Header) -> Self {
        Self {
            id: find(header, "provider_id"),
            names: ["provider_name", "npi", "dea"].map(|name| find(header, name)),
        }
    }

    #[expect(clippy::unnecessary_wraps, reason = "the shape of every mapping")]
    pub(super) fn map(&self, mapper: &mut Mapper<'_>, row: &Row<'_>) -> Result<(), Note> {
        mapper.identify(row, self.id);
        for column in self.names {
            mapper.identifier(None, row.filled(column));
        }
        Ok(())
    }
}
