//! Templates: places, defaults, forms, and what is refused.

use deedbook_deliver::{Format, Template};

use crate::samples::{entries, entry, json, record};

fn written(template: &str, id: &str) -> String {
    record(&Format::Template(template.parse().unwrap()), &entry(id))
}

#[test]
fn places_are_filled() {
    let full = "evt_AZN7bo8qfDGdXmpLHwwtPg";
    for (template, id, expected) in [
        ("", full, ""),
        ("plain {{braces}} \ttab", full, "plain {braces} \ttab"),
        ("{action} by {actor.name}", full, "document.shared by contract-bot"),
        ("{actor.on_behalf_of.email}", full, "ada@acme.example"),
        ("{targets.1.id}{targets.9.id}", full, "user_2"),
        ("{context.http.status}/{seq}", full, "403/0"),
        ("{metadata.price} {/metadata/a.b} {metadata.a.b}", full, "19.9 ü "),
        ("{/targets/1/metadata/a~1b~0c/0}", full, "1"),
        ("{audience}", full, "[\"owners\",\"security\"]"),
        ("{recorded_at}", full, "2026-09-21T14:13:20.123456Z"),
        ("{reason:csv},{targets.1.name:csv}", full, "\"customer asked, ticket T-5\",\"Grace \"\"G\"\"\""),
        ("{targets.1.name:json},{seq:json}", full, "\"Grace \\\"G\\\"\",0"),
        ("{actor.name|-}|{reason:json|null}|{actor.id|a:b|c}", "evt_least", "-|null|a:b|c"),
        ("{actor.name}{action.deeper}{targets}", "evt_least", ""),
    ] {
        assert_eq!(written(template, id), expected, "{template}");
    }
}

#[test]
fn what_is_refused_is_told_by_position() {
    for (template, problem) in [
        ("a{", "at character 3: expected a path that begins with one of action, actor, audience"),
        ("ü{user.name}", "at character 3: expected a path that begins with one of action, actor, audience"),
        ("{}", "at character 2: expected a path that begins with"),
        ("{/action", "at character 9: expected \":\" and a form, \"|\" and a default, or \"}\""),
        ("{action", "at character 8: expected \":\" and a form, \"|\" and a default, or \"}\""),
        ("{action|x", "at character 10: expected \":\" and a form"),
        ("{action|{", "at character 9: expected \":\" and a form"),
        ("{action:xml}", "at character 9: expected one of json, csv"),
        ("a}b", "at character 2: expected \"}}\" for a brace"),
        ("two\nlines", "at character 4: expected a text of one line"),
        ("{action|\u{202e}}", "at character 9: expected a default of one line"),
    ] {
        let error = template.parse::<Template>().unwrap_err();
        assert_eq!(error.problems()[0].code, "bad_template");
        assert!(error.problems()[0].detail.starts_with(problem), "{template}: {}", error.problems()[0].detail);
    }
    let deep = format!("{{metadata{}}}", ".x".repeat(40));
    assert!(deep.parse::<Template>().unwrap_err().problems()[0].detail.contains("at most 32 names"));
}

#[test]
fn every_member_of_an_entry_has_a_place() {
    for entry in entries() {
        for (name, value) in json(&Format::Json, &entry).as_object().unwrap() {
            let written = record(&Format::Template(format!("{{{name}:json}}").parse().unwrap()), &entry);
            assert_eq!(written, value.to_string(), "{name}");
        }
    }
}
