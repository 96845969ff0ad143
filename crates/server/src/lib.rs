//! HTTP over a finished run: the console for people and the JSON API for programs.
//!
//! This is the only crate that knows HTTP and async. It listens on loopback only, opens a run that
//! the command line has verified, and answers nothing that has no ledger entry ([`Audited`]).
#![forbid(unsafe_code)]

mod answer;
mod api;
mod app;
mod console;
mod guard;
mod openapi;
mod routes;
mod serve;
mod watch;

pub use answer::{Answer, Audited};
pub use app::{App, AppOptions, Keys, Questions};
pub use console::{
    SmallCells, evaluation_html, monitoring_html, quality_html, report_html, representation_html,
};
pub use openapi::document as openapi_document;
pub use serve::{Serving, start};

use std::path::{Path, PathBuf};

/// What can go wrong while serving. No variant holds a patient's value.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file of the run cannot be read or written.
    #[error("{path}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A part of the run cannot be opened.
    #[error("the run's {part} cannot be opened")]
    Open {
        /// Which part.
        part: &'static str,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// JSON cannot be read or written.
    #[error("JSON")]
    Json(#[source] serde_json::Error),
    /// The ledger or the contest book refused.
    #[error("{part}")]
    Govern {
        /// Which of them.
        part: &'static str,
        /// Why.
        source: longitude_govern::Error,
    },
    /// The thing asked for is not here.
    #[error("no such {0}")]
    Unknown(&'static str),
    /// The monitoring has suspended what is asked.
    #[error("{part} is suspended since {since} ({record}): `longitude monitor state` tells why")]
    Suspended {
        /// The task, and the part of it.
        part: String,
        /// Since when.
        since: String,
        /// The record of the monitoring.
        record: String,
    },
    /// The request is malformed.
    #[error("{0}")]
    Request(String),
    /// The network refused.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: String,
        /// Why.
        source: std::io::Error,
    },
}

impl Error {
    fn file(path: &Path) -> impl FnOnce(std::io::Error) -> Self + use<> {
        let path = path.to_path_buf();
        move |source| Self::File { path, source }
    }

    fn govern(part: &'static str) -> impl FnOnce(longitude_govern::Error) -> Self {
        move |source| Self::Govern { part, source }
    }

    fn open<E: std::error::Error + Send + Sync + 'static>(
        part: &'static str,
    ) -> impl FnOnce(E) -> Self {
        move |source| Self::Open {
            part,
            source: Box::new(source),
        }
    }
}
