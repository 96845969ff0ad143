//! Parquet: the reading thread decodes batches of columns, a worker turns them into rows. A file
//! inside an archive is held in memory whole, up to the size of the largest bundle.

use super::{Content, Header, Piece, Rows, cells};
use crate::Options;
use crate::files::SourceFile;
use crate::pipeline::{Fault, Payload};
use crate::read::Reader;
use bytes::Bytes;
use longitude_core::Digest;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use parquet::file::reader::ChunkReader;
use std::fs::File;
use std::ops::ControlFlow;
use std::sync::Arc;

/// Rows of one piece: about as many as a mebibyte of text holds.
const BATCH_ROWS: usize = 8_192;

/// Bytes unpacked at a time.
const UNPACK_BYTES: usize = 1 << 20;

pub(super) fn send(
    source: &SourceFile,
    options: &Options,
    send: &mut impl FnMut(Payload, usize) -> bool,
) -> bool {
    let (fault, stored) = if source.member.is_some() {
        let Ok(reader) = Reader::open(source) else {
            return send(Payload::Unopened, 0);
        };
        let (unpacked, stored) = unpack(reader, options.bundle_bytes_max);
        let read = match unpacked {
            Ok(all) => table(all, send),
            Err(fault) => ControlFlow::Continue(Some(fault)),
        };
        let ControlFlow::Continue(fault) = read else {
            return false;
        };
        (fault, stored)
    } else {
        let Ok(file) = File::open(&source.path) else {
            return send(Payload::Unopened, 0);
        };
        let ControlFlow::Continue(fault) = table(file, send) else {
            return false;
        };
        let Ok(reader) = Reader::open(source) else {
            return send(Payload::Unopened, 0);
        };
        (fault, reader.finish())
    };
    let (digest, bytes) = stored;
    let end = Payload::End {
        digest,
        bytes,
        fault,
    };
    send(end, 0)
}

/// A file of an archive, whole: Parquet is read from its end. With the digest and length as stored.
fn unpack(mut reader: Reader, bytes_max: usize) -> (Result<Bytes, (Fault, u64)>, (Digest, u64)) {
    let mut all = Vec::new();
    let read = loop {
        match reader.fill(&mut all, UNPACK_BYTES) {
            Ok(0) => break Ok(()),
            Ok(_) if all.len() > bytes_max => break Err((Fault::LargeParquet, 0)),
            Ok(_) => {}
            Err(cut) => break Err((Fault::Cut(cut), 0)),
        }
    };
    (read.map(|()| all.into()), reader.finish())
}

/// Sends a table's header and rows; goes on with what was the matter with it, unless no more is
/// wanted.
fn table(
    file: impl ChunkReader + 'static,
    send: &mut impl FnMut(Payload, usize) -> bool,
) -> ControlFlow<(), Option<(Fault, u64)>> {
    match open(file) {
        Ok((header, reader)) => match rows(header, reader, send) {
            Ok(true) => ControlFlow::Continue(None),
            Ok(false) => ControlFlow::Break(()),
            Err(row) => ControlFlow::Continue(Some((Fault::Parquet, row))),
        },
        Err(()) => ControlFlow::Continue(Some((Fault::Parquet, 0))),
    }
}

fn open(file: impl ChunkReader + 'static) -> Result<(Header, ParquetRecordBatchReader), ()> {
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(|_error| ())?;
    let fields = builder.schema().fields().clone();
    let names = fields.iter().map(|field| field.name().trim().to_owned());
    let unread = fields
        .iter()
        .filter(|field| !cells::is_read(field.data_type()));
    let unread = unread.map(|field| field.name().clone()).collect();
    let header = Header::new(names.collect(), None).with_unread(unread);
    let builder = builder.with_batch_size(BATCH_ROWS);
    let reader = builder.build().map_err(|_error| ())?;
    Ok((header, reader))
}

/// False when no more is wanted; an error is the number of the row near it.
fn rows(
    header: Header,
    reader: ParquetRecordBatchReader,
    send: &mut impl FnMut(Payload, usize) -> bool,
) -> Result<bool, u64> {
    let header = Arc::new(header);
    let mut first_row = 1;
    if !send(Payload::Table(Piece::Header(Arc::clone(&header))), 0) {
        return Ok(false);
    }
    for batch in reader {
        let batch = batch.map_err(|_error| first_row)?;
        let (count, cost) = (batch.num_rows() as u64, batch.get_array_memory_size());
        let rows = Rows {
            header: Arc::clone(&header),
            content: Content::Columns(batch),
            first_row,
        };
        if !send(Payload::Table(Piece::Rows(rows)), cost) {
            return Ok(false);
        }
        first_row += count;
    }
    Ok(true)
}
