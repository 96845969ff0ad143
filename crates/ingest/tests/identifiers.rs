//! What identifies persons reaches the sink, in order, whatever becomes of the rows.

use longitude_core::{Event, Issue, IssueKind, SubjectId};
use longitude_ingest::{Link, LinkKind, Options, Person, Sink, ingest};
use std::io;
use std::sync::atomic::AtomicBool;

#[derive(Default)]
struct Identifiers {
    texts: Vec<(Option<SubjectId>, String)>,
    issues: Vec<Issue>,
}

impl Sink for Identifiers {
    fn event(&mut self, _subject: SubjectId, _event: Event) -> io::Result<()> {
        Ok(())
    }

    fn issue(&mut self, issue: Issue) -> io::Result<()> {
        self.issues.push(issue);
        Ok(())
    }

    fn identifier(&mut self, subject: Option<SubjectId>, text: &str) -> io::Result<()> {
        self.texts.push((subject, text.to_owned()));
        Ok(())
    }
}

const LINES: &str = r#"{"resourceType":"Patient","id":"p","name":[{"family":"Núñez","given":["Ana","Luz"]},{"use":"maiden","family":"Roe"}],"telecom":[{"value":"617-555-0101"}],"address":[{"line":["1 Mill Road"],"city":"Larkfield","district":"Moor","state":"MA","postalCode":"01801"}],"identifier":[{"value":"10000037"}],"contact":[{"name":{"family":"Hale","given":["Otto"]},"telecom":[{"value":"617-555-0102"}]}]}
{"resourceType":"RelatedPerson","id":"r","patient":{"reference":"Patient/p"},"name":[{"text":"Mei Hale"}],"address":[{"city":"Eastmere"}]}
{"resourceType":"Practitioner","id":"d","name":[{"family":"Long","given":["Rose"]}],"identifier":[{"value":"1999999984"}]}
{"resourceType":"Patient","id":"p","name":"odd"}
{"resourceType":"RelatedPerson","id":"s","name":[{"text":"Nobody's"}]}
"#;

#[test]
fn persons_are_told_to_the_sink() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("x.ndjson"), LINES).unwrap();
    let told = |threads, chunk| {
        let mut sink = Identifiers::default();
        let mut options = Options::standard(threads);
        options.chunk_bytes_max = chunk;
        let stop = AtomicBool::new(false);
        ingest(&[folder.path()], &options, &stop, &mut sink).unwrap();
        sink
    };
    let sink = told(1, 1 << 20);
    let subject = SubjectId::from_source("Patient", "p");
    let of = |who: Option<SubjectId>| -> Vec<&str> {
        let texts = sink.texts.iter().filter(|(subject, _)| *subject == who);
        texts.map(|(_, text)| text.as_str()).collect()
    };
    let own = [
        "Núñez",
        "Ana",
        "Luz",
        "Ana Luz Núñez",
        "Núñez, Ana Luz",
        "Ana Núñez",
        "Núñez, Ana",
        "Roe",
        "Roe",
        "617-555-0101",
        "10000037",
        "1 Mill Road",
        "Larkfield",
        "Moor",
        "01801",
        "Hale",
        "Otto",
        "Otto Hale",
        "Hale, Otto",
        "617-555-0102",
        "Mei Hale",
        "Eastmere",
    ];
    assert_eq!(of(Some(subject)), own);
    assert_eq!(of(None), ["Rose Long", "Long, Rose", "1999999984"]);
    let kinds: Vec<_> = sink.issues.iter().map(|issue| issue.kind).collect();
    let expected = [
        IssueKind::NotClinical,
        IssueKind::NotClinical,
        IssueKind::DuplicateRecord,
        IssueKind::NotClinical,
    ];
    assert_eq!(kinds, expected);
    assert_eq!(told(3, 64).texts, sink.texts);
}

#[derive(Default)]
struct Persons {
    persons: Vec<(SubjectId, Person)>,
    links: Vec<Link>,
}

impl Sink for Persons {
    fn event(&mut self, _subject: SubjectId, _event: Event) -> io::Result<()> {
        Ok(())
    }

    fn issue(&mut self, _issue: Issue) -> io::Result<()> {
        Ok(())
    }

    fn person(&mut self, subject: SubjectId, person: Person) -> io::Result<()> {
        self.persons.push((subject, person));
        Ok(())
    }

    fn link(&mut self, link: Link) -> io::Result<()> {
        self.links.push(link);
        Ok(())
    }
}

#[test]
fn linkage_is_told_who_a_patient_is_and_whom_it_replaces() {
    const LINES: &str = r#"{"resourceType":"Patient","id":"old","active":false,"link":[{"other":{"reference":"Patient/new"},"type":"replaced-by"}]}
{"resourceType":"Patient","id":"new","active":true,"gender":"female","birthDate":"1970-03","multipleBirthInteger":2,"identifier":[{"system":"urn:mrn","value":"77","type":{"coding":[{"code":"MR"}]}},{"system":"urn:none"}],"name":[{"use":"maiden","family":"Roe","given":["Ann","Lee"]},{"text":"Ann Poe"}],"telecom":[{"system":"phone","value":"5550101"},{"system":"email","value":"a@example.org"},{"system":"fax","value":"1"}],"address":[{"line":["1 Mill Road"],"city":"Larkfield","state":"MA","postalCode":"01801"},{}],"link":[{"other":{"reference":"https://x.org/fhir/Patient/old"},"type":"replaces"},{"other":{"reference":"Patient/third"},"type":"seealso"},{"other":{"reference":"RelatedPerson/r"},"type":"seealso"},{"other":{"reference":"Patient/third"},"type":"odd"}]}
{"resourceType":"Patient","id":"new","active":false}
"#;
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("x.ndjson"), LINES).unwrap();
    let told = |threads, chunk| {
        let mut sink = Persons::default();
        let mut options = Options::standard(threads);
        options.chunk_bytes_max = chunk;
        let stop = AtomicBool::new(false);
        ingest(&[folder.path()], &options, &stop, &mut sink).unwrap();
        sink
    };
    let sink = told(1, 1 << 20);
    let id = |id| SubjectId::from_source("Patient", id);
    // The third line is a duplicate, and its facts are passed over like its events.
    let subjects: Vec<_> = sink.persons.iter().map(|(subject, _)| *subject).collect();
    assert_eq!(subjects, [id("old"), id("new")]);
    let person = &sink.persons[1].1;
    assert_eq!(sink.persons[0].1.active, Some(false));
    assert_eq!(person.birth.unwrap().1, longitude_core::Precision::Month);
    assert_eq!(person.multiple_birth, Some(true));
    assert_eq!(person.identifiers.len(), 1);
    assert_eq!(person.identifiers[0].kind.as_deref(), Some("MR"));
    let names: Vec<_> = person
        .names
        .iter()
        .map(|name| (&*name.family, name.given.len()))
        .collect();
    assert_eq!(names, [("Roe", 2), ("Ann Poe", 0)]);
    assert_eq!(person.phones, ["5550101"]);
    assert_eq!(person.emails, ["a@example.org"]);
    assert_eq!(person.addresses.len(), 1);
    let links: Vec<_> = sink
        .links
        .iter()
        .map(|link| (link.a, link.kind, link.b))
        .collect();
    let expected = [
        (id("old"), LinkKind::ReplacedBy, id("new")),
        (id("new"), LinkKind::Replaces, id("old")),
        (id("new"), LinkKind::SeeAlso, id("third")),
    ];
    assert!(links == expected);
    assert_eq!(&*sink.links[1].origin.record, "Patient/new");
    assert_eq!(sink.links[1].origin.row, 2);
    let apart = told(3, 64);
    assert!(apart.links == sink.links && apart.persons == sink.persons);
}
