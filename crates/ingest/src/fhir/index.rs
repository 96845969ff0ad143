//! What other records are resolved through: patients, encounters, medications and the times of
//! prescriptions, keyed by 64-bit hashes. One index is of the whole source and made in a first
//! pass; one more is made of each bundle while it is mapped.

use super::bundle::{Bundle, entry_id};
use super::codes;
use super::json::{CodeableConcept, OneOrMany, Period, Present, Reference, Text};
use super::reference::{Target, urn_id};
use super::time::{self, When};
use super::types;
use crate::hash::{Table, hash64};
use longitude_core::{Code, Instant, Precision};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// A point in time, packed.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Stamp {
    micros: i64,
    offset_minutes: i16,
    precision: Precision,
    present: bool,
}

impl Default for Stamp {
    fn default() -> Self {
        Self {
            micros: 0,
            offset_minutes: NO_OFFSET,
            precision: Precision::Time,
            present: false,
        }
    }
}

/// No offset is as large as this.
const NO_OFFSET: i16 = i16::MIN;

impl From<Option<When>> for Stamp {
    fn from(when: Option<When>) -> Self {
        when.map_or_else(Self::default, |when| Self {
            micros: when.instant.0,
            offset_minutes: when.offset_minutes.unwrap_or(NO_OFFSET),
            precision: when.precision,
            present: true,
        })
    }
}

impl Stamp {
    pub(crate) fn when(self) -> Option<When> {
        self.present.then_some(When {
            instant: Instant(self.micros),
            precision: self.precision,
            offset_minutes: (self.offset_minutes != NO_OFFSET).then_some(self.offset_minutes),
            doubt: None,
        })
    }
}

/// What an encounter dates others by.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Span {
    pub(crate) start: Stamp,
    pub(crate) end: Stamp,
}

/// What a Medication stands for; a Device's type and a Location's place stand as a code alone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Drug {
    /// A code of its own.
    Code(Code),
    /// Ingredients, each with a code or the hash of another Medication.
    Mix(Vec<Ingredient>),
    /// Neither.
    Uncoded,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Ingredient {
    Code(Code),
    Medication(u64),
}

/// One fact for an index, found in a first pass.
#[derive(Serialize, Deserialize)]
pub(crate) enum Entry {
    Patient(u64),
    Encounter(u64, Box<Span>),
    Medication(u64, Drug),
    Request(u64, Box<Span>),
    /// An organism, and the Observations that are its own and its antibiotics'.
    Organism(Vec<u64>, Code),
}

/// The index.
pub(crate) struct Index {
    patients: Table<()>,
    encounters: Table<Span>,
    medications: Table<u32>,
    drugs: Vec<Drug>,
    requests: Table<Span>,
    organisms: Table<u32>,
    organism_codes: Vec<Code>,
    /// Of a bundle: from the hash of `fullUrl` to type and identifier.
    urls: Table<u32>,
    targets: Vec<(&'static str, String)>,
}

impl Index {
    pub(crate) fn new() -> Self {
        Self {
            patients: Table::new(),
            encounters: Table::new(),
            medications: Table::new(),
            drugs: Vec::new(),
            requests: Table::new(),
            organisms: Table::new(),
            organism_codes: Vec::new(),
            urls: Table::new(),
            targets: Vec::new(),
        }
    }

    /// The index of one bundle.
    pub(crate) fn of_bundle(bundle: &Bundle<'_>) -> Self {
        let mut index = Self::new();
        for entry in &bundle.entry {
            let Some(resource) = entry.resource else {
                continue;
            };
            let url = entry.full_url.as_ref().map(Text::as_str);
            index.add_all(entries(resource.get(), url));
            if let Some(url) = url.filter(|url| url.starts_with("urn:")) {
                index.add_url(url, resource.get());
            }
        }
        index
    }

    fn add_url(&mut self, url: &str, resource: &str) {
        let kind = types::of_resource(resource);
        let Some(kind) = kind.and_then(|kind| types::find(&kind)) else {
            return;
        };
        let kind = kind.name;
        // Only these are ever the target of a reference that is resolved.
        if !is_indexed(kind) {
            return;
        }
        let Ok(head) = serde_json::from_str::<IdOnly<'_>>(resource) else {
            return;
        };
        let id = head.id.as_ref().map_or_else(|| urn_id(url), Text::as_str);
        let place = u32::try_from(self.targets.len()).unwrap_or(u32::MAX);
        if self.urls.insert(hash64("", url), place) {
            self.targets.push((kind, id.to_owned()));
        }
    }

    pub(crate) fn add_all(&mut self, entries: Vec<Entry>) {
        for entry in entries {
            match entry {
                Entry::Patient(key) => drop(self.patients.insert(key, ())),
                Entry::Encounter(key, span) => drop(self.encounters.insert(key, *span)),
                Entry::Request(key, span) => drop(self.requests.insert(key, *span)),
                Entry::Organism(keys, code) => {
                    let place = u32::try_from(self.organism_codes.len()).unwrap_or(u32::MAX);
                    for key in keys {
                        self.organisms.insert(key, place);
                    }
                    self.organism_codes.push(code);
                }
                Entry::Medication(key, drug) => {
                    let place = u32::try_from(self.drugs.len()).unwrap_or(u32::MAX);
                    if self.medications.insert(key, place) {
                        self.drugs.push(drug);
                    }
                }
            }
        }
    }

    pub(crate) fn target(&self, url: &str) -> Option<(&'static str, &str)> {
        let place = self.urls.get(hash64("", url))?;
        let (kind, id) = self.targets.get(place as usize)?;
        Some((kind, id))
    }

    pub(crate) fn has_patient(&self, key: u64) -> bool {
        self.patients.get(key).is_some()
    }

    pub(crate) fn encounter(&self, key: u64) -> Option<Span> {
        self.encounters.get(key)
    }

    pub(crate) fn request(&self, key: u64) -> Option<Span> {
        self.requests.get(key)
    }

    pub(crate) fn has_organisms(&self) -> bool {
        self.organisms.len() > 0
    }

    /// The organism that an Observation names, or is a member of the culture of.
    pub(crate) fn organism(&self, key: u64) -> Option<&Code> {
        self.organism_codes.get(self.organisms.get(key)? as usize)
    }

    pub(crate) fn medication(&self, key: u64) -> Option<&Drug> {
        self.drugs.get(self.medications.get(key)? as usize)
    }
}

/// Whether a first pass looks for this type.
pub(crate) fn is_indexed(kind: &str) -> bool {
    matches!(
        kind,
        "Patient" | "Encounter" | "Medication" | "MedicationRequest" | "Device" | "Location"
    )
}

#[derive(Deserialize)]
struct IdOnly<'a> {
    #[serde(borrow)]
    id: Option<Text<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct EncounterSpan<'a> {
    #[serde(borrow)]
    id: Option<Text<'a>>,
    #[serde(borrow)]
    period: Option<Period<'a>>,
    /// R5's name of it.
    #[serde(borrow)]
    actual_period: Option<Period<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RequestTime<'a> {
    #[serde(borrow)]
    id: Option<Text<'a>>,
    #[serde(borrow)]
    authored_on: Option<Text<'a>>,
    #[serde(borrow)]
    dispense_request: Option<DispenseRequest<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DispenseRequest<'a> {
    #[serde(borrow)]
    validity_period: Option<Period<'a>>,
}

/// A Device or a Location, as others name it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Thing<'a> {
    #[serde(borrow)]
    id: Option<Text<'a>>,
    #[serde(borrow, rename = "type")]
    kind: Option<OneOrMany<CodeableConcept<'a>>>,
    #[serde(borrow)]
    physical_type: Option<CodeableConcept<'a>>,
    /// R5's name of it.
    #[serde(borrow)]
    form: Option<CodeableConcept<'a>>,
    /// A Location's is a text, an R5 Device's is a list.
    #[serde(borrow)]
    name: Option<&'a RawValue>,
}

/// Parts of a building, whose names (`Medical ICU`) tell of care. The name of a larger place is
/// the name of an institution, which tells where somebody lives.
const WITHIN_A_BUILDING: &[&str] = &["wi", "lvl", "wa", "co", "ro", "bd", "area"];

impl Thing<'_> {
    fn code(&self) -> Option<Code> {
        let kind = self
            .kind
            .as_ref()
            .and_then(OneOrMany::first)
            .and_then(code_of);
        let form = self.physical_type.as_ref().or(self.form.as_ref());
        let named = || {
            form.filter(|form| form.has_code(WITHIN_A_BUILDING))?;
            let name: Text<'_> = serde_json::from_str(self.name?.get()).ok()?;
            let name = codes::text_code(name.as_str()).filter(|name| !name.is_empty());
            Some(Code::new(codes::TEXT, name?))
        };
        kind.or_else(named).or_else(|| form.and_then(code_of))
    }
}

/// An Observation whose members are of one organism.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Culture<'a> {
    #[serde(borrow)]
    id: Option<Text<'a>>,
    #[serde(borrow)]
    code: Option<CodeableConcept<'a>>,
    #[serde(borrow)]
    value_codeable_concept: Option<CodeableConcept<'a>>,
    #[serde(default)]
    value_quantity: Present,
    #[serde(default)]
    derived_from: Present,
    #[serde(borrow, default)]
    has_member: Vec<Reference<'a>>,
}

/// What every culture's text holds.
const MEMBERS: &[u8] = b"\"hasMember\"";

/// Whether a text may be a culture: it has members, and either a coded value (the organism) or
/// something that it is derived from (then its code is the organism's, as in MIMIC-IV).
pub(crate) fn may_be_culture(text: &[u8]) -> bool {
    let has = |name: &[u8]| memchr::memmem::find(text, name).is_some();
    has(MEMBERS) && (has(b"\"valueCodeableConcept\"") || has(b"\"derivedFrom\""))
}

impl Culture<'_> {
    fn organism(&self) -> Option<Code> {
        let own = self
            .code
            .as_ref()
            .filter(|_| self.derived_from.0 && !self.value_quantity.0);
        self.value_codeable_concept
            .as_ref()
            .or(own)
            .and_then(code_of)
    }

    fn keys(&self, own: u64) -> Vec<u64> {
        let members = self.has_member.iter().filter_map(|member| {
            match Target::parse(member.reference.as_ref()?.as_str()) {
                Target::Record { kind, id } => Some(hash64(kind, id)),
                Target::Urn(urn) => Some(hash64("Observation", urn_id(urn))),
                Target::Contained(_) | Target::Unresolvable => None,
            }
        });
        [own].into_iter().chain(members).collect()
    }
}

/// A Medication, as a record of its own or contained in another.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Medication<'a> {
    #[serde(borrow)]
    pub(crate) id: Option<Text<'a>>,
    #[serde(borrow)]
    pub(crate) code: Option<CodeableConcept<'a>>,
    #[serde(borrow, default)]
    pub(crate) ingredient: Vec<MedicationIngredient<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MedicationIngredient<'a> {
    #[serde(borrow)]
    item_codeable_concept: Option<CodeableConcept<'a>>,
    #[serde(borrow)]
    item_reference: Option<Reference<'a>>,
}

impl Medication<'_> {
    /// What it stands for: its own code, else its ingredients.
    pub(crate) fn drug(&self) -> Drug {
        if let Some(code) = self.code.as_ref().and_then(code_of) {
            return Drug::Code(code);
        }
        let ingredient = |item: &MedicationIngredient<'_>| {
            let code = item.item_codeable_concept.as_ref().and_then(code_of);
            if let Some(code) = code {
                return Some(Ingredient::Code(code));
            }
            let reference = item.item_reference.as_ref()?.reference.as_ref()?;
            let key = match Target::parse(reference.as_str()) {
                Target::Record { kind, id } => hash64(kind, id),
                Target::Urn(urn) => hash64("Medication", urn_id(urn)),
                Target::Contained(_) | Target::Unresolvable => return None,
            };
            Some(Ingredient::Medication(key))
        };
        let ingredients: Vec<_> = self.ingredient.iter().filter_map(ingredient).collect();
        if ingredients.is_empty() {
            Drug::Uncoded
        } else {
            Drug::Mix(ingredients)
        }
    }
}

fn code_of(concept: &CodeableConcept<'_>) -> Option<Code> {
    let chosen = codes::choose(concept).ok()?;
    Some(Code::new(&*chosen.system, &*chosen.value))
}

/// The index entries of one resource; none where it is of another type or cannot be read (the
/// second pass says why).
pub(crate) fn entries(resource: &str, full_url: Option<&str>) -> Vec<Entry> {
    let kind = types::of_resource(resource).unwrap_or_default();
    entry(&kind, resource, full_url).into_iter().collect()
}

fn entry(kind: &str, resource: &str, full_url: Option<&str>) -> Option<Entry> {
    let id_or = |id: &Option<Text<'_>>| {
        let id = id.as_ref().map(Text::as_str).or_else(|| entry_id(full_url));
        id.map(|id| hash64(kind, id))
    };
    let stamp = |text: &Option<Text<'_>>| {
        let when = text.as_ref().and_then(|text| time::parse(text.as_str()));
        Stamp::from(when)
    };
    match kind {
        "Patient" => {
            let patient: IdOnly<'_> = serde_json::from_str(resource).ok()?;
            Some(Entry::Patient(id_or(&patient.id)?))
        }
        "Encounter" => {
            let encounter: EncounterSpan<'_> = serde_json::from_str(resource).ok()?;
            let period = encounter.period.or(encounter.actual_period);
            let period = period.as_ref();
            let span = Span {
                start: period.map_or_else(Stamp::default, |period| stamp(&period.start)),
                end: period.map_or_else(Stamp::default, |period| stamp(&period.end)),
            };
            Some(Entry::Encounter(id_or(&encounter.id)?, Box::new(span)))
        }
        "Medication" => {
            let medication: Medication<'_> = serde_json::from_str(resource).ok()?;
            Some(Entry::Medication(id_or(&medication.id)?, medication.drug()))
        }
        "MedicationRequest" => {
            let request: RequestTime<'_> = serde_json::from_str(resource).ok()?;
            let valid = request
                .dispense_request
                .and_then(|request| request.validity_period);
            let span = Span {
                start: stamp(&request.authored_on),
                end: valid.map_or_else(Stamp::default, |valid| stamp(&valid.end)),
            };
            Some(Entry::Request(id_or(&request.id)?, Box::new(span)))
        }
        "Device" | "Location" => {
            let thing: Thing<'_> = serde_json::from_str(resource).ok()?;
            let drug = thing.code().map_or(Drug::Uncoded, Drug::Code);
            Some(Entry::Medication(id_or(&thing.id)?, drug))
        }
        "Observation" if may_be_culture(resource.as_bytes()) => {
            let culture: Culture<'_> = serde_json::from_str(resource).ok()?;
            let own = id_or(&culture.id)?;
            Some(Entry::Organism(culture.keys(own), culture.organism()?))
        }
        _ => None,
    }
}
