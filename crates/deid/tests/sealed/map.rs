//! An attempt to make or change a sealed value outside `deid`.

use longitude_deid::Deidentified;

fn attempt(sealed: Deidentified<u8>) {
    let _ = sealed.map(|value: u8| value + 1);
}

fn main() {}
