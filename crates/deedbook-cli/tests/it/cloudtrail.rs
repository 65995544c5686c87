//! `import cloudtrail`: a synthetic file for everyone, real records for those who have them.

use std::path::{Path, PathBuf};

use deedbook_testkit::skipped;
use serde_json::json;

use crate::support::Room;

/// Names the file of real records: the public data set invictus-ir/aws_dataset, as one record a line.
const REAL_RECORDS: &str = "DEEDBOOK_CLOUDTRAIL";

/// Records made for these tests.
pub(crate) fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/cloudtrail.ndjson")
}

#[test]
fn synthetic_records() {
    let room = Room::new();
    let path = fixture();
    let import = ["import", "cloudtrail", path.to_str().expect("text")];
    assert_eq!(room.run(&import).exits(0).stdout, "9 new, 0 already there, 0 rejected\n");
    assert_eq!(room.run(&import).exits(0).stdout, "0 new, 9 already there, 0 rejected\n");
    for (query, count) in [
        ("outcome:denied", 2),
        ("outcome:failure", 1),
        ("action:s3.*", 3),
        ("action:ec2.describe_nat_gateways", 1),
        ("actor.type:service", 3),
        ("actor.type:user", 6),
        ("ip:192.0.2.0/24", 6),
        ("target:s3_bucket:arn:aws:s3:::example-bucket", 2),
        ("target.type:iam_role", 1),
        ("meta.requestParameters.bigNumber:98765432109876543210", 1),
    ] {
        assert_eq!(room.count(query), count, "{query}");
    }
}

#[test]
fn documents_as_aws_delivers_them() {
    let room = Room::new();
    let text = std::fs::read_to_string(fixture()).expect("the fixture");
    let records: Vec<_> = text.lines().collect();
    let document = format!("{{\"Records\":[{}]}}", records.join(","));
    assert_eq!(
        room.run_with_input(&["import", "cloudtrail", "-"], &document).exits(0).stdout,
        "9 new, 0 already there, 0 rejected\n"
    );
    // The same records as lines are the same events.
    let again = room.run_with_input(&["import", "cloudtrail", "-"], &text).exits(0).stdout;
    assert_eq!(again, "0 new, 9 already there, 0 rejected\n");
}

#[test]
fn bad_records_are_told_by_number() {
    let room = Room::new();
    room.file("trail.json", "{\"Records\":[{\"eventID\":\"x\"},7,{\"a\":1,\"a\":2}]}");
    let run = room.run(&["import", "cloudtrail", "trail.json"]).exits(3);
    assert_eq!(run.stdout, "0 new, 0 already there, 3 rejected\n");
    run.says(&["trail.json: line 1, record 1: `eventSource`", "record 2: ", "occurs twice"]);
    let kept = room.read("trail.json.rejected.ndjson");
    let first: serde_json::Value = serde_json::from_str(kept.lines().next().expect("a line")).expect("JSON");
    assert_eq!(
        (&first["line"], &first["record"], &first["raw"]),
        (&json!(1), &json!(1), &json!("{\"eventID\":\"x\"}"))
    );
}

#[test]
fn real_records() {
    let Some(path) = std::env::var_os(REAL_RECORDS).map(PathBuf::from) else {
        return skipped("real CloudTrail records", "DEEDBOOK_CLOUDTRAIL does not name the file of them");
    };
    let room = Room::new();
    let run = room.run(&["import", "cloudtrail", path.to_str().expect("text")]).exits(0);
    assert_eq!(run.stdout, "1450 new, 0 already there, 0 rejected\n");
    for (query, count) in [
        ("", 1450),
        ("-outcome:success", 140),
        ("outcome:denied", 56),
        ("action:kms.decrypt", 166),
        ("action:iam.*", 164),
        ("ip:192.168.10.0/24", 1092),
        ("action:ec2.describe_nat_gateways", 32),
    ] {
        assert_eq!(room.count(query), count, "{query}");
    }
    room.run(&["doctor"]).exits(0);
}
