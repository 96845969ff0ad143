//! Checkpoints: what goes in comes out bit by bit, and what was altered is refused with its reason.
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::float_cmp,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking, its numbers are small, and equal bits are what it asks"
)]

mod support;

use longitude_model::{CHECKPOINT_FILE, Error, Model};
use std::path::Path;
use support::model;

fn load(bytes: &[u8]) -> Result<Model, Error> {
    Model::from_bytes(bytes, "test", Path::new("x.safetensors"))
}

#[test]
fn a_model_survives_the_disk() {
    let dir = tempfile::tempdir().unwrap();
    let model = model(1);
    model.save(dir.path()).unwrap();
    let back = Model::load(dir.path(), "test").unwrap();
    assert_eq!(back.weights(), model.weights());
    assert_eq!(
        (back.config(), back.codes()),
        (model.config(), model.codes())
    );
    assert_eq!(
        back.to_bytes(),
        std::fs::read(dir.path().join(CHECKPOINT_FILE)).unwrap()
    );
    assert_eq!(
        std::fs::read_dir(dir.path()).unwrap().count(),
        1,
        "no partial file stays"
    );
}

#[test]
fn another_vocabulary_is_refused() {
    let bytes = model(1).to_bytes();
    let error = Model::from_bytes(&bytes, "other", Path::new("x")).unwrap_err();
    assert!(matches!(error, Error::Vocabulary { .. }), "{error}");
    assert!(error.to_string().contains("other") && error.to_string().contains("test"));
}

#[test]
fn a_file_cut_anywhere_is_refused() {
    let bytes = model(1).to_bytes();
    for cut in [0, 7, 8, 100, 3000, bytes.len() / 2, bytes.len() - 1] {
        let error = load(&bytes[..cut]).unwrap_err();
        assert!(matches!(error, Error::Checkpoint { .. }), "{cut}: {error}");
    }
    let mut longer = bytes;
    longer.push(0);
    assert!(load(&longer).is_err());
}

#[test]
fn numbers_that_are_not_finite_are_refused() {
    let clean = model(1);
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        for tensor in clean.tensors() {
            let mut model = clean.clone();
            model.weights_mut()[tensor.range.end - 1] = bad;
            let error = load(&model.to_bytes()).unwrap_err().to_string();
            assert!(error.contains(&tensor.name), "{error}");
        }
    }
}

/// Replaces text of the header by text of the same length.
fn with_header(bytes: &[u8], from: &str, to: &str) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let at = bytes
        .windows(from.len())
        .position(|window| window == from.as_bytes())
        .unwrap();
    let mut bytes = bytes.to_vec();
    bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
    bytes
}

#[test]
fn altered_headers_are_refused() {
    let bytes = model(1).to_bytes();
    for (from, to) in [
        ("\"shape\":[20, 60]", "\"shape\":[60, 20]"),
        ("layers.1.qkv", "layers.1.kvq"),
        ("\"F32\",\"shape\":[29, 20]", "\"I32\",\"shape\":[29, 20]"),
        ("longitude.config", "longitude.confix"),
        ("\\\"heads\\\":2", "\\\"heads\\\":3"),
        ("\\\"layers\\\":2", "\\\"layers\\\":9"),
        ("\\\"dim\\\":20", "\\\"dim\\\":00"),
        ("\\\"vocab\\\":29", "\\\"vocab\\\":99"),
    ] {
        let result = load(&with_header(&bytes, from, to));
        assert!(result.is_err(), "{from} to {to} was accepted");
    }
    let mut huge = bytes.clone();
    huge[..8].copy_from_slice(&u64::MAX.to_le_bytes());
    assert!(load(&huge).is_err());
}

#[test]
fn a_table_of_codes_out_of_range_is_refused() {
    let bytes = model(1).to_bytes();
    let tables = bytes.len() - 29 * 3 * 4;
    for at in [tables, bytes.len() - 4] {
        let mut altered = bytes.clone();
        altered[at..at + 4].copy_from_slice(&70_000u32.to_le_bytes());
        assert!(load(&altered).is_err());
    }
}

#[test]
fn a_missing_file_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let error = Model::load(dir.path(), "test").unwrap_err();
    assert!(matches!(error, Error::File { .. }));
    assert!(error.to_string().contains(CHECKPOINT_FILE), "{error}");
}
