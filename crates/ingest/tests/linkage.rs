//! Who is who: statements above identifiers above probabilities, and how well the last does on a
//! register whose true pairs are known.

#![expect(clippy::unwrap_used, reason = "made-up dates exist")]

#[path = "common/people.rs"]
mod people;

use longitude_core::{Origin, SubjectId};
use longitude_ingest::{
    Link, LinkKind, LinkOptions, Outcome, Person, PersonIdentifier, Reason, Statement, link,
};

fn subject(number: i64) -> SubjectId {
    SubjectId(number)
}

fn numbered(system: &str, value: &str) -> Person {
    Person {
        identifiers: vec![PersonIdentifier {
            system: system.to_owned(),
            value: value.to_owned(),
            kind: None,
        }],
        ..Person::default()
    }
}

fn said(a: i64, b: i64, kind: LinkKind) -> Link {
    Link {
        a: subject(a),
        b: subject(b),
        kind,
        origin: Origin::derived("test"),
    }
}

fn options() -> LinkOptions {
    LinkOptions::standard()
}

#[test]
fn a_record_that_was_replaced_goes_on_under_the_one_that_replaced_it() {
    let links = [
        said(1, 5, LinkKind::ReplacedBy),
        said(5, 9, LinkKind::SeeAlso),
    ];
    let linkage = link(&[], &links, &[], &options());
    assert_eq!([1, 5, 9].map(|one| linkage.of(subject(one)).0), [5, 5, 5]);
    assert!(
        linkage
            .decisions
            .iter()
            .all(|one| one.reason == Reason::Source)
    );
    // What is withdrawn is not there, and what the institution says stands above it.
    let undone = [links[0].clone(), said(5, 1, LinkKind::Unlink)];
    assert!(link(&[], &undone, &[], &options()).merged_into.is_empty());
    let apart = [Statement::Different(subject(9), subject(1))];
    let linkage = link(&[], &links, &apart, &options());
    assert_eq!([1, 5, 9].map(|one| linkage.of(subject(one)).0), [5, 5, 9]);
    let outcome = |reason, outcome| {
        let same =
            |one: &&longitude_ingest::Decision| one.reason == reason && one.outcome == outcome;
        linkage.decisions.iter().filter(same).count()
    };
    assert_eq!(outcome(Reason::Stated, Outcome::Refused), 1);
    assert_eq!(outcome(Reason::Source, Outcome::Refused), 1);
}

#[test]
fn one_number_of_one_authority_is_one_person_unless_too_many_have_it() {
    let mut persons = vec![
        (subject(1), numbered("urn:mrn:a", "77")),
        (subject(2), numbered("urn:mrn:a", " 77")),
        (subject(3), numbered("urn:mrn:b", "77")),
        (subject(4), numbered("", "77")),
    ];
    let linkage = link(&persons, &[], &[], &options());
    assert_eq!(
        [1, 2, 3, 4].map(|one| linkage.of(subject(one)).0),
        [1, 1, 3, 4]
    );
    assert_eq!(linkage.decisions[0].reason, Reason::Identifier);
    persons.extend((10..20).map(|one| (subject(one), numbered("ssn", "999-99-9999"))));
    let linkage = link(&persons, &[], &[], &options());
    assert_eq!(
        linkage.merged_into.len(),
        1,
        "a placeholder merged strangers"
    );
}

#[test]
fn a_shared_number_of_persons_who_share_nothing_else_is_for_review() {
    let (register, _) = people::register(40, 5);
    let (mut one, mut two) = (register[0].1.clone(), register[1].1.clone());
    one.identifiers = numbered("ssn", "1").identifiers;
    two.identifiers = numbered("ssn", "1").identifiers;
    let persons = [(subject(1), one), (subject(2), two)];
    let linkage = link(&persons, &[], &[], &options());
    assert!(linkage.merged_into.is_empty());
    assert_eq!(linkage.decisions[0].outcome, Outcome::Review);
}

#[test]
fn twins_are_two() {
    let (register, _) = people::register(400, 6);
    let mut persons = register;
    let mut twin = persons[0].1.clone();
    twin.names[0].given = vec!["Other".to_owned()];
    twin.multiple_birth = Some(true);
    persons.push((subject(1), twin));
    let linkage = link(&persons, &[], &[], &options());
    assert_eq!(linkage.of(subject(1)), subject(1));
}

#[test]
fn a_register_with_faults_is_linked_and_few_strangers_are_merged() {
    let (mut persons, pairs) = people::register(1_500, 1);
    let linkage = link(&persons, &[], &[], &options());
    let linked: Vec<_> = linkage
        .decisions
        .iter()
        .filter(|one| one.outcome == Outcome::Linked)
        .map(|one| (one.a, one.b))
        .collect();
    let right = linked
        .iter()
        .filter(|pair| pairs.binary_search(pair).is_ok())
        .count();
    let wrong = linked.len() - right;
    let found = right as f64 / pairs.len() as f64;
    assert!(found > 0.85, "{right} of {} pairs", pairs.len());
    assert!(
        wrong * 200 <= linked.len(),
        "{wrong} of {} links are wrong",
        linked.len()
    );
    let shown = linkage.decisions.iter().map(|one| (one.a, one.b));
    let shown = shown
        .filter(|pair| pairs.binary_search(pair).is_ok())
        .count();
    assert!(
        shown as f64 / pairs.len() as f64 > 0.95,
        "{shown} linked or for review"
    );
    // The order in which persons come changes nothing.
    persons.reverse();
    assert!(link(&persons, &[], &[], &options()) == linkage);
}
