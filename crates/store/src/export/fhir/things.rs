//! Places and devices that other resources name: one resource for each code, written once.

use super::concept::Terms;
use super::files::{Files, Resource};
use super::report::Losses;
use crate::error::Result;
use longitude_core::{Code, Digest};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Hexadecimal digits of an identifier.
const ID_DIGITS: usize = 32;

/// The things that were named.
#[derive(Default)]
pub(super) struct Things(BTreeSet<(&'static str, Code)>);

impl Things {
    /// The reference to the thing of a type with a code.
    pub(super) fn reference(&mut self, kind: &'static str, code: &Code) -> Value {
        let reference = json!({"reference": format!("{kind}/{}", id(code))});
        self.0.insert((kind, code.clone()));
        reference
    }

    /// Writes the resources, by type and code.
    pub(super) fn finish(self, terms: &Terms, files: &mut Files) -> Result<()> {
        for (kind, code) in self.0 {
            let mut resource = Resource::new(kind, id(&code));
            let concept = terms.concept(&code, None, &mut Losses::new());
            let concept = concept.unwrap_or_default();
            // A Location may be of several types, a Device is of one.
            if kind == "Location" {
                resource.add("type", concept);
            } else {
                resource.set("type", concept);
            }
            files.write(&resource)?;
        }
        Ok(())
    }
}

fn id(code: &Code) -> String {
    let hex = Digest::of(code.to_meds().as_bytes()).hex();
    hex[..ID_DIGITS].to_owned()
}
