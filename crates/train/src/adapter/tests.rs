//! The file of an adapter: read back it is the same, and nothing else is taken for one.

use super::*;
use crate::run::{Control, Progress, With, train, train_with};
use crate::world::{World, world};
use expect_test::expect;

fn quiet(_: &Progress) -> Control {
    Control::Continue
}

fn trained(world: &World) -> (Model, Trained) {
    let base = train(&world.data, &world.options(6), &mut quiet)
        .unwrap()
        .model;
    let adapters = AdapterOptions {
        biases_and_norms: true,
        ..AdapterOptions::of_rank(2)
    };
    let with = With {
        start: Some(&base),
        adapters: Some(&adapters),
        ..With::PLAIN
    };
    let trained = train_with(&world.data, &world.options(6), with, &mut quiet).unwrap();
    (base, trained)
}

#[test]
fn a_file_read_back_merges_to_the_very_model_that_was_trained() {
    let world = world(20, 30);
    let (base, trained) = trained(&world);
    let adapter = Adapter::of(&trained, &base).unwrap();
    let bytes = adapter.to_bytes().unwrap();
    assert!(bytes == adapter.to_bytes().unwrap());
    let again = Adapter::from_bytes(&bytes, &base, Path::new("x")).unwrap();
    assert_eq!(again.about(), adapter.about());
    assert!(again.to_bytes().unwrap() == bytes);
    assert!(again.merge(&base).unwrap().to_bytes() == trained.model.to_bytes());
    let weights = base.parameters();
    assert!(
        adapter.parameters() < weights / 2,
        "{} of {weights}",
        adapter.parameters()
    );
    // A training of all weights leaves none.
    let whole = train(&world.data, &world.options(2), &mut quiet).unwrap();
    assert!(Adapter::of(&whole, &base).is_none());
}

#[test]
fn another_base_or_vocabulary_is_refused() {
    let (one, other) = (world(20, 30), world(24, 30));
    let (base, trained) = trained(&one);
    let bytes = Adapter::of(&trained, &base).unwrap().to_bytes().unwrap();
    let mut altered = base.clone();
    altered.weights_mut()[7] += 1e-3;
    let foreign = train(&other.data, &other.options(2), &mut quiet)
        .unwrap()
        .model;
    for (model, expected) in [(&altered, "base model"), (&foreign, "vocabulary")] {
        let error = Adapter::from_bytes(&bytes, model, Path::new("x")).unwrap_err();
        assert!(
            matches!(error, Error::AdapterOf { what, .. } if what == expected),
            "{error}"
        );
    }
    let merged = Adapter::of(&trained, &base).unwrap().merge(&altered);
    assert!(matches!(
        merged,
        Err(Error::AdapterOf {
            what: "base model",
            ..
        })
    ));
}

#[test]
fn damage_of_every_kind_is_refused() {
    let world = world(20, 30);
    let (base, trained) = trained(&world);
    let bytes = Adapter::of(&trained, &base).unwrap().to_bytes().unwrap();
    let read = |bytes: &[u8]| Adapter::from_bytes(bytes, &base, Path::new("x"));
    for len in [0, 7, 8, 100, bytes.len() / 2, bytes.len() - 1] {
        assert!(read(&bytes[..len]).is_err(), "{len}");
    }
    let mut long = bytes.clone();
    long.push(0);
    assert!(read(&long).is_err());
    let mut infinite = bytes.clone();
    let end = infinite.len();
    infinite[end - 4..].copy_from_slice(&f32::NAN.to_le_bytes());
    expect!["the adapter x cannot be used: a number is not finite"]
        .assert_eq(&read(&infinite).unwrap_err().to_string());
    // Every byte of the header matters, or is refused, or leaves the same adapter.
    let header = 8 + usize::try_from(u64::from_le_bytes(bytes[..8].try_into().unwrap())).unwrap();
    let same = read(&bytes).unwrap().merge(&base).unwrap().to_bytes();
    for at in (0..header).step_by(13) {
        let mut flipped = bytes.clone();
        flipped[at] ^= 4;
        if let Ok(adapter) = read(&flipped)
            && let Ok(merged) = adapter.merge(&base)
        {
            let kept = adapter.about().options == trained.lora.as_ref().unwrap().options;
            assert!(!kept || merged.to_bytes() == same, "byte {at}");
        }
    }
    let model = base.to_bytes();
    expect!["the adapter x cannot be used: it says nothing about itself"]
        .assert_eq(&read(&model).unwrap_err().to_string());
}
