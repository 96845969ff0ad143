//! The state after a patient's history, kept between two forecasts.

use super::{longitude, made, somebody, text};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

#[test]
fn a_kept_past_changes_no_byte_and_is_its_owners_alone() {
    let run = made().run.to_str().unwrap();
    let institution = made().institution.to_str().unwrap();
    let subject = somebody();
    let forecast = |more: &[&str]| {
        let fixed = ["forecast", "--run", run, "--institution", institution];
        let who = ["--subject", subject.as_str(), "--samples", "8", "--json"];
        let output = longitude(&[&fixed[..], &who, more].concat());
        assert_eq!(output.status.code(), Some(0), "{}", text(&output));
        (output.stdout, String::from_utf8(output.stderr).unwrap())
    };
    let kept = made().run.join(format!("pasts/{subject}.past"));
    let (first, _) = forecast(&[]);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(
        (mode(&kept), mode(&made().run.join("pasts"))),
        (0o600, 0o700)
    );
    assert!(forecast(&["--no-cache"]).0 == first);
    let (again, said) = forecast(&[]);
    assert!(again == first && !said.contains("warning"), "{said}");
    fs::write(&kept, "altered").unwrap();
    let (mended, said) = forecast(&[]);
    assert!(mended == first && said.contains("is damaged"), "{said}");
    assert!(fs::metadata(&kept).unwrap().len() > 1000);
}
