//! A file read whole, with a bound on its bytes. It knows nothing of what the bytes say.

use crate::batch::Note;
use crate::files::SourceFile;
use crate::pipeline::Fault;
use crate::read::Reader;
use longitude_core::{Digest, IssueKind};

/// A file read whole.
pub(crate) struct Document {
    /// Its bytes unpacked, or why they are not to be had.
    pub(crate) content: Result<Vec<u8>, Note>,
    /// Digest and size as stored.
    pub(crate) stored: (Digest, u64),
}

impl Document {
    /// Reads at most `limit` bytes unpacked.
    pub(crate) fn read(file: &SourceFile, limit: usize) -> std::io::Result<Self> {
        let mut reader = Reader::open(file)?;
        let mut bytes = Vec::new();
        let result = loop {
            let room = limit.saturating_add(1) - bytes.len();
            match reader.fill(&mut bytes, room) {
                Ok(0) => break Ok(()),
                Ok(_) if bytes.len() > limit => {
                    let detail = "file larger than bundle_bytes_max";
                    break Err(Note::new(IssueKind::NotSupported, "", detail));
                }
                Ok(_) => {}
                // Half a bundle is not JSON; there are no rows before the cut.
                Err(cut) => break Err(Fault::Cut(cut).note()),
            }
        };
        let stored = reader.finish();
        let content = result.map(|()| bytes);
        Ok(Self { content, stored })
    }
}
