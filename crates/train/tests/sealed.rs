//! Level 0: training on records that did not pass the privacy boundary does not compile.

#[test]
fn raw_timelines_do_not_type_check() {
    trybuild::TestCases::new().compile_fail("tests/sealed/*.rs");
}
