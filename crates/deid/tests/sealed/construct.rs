//! An attempt to make or change a sealed value outside `deid`.

use longitude_deid::Deidentified;

fn main() {
    let _ = Deidentified(1_u8);
}
