//! Which crate may depend on which: arrows point to deedbook-core and never turn back.
//!
//! Reads `cargo metadata` and compares every edge between crates of the workspace with [`ARROWS`]. Dependencies on the
//! outside are cargo-deny's affair.

use std::path::Path;

use serde_json::Value;

use crate::Result;
use crate::command;
use crate::workspace::Workspace;

/// Every crate, and what it may depend on. A crate may only name those listed before it, so no arrow turns back.
const ARROWS: &[(&str, &[&str])] = &[
    ("deedbook-core", &[]),
    ("deedbook-derive", &[]),
    ("deedbook-store", &["deedbook-core"]),
    ("deedbook-postgres", &["deedbook-core"]),
    ("deedbook-deliver", &["deedbook-core", "deedbook-postgres"]),
    ("deedbook-archive", &["deedbook-core"]),
    ("deedbook-server", &["deedbook-core", "deedbook-deliver"]),
    ("deedbook", &["deedbook-core", "deedbook-derive", "deedbook-store", "deedbook-postgres", "deedbook-deliver"]),
    (
        "deedbook-cli",
        &[
            "deedbook-core",
            "deedbook-store",
            "deedbook-postgres",
            "deedbook-deliver",
            "deedbook-archive",
            "deedbook-server",
            "deedbook",
        ],
    ),
    ("deedbook-testkit", &["deedbook-core", "deedbook-store"]),
    (
        "deedbook-bench",
        &[
            "deedbook-core",
            "deedbook-store",
            "deedbook-postgres",
            "deedbook-deliver",
            "deedbook-archive",
            "deedbook-server",
            "deedbook",
            "deedbook-testkit",
        ],
    ),
    ("xtask", &[]),
];

/// What any crate may use in its tests besides.
const TEST_TOOLS: &[&str] = &["deedbook-testkit"];

/// What a crate may use in its tests besides, against the direction: the code of the derives names the library, and the
/// binary is tried on an application.
const TESTED_WITH: &[(&str, &str)] =
    &[("deedbook-derive", "deedbook"), ("deedbook-cli", "invoices-postgres"), ("deedbook-cli", "registry")];

/// What a package of `examples/` may depend on: it is an application.
const EXAMPLE_MAY: &[&str] = &["deedbook"];

/// Compares every edge of the workspace with the table.
///
/// # Errors
/// One line for each edge or crate that the table does not allow.
pub(crate) fn check(workspace: &Workspace) -> Result<()> {
    let metadata = command::output(&mut command::cargo(workspace, ["metadata", "--format-version=1", "--no-deps"]))?;
    let metadata: Value = serde_json::from_slice(&metadata).map_err(|error| format!("cargo metadata: {error}"))?;
    let complaints = complaints(&crates_of(&metadata)?);
    if complaints.is_empty() { Ok(()) } else { Err(complaints.join("\n")) }
}

/// One crate of the workspace and its edges to others.
struct Crate {
    name: String,
    role: Role,
    edges: Vec<Edge>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Room,
    Example,
}

struct Edge {
    to: String,
    purpose: Purpose,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Purpose {
    Build,
    Test,
}

fn crates_of(metadata: &Value) -> Result<Vec<Crate>> {
    let packages = metadata["packages"].as_array().ok_or("cargo metadata lists no packages")?;
    let names: Vec<&str> = packages.iter().filter_map(|package| package["name"].as_str()).collect();
    Ok(packages.iter().map(|package| crate_of(package, &names)).collect())
}

fn crate_of(package: &Value, names: &[&str]) -> Crate {
    let manifest = Path::new(package["manifest_path"].as_str().unwrap_or_default());
    let is_example = manifest.ancestors().nth(2).is_some_and(|parent| parent.ends_with("examples"));
    let dependencies = package["dependencies"].as_array().map(Vec::as_slice).unwrap_or_default();
    Crate {
        name: package["name"].as_str().unwrap_or_default().to_owned(),
        role: if is_example { Role::Example } else { Role::Room },
        edges: dependencies.iter().filter_map(|dependency| edge_of(dependency, names)).collect(),
    }
}

fn edge_of(dependency: &Value, names: &[&str]) -> Option<Edge> {
    let to = dependency["name"].as_str().filter(|name| names.contains(name))?.to_owned();
    let purpose = if dependency["kind"] == "dev" { Purpose::Test } else { Purpose::Build };
    Some(Edge { to, purpose })
}

fn complaints(crates: &[Crate]) -> Vec<String> {
    crates.iter().flat_map(complaints_about).collect()
}

fn complaints_about(one: &Crate) -> Vec<String> {
    let Some(allowed) = allowed_for(one) else {
        return vec![format!(
            "{0} is not in the table of dependencies: add one line `(\"{0}\", &[…])` to ARROWS in xtask/src/arrows.rs, \
             below everything that it depends on",
            one.name
        )];
    };
    let refused = one.edges.iter().filter(|edge| !is_allowed(&one.name, edge, allowed));
    refused.map(|edge| refusal(&one.name, &edge.to, allowed)).collect()
}

fn allowed_for(one: &Crate) -> Option<&'static [&'static str]> {
    match one.role {
        Role::Example => Some(EXAMPLE_MAY),
        Role::Room => ARROWS.iter().find(|(name, _)| *name == one.name).map(|(_, allowed)| *allowed),
    }
}

fn is_allowed(from: &str, edge: &Edge, allowed: &[&str]) -> bool {
    let to = edge.to.as_str();
    let in_tests = TEST_TOOLS.contains(&to) || TESTED_WITH.contains(&(from, to));
    allowed.contains(&to) || (edge.purpose == Purpose::Test && in_tests)
}

fn refusal(from: &str, to: &str, allowed: &[&str]) -> String {
    let may =
        if allowed.is_empty() { "on no other crate".to_owned() } else { format!("only on {}", allowed.join(", ")) };
    format!("{from} depends on {to}, but may depend {may} of the workspace (ARROWS in xtask/src/arrows.rs)")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn package(name: &str, folder: &str, dependencies: Value) -> Value {
        json!({ "name": name, "manifest_path": format!("/src/{folder}/{name}/Cargo.toml"), "dependencies": dependencies })
    }

    fn complaints_of(packages: Value) -> Vec<String> {
        complaints(&crates_of(&json!({ "packages": packages })).expect("packages are listed"))
    }

    fn core() -> Value {
        package("deedbook-core", "crates", json!([{ "name": "sha2", "kind": null }]))
    }

    fn store(kind: Value, to: &str) -> Value {
        package("deedbook-store", "crates", json!([{ "name": to, "kind": kind }]))
    }

    #[test]
    fn arrows_of_the_table_are_allowed() {
        let testkit = package("deedbook-testkit", "crates", json!([{ "name": "deedbook-core", "kind": null }]));
        let found = complaints_of(json!([core(), store(json!(null), "deedbook-core"), testkit]));
        assert_eq!(found, Vec::<String>::new());
    }

    #[test]
    fn an_arrow_that_turns_back_is_refused() {
        let turned = package("deedbook-core", "crates", json!([{ "name": "deedbook-store", "kind": null }]));
        let found = complaints_of(json!([turned, store(json!(null), "deedbook-core")]));
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("deedbook-core depends on deedbook-store"), "{found:?}");
        assert!(found[0].contains("on no other crate of the workspace"), "{found:?}");
    }

    #[test]
    fn the_testkit_is_for_tests_alone() {
        let testkit = package("deedbook-testkit", "crates", json!([]));
        let found = |kind| complaints_of(json!([core(), store(kind, "deedbook-testkit"), testkit]));
        assert!(found(json!("dev")).is_empty());
        assert_eq!(found(json!(null)).len(), 1);
        assert_eq!(found(json!("build")).len(), 1);
    }

    #[test]
    fn the_derives_are_tested_with_the_library_and_do_not_depend_on_it() {
        let facade = package("deedbook", "crates", json!([]));
        let derive = |kind| package("deedbook-derive", "crates", json!([{ "name": "deedbook", "kind": kind }]));
        let found = |kind| complaints_of(json!([facade, derive(kind)]));
        assert!(found(json!("dev")).is_empty());
        assert_eq!(found(json!(null)).len(), 1);
    }

    #[test]
    fn a_crate_outside_of_the_table_is_told_where_to_go() {
        let found = complaints_of(json!([package("deedbook-new", "crates", json!([]))]));
        assert_eq!(found.len(), 1);
        assert!(found[0].contains("(\"deedbook-new\", &[…])") && found[0].contains("xtask/src/arrows.rs"), "{found:?}");
    }

    #[test]
    fn an_example_sees_only_the_facade() {
        let example = |to: &str| package("billing", "examples", json!([{ "name": to, "kind": null }]));
        let facade = package("deedbook", "crates", json!([]));
        assert!(complaints_of(json!([facade, example("deedbook")])).is_empty());
        assert_eq!(complaints_of(json!([core(), example("deedbook-core")])).len(), 1);
    }

    #[test]
    fn the_table_itself_has_no_arrow_that_turns_back() {
        for (index, (name, allowed)) in ARROWS.iter().enumerate() {
            let before: Vec<&str> = ARROWS[..index].iter().map(|(name, _)| *name).collect();
            assert!(allowed.iter().all(|to| before.contains(to)), "{name} names a crate that is listed after it");
        }
    }
}
