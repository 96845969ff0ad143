//! One file a command.

pub(crate) mod adapt;
pub(crate) mod deid;
pub(crate) mod demo;
pub(crate) mod evaluate;
pub(crate) mod export;
pub(crate) mod fairness;
pub(crate) mod forecast;
pub(crate) mod hospital;
pub(crate) mod ingest;
pub(crate) mod init;
pub(crate) mod inspect;
pub(crate) mod keys;
pub(crate) mod label;
pub(crate) mod ledger;
pub(crate) mod mapping;
pub(crate) mod quality;
pub(crate) mod reidentify;
pub(crate) mod run;
pub(crate) mod scrub;
pub(crate) mod serve;
pub(crate) mod terminology;
pub(crate) mod trace;
pub(crate) mod train;
pub(crate) mod validate;
pub(crate) mod verify;
