//! Rows in, samples out: subject by subject, with what was counted on the way.

use crate::explain::{Explanation, Fate};
use crate::matcher::{Matcher, Measured};
use crate::outcome::{self, Missing, Values};
use crate::program::{LabelKind, Mode, Ontology, Program};
use crate::realise::{Realiser, Reason, Stretch};
use crate::record::{Cell, Number, Record};
use crate::tally::Tally;
use longitude_core::{Instant, SubjectId};
use std::collections::{BTreeMap, BTreeSet};

/// A row of a data table, lent.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    /// Whose it is.
    pub subject: SubjectId,
    /// When it happened; `None` for a static fact.
    pub time: Option<Instant>,
    /// Which of the codes that were given to [`Labeller::codes`]; `None` where it has none.
    pub code: Option<usize>,
    /// Its number.
    pub number: Option<Number>,
    /// The unit of its number, where a column has one.
    pub unit: Option<&'a str>,
    /// When it was written down, where that is known.
    pub recorded: Option<Instant>,
    /// The values of [`Program::cells`].
    pub cells: &'a [Cell<'a>],
}

/// A sample: a subject, a prediction time and a label.
#[derive(Clone, Copy, PartialEq)]
pub struct Sample {
    /// Who is asked about.
    pub subject: SubjectId,
    /// The instant that the sample begins from. ACES has samples without one, where an event that
    /// bounds the last window does not happen.
    pub trigger: Option<Instant>,
    /// When the prediction is made.
    pub prediction_time: Option<Instant>,
    /// Whether the outcome happened.
    pub boolean: Option<bool>,
    /// How often.
    pub integer: Option<i64>,
    /// A value of it, or the time until it.
    pub float: Option<f32>,
    /// Which of [`Program::categories`].
    pub category: Option<u32>,
}

impl std::fmt::Debug for Sample {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sample").finish_non_exhaustive()
    }
}

/// A subject who is asked about at a time, by what is known then alone.
#[derive(Clone, Copy, PartialEq)]
pub struct Asked {
    /// Who.
    pub subject: SubjectId,
    /// The instant that the question begins from.
    pub trigger: Instant,
    /// When.
    pub prediction_time: Instant,
    /// The sample that `label` gives for it; none where what came later does not fit the task's
    /// windows, or leaves the label open.
    pub sample: Option<Sample>,
}

impl std::fmt::Debug for Asked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Asked").finish_non_exhaustive()
    }
}

/// A subject's rows do not lie together, so the rows must be handed in again to a labeller that
/// gathers them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scattered;

/// What labelling needs to know beside the task.
#[derive(Clone, Debug, Default)]
pub struct Context {
    /// What stands above codes.
    pub ontology: Ontology,
    /// Until when subjects were observed; of others the last event says it.
    pub observed: BTreeMap<SubjectId, Instant>,
    /// The subject whose samples are explained.
    pub explain: Option<SubjectId>,
}

/// What came of a shard.
#[derive(Debug, Default)]
pub struct Labels {
    /// The samples, by subject and trigger.
    pub samples: Vec<Sample>,
    /// Who is asked about and when, by subject and trigger, where that was to be told.
    pub asked: Vec<Asked>,
    /// The subjects that had rows, in the order of their rows.
    pub subjects: Vec<SubjectId>,
    /// What was counted.
    pub tally: Tally,
    /// Why each trigger of the asked subject was kept or dropped.
    pub explanations: Vec<Explanation>,
}

/// Labels the rows of one shard.
pub struct Labeller<'p> {
    program: &'p Program,
    context: &'p Context,
    matcher: Matcher<'p>,
    record: Record,
    subject: Option<SubjectId>,
    /// All subjects' rows, where they do not lie together.
    gathered: Option<BTreeMap<SubjectId, Record>>,
    seen: Option<BTreeSet<SubjectId>>,
    stretches: Vec<Stretch>,
    asks: bool,
    labels: Labels,
    /// The only instant of the shard so far, with the samples before it.
    lone: Option<(SubjectId, Record)>,
    instants: usize,
}

impl std::fmt::Debug for Labeller<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Labeller").finish_non_exhaustive()
    }
}

impl Program {
    /// The names that [`Sample::category`] stands for.
    pub fn categories(&self) -> Vec<String> {
        let name = |column: usize| self.columns[column].name.clone();
        let categories = |label| outcome::categories(label, name);
        self.label.as_ref().map_or(Vec::new(), categories)
    }
}

impl<'p> Labeller<'p> {
    /// Starts a shard whose subjects' rows lie together.
    pub fn new(program: &'p Program, context: &'p Context) -> Self {
        let mut record = Record::default();
        record.clear(program.plains.len());
        let mut labels = Labels::default();
        labels.tally.start(program);
        Self {
            program,
            context,
            matcher: Matcher::new(program, &context.ontology),
            record,
            subject: None,
            gathered: None,
            seen: None,
            stretches: vec![Stretch::default(); program.nodes.len()],
            asks: false,
            labels,
            lone: None,
            instants: 0,
        }
    }

    /// Starts a shard whose subjects' rows lie anywhere: memory holds what predicates hold of.
    pub fn gathering(program: &'p Program, context: &'p Context) -> Self {
        Self {
            gathered: Some(BTreeMap::new()),
            ..Self::new(program, context)
        }
    }

    /// Tells also who is asked about, whatever came later: [`Labels::asked`].
    #[must_use]
    pub fn asking(self) -> Self {
        Self { asks: true, ..self }
    }

    /// Takes the codes that rows refer to from now on.
    pub fn codes<'c>(&mut self, codes: impl Iterator<Item = &'c str>) {
        self.matcher.codes(codes);
    }

    /// Takes a row.
    ///
    /// # Errors
    /// When the subject had rows before, and another one between.
    pub fn row(&mut self, row: &Row<'_>) -> std::result::Result<(), Scattered> {
        if self.gathered.is_some() {
            self.gather(row);
            return Ok(());
        }
        if self.subject != Some(row.subject) {
            self.next_subject(row.subject)?;
        }
        fold(
            &mut self.record,
            &mut self.matcher,
            &mut self.labels.tally,
            row,
        );
        Ok(())
    }

    fn next_subject(&mut self, subject: SubjectId) -> std::result::Result<(), Scattered> {
        self.close();
        let subjects = &self.labels.subjects;
        if self.seen.is_none() && self.subject.is_some_and(|last| last > subject) {
            self.seen = Some(subjects.iter().copied().collect());
        }
        if let Some(seen) = &mut self.seen
            && !seen.insert(subject)
        {
            return Err(Scattered);
        }
        self.labels.subjects.push(subject);
        self.subject = Some(subject);
        self.record.clear(self.program.plains.len());
        Ok(())
    }

    fn gather(&mut self, row: &Row<'_>) {
        let Some(records) = &mut self.gathered else {
            return;
        };
        let plains = self.program.plains.len();
        let record = records.entry(row.subject).or_insert_with(|| {
            let mut record = Record::default();
            record.clear(plains);
            record
        });
        fold(record, &mut self.matcher, &mut self.labels.tally, row);
    }

    /// Ends the shard.
    pub fn finish(mut self) -> Labels {
        self.close();
        for (subject, record) in self.gathered.take().into_iter().flatten() {
            self.labels.subjects.push(subject);
            self.subject = Some(subject);
            self.record = record;
            self.close();
        }
        if self.instants == 1
            && let Some((subject, record)) = self.lone.take()
        {
            // es-aces counts a file of one instant by other rules.
            self.labels.samples.clear();
            self.record = record;
            self.label(subject, true);
        }
        let samples = &mut self.labels.samples;
        if !samples.is_sorted_by_key(|sample| (sample.subject, sample.trigger)) {
            samples.sort_by_key(|sample| (sample.subject, sample.trigger));
        }
        self.labels
            .asked
            .sort_by_key(|asked| (asked.subject, asked.trigger));
        let (met, units) = (
            std::mem::take(&mut self.matcher.met),
            &mut self.matcher.units,
        );
        let refused = std::mem::take(&mut self.matcher.refused);
        self.labels
            .tally
            .matched(met, std::mem::take(units), refused);
        self.labels
    }

    /// Ends a subject.
    fn close(&mut self) {
        let Some(subject) = self.subject.take() else {
            return;
        };
        self.labels.tally.subjects += 1;
        let program = self.program;
        let filters = program.filters.iter();
        let missing = filters
            .copied()
            .find(|at| !self.record.has(&program.attributes[*at]));
        let explained = self.context.explain == Some(subject);
        if let Some(missing) = missing {
            self.labels.tally.filtered += 1;
            if explained {
                self.labels
                    .explanations
                    .push(Explanation::filtered(program, missing));
            }
            return;
        }
        if self.record.times.is_empty() {
            return;
        }
        self.record.count(program);
        self.instants += self.record.times.len();
        if self.program.mode == Mode::Aces && self.instants == 1 && self.lone.is_none() {
            self.lone = Some((subject, self.record.clone()));
        }
        self.label(subject, false);
    }

    /// Labels the subject whose record is whole.
    fn label(&mut self, subject: SubjectId, single: bool) {
        let program = self.program;
        let explained = self.context.explain == Some(subject);
        let lone_leaf = program.lone_leaf();
        let mut empty = false;
        let first = self.labels.samples.len();
        let mut from = 0;
        while let Some(trigger) = self.record.next(program.trigger, from) {
            from = trigger + 1;
            let realiser = Realiser {
                program,
                record: &self.record,
                single,
            };
            let asked = self
                .asks
                .then(|| realiser.asked_at(trigger, &mut self.stretches));
            let realised = realiser.realise(trigger, &mut self.stretches);
            let labelled = match realised {
                Err(reason) => {
                    empty |= lone_leaf.is_some_and(|leaf| reason == Reason::Never(leaf));
                    Err(Fate::Dropped(reason))
                }
                Ok(()) => {
                    sample(&realiser, self.context, subject, &self.stretches).map_err(Fate::Missing)
                }
            };
            if explained {
                let fate = labelled.map_or_else(|fate| fate, Fate::Kept);
                let explanation = Explanation::new(&realiser, trigger, &self.stretches, fate);
                self.labels.explanations.push(explanation);
            }
            if let Some(prediction_time) = asked.flatten() {
                self.labels.asked.push(Asked {
                    subject,
                    trigger: Instant(self.record.times[trigger]),
                    prediction_time: Instant(prediction_time),
                    sample: labelled.as_ref().ok().copied(),
                });
            }
            match labelled {
                Ok(sample) => {
                    self.labels.tally.kept(&realiser, &sample, &self.stretches);
                    self.labels.samples.push(sample);
                }
                Err(fate) => self.labels.tally.dropped(fate),
            }
        }
        if empty {
            self.labels.samples.insert(first, Sample::empty(subject));
        }
    }
}

impl Sample {
    fn empty(subject: SubjectId) -> Self {
        Self {
            subject,
            trigger: None,
            prediction_time: None,
            boolean: None,
            integer: None,
            float: None,
            category: None,
        }
    }
}

fn fold(record: &mut Record, matcher: &mut Matcher<'_>, tally: &mut Tally, row: &Row<'_>) {
    let time = row.time.map(|time| time.0);
    record.begin(time);
    tally.events += 1;
    let Some(code) = row.code else { return };
    let measured = Measured {
        number: row.number,
        unit: row.unit,
        cells: row.cells,
    };
    let value = row.number.map_or(f64::NAN, Number::wide);
    matcher.each(code, &measured, |plain, compared| {
        record.hit(plain, time.is_some(), value);
        if time.is_some() {
            record.compare(compared);
        }
        tally.recorded(plain, row.time, row.recorded);
    });
}

/// The sample of windows that were laid out.
fn sample(
    realiser: &Realiser<'_>,
    context: &Context,
    subject: SubjectId,
    stretches: &[Stretch],
) -> std::result::Result<Sample, Missing> {
    let (program, record) = (realiser.program, realiser.record);
    let prediction_time = prediction_time(realiser, stretches);
    let values = match &program.label {
        None => Values::default(),
        Some(label) => {
            let stretch = stretches[label.node];
            if let (Mode::Aces, LabelKind::Binary(column)) = (program.mode, &label.kind) {
                let count = realiser.counted(&program.nodes[label.node], &stretch, *column);
                Values {
                    boolean: Some(count != 0),
                    ..Values::default()
                }
            } else {
                let last = record.times.last().copied().unwrap_or(i64::MIN);
                let observed = context.observed.get(&subject).map_or(last, |end| end.0);
                outcome::Asked {
                    realiser,
                    label,
                    stretch,
                    prediction_time: prediction_time.unwrap_or(stretch.start),
                    observed: observed.max(last),
                }
                .values()?
            }
        }
    };
    Ok(Sample {
        subject,
        trigger: Some(Instant(record.times[stretches[0].anchor])),
        prediction_time: prediction_time.map(Instant),
        boolean: values.boolean,
        integer: values.integer,
        float: values.float,
        category: values.category,
    })
}

/// The prediction time. ACES takes it from the stretch, whose start and end are those of the step:
/// where a window's start is a time before its end, they are the other way round.
fn prediction_time(realiser: &Realiser<'_>, stretches: &[Stretch]) -> Option<i64> {
    use crate::boundary::Side;
    let program = realiser.program;
    let index = program.index.as_ref()?;
    Some(match (program.mode, index.side) {
        (Mode::Aces, Side::Start) => stretches[index.node].start,
        (Mode::Aces, Side::End) => stretches[index.node].end,
        (Mode::Strict, side) => {
            let window = &program.windows[index.window];
            let node = match side {
                Side::Start => window.start,
                Side::End => window.end,
            };
            realiser.time(node, stretches)
        }
    })
}
