//! An attempt to make or change a sealed value outside `deid`.



fn main() {
    let _ = longitude_deid::Reopened(());
}
