//! What identifies persons reaches the sink, in order, whatever becomes of the rows.

use longitude_core::{Event, Issue, IssueKind, SubjectId};
use longitude_ingest::{Options, Sink, ingest};
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
