//! An attempt to make or change a sealed value outside `deid`.

use longitude_deid::Deidentified;

fn attempt(sealed: Deidentified<Vec<u8>>) {
    sealed.get().push(1);
}

fn main() {}
