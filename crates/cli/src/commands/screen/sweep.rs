//! The sweep: one pass over the data set in pieces, each ranked and forgotten but for the best. Its
//! state after every piece is a file, so that a sweep that was broken off goes on with it.

use super::Settings;
use super::members::Members;
use crate::failure::{Failure, Kind};
use crate::interrupt;
use crate::pipeline::write_private;
use crate::progress::bar;
use crate::steps::evaluate::{age_band, sex};
use anyhow::{Context, Result};
use longitude_core::{Abstention, Digest, Instant, Split, Timeline};
use longitude_predict::{Asked, Candidate, Engine, HistoryFacts, ScreenTally, Shortlist};
use longitude_server::Questions;
use longitude_store::Dataset;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant as Clock;

/// Subjects of a piece: enough to keep the threads busy; an interruption waits for one.
const PIECE: usize = 64;
/// Pieces between two states on the disk.
const STATE_EVERY: u64 = 32;
/// The short list is so many times as long as the list: futures reorder its end, not all of it.
const SHORT: usize = 3;
const STATE: &str = "sweep.json";

/// What a sweep works with.
pub(super) struct Work<'a> {
    pub(super) data: &'a Dataset,
    pub(super) engine: &'a Engine,
    pub(super) questions: &'a Questions,
    pub(super) settings: &'a Settings,
    pub(super) fitted: &'a Members,
    pub(super) to: &'a Path,
}

/// How far a sweep is.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Swept {
    of: Digest,
    /// The short list.
    pub(super) list: Shortlist,
    /// Who was considered, and who not.
    pub(super) tally: ScreenTally,
    /// Of those considered, the ones that fall into the training split by their identifier.
    pub(super) train: u64,
}

impl Work<'_> {
    /// Sweeps the data set, or the rest of it.
    pub(super) fn sweep(&self) -> Result<Swept> {
        let mut swept = self.begun()?;
        let done = swept.tally.subjects;
        let started = Clock::now();
        let shown = bar(self.data.subjects().len() as u64);
        let skipped = usize::try_from(done).unwrap_or(usize::MAX);
        let mut rest = self.data.timelines(None).skip(skipped);
        for piece in 1.. {
            let timelines: Vec<Timeline> = rest.by_ref().take(PIECE).collect::<Result<_, _>>()?;
            if timelines.is_empty() {
                break;
            }
            self.piece(&timelines, &mut swept)?;
            shown.set_position(swept.tally.subjects);
            let stops = interrupt::requested();
            if piece % STATE_EVERY == 0 || stops {
                write_private(&self.to.join(STATE), &serde_json::to_vec(&swept)?)?;
            }
            if stops {
                shown.finish_and_clear();
                interrupt::check()?;
            }
        }
        shown.finish_and_clear();
        write_private(&self.to.join(STATE), &serde_json::to_vec(&swept)?)?;
        let (all, seconds) = (swept.tally.subjects - done, started.elapsed().as_secs_f64());
        eprintln!(
            "{all} subjects in {seconds:.1} s, {:.0} a second; {done} were done before",
            all as f64 / seconds.max(1e-9)
        );
        Ok(swept)
    }

    /// The state of a sweep that was broken off, or a new one.
    fn begun(&self) -> Result<Swept> {
        let of = Digest::of_json(self.settings)?;
        if let Ok(bytes) = std::fs::read(self.to.join(STATE)) {
            let kept: Swept = serde_json::from_slice(&bytes).context(STATE)?;
            if kept.of == of {
                return Ok(kept);
            }
            let message = format!("{} holds the start of another sweep", self.to.display());
            let mend = "repeat its settings to go on with it, or name another folder with --to";
            return Err(Failure::new(Kind::Busy, message, mend).into());
        }
        Ok(Swept {
            of,
            list: Shortlist::new(self.settings.looks.saturating_mul(SHORT)),
            tally: ScreenTally::default(),
            train: 0,
        })
    }

    fn piece(&self, timelines: &[Timeline], swept: &mut Swept) -> Result<()> {
        let at = self.settings.at;
        let mut open: Vec<Asked<'_>> = Vec::new();
        for timeline in timelines {
            match self.left_out(timeline) {
                None => open.push(Asked { timeline, at }),
                Some(reason) => {
                    if reason == RECORDED {
                        swept.tally.recorded(&groups(timeline, at));
                    }
                    swept.tally.leave_out(&reason);
                }
            }
        }
        let task = &self.settings.task;
        let risks = self.fitted.risks(self.engine, &open, task)?;
        for (asked, risks) in open.iter().zip(risks) {
            let risk = self.fitted.risk(&risks.members, None);
            let worth = self
                .settings
                .benefit
                .worth(risks.incidence(risk, task.horizon.0));
            let subject = asked.timeline.subject();
            let mut one = Candidate::new(subject, risk, worth, &risks.members);
            one.groups = groups(asked.timeline, at);
            swept.train += u64::from(self.data.split(subject) == Some(Split::Train));
            swept.tally.consider(&one);
            swept.list.push(one);
        }
        Ok(())
    }

    /// Why somebody is not considered; nothing after the sweep's time is looked at.
    fn left_out(&self, timeline: &Timeline) -> Option<String> {
        let (at, fitted) = (self.settings.at, &self.questions.fitted);
        let history = timeline.history(at);
        let Some(last) = history.iter().filter_map(|event| event.time).max() else {
            return Some("nothing was recorded by then".to_owned());
        };
        let facts = HistoryFacts::of(self.engine.vocabulary(), timeline, at);
        let task = &self.settings.task;
        let before = task.incident && history.iter().any(|event| task.outcome.holds(event));
        let refused = facts.refuse(&task.id, before, &fitted.population, &fitted.abstain);
        let is_pooled = fitted.pooled.contains_key(&task.id);
        let rare = |one: &Abstention| matches!(one, Abstention::OutcomeTooRare { .. });
        // It is the last reason: nothing else speaks against them.
        if let Some(reason) = refused.filter(|reason| !(is_pooled && rare(reason))) {
            return Some(named(&reason));
        }
        let unseen = (at - last).0 > self.settings.seen_within;
        unseen.then(|| format!("not seen for {} days", self.settings.seen_within))
    }
}

/// The reason that people whose outcome is in the record already are left out by.
const RECORDED: &str = "the outcome is in the record already";

/// A reason without the numbers of one person.
fn named(reason: &Abstention) -> String {
    match reason {
        Abstention::TooLittleHistory { .. } => "too little history".to_owned(),
        Abstention::UnknownCodes { .. } => "too many codes that the model does not know".to_owned(),
        Abstention::OutcomeTooRare { .. } => "the outcome is too rare".to_owned(),
        Abstention::OutcomeBefore => RECORDED.to_owned(),
        Abstention::OutsidePopulation { what } => what.clone(),
        Abstention::Dead => "dead".to_owned(),
        Abstention::BeforeBirth => "not born".to_owned(),
        Abstention::Novel { .. } => "unlike the training subjects".to_owned(),
        Abstention::MissingModality { what } => format!("no {what}"),
        Abstention::Censored { .. } => "futures were cut short".to_owned(),
    }
}

fn groups(timeline: &Timeline, at: Instant) -> BTreeMap<String, String> {
    BTreeMap::from([
        ("sex".to_owned(), sex(timeline)),
        ("age_band".to_owned(), age_band(timeline, at)),
    ])
}

/// Removes the state of a sweep that is written.
pub(super) fn forget(to: &Path) -> Result<()> {
    std::fs::remove_file(to.join(STATE)).context("the state of the sweep cannot be removed")
}
