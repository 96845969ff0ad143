//! Parquet: the reading thread decodes batches of columns, a worker turns them into rows.

use super::{Content, Header, Piece, Rows, cells};
use crate::files::SourceFile;
use crate::pipeline::{Fault, Payload};
use crate::read::Reader;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use std::fs::File;
use std::sync::Arc;

/// Rows of one piece: about as many as a mebibyte of text holds.
const BATCH_ROWS: usize = 8_192;

pub(super) fn send(source: &SourceFile, send: &mut impl FnMut(Payload, usize) -> bool) -> bool {
    // Parquet is read from its end, so it cannot be read inside an archive.
    let file = match source.member {
        None => File::open(&source.path),
        Some(_) => Err(std::io::ErrorKind::Unsupported.into()),
    };
    let Ok(file) = file else {
        return send(Payload::Unopened, 0);
    };
    let fault = match open(file) {
        Ok((header, reader)) => match rows(header, reader, send) {
            Ok(true) => None,
            Ok(false) => return false,
            Err(row) => Some((Fault::Parquet, row)),
        },
        Err(()) => Some((Fault::Parquet, 0)),
    };
    let Ok(reader) = Reader::open(source) else {
        return send(Payload::Unopened, 0);
    };
    let (digest, bytes) = reader.finish();
    let end = Payload::End {
        digest,
        bytes,
        fault,
    };
    send(end, 0)
}

fn open(file: File) -> Result<(Header, ParquetRecordBatchReader), ()> {
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
