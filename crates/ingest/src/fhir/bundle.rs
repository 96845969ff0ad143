//! Bundles of any type: their entries as slices of the file, not yet parsed.

use super::json::Text;
use super::reference::urn_id;
use serde::Deserialize;
use serde_json::value::RawValue;

/// A Bundle resource.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Bundle<'a> {
    #[serde(borrow, rename = "resourceType")]
    pub(crate) kind: Option<Text<'a>>,
    #[serde(borrow)]
    pub(crate) timestamp: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(crate) entry: Vec<BundleEntry<'a>>,
}

/// One entry: a row.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BundleEntry<'a> {
    #[serde(borrow)]
    pub(crate) full_url: Option<Text<'a>>,
    #[serde(borrow)]
    pub(crate) resource: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) request: Option<Request<'a>>,
}

/// What a transaction asks for.
#[derive(Deserialize)]
pub(crate) struct Request<'a> {
    #[serde(borrow)]
    method: Option<Text<'a>>,
}

impl BundleEntry<'_> {
    /// Whether the entry says that the record was deleted.
    pub(crate) fn is_deletion(&self) -> bool {
        let method = self
            .request
            .as_ref()
            .and_then(|request| request.method.as_ref());
        method.is_some_and(|method| method.as_str() == "DELETE")
    }
}

/// The identifier that an entry's `fullUrl` gives to a resource without one of its own.
pub(crate) fn entry_id(full_url: Option<&str>) -> Option<&str> {
    let url = full_url?;
    let id = if url.starts_with("urn:") {
        urn_id(url)
    } else {
        url.rsplit('/').next()?
    };
    (!id.is_empty()).then_some(id)
}
