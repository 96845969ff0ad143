//! A witness: it remembers the last head of each log that it cosigned, and cosigns another only
//! when that head is its start (C2SP tlog-witness, `add-checkpoint`). Requests and replies are
//! texts; whoever serves them over HTTP adds nothing but the status.

use crate::disk::Disk;
use crate::error::{Error, Result};
use crate::hash::{Hash, empty_root};
use crate::note::{Checkpoint, Signer, VerifyingKey, decimal};
use crate::proof::verify_consistency;
use crate::reader::Reader;
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;
use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;

/// The most lines of a consistency proof: a tree of 2^63 entries needs no more.
const PROOF_LINES_MAX: usize = 63;
/// A request with 63 proof lines and a checkpoint with many signatures stays far below this.
const REQUEST_BYTES_MAX: usize = 1 << 16;

/// The heads that a witness has cosigned, on the disk. One handle at a time.
#[derive(Debug)]
pub struct WitnessBook {
    disk: Disk,
    signer: Signer,
    logs: Vec<VerifyingKey>,
    /// Locked while this is open.
    _lock: File,
}

/// Why a request gets no cosignature: what goes into the HTTP reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The status: 400, 403, 404, 409 or 422.
    pub status: u16,
    /// `text/x.tlog.size` where the body is the size that the witness knows, else `text/plain`.
    pub content_type: &'static str,
    /// The body.
    pub body: String,
}

impl Refusal {
    fn new(status: u16, why: &str) -> Self {
        Self {
            status,
            content_type: "text/plain; charset=utf-8",
            body: format!("{why}\n"),
        }
    }

    fn conflict(size: u64) -> Self {
        Self {
            status: 409,
            content_type: "text/x.tlog.size",
            body: format!("{size}\n"),
        }
    }
}

/// The request by which a log asks a witness, which knows its first `old` entries, to cosign the
/// published checkpoint.
///
/// # Errors
/// When the checkpoint covers fewer entries than `old`, or a tile cannot be
/// read.
pub fn add_checkpoint_request(log: &Reader, old: u64) -> Result<String> {
    let note = log.note();
    let mut text = format!("old {old}\n");
    for hash in log.consistency_proof(old)? {
        // Writing into a String cannot fail.
        let _infallible = writeln!(text, "{hash}");
    }
    Ok(format!("{text}\n{note}"))
}

/// A request that has the right form.
struct Request<'r> {
    old: u64,
    proof: Vec<Hash>,
    note: &'r str,
    checkpoint: Checkpoint,
}

impl WitnessBook {
    /// Opens the book in a folder, or begins it, for a witness that knows these logs. `signer` must
    /// be the witness's own key, which signs nothing else.
    ///
    /// # Errors
    /// When the folder cannot be used or another handle has it.
    pub fn open(dir: &Path, signer: Signer, logs: Vec<VerifyingKey>) -> Result<Self> {
        let disk = Disk::new(dir);
        disk.create_folders(dir)?;
        let path = disk.path("lock");
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false);
        let lock = options.open(&path).map_err(Error::file("open", &path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(Error::InUse(dir.to_owned())),
            Err(TryLockError::Error(error)) => return Err(Error::file("lock", &path)(error)),
        }
        Ok(Self {
            disk,
            signer,
            logs,
            _lock: lock,
        })
    }

    /// Answers a request at a time in seconds since 1970: the line that cosigns its checkpoint, or
    /// why not. The new head is on the disk before the line is given.
    ///
    /// # Errors
    /// When the book cannot be read or written; nothing is cosigned then.
    pub fn add_checkpoint(
        &mut self,
        request: &str,
        time: u64,
    ) -> Result<std::result::Result<String, Refusal>> {
        let request = match read(request).and_then(|request| self.check_signed(request)) {
            Ok(request) => request,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let name = file_name(&request.checkpoint.origin);
        let known = self.known(&name)?;
        if let Err(refusal) = check_grown(&request, known.as_ref()) {
            return Ok(Err(refusal));
        }
        let line = self.signer.cosign(request.note, time)?;
        let head = request.checkpoint.to_text();
        if known.as_ref() != Some(&request.checkpoint) {
            self.disk.write(&name, head.as_bytes())?;
        }
        Ok(Ok(line))
    }

    fn check_signed<'r>(&self, request: Request<'r>) -> std::result::Result<Request<'r>, Refusal> {
        let origin = &request.checkpoint.origin;
        let mut keys = self
            .logs
            .iter()
            .filter(|key| key.name() == origin)
            .peekable();
        if keys.peek().is_none() {
            return Err(Refusal::new(404, "this witness does not know the log"));
        }
        if !keys.any(|key| Checkpoint::open(request.note, key).is_ok()) {
            let why = "no key that this witness knows of the log signed the checkpoint";
            return Err(Refusal::new(403, why));
        }
        Ok(request)
    }

    /// The head that was cosigned last.
    fn known(&self, name: &str) -> Result<Option<Checkpoint>> {
        let Some(bytes) = self.disk.read(name)? else {
            return Ok(None);
        };
        let text = String::from_utf8(bytes).ok();
        let checkpoint = text.and_then(|text| Checkpoint::from_body(&text).ok());
        let damaged = || Error::damaged(&self.disk.path(name), "it is not a head of a log");
        checkpoint.map(Some).ok_or_else(damaged)
    }
}

/// Whether the known head is the start of the request's tree.
fn check_grown(
    request: &Request<'_>,
    known: Option<&Checkpoint>,
) -> std::result::Result<(), Refusal> {
    let (size, root) = known.map_or((0, empty_root()), |known| (known.size, known.root));
    let new = (request.checkpoint.size, request.checkpoint.root);
    if request.old > new.0 {
        let why = "the old size is larger than the checkpoint's";
        return Err(Refusal::new(400, why));
    }
    if request.old != size || (new.0 == size && new.1 != root) {
        return Err(Refusal::conflict(size));
    }
    let proven = verify_consistency((size, root), new, &request.proof);
    proven.map_err(|error| Refusal::new(422, &error.to_string()))
}

fn read(request: &str) -> std::result::Result<Request<'_>, Refusal> {
    let form = |why: &str| Refusal::new(400, why);
    if request.len() > REQUEST_BYTES_MAX {
        return Err(form("the request is too long"));
    }
    let parts = request.split_once("\n\n");
    let (head, note) = parts.ok_or_else(|| form("no empty line before the checkpoint"))?;
    let mut lines = head.split('\n');
    let old = lines.next().and_then(|line| line.strip_prefix("old "));
    let old = old.and_then(decimal);
    let old = old.ok_or_else(|| form("the first line is not `old` and a size"))?;
    let hash = |line| Hash::from_base64(line).ok_or_else(|| form("a proof line is not a hash"));
    let proof: Vec<Hash> = lines.map(hash).collect::<std::result::Result<_, _>>()?;
    if proof.len() > PROOF_LINES_MAX {
        return Err(form("the proof has more than 63 lines"));
    }
    let checkpoint = Checkpoint::parse(note).map_err(|error| form(&error.to_string()))?;
    Ok(Request {
        old,
        proof,
        note,
        checkpoint,
    })
}

/// The file of a log's head: a name of its own for every origin, whatever stands in it.
fn file_name(origin: &str) -> String {
    let digest = Sha256::digest(origin.as_bytes());
    let hex: Vec<String> = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("head-{}", hex.concat())
}
