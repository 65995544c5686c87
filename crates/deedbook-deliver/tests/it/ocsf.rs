//! OCSF: every record is valid by the public schema, and nothing of an entry is lost.

use deedbook_core::Entry;
use deedbook_core::serde_json::{Value, json};
use deedbook_deliver::Format;

use crate::samples::{entries, entry, json, leaves, names, record};
use crate::schema::Schema;

#[test]
fn every_record_is_valid_by_the_public_schema() {
    let schema = Schema::ocsf();
    for entry in entries() {
        let record = json(&Format::Ocsf, &entry);
        assert_eq!(schema.complaints(&record), Vec::<String>::new(), "{record:#}");
    }
}

/// Control: what breaks a rule of the schema is found.
#[test]
fn records_that_break_the_schema_are_found() {
    let schema = Schema::ocsf();
    let valid = json(&Format::Ocsf, &entry("evt_AZN7bo8qfDGdXmpLHwwtPg"));
    for (pointer, value) in [
        ("/class_uid", json!(3002)),
        ("/class_uid", json!(1)),
        ("/type_uid", json!(600_398)),
        ("/severity_id", json!("Low")),
        ("/time", json!(1.5)),
        ("/actor", json!({})),
        ("/actor/user", json!({ "type_id": 1 })),
        ("/api", json!({ "service": { "name": "x" } })),
        ("/metadata/product", json!({ "version": "1" })),
        ("/src_endpoint/ip", json!("localhost")),
        ("/resources/1/uid", json!(7)),
        ("/unmapped", json!([])),
        ("/metadata/more", json!(1)),
        ("/http_request/http_method", json!("PURGE")),
    ] {
        let mut broken = valid.clone();
        match broken.pointer_mut(pointer) {
            Some(place) => *place = value,
            None => broken["metadata"]["more"] = value,
        }
        assert!(!schema.complaints(&broken).is_empty(), "{pointer}");
    }
    let mut broken = valid;
    broken.as_object_mut().unwrap().remove("src_endpoint");
    assert_eq!(schema.complaints(&broken).len(), 1);
}

#[test]
fn classes_and_activities() {
    for (id, class, activity, status) in [
        ("evt_AZN7bo8qfDGdXmpLHwwtPg", 6003, (99, "shared"), "Failure"),
        ("evt_least", 6003, (99, "flushed"), "Success"),
        ("evt_signed_in", 3002, (1, "Logon"), "Success"),
        ("evt_sign_in_failed", 3002, (1, "Logon"), "Failure"),
        ("evt_signed_out", 3002, (2, "Logoff"), "Success"),
        ("evt_impersonated", 3002, (7, "Account Switch"), "Success"),
        ("evt_user_created", 3001, (1, "Create"), "Success"),
        ("evt_role_changed", 3001, (99, "role_changed"), "Success"),
        ("evt_mfa_enabled", 3001, (10, "MFA Factor Enable"), "Success"),
        ("evt_row_updated", 3004, (3, "Update"), "Success"),
        ("evt_viewed", 3004, (2, "Read"), "Success"),
        ("evt_approved", 6003, (99, "approved"), "Unknown"),
        ("evt_request", 6003, (2, "Read"), "Success"),
        ("00000000-0000-4000-8000-000000000002", 6003, (2, "Read"), "Failure"),
    ] {
        let record = json(&Format::Ocsf, &entry(id));
        let found = (&record["class_uid"], &record["activity_id"], &record["activity_name"], &record["status"]);
        let (activity_id, name) = activity;
        assert_eq!(found, (&json!(class), &json!(activity_id), &json!(name), &json!(status)), "{id}");
        assert_eq!(record["type_uid"], class * 100 + activity_id, "{id}");
    }
}

/// Whatever the API shows of an entry is somewhere in its record, as it was.
#[test]
fn nothing_is_lost() {
    for entry in entries() {
        assert_eq!(lost(&entry, &Format::Ocsf), Vec::<Value>::new(), "{}", record(&Format::Ocsf, &entry));
        assert_eq!(lost(&entry, &Format::Ecs), Vec::<Value>::new(), "{}", record(&Format::Ecs, &entry));
    }
}

/// The values that are not in the record, but for outcomes and milliseconds, which are told in other words.
fn lost(entry: &Entry, format: &Format) -> Vec<Value> {
    let (whole, record) = (json(&Format::Json, entry), json(format, entry));
    let (kept, names) = (leaves(&record), names(&record));
    let told = |value: &Value| match value {
        Value::String(word) if word == "success" || word == "failure" || word == "unknown" => {
            kept.iter().any(|kept| kept.as_str().is_some_and(|kept| kept.eq_ignore_ascii_case(word)))
        }
        // Pointers of changes become names.
        Value::String(pointer) if names.contains(&pointer.as_str()) => true,
        Value::Number(_) if *value == whole["context"]["http"]["duration_ms"] => true,
        other => kept.contains(&other),
    };
    leaves(&whole).into_iter().filter(|value| !told(value)).cloned().collect()
}

#[test]
fn changes_become_the_thing_before_and_after() {
    let record = json(&Format::Ocsf, &entry("evt_row_updated"));
    assert_eq!(record["entity"]["data"], json!({ "/status": "draft", "/total": 0.1 }));
    assert_eq!(record["entity_result"]["data"], json!({ "/status": "sent", "/total": 19.9 }));
    assert_eq!(record["unmapped"]["changes"], json!([{ "path": "/iban", "redacted": true }, { "path": "/note" }]));
    assert_eq!(record["unmapped"]["targets"][1]["id"], "cus_7");
    assert_eq!(record["comment"], "corrected");
    // Of a pointer that is there twice an object can tell only one.
    let record = json(&Format::Ocsf, &entry("evt_twice"));
    assert_eq!(record["unmapped"]["changes"].as_array().unwrap().len(), 2);
    assert_eq!(record.get("entity_result"), None);
}

#[test]
fn what_ocsf_refuses_stays_unmapped() {
    let record = json(&Format::Ocsf, &entry("evt_user_created"));
    assert_eq!(record["user"].get("email_addr"), None);
    assert_eq!(record["unmapped"]["targets"][0]["email"], "not an address");
    let record = json(&Format::Ocsf, &entry("evt_purged"));
    assert_eq!(record["unmapped"]["context"]["http"]["method"], "PURGE");
}
