//! Group commit: many threads append, one writes. While the disk takes one group, the next one
//! gathers, so that the wait for the disk is shared by all who wait. Nobody hears of an index
//! before the entry is durable.

use crate::error::{Error, Result};
use crate::log::{Log, check_length};
use crate::note::{Checkpoint, Signer};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread::JoinHandle;

/// Entries that may wait for the writer before those who append are held up: sixteen full groups,
/// at most a gigabyte of the longest entries.
const WAITING_MAX: usize = 4_096;

/// One thread that owns a log and commits what others hand it. Ends when it is dropped, after what
/// was handed in is durable.
#[derive(Debug)]
pub struct Committer {
    orders: Option<SyncSender<Order>>,
    writer: Option<JoinHandle<Log>>,
}

enum Order {
    Append(Vec<u8>, Sender<Result<u64>>),
    Publish(Box<Signer>, Sender<Result<Checkpoint>>),
}

/// An entry that was handed in and may not be durable yet.
#[derive(Debug)]
#[must_use = "the entry counts only once `durable` has said so"]
pub struct Pending(Receiver<Result<u64>>);

impl Pending {
    /// Waits until the entry is on the disk and gives its index.
    ///
    /// # Errors
    /// When the disk refused it, or the writer has ended: then the entry must not be counted on.
    pub fn durable(self) -> Result<u64> {
        self.0.recv().unwrap_or_else(|_gone| Err(ended()))
    }
}

impl Committer {
    /// Hands a log to a thread of its own.
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub fn start(log: Log) -> Result<Self> {
        let (orders, inbox) = sync_channel(WAITING_MAX);
        let writer = std::thread::Builder::new()
            .name("ledger".to_owned())
            .spawn(move || write(log, &inbox))
            .map_err(|error| Error::WriterEnded(error.to_string()))?;
        Ok(Self {
            orders: Some(orders),
            writer: Some(writer),
        })
    }

    /// Hands in an entry without waiting for the disk.
    ///
    /// # Errors
    /// When the entry is too long, or the writer has ended.
    pub fn append(&self, entry: Vec<u8>) -> Result<Pending> {
        check_length(&entry)?;
        let (reply, pending) = channel();
        self.order(Order::Append(entry, reply))?;
        Ok(Pending(pending))
    }

    /// Publishes a checkpoint over everything that was handed in before.
    ///
    /// # Errors
    /// As [`Log::publish`], and when the writer has ended.
    pub fn publish(&self, signer: &Signer) -> Result<Checkpoint> {
        let (reply, published) = channel();
        self.order(Order::Publish(Box::new(signer.clone()), reply))?;
        published.recv().unwrap_or_else(|_gone| Err(ended()))
    }

    /// Ends the writer and gives the log back.
    ///
    /// # Errors
    /// When the writer has ended before.
    pub fn finish(mut self) -> Result<Log> {
        self.orders = None;
        let writer = self.writer.take().ok_or_else(ended)?;
        writer.join().map_err(|_panic| ended())
    }

    fn order(&self, order: Order) -> Result<()> {
        let orders = self.orders.as_ref().ok_or_else(ended)?;
        orders.send(order).map_err(|_gone| ended())
    }
}

impl Drop for Committer {
    fn drop(&mut self) {
        self.orders = None;
        if let Some(writer) = self.writer.take() {
            // A panic of the writer has been told by the panic itself.
            let _told = writer.join();
        }
    }
}

fn ended() -> Error {
    Error::WriterEnded("it was stopped or it failed".to_owned())
}

/// Takes what is waiting, commits it, answers; until nobody can hand in anything more.
fn write(mut log: Log, inbox: &Receiver<Order>) -> Log {
    let mut next = inbox.recv().ok();
    while let Some(order) = next.take() {
        let (mut entries, mut replies) = (Vec::new(), Vec::new());
        let room = log.room();
        let mut order = Some(order);
        while let Some(Order::Append(entry, reply)) = order {
            entries.push(entry);
            replies.push(reply);
            order = if entries.len() < room {
                inbox.try_recv().ok()
            } else {
                None
            };
        }
        commit(&mut log, entries, replies);
        if let Some(Order::Publish(signer, reply)) = order {
            // Whoever asked may have gone; the checkpoint stands all the same.
            let _gone = reply.send(log.publish(&signer));
        }
        next = inbox.recv().ok();
    }
    log
}

fn commit(log: &mut Log, entries: Vec<Vec<u8>>, replies: Vec<Sender<Result<u64>>>) {
    if entries.is_empty() {
        return;
    }
    match log.append_group(entries) {
        Ok(first) => {
            for (index, reply) in (first..).zip(replies) {
                let _gone = reply.send(Ok(index));
            }
        }
        Err(error) => {
            let mut replies = replies.into_iter();
            let why = error.to_string();
            if let Some(reply) = replies.next() {
                let _gone = reply.send(Err(error));
            }
            for reply in replies {
                let _gone = reply.send(Err(Error::GroupRefused(why.clone())));
            }
        }
    }
}
