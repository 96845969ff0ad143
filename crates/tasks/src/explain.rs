//! Why a trigger of a subject became a sample, or none.

use crate::duration;
use crate::labeller::Sample;
use crate::outcome::Missing;
use crate::program::{Fixed, Program, StepPlan};
use crate::realise::{NOWHERE, Realiser, Reason, Stretch};
use longitude_core::Instant;

/// What became of a trigger.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fate {
    Kept(Sample),
    Dropped(Reason),
    Missing(Missing),
}

/// The story of one trigger, for people inside the walls: it names times of the subject, each as
/// its distance from the trigger.
#[derive(Clone)]
pub struct Explanation {
    /// The trigger; `None` where the subject as a whole was left out.
    pub trigger: Option<Instant>,
    /// Whether it became a sample.
    pub kept: bool,
    /// What happened, line by line.
    pub lines: Vec<String>,
}

impl std::fmt::Debug for Explanation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Explanation").finish_non_exhaustive()
    }
}

impl Explanation {
    pub(crate) fn filtered(program: &Program, attribute: usize) -> Self {
        let name = match &program.attributes[attribute] {
            Fixed::Plain(plain) => program.plains[*plain].name.clone(),
            Fixed::All(_) | Fixed::Any(_) => "a static predicate".to_owned(),
        };
        Self {
            trigger: None,
            kept: false,
            lines: vec![format!(
                "left out: no row without a time has `{name}`, which the task asks for"
            )],
        }
    }

    pub(crate) fn new(
        realiser: &Realiser<'_>,
        trigger: usize,
        stretches: &[Stretch],
        fate: Fate,
    ) -> Self {
        let program = realiser.program;
        let time = realiser.record.times[trigger];
        let failed = match fate {
            Fate::Dropped(Reason::Never(node)) => node,
            Fate::Dropped(Reason::Count(node, _)) if stretches[node].from == NOWHERE => node,
            Fate::Dropped(Reason::Count(node, _)) => node + 1,
            Fate::Kept(_) | Fate::Missing(_) => program.nodes.len(),
        };
        let mut lines = Vec::new();
        for (at, stretch) in stretches.iter().enumerate().take(failed).skip(1) {
            lines.push(passed(realiser, at, stretch, time));
        }
        let (kept, last) = match fate {
            Fate::Kept(sample) => (true, kept(program, &sample, time)),
            Fate::Dropped(reason) => (false, format!("dropped: {}", program.reason(reason))),
            Fate::Missing(Missing::Censored) => (
                false,
                "dropped: the record ends before the label's window does, with no outcome seen"
                    .to_owned(),
            ),
            Fate::Missing(Missing::Nothing) => (
                false,
                "dropped: there is no value or class for the label".to_owned(),
            ),
        };
        lines.push(last);
        Self {
            trigger: Some(Instant(time)),
            kept,
            lines,
        }
    }
}

fn passed(realiser: &Realiser<'_>, at: usize, stretch: &Stretch, trigger: i64) -> String {
    let program = realiser.program;
    let node = &program.nodes[at];
    let distance = |time: i64| {
        let shown = duration::shown(time - trigger);
        if time >= trigger {
            format!("+{shown}")
        } else {
            shown
        }
    };
    let ends = (
        stretch.start.min(stretch.end),
        stretch.start.max(stretch.end),
    );
    let mut line = format!(
        "{}: from {} to {}",
        program.node_name(at),
        distance(ends.0),
        distance(ends.1)
    );
    for constraint in &node.constraints {
        let count = realiser.counted(node, stretch, constraint.column);
        line.push_str(&format!(
            ", {} {count} ({})",
            program.columns[constraint.column].name,
            range(constraint.min, constraint.max)
        ));
    }
    line
}

fn kept(program: &Program, sample: &Sample, trigger: i64) -> String {
    let mut line = "kept".to_owned();
    if let Some(time) = sample.prediction_time {
        line.push_str(&format!(
            ": prediction time {} from the trigger",
            duration::shown(time.0 - trigger)
        ));
    }
    if let Some(value) = sample.boolean {
        line.push_str(&format!(", outcome {value}"));
    }
    if let Some(value) = sample.integer {
        line.push_str(&format!(", count {value}"));
    }
    if let Some(value) = sample.float {
        line.push_str(&format!(", value {value}"));
    }
    if let Some(category) = sample.category {
        let names = program.categories();
        let name = names.get(category as usize).map_or("", String::as_str);
        line.push_str(&format!(", {name}"));
    }
    line
}

fn range(min: Option<i64>, max: Option<i64>) -> String {
    match (min, max) {
        (Some(min), Some(max)) if min == max => format!("asked: {min}"),
        (Some(min), Some(max)) => format!("asked: {min} to {max}"),
        (Some(min), None) => format!("asked: at least {min}"),
        (None, Some(max)) => format!("asked: at most {max}"),
        (None, None) => "asked: any".to_owned(),
    }
}

impl Program {
    /// A reason in words.
    pub(crate) fn reason(&self, reason: Reason) -> String {
        match reason {
            Reason::Never(at) => {
                let StepPlan::Event { column, before } = &self.nodes[at].step else {
                    return format!("{} is nowhere", self.node_name(at));
                };
                let direction = if *before { "before" } else { "after" };
                format!(
                    "{}: `{}` does not happen {direction} it",
                    self.node_name(at),
                    self.columns[*column].name
                )
            }
            Reason::Count(at, place) => {
                let constraint = &self.nodes[at].constraints[place];
                let name = match self.nodes[at].side {
                    Some((window, _)) => self.windows[window].name.clone(),
                    None => "trigger".to_owned(),
                };
                format!(
                    "window {name}: `{}` is counted otherwise ({})",
                    self.columns[constraint.column].name,
                    range(constraint.min, constraint.max)
                )
            }
        }
    }
}
