//! Made-up persons registered at two desks, the second with faults: what linkage is measured on.
//! Everything comes from the seed; no name is of anybody.

use longitude_core::{Instant, Precision, SubjectId};
use longitude_ingest::{Person, PersonAddress, PersonName};

const FAMILIES: [&str; 40] = [
    "Abelard",
    "Barlow",
    "Castellan",
    "Dunmore",
    "Eastwick",
    "Farrow",
    "Garrick",
    "Hathersage",
    "Ilkley",
    "Jessop",
    "Kestrel",
    "Lockwood",
    "Marchbanks",
    "Netherby",
    "Oakeshott",
    "Pemberton",
    "Quilliam",
    "Ravenscroft",
    "Stanhope",
    "Thistlewood",
    "Underhill",
    "Vavasour",
    "Wetherby",
    "Yardley",
    "Zellweger",
    "Ashdown",
    "Bexhill",
    "Copperfield",
    "Devereux",
    "Ellery",
    "Fenwick",
    "Godolphin",
    "Hawksworth",
    "Inglewood",
    "Kirkbride",
    "Lytton",
    "Mortlake",
    "Northcote",
    "Osgood",
    "Prendergast",
];
const GIVEN: [&str; 24] = [
    "Ada", "Bruno", "Clara", "Dorian", "Edith", "Felix", "Greta", "Hugo", "Iris", "Jonas", "Karin",
    "Leo", "Mira", "Nils", "Olga", "Pavel", "Rosa", "Stefan", "Tilda", "Ulrich", "Vera", "Willem",
    "Yvonne", "Zeno",
];

/// A small generator (Vigna's splitmix64).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).unwrap_or(0)
    }

    fn happens(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }
}

/// A person as registered without a fault. Common family names are taken more often, as in life.
fn person(random: &mut Random) -> Person {
    let common = random.below(40) * random.below(40) / 40;
    // A suffix makes enough different names for a large register.
    let suffixes = ["", "s", "son", "er", "ley", "man", "ton", "field"];
    let family = [FAMILIES[common], suffixes[random.below(8)]].concat();
    let given = GIVEN[random.below(24)].to_owned();
    let mut part = |end: usize| i8::try_from(random.below(end)).unwrap();
    let date = (1930 + i16::from(part(80)), 1 + part(12), 1 + part(28));
    let birth = Instant::from_civil(date, (0, 0, 0, 0), 0).unwrap();
    Person {
        names: vec![PersonName {
            family,
            given: vec![given],
            usage: None,
        }],
        birth: Some((birth, Precision::Day)),
        sex: Some(if random.happens(50) { "male" } else { "F" }.to_owned()),
        addresses: vec![PersonAddress {
            lines: vec![format!("{} Long Lane", 1 + random.below(400))],
            postal_code: format!("{:05}", 10_000 + random.below(300)),
            ..PersonAddress::default()
        }],
        phones: vec![format!("555-{:07}", random.below(10_000_000))],
        ..Person::default()
    }
}

/// The same person at the second desk: slips, a former name, a move, a swapped or mistaken date.
fn registered_again(person: &Person, random: &mut Random) -> Person {
    let mut again = person.clone();
    let name = &mut again.names[0];
    if random.happens(12) {
        let at = 1 + random.below(name.family.len() - 2);
        let mut letters: Vec<char> = name.family.chars().collect();
        let next = (at + 1).min(letters.len() - 1);
        letters.swap(at, next);
        name.family = letters.into_iter().collect();
    } else if random.happens(6) {
        FAMILIES[random.below(40)].clone_into(&mut name.family);
    }
    if random.happens(8) {
        name.given[0].truncate(3);
    }
    let (year, month, day) = again.birth.unwrap().0.civil_date();
    let date = match random.below(100) {
        0..4 if day <= 12 => (year, day, month),
        4..7 => (year + 1, month, day),
        _ => (year, month, day),
    };
    again.birth = Some((
        Instant::from_civil(date, (0, 0, 0, 0), 0).unwrap(),
        Precision::Day,
    ));
    if random.happens(25) {
        again.addresses = vec![PersonAddress {
            lines: vec![format!("{} High Street", 1 + random.below(400))],
            postal_code: format!("{:05}", 10_000 + random.below(300)),
            ..PersonAddress::default()
        }];
    }
    if random.happens(35) {
        again.phones = Vec::new();
    } else if random.happens(15) {
        again.phones = vec![format!("555-{:07}", random.below(10_000_000))];
    }
    again
}

/// Records of persons, and the pairs of them that are of one person.
pub(crate) type Persons = Vec<(SubjectId, Person)>;
pub(crate) type Pairs = Vec<(SubjectId, SubjectId)>;

/// A register of `count` persons, a third of them at both desks, and the true pairs.
pub(crate) fn register(count: usize, seed: u64) -> (Persons, Pairs) {
    let mut random = Random(seed);
    let (mut persons, mut pairs) = (Vec::new(), Vec::new());
    for number in 0..count {
        let one = person(&mut random);
        let subject = SubjectId::from_source("first desk", &number.to_string());
        if random.below(3) == 0 {
            let other = SubjectId::from_source("second desk", &number.to_string());
            persons.push((other, registered_again(&one, &mut random)));
            pairs.push((subject.min(other), subject.max(other)));
        }
        persons.push((subject, one));
    }
    pairs.sort();
    (persons, pairs)
}
