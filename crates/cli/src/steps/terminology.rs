//! What the codes of a data set stand for: where descriptions come from, and which codes no
//! terminology at hand knows.

use crate::failure::{Failure, Kind};
use crate::interrupt;
use anyhow::Result;
use longitude_core::{Code, SubjectId};
use longitude_store::{Dataset, Describe};
use longitude_terminology::{Coded, Standing, Supplied, Terminology};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

/// The fewest subjects with a malformed code for it to be shown: what one person's record alone has
/// in the place of a code may be a word about that person.
const SHOWN_SUBJECTS_MIN: u64 = 11;
/// Codes that are shown of a system.
const SHOWN_MAX: usize = 20;

/// The vocabularies that the institution gave, read once it is known which codes there are.
#[derive(Clone, Debug, Default)]
pub(crate) struct Vocabularies {
    paths: Vec<PathBuf>,
    read: Arc<OnceLock<Terminology>>,
}

impl Vocabularies {
    /// Those at these paths, beside those that are shipped.
    ///
    /// # Errors
    /// Where a path holds nothing that is known: told before any work is done.
    pub(crate) fn new(paths: Vec<PathBuf>) -> Result<Self> {
        Supplied::recognise(&paths).map_err(|error| {
            let mend = "docs/terminology.md names the files that are read";
            Failure::new(Kind::Input, format!("--vocabulary: {error}"), mend)
        })?;
        let read = Arc::default();
        Ok(Self { paths, read })
    }

    /// For the writer of a data set.
    pub(crate) fn describe(&self) -> Describe {
        let own = self.clone();
        Describe::with(move |codes| Ok(own.of(codes)?.clone()))
    }

    /// What they say of some codes and of what stands above them; the first codes asked for are
    /// those that count.
    pub(crate) fn of(&self, codes: &BTreeSet<Code>) -> io::Result<&Terminology> {
        if let Some(read) = self.read.get() {
            return Ok(read);
        }
        let supplied = Supplied::read_all(&self.paths, codes).map_err(io::Error::other)?;
        let read = Terminology::shipped().with(supplied.entries, supplied.whole);
        Ok(self.read.get_or_init(|| read))
    }
}

/// How the codes of one system stand.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SystemCodes {
    /// Different codes.
    pub(crate) codes: u64,
    /// Their events.
    pub(crate) events: u64,
    /// Whether a terminology at hand holds the system; of others nothing more can be said.
    pub(crate) held: bool,
    /// Codes that the system does not have.
    pub(crate) unknown: u64,
    /// Their events.
    pub(crate) unknown_events: u64,
    /// Codes that no code of the system can look like.
    pub(crate) malformed: u64,
    /// Their events.
    pub(crate) malformed_events: u64,
    /// Headings, which a record should not be coded with.
    pub(crate) headings: u64,
    /// Their events.
    pub(crate) heading_events: u64,
}

/// A code that is not what a code of its system should be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct OddCode {
    /// In MEDS's form.
    pub(crate) code: String,
    /// `unknown` or `malformed`.
    pub(crate) standing: &'static str,
    pub(crate) events: u64,
    pub(crate) subjects: u64,
}

/// How the codes of a data set stand.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Check {
    /// By code system.
    pub(crate) systems: BTreeMap<String, SystemCodes>,
    /// The commonest unknown codes, and the malformed ones that enough subjects share.
    pub(crate) odd: Vec<OddCode>,
}

/// Events and subjects of a code.
#[derive(Default)]
struct Seen {
    events: u64,
    subjects: u64,
    last: Option<SubjectId>,
}

/// Counts every code of a data set.
fn count(data: &Dataset) -> Result<BTreeMap<Code, Seen>> {
    let mut places: BTreeMap<Code, usize> = BTreeMap::new();
    let mut seen: Vec<Seen> = Vec::new();
    // Where the codes of the rows at hand stand in `seen`: a look-up for each code, not each row.
    let (mut last, mut known): (*const Code, Vec<Option<usize>>) = (std::ptr::null(), Vec::new());
    data.scan(None, |event| {
        let (codes, at) = event.dictionary();
        if codes.as_ptr() != last || codes.len() != known.len() {
            (last, known) = (codes.as_ptr(), vec![None; codes.len()]);
        }
        let place = *known[at].get_or_insert_with(|| {
            *places.entry(codes[at].clone()).or_insert_with(|| {
                seen.push(Seen::default());
                seen.len() - 1
            })
        });
        let one = &mut seen[place];
        one.events += 1;
        let subject = Some(event.subject());
        one.subjects += u64::from(one.last != subject);
        one.last = subject;
        Ok::<(), longitude_store::Error>(())
    })?;
    let mut seen = seen.into_iter().map(Some).collect::<Vec<_>>();
    let taken = |(code, place): (Code, usize)| Some((code, seen[place].take()?));
    Ok(places.into_iter().filter_map(taken).collect())
}

/// Looks every code of a data set up.
pub(crate) fn check(data: &Dataset, vocabularies: &Vocabularies) -> Result<Check> {
    let seen = count(data)?;
    interrupt::check()?;
    let terminology = vocabularies.of(&seen.keys().cloned().collect())?;
    let mut check = Check::default();
    for (code, one) in &seen {
        let system = check.systems.entry(system(code)).or_default();
        if let Some(standing) = system.add(&terminology.look_up(code), one) {
            check.odd.push(OddCode {
                code: code.to_meds().into_owned(),
                standing,
                events: one.events,
                subjects: one.subjects,
            });
        }
    }
    let may_be_shown =
        |odd: &OddCode| odd.standing == "unknown" || odd.subjects >= SHOWN_SUBJECTS_MIN;
    check.odd.retain(may_be_shown);
    check.odd.sort_by_key(|odd| std::cmp::Reverse(odd.events));
    check.odd.truncate(SHOWN_MAX);
    Ok(check)
}

/// The system that a code is counted under, in its own name however the code is spelled.
fn system(code: &Code) -> String {
    match Coded::of(code) {
        Some(coded) => coded.system.name().to_owned(),
        None if code.system.is_empty() => "MEDS".to_owned(),
        None => code.system.to_string(),
    }
}

impl SystemCodes {
    /// Counts a code; says what is odd about it.
    fn add(&mut self, standing: &Standing, seen: &Seen) -> Option<&'static str> {
        self.codes += 1;
        self.events += seen.events;
        self.held |= *standing != Standing::NotHeld;
        match standing {
            Standing::Known(entry) if entry.is_header => {
                self.headings += 1;
                self.heading_events += seen.events;
                None
            }
            Standing::Known(_) | Standing::NotHeld => None,
            Standing::Unknown(_) => {
                self.unknown += 1;
                self.unknown_events += seen.events;
                Some("unknown")
            }
            Standing::Malformed => {
                self.malformed += 1;
                self.malformed_events += seen.events;
                Some("malformed")
            }
        }
    }
}
