//! Who is asked about, from what is known at the prediction time: windows that are over then must
//! fit, windows that are still open must not have failed yet. Nothing later is looked at, so a
//! record cut at the prediction time is asked about in the same way.

use crate::program::{Counted, NodePlan, StepPlan};
use crate::realise::{Realiser, Stretch};

impl Realiser<'_> {
    /// The prediction time that a trigger makes, where the subject is asked about then. `stretches`
    /// has a place for every node and is left in no certain state.
    pub(crate) fn asked_at(&self, trigger: usize, stretches: &mut [Stretch]) -> Option<i64> {
        let node = self.program.prediction_node()?;
        let time = self.record.times[trigger];
        stretches[0] = Stretch {
            start: time,
            end: time,
            anchor: trigger,
            from: trigger,
            bound: None,
        };
        let at = self.prediction_time(node, stretches)?;
        // Instants up to the prediction time.
        let known = self.record.times.partition_point(|time| *time <= at);
        let mut place = node;
        while stretches[place].anchor < known && place > 0 {
            place = self.program.nodes[place].parent;
        }
        let hangs_on_the_past = stretches[place].anchor < known;
        (hangs_on_the_past && self.fits(known, at, stretches)).then_some(at)
    }

    /// Lays out what the prediction time hangs on, and it.
    fn prediction_time(&self, node: usize, stretches: &mut [Stretch]) -> Option<i64> {
        let mut way = vec![node];
        while let Some(&last) = way.last().filter(|last| **last > 0) {
            way.push(self.program.nodes[last].parent);
        }
        for &at in way.iter().rev().skip(1) {
            let plan = &self.program.nodes[at];
            let anchor = stretches[plan.parent].anchor;
            stretches[at] = self.node(at, plan, anchor).ok()?;
        }
        Some(self.time(node, stretches))
    }

    /// Whether no window has failed by then.
    fn fits(&self, known: usize, at: i64, stretches: &mut [Stretch]) -> bool {
        let nodes = &self.program.nodes;
        // Of each node, whether the instant that it hangs on is known.
        let mut laid = vec![true; nodes.len()];
        for (number, node) in nodes.iter().enumerate().skip(1) {
            laid[number] = laid[node.parent];
            if !laid[number] {
                continue;
            }
            let anchor = stretches[node.parent].anchor;
            let here = self.record.times[anchor].saturating_add(node.base);
            let found = self.node(number, node, anchor);
            let (is_over, first) = match (&node.step, &found) {
                (StepPlan::Time(_), Ok(stretch)) => {
                    let (earlier, later) = ends(stretch);
                    (later <= at, earlier)
                }
                (StepPlan::Event { before: true, .. }, _) if here > at => {
                    laid[number] = false;
                    continue;
                }
                (StepPlan::Event { before: true, .. } | StepPlan::Time(_), Err(_)) => return false,
                (StepPlan::Event { before: true, .. }, Ok(_)) => (true, here),
                (StepPlan::Event { column, .. }, found) => {
                    let bound = found.as_ref().ok().and_then(|stretch| stretch.bound);
                    let met = bound.is_some_and(|bound| bound < known);
                    // The end of a record is known only afterwards.
                    let open = matches!(self.program.columns[*column].source, Counted::RecordEnd);
                    laid[number] = met && !open;
                    (laid[number], here)
                }
            };
            if let (true, Ok(stretch)) = (laid[number], &found) {
                stretches[number] = *stretch;
            }
            let whole = found.ok().filter(|_| is_over);
            if !self.counts_fit(node, whole.as_ref(), (first, at)) {
                return false;
            }
        }
        true
    }

    /// Whether the counts of a window that is over are in their ranges, or of one that is open not
    /// above them yet.
    fn counts_fit(&self, node: &NodePlan, whole: Option<&Stretch>, (from, at): (i64, i64)) -> bool {
        node.constraints.iter().all(|constraint| {
            let column = constraint.column;
            let source = &self.program.columns[column].source;
            if matches!(source, Counted::RecordEnd) {
                return true;
            }
            let fixed = self.program.attribute_of(column);
            let count = match (whole, fixed) {
                (_, Some(held)) => i64::from(self.record.has(held)),
                (Some(stretch), None) => self.counted(node, stretch, column),
                (None, None) if from > at => 0,
                (None, None) => {
                    let (first, last) = self.instants((from, at), (node.closed.0, true));
                    self.record.between(column, first, last)
                }
            };
            let settled = whole.is_some() || fixed.is_some();
            let enough = !settled || constraint.min.is_none_or(|min| count >= min);
            enough && constraint.max.is_none_or(|max| count <= max)
        })
    }
}

fn ends(stretch: &Stretch) -> (i64, i64) {
    (
        stretch.start.min(stretch.end),
        stretch.start.max(stretch.end),
    )
}
