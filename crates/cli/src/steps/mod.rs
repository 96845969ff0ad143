//! The steps of the main job, one file a step: each reads the run folder and adds to it.

pub(crate) mod adapt;
pub(crate) mod calibrate;
pub(crate) mod deid;
pub(crate) mod dicom;
pub(crate) mod evaluate;
pub(crate) mod hospital;
pub(crate) mod ingest;
pub(crate) mod predict;
pub(crate) mod questions;
pub(crate) mod scrub;
pub(crate) mod sign;
pub(crate) mod terminology;
pub(crate) mod train;
pub(crate) mod vocabulary;
