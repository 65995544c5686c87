//! The pages: their types by the compiler of TypeScript, and what they do in a browser, by the runner of node over a real
//! server. What node and the browser need comes from `xtask/npm` and from `PATH`.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::command::{cargo, run};
use crate::workspace::Workspace;
use crate::{Result, npm, tools};

/// What a browser that the tests can drive is called.
const BROWSERS: [&str; 4] = ["chromium", "chromium-browser", "google-chrome-stable", "google-chrome"];

/// What the tests need beside the binary.
pub(crate) struct Tools {
    modules: PathBuf,
    browser: PathBuf,
}

impl Tools {
    /// The packages of npm and a browser.
    ///
    /// # Errors
    /// What is not there, and how to get it.
    pub(crate) fn locate(workspace: &Workspace) -> Result<Self> {
        let modules = npm::node_modules(workspace)?;
        let browser = BROWSERS.into_iter().find_map(tools::on_path);
        let browser = browser.ok_or("there is no Chromium on PATH: install the package `chromium` of Debian")?;
        Ok(Self { modules, browser })
    }

    /// The command that runs all tests of the pages; the binary is built first.
    ///
    /// # Errors
    /// When it cannot be built.
    pub(crate) fn tests(&self, workspace: &Workspace) -> Result<Command> {
        run(&mut cargo(workspace, ["build", "--package=deedbook-cli"]))?;
        let folder = workspace.root.join("ui/tests");
        let mut node = Command::new("node");
        node.args(["--test", "--test-reporter=spec", "--test-concurrency=1"]).args(test_files(&folder)?);
        node.current_dir(&workspace.root)
            .env(npm::VARIABLE, &self.modules)
            .env("DEEDBOOK_CHROMIUM", &self.browser)
            .env("DEEDBOOK_BINARY", workspace.target.join("debug/deedbook"))
            .env("DEEDBOOK_PAGES_OUTPUT", workspace.target.join("pages"));
        Ok(node)
    }
}

/// Checks the types that the comments of the scripts tell.
///
/// # Errors
/// What does not fit, on the terminal.
pub(crate) fn check_types(workspace: &Workspace) -> Result<()> {
    let compiler = npm::node_modules(workspace)?.join("typescript/bin/tsc");
    run(Command::new("node").arg(compiler).args(["--project", "ui/tsconfig.json"]).current_dir(&workspace.root))
}

fn test_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let failed = |error: std::io::Error| format!("{}: {error}", folder.display());
    let mut found = Vec::new();
    for child in std::fs::read_dir(folder).map_err(failed)? {
        found.push(child.map_err(failed)?.path());
    }
    found.retain(|path| path.to_string_lossy().ends_with(".test.mjs"));
    found.sort();
    Ok(found)
}
