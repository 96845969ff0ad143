//! An attempt to make or change a sealed value outside `deid`.

use longitude_deid::Deidentified;

fn main() {
    let _: Deidentified<u8> = serde_json::from_str("1").unwrap();
}
