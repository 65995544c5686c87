//! Formats by name.

use deedbook_core::ErrorKind;
use deedbook_deliver::Format;

#[test]
fn names_are_read_and_written() {
    for (name, single, batch) in [
        ("json", "application/json", "application/x-ndjson"),
        ("ocsf", "application/json", "application/x-ndjson"),
        ("ecs", "application/json", "application/x-ndjson"),
        ("cloudevents", "application/cloudevents+json", "application/cloudevents-batch+json"),
        ("cef", "text/plain; charset=utf-8", "text/plain; charset=utf-8"),
        ("leef", "text/plain; charset=utf-8", "text/plain; charset=utf-8"),
        ("template:{action}", "text/plain; charset=utf-8", "text/plain; charset=utf-8"),
    ] {
        let format: Format = name.parse().unwrap();
        assert_eq!((format.content_type(), format.batch_content_type()), (single, batch), "{name}");
        assert_eq!(format.to_string(), name);
        assert_eq!(format.to_string().parse::<Format>().unwrap(), format);
    }
}

#[test]
fn an_unknown_name_is_told_the_known_ones() {
    for name in ["", "JSON", "ocsf ", "template", "syslog"] {
        let error = name.parse::<Format>().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert_eq!(error.problems()[0].code, "unknown_format");
        let detail = &error.problems()[0].detail;
        assert_eq!(detail, "expected one of json, ocsf, ecs, cloudevents, cef, leef, or template: and its text");
    }
}
