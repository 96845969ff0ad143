//! Nobody but `deid` makes or changes a sealed value: each attempt must fail to compile.

#[test]
fn the_seal_holds() {
    let attempts = trybuild::TestCases::new();
    attempts.compile_fail("tests/sealed/*.rs");
}
