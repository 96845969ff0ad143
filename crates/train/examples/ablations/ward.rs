//! The patients of the synthetic hospital as tokens, the labels of its tasks, and which codes are
//! static, of encounters, or rare.

use longitude_core::{Label, Split, SubjectId, Task, Timeline};
use longitude_hospital::{Options, patient, timeline, truth};
use longitude_tokens::{
    Next, Tokens, Vocabulary, VocabularyBuilder, VocabularyOptions, encode, encode_history,
};

/// The most recorded events of a segment, and how many a later one repeats as context.
pub(crate) const CONTEXT: usize = 192;
const OVERLAP: usize = 48;
/// A code of fewer learning subjects is rare.
pub(crate) const RARE_SUBJECTS: u32 = 20;

/// One patient.
pub(crate) struct Subject {
    pub(crate) learn: bool,
    pub(crate) tokens: Tokens,
    /// What is known at the index date, where there is one.
    pub(crate) history: Option<Tokens>,
    /// One label a task; none where it is not asked or not known.
    pub(crate) labels: Vec<Option<bool>>,
}

/// All of them.
pub(crate) struct Ward {
    pub(crate) vocabulary: Vocabulary,
    pub(crate) tasks: Vec<Task>,
    pub(crate) subjects: Vec<Subject>,
    /// Those that nobody learns from.
    pub(crate) held_out: Vec<Timeline>,
    /// By identifier: codes of encounters, and rare codes.
    pub(crate) encounter: Vec<bool>,
    pub(crate) rare: Vec<bool>,
}

/// Positions of a segment, ascending, and the first whose next event is scored.
pub(crate) struct Window {
    pub(crate) positions: Vec<usize>,
    pub(crate) scored_from: usize,
}

/// Three subjects in four are learnt from, by hash.
fn learns(subject: SubjectId) -> bool {
    Split::bucket("ablations", subject) < 750
}

pub(crate) fn ward(patients: u32) -> Result<Ward, Box<dyn std::error::Error>> {
    let options = Options {
        patients,
        truth_patients_max: 0,
        ..Options::standard()
    };
    let known = truth(&options, 1)?;
    let timelines: Vec<_> = (0..patients)
        .map(|index| timeline(&patient(&options, index)))
        .collect();
    let mut builder = VocabularyBuilder::new(VocabularyOptions::with_subjects_min(3));
    for one in timelines.iter().filter(|one| learns(one.subject())) {
        builder.observe(one);
    }
    let vocabulary = builder.finish()?;
    let subjects = timelines.iter().zip(&known.subjects).map(|(one, truth)| {
        let label = |task: &Task| match task.label(one, truth.index?) {
            Label::Yes => Some(true),
            Label::No => Some(false),
            Label::Censored | Label::Before | Label::Dead => None,
        };
        Subject {
            learn: learns(one.subject()),
            tokens: encode(&vocabulary, one),
            history: truth.index.map(|at| encode_history(&vocabulary, one, at)),
            labels: known.tasks.iter().map(label).collect(),
        }
    });
    let subjects = subjects.collect();
    let held_out = timelines.iter().filter(|one| !learns(one.subject()));
    let ids = || (0u32..).take(vocabulary.len());
    let is_encounter = |id| {
        let system = vocabulary.code(id).map(|code| &*code.system);
        matches!(system, Some("ENCOUNTER" | "ENCOUNTER_TYPE"))
    };
    Ok(Ward {
        encounter: ids().map(is_encounter).collect(),
        rare: ids()
            .map(|id| vocabulary.subjects_with(id) < RARE_SUBJECTS)
            .collect(),
        tasks: known.tasks,
        subjects,
        held_out: held_out.cloned().collect(),
        vocabulary,
    })
}

/// The windows of a timeline: every scored event once, none without a past.
pub(crate) fn windows(tokens: &Tokens) -> Vec<Window> {
    let targets = |p: &usize| tokens.next(*p) != Next::None;
    let (Some(first), Some(last)) = (
        (0..tokens.len()).find(targets),
        (0..tokens.len()).rfind(targets),
    ) else {
        return vec![];
    };
    let lead = tokens.lead;
    let (mut out, mut begin, mut scored_from) = (vec![], 0, first);
    loop {
        let lead = if begin == 0 { 0 } else { lead };
        let end = (begin + CONTEXT - lead).min(last + 1);
        out.push(Window {
            positions: (0..lead).chain(begin..end).collect(),
            scored_from,
        });
        if end > last {
            return out;
        }
        scored_from = end.max(first);
        begin = end - OVERLAP;
    }
}
