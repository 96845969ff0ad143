//! An opened run: what the pages and the API ask of it. No HTTP here.

use crate::answer::{self, Answer, Audited, Request};
use crate::console::{ledger, patient, report, worklist};
use crate::watch::{About, Watch};
use crate::{Error, api};
use longitude_core::{
    Code, Digest, Instant, Prediction, Probability, Split, SubjectId, Task, Timeline,
};
use longitude_deid::Deidentifier;
use longitude_eval::Report;
use longitude_govern::{
    Action, Cause, Contest, ContestBook, ContestKind, Determination, EntryId, Filer, Finding,
    Ground, Independence, Institution, Layout, NewContest, Outcome, Remedy, RunLedger, Transition,
    TrustedKey, Verdict,
};
use longitude_model::{Device, Level, Model};
use longitude_predict::{
    AnswerOptions, Asked, Engine, EvidenceOptions, Fitted, SampleOptions, last_observed,
};
use longitude_store::Dataset;
use longitude_tokens::Vocabulary;
use maud::{Markup, html};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::sync::{Arc, Mutex, MutexGuard};

const PAGE_ROWS: usize = 50;

/// What the command line hands in: the clock, random bytes and keys are its to read.
#[derive(Clone, Copy)]
pub struct AppOptions {
    /// The time now.
    pub clock: fn() -> Instant,
    /// Threads that an answer may use.
    pub threads: usize,
}

/// What can be asked of a run's model: kept in its signed folder as `questions.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Questions {
    /// The tasks.
    pub tasks: Vec<Task>,
    /// Calibrations, population and abstention.
    pub fitted: Fitted,
    /// How futures are sampled.
    pub sampling: SampleOptions,
}

/// The institution's keys as a run needs them: to sign its ledger, and to walk back to source
/// records.
#[derive(Debug)]
pub struct Keys<'a> {
    /// Signs the ledger.
    pub institution: &'a Institution,
    /// The keyed way back; without it the de-identified record is shown.
    pub deidentifier: Option<Deidentifier>,
}

impl std::fmt::Debug for AppOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AppOptions")
    }
}

/// An opened run.
pub struct App {
    options: AppOptions,
    layout: Layout,
    ledger: Mutex<RunLedger>,
    contests: Mutex<ContestBook>,
    meds: Dataset,
    identified: Option<Dataset>,
    deidentifier: Option<Deidentifier>,
    source_subjects: BTreeMap<SubjectId, SubjectId>,
    engine: Engine,
    questions: Questions,
    model_root: Digest,
    predictions: BTreeMap<String, Vec<Prediction>>,
    people: BTreeMap<SubjectId, Person>,
    fingerprint: String,
    verdict: Verdict,
    watch: Watch,
}

/// What the list shows of a person besides the answer.
#[derive(Clone, Debug)]
struct Person {
    age: String,
    sex: String,
    events: usize,
    last: Option<Instant>,
}

/// Answers to one task, highest risk first, then those without an answer.
#[derive(Debug)]
pub(crate) struct Ranked<'a> {
    /// The task.
    pub(crate) task: &'a Task,
    /// The answers.
    pub(crate) predictions: &'a [Prediction],
}

/// A case as a form or a program sends it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewCase {
    /// The answer that is contested.
    pub(crate) answer: String,
    /// The ground's name.
    pub(crate) grounds: String,
    /// The remedy's name.
    #[serde(default)]
    pub(crate) remedy: Option<String>,
    /// The filer's words.
    pub(crate) narrative: String,
    /// The filer's role.
    pub(crate) role: String,
}

/// A case's next step as a form sends it: each step needs some of the fields.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewStep {
    to: String,
    by: String,
    #[serde(default)]
    note: String,
    #[serde(default)]
    independent: String,
    #[serde(default)]
    finding: String,
    #[serde(default)]
    cause: String,
    #[serde(default)]
    rationale: String,
    #[serde(default)]
    told: String,
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "App({} people)", self.people.len())
    }
}

impl App {
    /// Opens a run that has been verified; `verdict` is shown. With a de-identifier the identified
    /// records are shown and evidence walks back to source records.
    ///
    /// # Errors
    /// When a part of the run is missing, altered or unreadable.
    pub fn open(
        layout: Layout,
        keys: Keys<'_>,
        verdict: Verdict,
        options: AppOptions,
    ) -> Result<Self, Error> {
        let institution = keys.institution;
        let trusted = TrustedKey::parse(&institution.fingerprint().to_string())
            .map_err(Error::govern("key"))?;
        let guard = longitude_govern::load_guard(&layout.model(), Some(&trusted))
            .map_err(Error::govern("model"))?;
        let model_root = guard.manifest.root;
        let questions = read(&layout.model().join("questions.json"))?;
        let questions: Questions = serde_json::from_slice(&questions).map_err(Error::Json)?;
        let engine = engine(&layout, &questions, model_root, options.threads)?;
        let meds = Dataset::open(&layout.meds()).map_err(Error::open("data set"))?;
        let identified = match &keys.deidentifier {
            Some(_) => Some(Dataset::open(&layout.identified()).map_err(Error::open("data set"))?),
            None => None,
        };
        let source_subjects = match (&identified, &keys.deidentifier) {
            (Some(data), Some(one)) => data
                .subjects()
                .iter()
                .map(|(source, _)| (one.subject(*source), *source))
                .collect(),
            _ => BTreeMap::new(),
        };
        let ledger = RunLedger::open(&layout, institution).map_err(Error::govern("ledger"))?;
        let contests = ContestBook::open(&layout, &ledger).map_err(Error::govern("contests"))?;
        let watch = Watch::open(&layout, &ledger)?;
        let people = people(&meds, identified.as_ref(), &source_subjects)?;
        let mut predictions = read_predictions(&layout)?;
        for one in predictions.values_mut().flatten() {
            let sex = people.get(&one.subject).map_or("", |person| &person.sex);
            watch.recalibrate(one, sex);
        }
        Ok(Self {
            options,
            watch,
            ledger: Mutex::new(ledger),
            contests: Mutex::new(contests),
            predictions,
            people,
            layout,
            meds,
            identified,
            deidentifier: keys.deidentifier,
            source_subjects,
            engine,
            questions,
            model_root,
            fingerprint: institution.fingerprint().to_string(),
            verdict,
        })
    }

    /// Runs a computation away from the threads that serve.
    pub(crate) async fn blocking<T: Send + 'static>(
        app: Arc<Self>,
        work: impl FnOnce(&Self) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, api::Problem> {
        let done = tokio::task::spawn_blocking(move || work(&app)).await;
        done.unwrap_or(Err(Error::Request(
            "the computation ended early".to_owned(),
        )))
        .map_err(api::Problem)
    }

    pub(crate) fn tasks(&self) -> &[Task] {
        &self.questions.tasks
    }

    pub(crate) fn model_root(&self) -> Digest {
        self.model_root
    }

    /// Who answers for the answers given here.
    #[expect(
        clippy::unused_self,
        reason = "an accountability register will stand here"
    )]
    pub(crate) fn responsible(&self) -> &'static str {
        "nobody named yet: research mode"
    }

    /// Answers to a task, or to the first task.
    pub(crate) fn ranked(&self, task: Option<&str>) -> Result<Ranked<'_>, Error> {
        let found = match task {
            Some(id) => self.tasks().iter().find(|task| task.id == id),
            None => self.tasks().first(),
        };
        let task = found.ok_or(Error::Unknown("task"))?;
        let shown = self.predictions.get(&task.id);
        let shown = shown.filter(|_| !self.watch.is_suspended(&task.id));
        Ok(Ranked {
            task,
            predictions: shown.map_or(&[][..], Vec::as_slice),
        })
    }

    /// Answers to a task as [`App::ranked`], refused where the task is suspended.
    pub(crate) fn ranked_or_refused(&self, task: Option<&str>) -> Result<Ranked<'_>, Error> {
        let ranked = self.ranked(task)?;
        if self.watch.is_suspended(&ranked.task.id) {
            self.watch.allows(About {
                task: &ranked.task.id,
                sex: "",
            })?;
        }
        Ok(ranked)
    }

    /// The mean risk of those who have an answer to the task.
    pub(crate) fn average(&self, task: &str) -> Option<f64> {
        let risks = self
            .predictions
            .get(task)?
            .iter()
            .filter_map(|one| one.risk);
        let risks: Vec<f64> = risks.map(Probability::get).collect();
        (!risks.is_empty()).then(|| risks.iter().sum::<f64>() / risks.len() as f64)
    }

    pub(crate) fn worklist(
        &self,
        task: Option<&str>,
        page: usize,
    ) -> Result<worklist::Worklist<'_>, Error> {
        let ranked = self.ranked(task)?;
        let (answered, abstained): (Vec<&Prediction>, Vec<&Prediction>) = ranked
            .predictions
            .iter()
            .partition(|one| one.risk.is_some());
        let pages = answered.len().div_ceil(PAGE_ROWS).max(1);
        let page = page.min(pages - 1);
        let row = |one: &&Prediction| self.row(one);
        Ok(worklist::Worklist {
            tasks: self.tasks(),
            task: ranked.task,
            answered: answered
                .iter()
                .skip(page * PAGE_ROWS)
                .take(PAGE_ROWS)
                .map(row)
                .collect(),
            answered_total: answered.len(),
            abstained: abstained.iter().take(PAGE_ROWS).map(row).collect(),
            abstained_total: abstained.len(),
            mean: self.average(&ranked.task.id),
            notices: self.watch.notices(&ranked.task.id),
            page,
            pages,
        })
    }

    fn row(&self, prediction: &Prediction) -> worklist::Row {
        let person = self.people.get(&prediction.subject);
        worklist::Row {
            subject: prediction.subject,
            age: person.map(|p| p.age.clone()).unwrap_or_default(),
            sex: person.map(|p| p.sex.clone()).unwrap_or_default(),
            events: person.map_or(0, |p| p.events),
            last: person.and_then(|p| p.last),
            prediction: prediction.clone(),
        }
    }

    /// The record to show: identified where the keys are at hand.
    pub(crate) fn timeline(&self, subject: i64) -> Result<Timeline, Error> {
        let subject = SubjectId(subject);
        let found = match (&self.identified, self.source_subjects.get(&subject)) {
            (Some(identified), Some(source)) => identified.timeline(*source),
            _ => self.meds.timeline(subject),
        };
        found
            .map_err(Error::open("data set"))?
            .ok_or(Error::Unknown("patient"))
    }

    pub(crate) fn predictions_of(&self, subject: i64) -> Result<Vec<Prediction>, Error> {
        let subject = SubjectId(subject);
        if !self.people.contains_key(&subject) {
            return Err(Error::Unknown("patient"));
        }
        let of = |task: &Task| {
            let all = self.predictions.get(&task.id)?;
            let shown = !self.watch.is_suspended(&task.id);
            let mut all = all.iter().filter(|_| shown);
            all.find(|one| one.subject == subject).cloned()
        };
        Ok(self.tasks().iter().filter_map(of).collect())
    }

    pub(crate) fn patient_page(
        &self,
        subject: i64,
        task: Option<&str>,
        page: usize,
    ) -> Result<Markup, Error> {
        let task = self.ranked(task)?.task;
        let predictions = self.predictions_of(subject)?;
        let timeline = self.timeline(subject)?;
        let person = self
            .people
            .get(&SubjectId(subject))
            .ok_or(Error::Unknown("patient"))?;
        let identified = self.source_subjects.contains_key(&SubjectId(subject));
        let at = self.prediction_time(SubjectId(subject), &predictions)?;
        let at = if identified {
            last_observed(&timeline)
        } else {
            at
        };
        Ok(patient::content(&patient::Patient {
            subject: SubjectId(subject),
            timeline: &timeline,
            identified,
            summary: format!(
                "{}, age {}, {} events",
                person.sex, person.age, person.events
            ),
            tasks: self.tasks(),
            task: &task.id,
            predictions: &predictions,
            at,
            page,
        }))
    }

    fn prediction_time(
        &self,
        subject: SubjectId,
        known: &[Prediction],
    ) -> Result<Option<Instant>, Error> {
        if let Some(one) = known.first() {
            return Ok(Some(one.time));
        }
        let timeline = self
            .meds
            .timeline(subject)
            .map_err(Error::open("data set"))?;
        Ok(timeline.as_ref().and_then(last_observed))
    }

    /// A new answer with evidence: sampled, recorded in the ledger, kept, and only then given out.
    pub(crate) fn forecast(&self, subject: i64, task: &str) -> Result<Audited<Answer>, Error> {
        let task = self
            .tasks()
            .iter()
            .find(|one| one.id == task)
            .ok_or(Error::Unknown("task"))?;
        let subject = SubjectId(subject);
        let sex = self.people.get(&subject).map_or("", |person| &person.sex);
        self.watch.allows(About {
            task: &task.id,
            sex,
        })?;
        let timeline = self
            .meds
            .timeline(subject)
            .map_err(Error::open("data set"))?;
        let timeline = timeline.ok_or(Error::Unknown("patient"))?;
        let known = self.predictions_of(subject.0)?;
        let at = self
            .prediction_time(subject, &known)?
            .ok_or(Error::Unknown("prediction time"))?;
        let sampling = self.questions.sampling;
        let how = AnswerOptions {
            sample: sampling,
            evidence: Some(EvidenceOptions::research()),
        };
        let asked = Asked {
            timeline: &timeline,
            at,
        };
        let mut answers = self
            .engine
            .predict(&asked, std::slice::from_ref(task), &how)
            .map_err(Error::open("model"))?;
        let mut prediction = answers.pop().ok_or(Error::Unknown("answer"))?;
        self.watch.recalibrate(&mut prediction, sex);
        self.walk_back(subject, &mut prediction)?;
        let request = Request {
            salt: longitude_govern::random_bytes().map_err(Error::govern("random source"))?,
            seed: sampling.seed,
            asked: (self.options.clock)().to_string(),
        };
        let mut ledger = self.ledger()?;
        answer::record(&mut ledger, &self.layout, prediction, &request)
    }

    /// Replaces the pseudonyms of source records by the records themselves: the key makes each
    /// identified event's pseudonym again, and equal pseudonyms are the same record.
    fn walk_back(&self, subject: SubjectId, prediction: &mut Prediction) -> Result<(), Error> {
        let (Some(identified), Some(deidentifier), Some(source)) = (
            &self.identified,
            &self.deidentifier,
            self.source_subjects.get(&subject),
        ) else {
            return Ok(());
        };
        // Inside the walls the prediction time is shown on the record's own calendar. A date that
        // was cut to its year cannot be walked back and stays as the model knows it.
        let moved = deidentifier.instant(*source, prediction.time).0 - prediction.time.0;
        let own = prediction.time.shifted(-moved);
        if deidentifier.instant(*source, own) == prediction.time {
            prediction.time = own;
        }
        let timeline = identified
            .timeline(*source)
            .map_err(Error::open("data set"))?;
        let events = timeline.as_ref().map_or(&[][..], Timeline::events);
        let by_pseudonym: BTreeMap<String, usize> = events
            .iter()
            .enumerate()
            .map(|(index, event)| (deidentifier.origin(&event.origin).record.to_string(), index))
            .collect();
        let sources = prediction
            .evidence
            .iter_mut()
            .flat_map(|item| &mut item.sources);
        for one in sources {
            if let Some(&index) = by_pseudonym.get(&one.record) {
                let event = &events[index];
                let position = u32::try_from(index).unwrap_or(u32::MAX);
                *one = longitude_core::EvidenceSource::new(position, event.time, &event.origin);
            }
        }
        Ok(())
    }

    pub(crate) fn answer(&self, id: &str) -> Result<Answer, Error> {
        answer::read(&self.layout, id)
    }

    pub(crate) fn report(&self) -> Result<Report, Error> {
        serde_json::from_slice(&read(&self.layout.report_json())?).map_err(Error::Json)
    }

    pub(crate) fn model_page(&self) -> Result<Markup, Error> {
        let report = self.report()?;
        Ok(html! {
            div.panel {
                dl.facts {
                    dt { "Model" } dd { code { (self.model_root) } }
                    dt { "Signed by" } dd { code { (self.fingerprint) } }
                    dt { "Responsible" } dd { (self.responsible()) }
                    dt { "Intended use" } dd { "research: to judge the method on this institution's own records" }
                    dt { "Report" } dd { a href="/report.html" { "as one file" } " \u{b7} " a href="/openapi.json" { "API" } }
                }
            }
            (report::report_content(&report))
        })
    }

    pub(crate) fn contests(&self) -> Result<Vec<Contest>, Error> {
        self.book()?.list().map_err(Error::govern("contests"))
    }

    pub(crate) fn case(&self, id: &str) -> Result<Contest, Error> {
        let id = id.parse().map_err(|_error| Error::Unknown("case"))?;
        match self.book()?.get(id) {
            Err(longitude_govern::Error::NoContest(_)) => Err(Error::Unknown("case")),
            other => other.map_err(Error::govern("contests")),
        }
    }

    pub(crate) fn file_case(&self, new: &NewCase) -> Result<Contest, Error> {
        let answer = self.answer(&new.answer)?;
        let remedy = new
            .remedy
            .as_deref()
            .filter(|text| !text.is_empty())
            .unwrap_or("explain");
        if new.narrative.trim().is_empty() {
            return Err(Error::Request(
                "say in `narrative` what is wrong".to_owned(),
            ));
        }
        let contest = NewContest {
            kind: ContestKind::Commission,
            grounds: vec![listed("grounds", Ground::from_code(&new.grounds))?],
            subject: Some(answer.prediction.subject),
            answer: Some(answer.id),
            model: Some(answer.prediction.model),
            task: Some(answer.prediction.task),
            narrative: new.narrative.clone(),
            desired_remedy: listed("remedy", Remedy::from_code(remedy))?,
            filed_by: listed("role", Filer::from_code(&new.role))?,
            filed_at: (self.options.clock)(),
        };
        let mut ledger = self.ledger()?;
        let book = self.book()?;
        let id = book
            .file(&mut ledger, contest)
            .map_err(Error::govern("contests"))?;
        book.get(id).map_err(Error::govern("contests"))
    }

    pub(crate) fn transition(&self, id: &str, step: &NewStep) -> Result<(), Error> {
        let case = self.case(id)?;
        let transition = Transition {
            action: self.action(&case, step)?,
            note: step.note.clone(),
            by: step.by.clone(),
            at: (self.options.clock)(),
        };
        let mut ledger = self.ledger()?;
        let done = self.book()?.transition(&mut ledger, case.id, transition);
        done.map(|_entry| ()).map_err(Error::govern("contests"))
    }

    /// The action that leads to the state named, with what it needs. A finding rests on the ledger
    /// entry of the contested answer.
    fn action(&self, case: &Contest, step: &NewStep) -> Result<Action, Error> {
        let yes = step.independent == "yes";
        Ok(match step.to.as_str() {
            "acknowledged" => Action::Acknowledge,
            "triaged" => Action::Triage,
            "under_review" => Action::Review {
                independence: Independence::declare(yes, yes, yes)
                    .map_err(Error::govern("contests"))?,
            },
            "determined" => Action::Determine(Determination {
                finding: listed("finding", Finding::from_code(&step.finding))?,
                cause: listed("cause", Cause::from_code(&step.cause))?,
                rationale: step.rationale.clone(),
                evidence: match &case.answer {
                    Some(answer) => vec![self.answer(answer)?.commitment],
                    None => Vec::new(),
                },
            }),
            "notified" => Action::Notify {
                told: step
                    .told
                    .split(',')
                    .map(|who| who.trim().to_owned())
                    .collect(),
            },
            "closed" => Action::Close,
            "withdrawn_by_filer" => Action::Withdraw,
            _ => return Err(Error::Request("`to` is no state of a case".to_owned())),
        })
    }

    pub(crate) fn ledger_page(&self) -> Result<ledger::Ledger, Error> {
        let book = self.ledger()?;
        let head = book.head().map_err(Error::govern("ledger"))?;
        let mut entries = Vec::new();
        for index in (head.size.saturating_sub(50)..head.size).rev() {
            let leaf = book
                .leaf(EntryId { index })
                .map_err(Error::govern("ledger"))?;
            entries.push((index, leaf.kind, leaf.receipt.to_string()));
        }
        let checks = self.verdict.checks.iter().map(|check| {
            let passed = check.outcome == Outcome::Pass;
            (
                check.name.clone(),
                check.outcome.to_string(),
                passed,
                check.detail.clone(),
            )
        });
        let path = self.layout.ledger().join("checkpoint");
        Ok(ledger::Ledger {
            checkpoint: String::from_utf8_lossy(&read(&path)?).into_owned(),
            entries,
            size: head.size,
            fingerprint: self.fingerprint.clone(),
            checks: checks.collect(),
        })
    }

    pub(crate) fn entry(&self, index: u64) -> Result<Value, Error> {
        let book = self.ledger()?;
        let head = book.head().map_err(Error::govern("ledger"))?;
        if index >= head.size {
            return Err(Error::Unknown("ledger entry"));
        }
        let leaf = book
            .leaf(EntryId { index })
            .map_err(Error::govern("ledger"))?;
        let proof = book
            .proof(EntryId { index })
            .map_err(Error::govern("ledger"))?;
        Ok(json!({ "index": index, "content": leaf, "proof": proof }))
    }

    fn ledger(&self) -> Result<MutexGuard<'_, RunLedger>, Error> {
        self.ledger
            .lock()
            .map_err(|_poisoned| Error::Request("the ledger stopped".to_owned()))
    }

    fn book(&self) -> Result<MutexGuard<'_, ContestBook>, Error> {
        self.contests
            .lock()
            .map_err(|_poisoned| Error::Request("the inbox stopped".to_owned()))
    }
}

fn listed<T>(field: &str, found: Option<T>) -> Result<T, Error> {
    found.ok_or_else(|| Error::Request(format!("`{field}` is not in its list")))
}

fn engine(
    layout: &Layout,
    questions: &Questions,
    root: Digest,
    threads: usize,
) -> Result<Engine, Error> {
    let vocabulary = read(&layout.model().join("vocabulary.json"))?;
    let vocabulary = Vocabulary::from_json(&vocabulary).map_err(Error::open("vocabulary"))?;
    let digest = vocabulary.digest().map_err(Error::open("vocabulary"))?;
    let model = Model::load(&layout.model(), &digest.to_string()).map_err(Error::open("model"))?;
    let device = Device {
        level: Level::best(),
        threads,
    };
    let fitted = questions.fitted.clone();
    Engine::new(&Arc::new(model), Arc::new(vocabulary), fitted, root, device)
        .map_err(Error::open("model"))
}

fn read(path: &std::path::Path) -> Result<Vec<u8>, Error> {
    fs::read(path).map_err(Error::file(path))
}

/// Answers by task, highest risk first; those without an answer stand at the end.
fn read_predictions(layout: &Layout) -> Result<BTreeMap<String, Vec<Prediction>>, Error> {
    let path = layout.predictions().join("held_out.jsonl");
    let file = fs::File::open(&path).map_err(Error::file(&path))?;
    let mut by_task: BTreeMap<String, Vec<Prediction>> = BTreeMap::new();
    for line in BufReader::new(file).lines() {
        let line = line.map_err(Error::file(&path))?;
        let one: Prediction = serde_json::from_str(&line).map_err(Error::Json)?;
        by_task.entry(one.task.clone()).or_default().push(one);
    }
    for predictions in by_task.values_mut() {
        let risk = |one: &Prediction| one.risk.map_or(-1.0, Probability::get);
        predictions.sort_by(|a, b| risk(b).total_cmp(&risk(a)).then(a.subject.cmp(&b.subject)));
    }
    Ok(by_task)
}

/// The people kept apart from training: only they are listed. What is shown of them is from the
/// identified record where that is at hand.
fn people(
    meds: &Dataset,
    identified: Option<&Dataset>,
    sources: &BTreeMap<SubjectId, SubjectId>,
) -> Result<BTreeMap<SubjectId, Person>, Error> {
    let held_out = meds
        .subjects()
        .iter()
        .filter(|(_, split)| *split == Split::HeldOut);
    let mut people = BTreeMap::new();
    for (subject, _) in held_out {
        let found = match (identified, sources.get(subject)) {
            (Some(identified), Some(source)) => identified.timeline(*source),
            _ => meds.timeline(*subject),
        };
        if let Some(timeline) = found.map_err(Error::open("data set"))? {
            people.insert(*subject, person(&timeline));
        }
    }
    Ok(people)
}

fn person(timeline: &Timeline) -> Person {
    let last = last(timeline);
    let age = match (timeline.birth(), last_observed(timeline)) {
        (Some(birth), Some(at)) if (at - birth).years() >= 90.0 => "90 or over".to_owned(),
        (Some(birth), Some(at)) => format!("{:.0}", (at - birth).years().floor()),
        _ => "not known".to_owned(),
    };
    let is_sex = |code: &Code| &*code.system == "GENDER" || &*code.system == "SEX";
    let sex = timeline.events().iter().find(|event| is_sex(&event.code));
    let sex = sex.map_or_else(
        || "sex not known".to_owned(),
        |event| event.code.value.to_string(),
    );
    Person {
        age,
        sex,
        events: timeline.events().len(),
        last,
    }
}

fn last(timeline: &Timeline) -> Option<Instant> {
    timeline.events().last().and_then(|event| event.time)
}
