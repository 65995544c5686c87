//! What compiles and what does not, and what the compiler says then. `TRYBUILD=overwrite` writes the answers anew.

#[test]
fn derives_compile_or_point_at_what_is_wrong() {
    let cases = trybuild::TestCases::new();
    cases.pass("tests/pass/*.rs");
    cases.compile_fail("tests/fail/*.rs");
}
