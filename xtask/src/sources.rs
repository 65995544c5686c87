//! What a reader may expect of every source file: it opens with `//!`, and nothing in it is left unwritten.

use std::path::{Path, PathBuf};

use crate::Result;
use crate::workspace::Workspace;

/// Where source files are, from the root of the repository.
const FOLDERS: &[&str] = &["crates", "examples", "fuzz", "xtask"];

/// Folders of generated files and of data, wherever they are.
const NOT_SOURCES: &[&str] = &["target", "corpus", "artifacts", "coverage", "fixtures"];

/// Macros that mark unfinished work or a forgotten look inside; each with the reason why it may not stay.
const FORBIDDEN: &[(&str, &str)] =
    &[("todo", "unfinished work"), ("unimplemented", "unfinished work"), ("dbg", "a forgotten look inside")];

/// Reads every source file.
///
/// # Errors
/// One line `file:line: complaint` for each thing found.
pub(crate) fn check(workspace: &Workspace) -> Result<()> {
    let mut complaints = Vec::new();
    for file in files(&workspace.root)? {
        let text = std::fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
        let shown = file.strip_prefix(&workspace.root).unwrap_or(&file).display().to_string();
        complaints.extend(complaints_about(&text).into_iter().map(|(line, why)| format!("{shown}:{line}: {why}")));
    }
    if complaints.is_empty() { Ok(()) } else { Err(complaints.join("\n")) }
}

/// Every source file, in the order of their names.
pub(crate) fn files(root: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders: Vec<PathBuf> = FOLDERS.iter().map(|name| root.join(name)).filter(|path| path.is_dir()).collect();
    while let Some(folder) = folders.pop() {
        for path in children(&folder)? {
            if path.is_dir() && !is_named(&path, NOT_SOURCES) {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

fn children(folder: &Path) -> Result<Vec<PathBuf>> {
    let failed = |error: std::io::Error| format!("{}: {error}", folder.display());
    std::fs::read_dir(folder).map_err(failed)?.map(|entry| Ok(entry.map_err(failed)?.path())).collect()
}

fn is_named(path: &Path, names: &[&str]) -> bool {
    path.file_name().and_then(|name| name.to_str()).is_some_and(|name| names.contains(&name))
}

/// Line numbers, from 1, and what is wrong there.
fn complaints_about(text: &str) -> Vec<(usize, String)> {
    let mut complaints = Vec::new();
    if !opens_with_its_purpose(text) {
        complaints.push((1, "the file does not open with `//!`: what this room does, and what it does not".to_owned()));
    }
    for (index, line) in text.lines().enumerate() {
        let forbidden = FORBIDDEN.iter().filter(|(name, _)| calls(line, name));
        complaints.extend(forbidden.map(|(name, why)| (index + 1, format!("`{name}!` is {why}"))));
    }
    complaints
}

/// A crate's README may stand in for the words, for it is its rustdoc.
fn opens_with_its_purpose(text: &str) -> bool {
    text.starts_with("//! ") || text.starts_with("#![doc = include_str!(")
}

/// Whether the code of this line, comments aside, calls the macro.
fn calls(line: &str, name: &str) -> bool {
    let code = line.split("//").next().unwrap_or_default();
    code.match_indices(name).any(|(start, _)| {
        let begins = !code[..start].ends_with(|before: char| before.is_alphanumeric() || before == '_');
        begins && code[start + name.len()..].starts_with("!(")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, lines: &[usize]) {
        let found: Vec<usize> = complaints_about(text).into_iter().map(|(line, _)| line).collect();
        assert_eq!(found, lines, "{text}");
    }

    #[test]
    fn a_file_says_what_it_is_for() {
        check("//! A room.\nfn f() {}\n", &[]);
        check("#![doc = include_str!(\"../README.md\")]\n", &[]);
        check("fn f() {}\n", &[1]);
        check("", &[1]);
        check("// A room.\n", &[1]);
    }

    #[test]
    fn unfinished_work_is_found() {
        check(concat!("//! A.\nfn f() { tod", "o!() }\n"), &[2]);
        check(concat!("//! A.\n\nfn f() { unimplemente", "d!(\"later\") }\n"), &[3]);
        check(concat!("//! A.\nlet x = db", "g!(x);\n"), &[2]);
        check(concat!("//! A.\n// tod", "o!() is not called here.\n"), &[]);
        check(concat!("//! A.\nmy_tod", "o!();\n"), &[]);
        check("//! A.\nlet todo = 1;\n", &[]);
    }

    #[test]
    fn this_very_file_is_among_the_sources() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask is inside of the repository");
        let files = files(root).expect("the sources can be listed");
        assert!(files.iter().any(|file| file.ends_with("xtask/src/sources.rs")));
        assert!(files.iter().all(|file| !file.components().any(|part| part.as_os_str() == "target")));
    }
}
