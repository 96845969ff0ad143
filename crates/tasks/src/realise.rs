//! From a trigger to the windows it makes: each node of the tree in turn, with ACES's arithmetic
//! or the exact one.

use crate::program::{Mode, NodePlan, Program, StepPlan};
use crate::record::Record;

/// Where a node came to lie.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Stretch {
    /// The times that ACES calls the start and the end of the stretch to its parent.
    pub(crate) start: i64,
    pub(crate) end: i64,
    /// The instant that the node is counted from.
    pub(crate) anchor: usize,
    /// The instant of the parent, and the bounding one where there is one.
    pub(crate) from: usize,
    pub(crate) bound: Option<usize>,
}

/// The instant that a node is counted from while it is not laid out.
pub(crate) const NOWHERE: usize = usize::MAX;

/// Why a trigger makes no sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Reason {
    /// A node's event does not happen.
    Never(usize),
    /// A node's count, by its place, is out of its range.
    Count(usize, usize),
}

/// A record with the rules by which its stretches are counted.
pub(crate) struct Realiser<'a> {
    pub(crate) program: &'a Program,
    pub(crate) record: &'a Record,
    /// Whether the record's one instant is all that its file has, which ACES counts by other rules.
    pub(crate) single: bool,
}

impl Realiser<'_> {
    /// Lays out the whole tree below a trigger. `stretches` has a place for every node.
    pub(crate) fn realise(
        &self,
        trigger: usize,
        stretches: &mut [Stretch],
    ) -> std::result::Result<(), Reason> {
        let time = self.record.times[trigger];
        stretches[0] = Stretch {
            start: time,
            end: time,
            anchor: trigger,
            from: trigger,
            bound: None,
        };
        for (at, node) in self.program.nodes.iter().enumerate().skip(1) {
            let anchor = stretches[node.parent].anchor;
            stretches[at].from = NOWHERE;
            stretches[at] = self.node(at, node, anchor)?;
            self.asked(at, node, &stretches[at])?;
        }
        Ok(())
    }

    /// The time of a node that was laid out.
    pub(crate) fn time(&self, node: usize, stretches: &[Stretch]) -> i64 {
        let base = self.record.times[stretches[node].anchor];
        base.saturating_add(self.program.nodes[node].after)
    }

    pub(crate) fn node(
        &self,
        at: usize,
        node: &NodePlan,
        from: usize,
    ) -> std::result::Result<Stretch, Reason> {
        let here = self.record.times[from].saturating_add(node.base);
        let stretch = match node.step {
            StepPlan::Time(step) => Stretch {
                start: here,
                end: here.saturating_add(step),
                anchor: from,
                from,
                bound: None,
            },
            StepPlan::Event { column, before } => {
                let found = match self.program.mode {
                    Mode::Aces => self.boundary_of_aces(node, from, column, before),
                    Mode::Strict => self.boundary(node, here, column, before),
                };
                let Some(bound) = found else {
                    return Err(nowhere(at, node));
                };
                let there = self.record.times[bound];
                let (start, end) = if before { (there, here) } else { (here, there) };
                Stretch {
                    start,
                    end,
                    anchor: bound,
                    from,
                    bound: Some(bound),
                }
            }
        };
        Ok(stretch)
    }

    /// Whether every count that is asked of a node's stretch is in its range.
    fn asked(
        &self,
        at: usize,
        node: &NodePlan,
        stretch: &Stretch,
    ) -> std::result::Result<(), Reason> {
        for (place, constraint) in node.constraints.iter().enumerate() {
            let count = self.counted(node, stretch, constraint.column);
            let low = constraint.min.is_some_and(|min| count < min);
            if low || constraint.max.is_some_and(|max| count > max) {
                return Err(Reason::Count(at, place));
            }
        }
        Ok(())
    }

    /// How often a column counts in a node's stretch.
    pub(crate) fn counted(&self, node: &NodePlan, stretch: &Stretch, column: usize) -> i64 {
        if let Some(held) = self.program.attribute_of(column) {
            return i64::from(self.record.has(held));
        }
        match (self.program.mode, stretch.bound, &node.step) {
            (Mode::Aces, Some(bound), StepPlan::Event { before, .. }) => {
                self.event_sum_of_aces(node, (stretch.from, bound), *before, column)
            }
            (Mode::Aces, _, StepPlan::Time(step)) if self.single => {
                self.single_sum_of_aces(node, stretch.start, *step, column)
            }
            _ => {
                let earlier = stretch.start.min(stretch.end);
                let later = stretch.start.max(stretch.end);
                let (from, to) = self.instants((earlier, later), node.closed);
                self.record.between(column, from, to)
            }
        }
    }

    /// The instants between two times, the ends included or not.
    pub(crate) fn instants(
        &self,
        (earlier, later): (i64, i64),
        closed: (bool, bool),
    ) -> (usize, usize) {
        let times = &self.record.times;
        let from = times.partition_point(|time| *time < earlier || (!closed.0 && *time == earlier));
        let to = times.partition_point(|time| *time < later || (closed.1 && *time == later));
        (from, to)
    }

    /// The bounding event, exactly: one at the very start counts only where both ends are
    /// included.
    fn boundary(&self, node: &NodePlan, here: i64, column: usize, before: bool) -> Option<usize> {
        let included = node.closed == (true, true);
        let times = &self.record.times;
        if before {
            let to = times.partition_point(|time| *time < here || (included && *time == here));
            self.record.last(column, to)
        } else {
            let from = times.partition_point(|time| *time < here || (!included && *time == here));
            self.record.next(column, from)
        }
    }

    /// The bounding event as es-aces 0.7.3 finds it. It shifts every event by the offset and a
    /// microsecond and sorts the events among the rows, so that at one microsecond's distance the
    /// row comes first, whichever it should be.
    fn boundary_of_aces(
        &self,
        node: &NodePlan,
        from: usize,
        column: usize,
        before: bool,
    ) -> Option<usize> {
        let times = &self.record.times;
        let here = times[from].saturating_add(node.base);
        let (left, right) = node.closed;
        if before {
            // Event - base ∓ 1 must lie before the row.
            let limit = if left { here + 1 } else { here - 1 };
            self.record
                .last(column, times.partition_point(|time| *time < limit))
        } else {
            let limit = if right { here - 1 } else { here + 1 };
            self.record
                .next(column, times.partition_point(|time| *time < limit))
        }
    }

    /// The count up to an event as es-aces 0.7.3 has it: a difference of running counts, put right
    /// by what lies between the row and the row's offset. It may be negative.
    fn event_sum_of_aces(
        &self,
        node: &NodePlan,
        (row, bound): (usize, usize),
        before: bool,
        column: usize,
    ) -> i64 {
        let record = self.record;
        let (left, right) = node.closed;
        let base = node.base;
        let own = record.at(column, row);
        let at_row = record.up_to(column, row + 1);
        let at_bound = record.up_to(column, bound + 1);
        let bound_own = record.at(column, bound);
        if before {
            let edge = if left { at_bound - bound_own } else { at_bound };
            let without_row = (!right && base <= 0) || base < 0;
            let sum = at_row - edge - if without_row { own } else { 0 };
            match base {
                0 => sum,
                1.. => sum + self.offset_sum(row, base, (false, right), column),
                _ => sum - self.offset_sum(row, base, (!right, false), column),
            }
        } else {
            let edge = if right {
                at_bound
            } else {
                at_bound - bound_own
            };
            let with_row = (left && base <= 0) || base < 0;
            let sum = edge - at_row + if with_row { own } else { 0 };
            match base {
                0 => sum,
                1.. => sum - self.offset_sum(row, base, (false, !left), column),
                _ => sum + self.offset_sum(row, base, (left, false), column),
            }
        }
    }

    /// The count between a row and its offset.
    fn offset_sum(&self, row: usize, base: i64, closed: (bool, bool), column: usize) -> i64 {
        let time = self.record.times[row];
        let there = time.saturating_add(base);
        if self.single {
            return if closed.0 {
                self.record.at(column, 0)
            } else {
                0
            };
        }
        let (from, to) = self.instants((time.min(there), time.max(there)), closed);
        self.record.between(column, from, to)
    }

    /// The count of a stretch of fixed length where the file has one instant only: es-aces 0.7.3
    /// then takes start and end as they come, also where the stretch goes back in time.
    fn single_sum_of_aces(&self, node: &NodePlan, start: i64, step: i64, column: usize) -> i64 {
        let time = self.record.times[0];
        let end = start.saturating_add(step);
        let (left, right) = node.closed;
        let inside =
            (start < time && time < end) || (time == start && left) || (time == end && right);
        if inside { self.record.at(column, 0) } else { 0 }
    }
}

/// Where the bounding event does not happen, every count is nought, and counts are asked first.
fn nowhere(at: usize, node: &NodePlan) -> Reason {
    let failing = node
        .constraints
        .iter()
        .position(|one| one.min.is_some_and(|min| min > 0) || one.max.is_some_and(|max| max < 0));
    failing.map_or(Reason::Never(at), |place| Reason::Count(at, place))
}
