//! The two passes over a part. Records come from the source's own folder, or from a copy on this
//! machine's disk that arrived whole; what comes of them goes to this disk and then to the job's
//! folder, the account last: where it stands, the part is done.

use crate::exec::staged_schema;
use crate::job::{Job, scratch};
use anyhow::{Context as _, Result};
use datafusion::arrow::array::{
    ArrayRef, Int64Array, RecordBatch, UInt8Array, UInt32Array, UInt64Array,
};
use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::arrow::ipc::CompressionType;
use datafusion::arrow::ipc::writer::{IpcWriteOptions, StreamWriter};
use longitude_core::{Event, SubjectId};
use longitude_ingest::parts::{self, Copied, Given, Part, Shared};
use longitude_store::assembly::{BATCH_ROWS, EventRows, tie_rank};
use serde::Serialize;
use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::sync::Arc;
use tempfile::NamedTempFile;

/// JSON lines pack to a tenth at the fastest level.
const ZSTD_LEVEL: i32 = 1;

/// The copies of a part's files, and the temporary files that they are in.
async fn copies(job: &Job, part: &Part) -> Result<(Vec<Copied>, Vec<NamedTempFile>)> {
    let files = job.description.listing.files();
    let (mut copies, mut kept) = (Vec::new(), Vec::new());
    for file in files.get(part.files()).context("no such file")? {
        if let Some(folder) = job.source.as_folder() {
            copies.push(Copied {
                path: folder.join(&file.name),
                from: part.bytes().map_or(0, |bytes| bytes.start),
            });
            continue;
        }
        let copy = scratch()?;
        job.source
            .download(&file.name, part.bytes(), copy.path())
            .await?;
        let path = copy.path().to_owned();
        copies.push(Copied { path, from: 0 });
        kept.push(copy);
    }
    Ok((copies, kept))
}

/// The first pass.
pub(super) async fn index(job: &Arc<Job>, number: usize) -> Result<String> {
    let name = format!("index/{number}");
    if job.folder.has(&name).await? {
        return Ok("{}".to_owned());
    }
    let all = job.parts().await?;
    let part = all.get(number).cloned().context("no such part")?;
    let (copies, kept) = copies(job, &part).await?;
    let done = tokio::task::spawn_blocking({
        let job = Arc::clone(job);
        move || index_blocking(&job, &part, &copies)
    });
    let file = done.await??;
    drop(kept);
    job.folder.upload(&name, file.path()).await?;
    Ok("{}".to_owned())
}

fn index_blocking(job: &Job, part: &Part, copies: &[Copied]) -> Result<NamedTempFile> {
    let mut out = Lines::new()?;
    let source = &job.description.listing;
    let given = Given {
        source,
        part,
        copies,
    };
    parts::index(given, &job.description.options, &mut |indexed| {
        out.push(&indexed)
    })?;
    out.finish()
}

/// The second pass.
pub(super) async fn map(job: &Arc<Job>, number: usize) -> Result<String> {
    let told = format!("told/{number}");
    if job.folder.has(&told).await? {
        return Ok("{}".to_owned());
    }
    let all = job.parts().await?;
    let part = all.get(number).cloned().context("no such part")?;
    let shared = job.shared().await?;
    let (copies, kept) = copies(job, &part).await?;
    let done = tokio::task::spawn_blocking({
        let job = Arc::clone(job);
        move || map_blocking(&job, (number, &part, &copies), &shared)
    });
    let mapped = done.await??;
    drop(kept);
    let folder = &job.folder;
    folder
        .upload(&format!("events/{number}"), mapped.events.path())
        .await?;
    folder
        .upload(&format!("subjects/{number}"), mapped.subjects.path())
        .await?;
    folder.upload(&told, mapped.told.path()).await?;
    Ok("{}".to_owned())
}

struct MappedFiles {
    events: NamedTempFile,
    subjects: NamedTempFile,
    told: NamedTempFile,
}

fn map_blocking(
    job: &Job,
    (number, part, copies): (usize, &Part, &[Copied]),
    shared: &Shared,
) -> Result<MappedFiles> {
    let mut told = Lines::new()?;
    let mut staged = Staged::new(u32::try_from(number)?)?;
    let source = &job.description.listing;
    let given = Given {
        source,
        part,
        copies,
    };
    parts::map(given, shared, &job.description.options, &mut |mapped| {
        for (subject, event) in &mapped.events {
            staged.push(*subject, event)?;
        }
        told.push(&mapped.told)
    })?;
    let (events, subjects) = staged.finish()?;
    let told = told.finish()?;
    Ok(MappedFiles {
        events,
        subjects,
        told,
    })
}

/// Events on their way to the disk, a batch at a time.
struct Staged {
    part: u32,
    rows: EventRows,
    subjects: Vec<i64>,
    ranks: Vec<u8>,
    position: u64,
    events_out: Ipc,
    subjects_out: Ipc,
}

impl Staged {
    fn new(part: u32) -> Result<Self> {
        let subject = staged_schema().field(0).clone();
        Ok(Self {
            part,
            rows: EventRows::default(),
            subjects: Vec::new(),
            ranks: Vec::new(),
            position: 0,
            events_out: Ipc::new(&staged_schema())?,
            subjects_out: Ipc::new(&Arc::new(Schema::new(vec![subject])))?,
        })
    }

    fn push(&mut self, subject: SubjectId, event: &Event) -> io::Result<()> {
        self.rows.push(subject, event);
        self.subjects.push(subject.0);
        self.ranks.push(tie_rank(event));
        if self.subjects.len() < BATCH_ROWS {
            return Ok(());
        }
        self.flush().map_err(io::Error::other)
    }

    fn flush(&mut self) -> Result<()> {
        let count = self.subjects.len();
        if count == 0 {
            return Ok(());
        }
        let data = self.rows.take()?;
        let positions = self.position..self.position + count as u64;
        self.position = positions.end;
        let mut columns = data.columns().to_vec();
        columns.push(Arc::new(UInt8Array::from(std::mem::take(&mut self.ranks))));
        columns.push(Arc::new(UInt32Array::from(vec![self.part; count])));
        columns.push(Arc::new(UInt64Array::from_iter_values(positions)));
        self.events_out.write(columns)?;
        let subjects = Int64Array::from(std::mem::take(&mut self.subjects));
        self.subjects_out.write(vec![Arc::new(subjects)])
    }

    fn finish(mut self) -> Result<(NamedTempFile, NamedTempFile)> {
        self.flush()?;
        Ok((self.events_out.finish()?, self.subjects_out.finish()?))
    }
}

/// A temporary file of record batches.
struct Ipc {
    file: NamedTempFile,
    schema: SchemaRef,
    out: StreamWriter<BufWriter<File>>,
}

impl Ipc {
    fn new(schema: &SchemaRef) -> Result<Self> {
        let file = scratch()?;
        let options = IpcWriteOptions::default();
        let options = options.try_with_compression(Some(CompressionType::LZ4_FRAME))?;
        let buffer = BufWriter::new(file.reopen()?);
        Ok(Self {
            out: StreamWriter::try_new_with_options(buffer, schema, options)?,
            schema: Arc::clone(schema),
            file,
        })
    }

    fn write(&mut self, columns: Vec<ArrayRef>) -> Result<()> {
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), columns)?;
        Ok(self.out.write(&batch)?)
    }

    fn finish(mut self) -> Result<NamedTempFile> {
        self.out.finish()?;
        self.out.into_inner()?.flush()?;
        Ok(self.file)
    }
}

/// A temporary file of JSON lines, packed.
struct Lines {
    file: NamedTempFile,
    out: zstd::Encoder<'static, BufWriter<File>>,
}

impl Lines {
    fn new() -> Result<Self> {
        let file = scratch()?;
        let out = zstd::Encoder::new(BufWriter::new(file.reopen()?), ZSTD_LEVEL)?;
        Ok(Self { file, out })
    }

    fn push(&mut self, value: &impl Serialize) -> io::Result<()> {
        serde_json::to_writer(&mut self.out, value)?;
        self.out.write_all(b"\n")
    }

    fn finish(self) -> Result<NamedTempFile> {
        self.out.finish()?.flush()?;
        Ok(self.file)
    }
}
