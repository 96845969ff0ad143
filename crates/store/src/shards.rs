//! Sorted packed rows to the data files of a data set, subject by subject.

use crate::assembly::ShardPlan;
use crate::encode::Shard;
use crate::error::Result;
use crate::packed::{self, Texts};
use crate::writer::Written;
use longitude_core::{Split, SubjectId};
use std::collections::BTreeMap;
use std::path::Path;

/// The data files in the making.
pub(crate) struct Shards<'a> {
    data: &'a Path,
    texts: &'a Texts,
    assigned: &'a BTreeMap<SubjectId, Split>,
    plan: ShardPlan,
    open: BTreeMap<Split, (usize, Shard)>,
    split: Split,
    written: Written,
    /// Whether a text occurred as a code.
    is_code: Vec<bool>,
}

impl<'a> Shards<'a> {
    /// Starts in the folder `data`. A subject that is not `assigned` goes into core's
    /// [`Split::of`].
    pub(crate) fn new(
        data: &'a Path,
        texts: &'a Texts,
        assigned: &'a BTreeMap<SubjectId, Split>,
        events_max: usize,
    ) -> Self {
        Self {
            data,
            texts,
            assigned,
            plan: ShardPlan::new(events_max),
            open: BTreeMap::new(),
            split: Split::Train,
            written: Written::default(),
            is_code: vec![false; texts.len()],
        }
    }

    /// Adds a row; rows come sorted.
    pub(crate) fn push(&mut self, row: &[u8]) -> Result<()> {
        let subject = packed::subject(row);
        let last = self.written.splits.last();
        if last.is_none_or(|(last, _)| *last != subject) {
            self.begin(subject)?;
        }
        if let Some((_, shard)) = self.open.get_mut(&self.split) {
            shard.push(&packed::unpack(self.texts, row))?;
        }
        self.plan.add(self.split, 1);
        self.written.events += 1;
        self.is_code[packed::code(row)] = true;
        Ok(())
    }

    /// Opens the shard that a subject's rows go to.
    fn begin(&mut self, subject: SubjectId) -> Result<()> {
        let assigned = self.assigned.get(&subject).copied();
        self.split = assigned.unwrap_or_else(|| Split::of(subject));
        self.written.splits.push((subject, self.split));
        let number = self.plan.place(self.split);
        let open = self.open.get(&self.split);
        if open.is_none_or(|(last, _)| *last != number) {
            let path = self.data.join(self.split.name());
            let shard = Shard::create(path.join(format!("{number}.parquet")))?;
            if let Some((_, full)) = self.open.insert(self.split, (number, shard)) {
                full.close()?;
            }
        }
        Ok(())
    }

    /// Ends the files; gives what they hold and which codes occur.
    pub(crate) fn finish(mut self) -> Result<(Written, Vec<&'a str>)> {
        if self.open.is_empty() {
            // A data set without events is one all the same: it has its tables, with no rows.
            let path = self.data.join(Split::Train.name()).join("0.parquet");
            self.open.insert(Split::Train, (0, Shard::create(path)?));
        }
        self.open
            .into_values()
            .try_for_each(|(_number, shard)| shard.close())?;
        let texts = self.texts;
        let codes = (0..texts.len()).filter(|&number| self.is_code[number]);
        Ok((
            self.written,
            codes.map(|number| texts.get(number)).collect(),
        ))
    }
}
