//! Names, numbers and addresses of people who do not exist.
//!
//! Telephone numbers are of the reserved 555-01xx range, e-mail addresses of the reserved domains
//! of RFC 2606, and social security numbers of the area 9xx that was never issued. Some names are
//! common words and some have letters outside ASCII, for scrubbers find those hard.

use crate::person::Person;
use crate::random::{Purpose, Random};

/// The person's identifiers, and those of people around them.
#[derive(Clone)]
pub(crate) struct Identity {
    pub(crate) given: &'static str,
    pub(crate) family: &'static str,
    pub(crate) mrn: String,
    pub(crate) ssn: String,
    pub(crate) phone: String,
    pub(crate) email: String,
    pub(crate) street: String,
    pub(crate) city: &'static str,
    pub(crate) zip: String,
    pub(crate) relative: FullName,
    pub(crate) relation: &'static str,
    pub(crate) physician: FullName,
}

/// A name of somebody around the patient.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct FullName {
    pub(crate) family: &'static str,
    pub(crate) given: &'static str,
}

impl FullName {
    /// As it is read.
    pub(crate) fn text(self) -> String {
        format!("{} {}", self.given, self.family)
    }

    /// A number that no other name has.
    pub(crate) fn number(self) -> usize {
        let place = |list: &[&str], name| list.iter().position(|one| *one == name);
        let male = || place(MALE, self.given).map_or(0, |at| FEMALE.len() + at);
        let given = place(FEMALE, self.given).unwrap_or_else(male);
        given * FAMILY.len() + place(FAMILY, self.family).unwrap_or(0)
    }
}

const FEMALE: &[&str] = &[
    "Hope",
    "Rose",
    "Grace",
    "Joy",
    "Faith",
    "Ruth",
    "Alma",
    "Ines",
    "Zoë",
    "Renée",
    "Noor",
    "Lucia",
    "Marta",
    "Odile",
    "Priya",
    "Anika",
    "Greta",
    "Sunny",
    "Dawn",
    "Olive",
    "Hazel",
    "Ivy",
    "Willow",
    "Frances",
    "Edna",
    "Thelma",
    "Yuki",
    "Mei",
    "Ayesha",
    "Carmen",
    "Dolores",
    "Bettina",
    "Harriet",
    "Winifred",
    "Josephine",
    "Leocadia",
    "Ngozi",
    "Fatou",
    "Siobhán",
    "April",
];

const MALE: &[&str] = &[
    "Mark",
    "Bill",
    "Will",
    "Rich",
    "Art",
    "Clay",
    "Cliff",
    "Drew",
    "José",
    "André",
    "Björn",
    "Omar",
    "Tariq",
    "Kenji",
    "Wei",
    "Ravi",
    "Hugo",
    "Otto",
    "Felix",
    "Ernest",
    "Walter",
    "Leon",
    "Marcus",
    "Gideon",
    "Elias",
    "Tobias",
    "Kwame",
    "Emeka",
    "Stanislav",
    "Ignacio",
    "Rafael",
    "Percival",
    "Horace",
    "Desmond",
    "Lionel",
    "Cormac",
    "Anselm",
    "August",
    "Chance",
    "Miles",
];

const FAMILY: &[&str] = &[
    "Young",
    "Long",
    "Short",
    "Brown",
    "White",
    "Green",
    "Rivers",
    "Field",
    "Hill",
    "Stone",
    "Payne",
    "Graves",
    "Head",
    "Foote",
    "Hand",
    "Bone",
    "Price",
    "Bishop",
    "Major",
    "Day",
    "Weeks",
    "Winter",
    "Frost",
    "Gold",
    "Love",
    "Moody",
    "Sharp",
    "Small",
    "Strong",
    "Swift",
    "Okonkwo",
    "Adeyemi",
    "Nakamura",
    "Tanaka",
    "Krishnan",
    "Banerjee",
    "Haddad",
    "Farouk",
    "Núñez",
    "Peña",
    "Ibáñez",
    "Quispe",
    "Lindqvist",
    "Østergaard",
    "Müller",
    "Weißmann",
    "Kowalczyk",
    "Dvořák",
    "Petrosyan",
    "Abramov",
    "O'Rourke",
    "D'Amico",
    "MacAllister",
    "Van der Berg",
    "De la Cruz",
    "Smith-Jones",
    "Fitzwilliam",
    "Thistlewood",
    "Harrowgate",
    "Pemberton",
    "Ashdown",
    "Longfellow",
    "Merriweather",
    "Blackwood",
];

const STREETS: &[&str] = &[
    "Harbor Street",
    "Juniper Lane",
    "Mill Road",
    "Old Orchard Way",
    "Church Street",
    "Lantern Court",
    "Granite Avenue",
    "Ferry Lane",
    "North Quarry Road",
    "Parkside Drive",
];

const CITIES: &[(&str, &str)] = &[
    ("Eastmere", "020"),
    ("Fallow Bay", "021"),
    ("Kingsport Mills", "017"),
    ("Larkfield", "018"),
    ("Quarry Hill", "019"),
    ("Tidewater", "023"),
];

const RELATIONS: &[(&str, bool)] = &[
    ("daughter", false),
    ("son", true),
    ("wife", false),
    ("husband", true),
    ("sister", false),
    ("brother", true),
    ("niece", false),
    ("neighbor", true),
];

impl Identity {
    /// The identity of the patient with this index.
    pub(crate) fn draw(seed: u64, index: u32, person: &Person) -> (Self, Random) {
        let mut random = Random::stream(seed, index, Purpose::Identity);
        let r = &mut random;
        let given = *r.pick(if person.male { MALE } else { FEMALE });
        let family = *r.pick(FAMILY);
        let (city, zip3) = *r.pick(CITIES);
        let (relation, male_relative) = *r.pick(RELATIONS);
        let relative_given = *r.pick(if male_relative { MALE } else { FEMALE });
        let relative = FullName {
            given: relative_given,
            family: if r.chance(0.6) {
                family
            } else {
                r.pick::<&str>(FAMILY)
            },
        };
        let ascii = |name: &str| -> String {
            name.chars()
                .filter(char::is_ascii_alphabetic)
                .map(|c| c.to_ascii_lowercase())
                .collect()
        };
        let domain = *r.pick(&["example.com", "example.org", "mail.example.net"]);
        let identity = Self {
            given,
            family,
            mrn: format!("{:08}", 10_000_000 + u64::from(index) * 37 % 80_000_000),
            ssn: format!(
                "9{:02}-{:02}-{:04}",
                r.below(100),
                10 + r.below(60),
                r.below(10_000)
            ),
            phone: format!("{}-555-01{:02}", [617, 508, 978][r.below(3)], r.below(100)),
            email: format!(
                "{}.{}{}@{domain}",
                ascii(given),
                ascii(family),
                r.below(100)
            ),
            street: format!("{} {}", 1 + r.below(980), r.pick(STREETS)),
            city,
            zip: format!("{zip3}{:02}", r.below(100)),
            relative,
            relation,
            physician: {
                let list = if r.chance(0.5) { MALE } else { FEMALE };
                let given = *r.pick(list);
                let family = *r.pick(FAMILY);
                FullName { family, given }
            },
        };
        (identity, random)
    }
}
