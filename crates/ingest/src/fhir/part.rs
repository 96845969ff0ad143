//! A file of FHIR, or some lines of one, on the thread that asks: what a machine of several does.
//! The pieces and their mapping are those of the two passes.

use super::index::{Entry, Index};
use super::pieces;
use super::rows::World;
use crate::batch::Batch;
use crate::files::{Shape, SourceFile};
use crate::pipeline::{Payload, cut};
use crate::read::{Lines, Reader};
use crate::{Error, Options};
use std::io;

/// A file that is read whole, or a part of its lines.
pub(crate) struct PartOf<'p> {
    pub(crate) file: &'p SourceFile,
    /// Where the part starts in the file at hand.
    pub(crate) from: u64,
    /// How many bytes it has and the number of its first line; `None` for all of the file.
    pub(crate) part: Option<(u64, u64)>,
}

impl PartOf<'_> {
    fn lines(&self, options: &Options) -> io::Result<Lines> {
        let (chunk, line) = (options.chunk_bytes_max, options.line_bytes_max);
        let Some((bytes, first_row)) = self.part else {
            return Ok(Lines::new(Reader::open(self.file)?, chunk, line));
        };
        let reader = Reader::part(&self.file.path, self.from, bytes)?;
        let lines = Lines::new(reader, chunk, line);
        Ok(if first_row == 1 {
            lines
        } else {
            lines.resumed(first_row)
        })
    }

    /// Hands out every piece; false when one was refused. Only a whole file has an end.
    fn pieces(&self, options: &Options, send: &mut dyn FnMut(Payload) -> bool) -> bool {
        if self.file.shape == Shape::Document {
            return send(Payload::Document);
        }
        let Ok(lines) = self.lines(options) else {
            return send(Payload::Unopened);
        };
        match cut(lines, &mut |payload, _cost| send(payload)) {
            Some(end) if self.part.is_none() => send(end),
            end => end.is_some(),
        }
    }
}

/// The first pass; `take` may refuse.
pub(crate) fn index_part(
    part: &PartOf<'_>,
    options: &Options,
    take: &mut dyn FnMut(Vec<Entry>) -> bool,
) {
    part.pieces(options, &mut |payload| {
        take(pieces::index(part.file, payload, options))
    });
}

/// The second pass.
pub(crate) fn map_part(
    part: &PartOf<'_>,
    index: &Index,
    options: &Options,
    take: &mut dyn FnMut(Batch) -> Result<(), Error>,
) -> Result<(), Error> {
    let world = World {
        index,
        local: None,
        options,
    };
    let mut result = Ok(());
    part.pieces(options, &mut |payload| {
        result = take(pieces::map(part.file, payload, world, options));
        result.is_ok()
    });
    result
}
