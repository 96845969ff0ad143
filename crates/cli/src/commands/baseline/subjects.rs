//! The labelled subjects of a data set by split, with their timelines.

use crate::failure::{Failure, Kind};
use crate::interrupt;
use anyhow::Result;
use longitude_baseline::Example;
use longitude_core::{Instant, Split, SubjectId, Timeline};
use longitude_store::{Dataset, read_labels};
use std::collections::BTreeMap;
use std::path::Path;

/// Everybody who is asked about. The timelines of all of them are held in memory.
#[derive(Debug)]
pub(super) struct Subjects {
    splits: BTreeMap<Split, Vec<Asked>>,
}

/// One subject with the times at which it is asked about, and what came.
struct Asked {
    timeline: Timeline,
    asked: Vec<(Instant, bool)>,
}

/// Redacted: the shape only.
impl std::fmt::Debug for Asked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Asked({} times)", self.asked.len())
    }
}

impl Subjects {
    /// Reads the labels and the timelines of those who have one. What was written down later than
    /// it happened is known from then on only.
    pub(super) fn read(data: &Path, labels: &Path) -> Result<Self> {
        let mut asked: BTreeMap<SubjectId, Vec<(Instant, bool)>> = BTreeMap::new();
        for label in read_labels(labels)? {
            if let (Some(time), Some(answer)) = (label.prediction_time, label.boolean) {
                asked.entry(label.subject).or_default().push((time, answer));
            }
        }
        if asked.is_empty() {
            let message = format!("{} has no row with a `boolean_value`", labels.display());
            let mend =
                "ask a question with yes and no: a label that is a predicate, see docs/tasks.md";
            return Err(Failure::new(Kind::Input, message, mend).into());
        }
        let dataset = Dataset::open(data)?;
        let mut splits: BTreeMap<Split, Vec<Asked>> = BTreeMap::new();
        for split in Split::ALL {
            for timeline in dataset.timelines(Some(split)) {
                interrupt::check()?;
                let timeline = timeline?;
                if let Some(asked) = asked.remove(&timeline.subject()) {
                    let timeline = timeline.by_knowledge();
                    splits
                        .entry(split)
                        .or_default()
                        .push(Asked { timeline, asked });
                }
            }
        }
        if !asked.is_empty() {
            let message = format!(
                "{} subjects of {} are not in the data set {}",
                asked.len(),
                labels.display(),
                data.display()
            );
            let mend = "give the labels of this data set";
            return Err(Failure::new(Kind::Input, message, mend).into());
        }
        let read = Self { splits };
        for split in [Split::Train, Split::HeldOut] {
            if read.examples(split).is_empty() {
                let message = format!("the split `{split}` of {} has no label", data.display());
                let mend = "give the data set a split with labelled subjects: \
                            metadata/subject_splits.parquet";
                return Err(Failure::new(Kind::Input, message, mend).into());
            }
        }
        Ok(read)
    }

    /// The labelled examples of a split, by subject.
    pub(super) fn examples(&self, split: Split) -> Vec<(Example<'_>, bool)> {
        let of_split = self.splits.get(&split).into_iter().flatten();
        of_split
            .flat_map(|one| {
                let timeline = &one.timeline;
                one.asked
                    .iter()
                    .map(move |&(time, label)| (Example { timeline, time }, label))
            })
            .collect()
    }
}
