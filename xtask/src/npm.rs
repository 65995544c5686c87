//! What the checks take from npm, by the lock file in `xtask/npm`, into the target directory. Nothing else is touched.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::Result;
use crate::command;
use crate::workspace::Workspace;

/// The variable that tells tests where the packages are.
pub(crate) const VARIABLE: &str = "DEEDBOOK_NODE_MODULES";

/// Left where an installation is whole, with the lock file that it is by.
const INSTALLED: &str = "installed-by";

/// The folder `node_modules` with every package, which are installed where they are missing or by another lock file.
///
/// # Errors
/// When they cannot be installed; the message says why.
pub(crate) fn node_modules(workspace: &Workspace) -> Result<PathBuf> {
    let source = workspace.root.join("xtask/npm");
    let lock = read(&source.join("package-lock.json"))?;
    let folder = workspace.target.join("tools/npm");
    let mark = folder.join(INSTALLED);
    if fs::read(&mark).ok() != Some(lock.clone()) {
        eprintln!("installing the packages of xtask/npm into {}", folder.display());
        fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        let _ = fs::remove_file(&mark);
        for name in ["package.json", "package-lock.json"] {
            write(&folder.join(name), &read(&source.join(name))?)?;
        }
        let mut install = Command::new("npm");
        install.args(["ci", "--no-audit", "--no-fund", "--loglevel=error"]).current_dir(&folder).stdin(Stdio::null());
        command::output(&mut install)
            .map_err(|error| format!("node and npm are needed (packages `nodejs` and `npm` of Debian): {error}"))?;
        write(&mark, &lock)?;
    }
    Ok(folder.join("node_modules"))
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(|error| format!("{}: {error}", path.display()))
}

fn write(path: &Path, content: &[u8]) -> Result<()> {
    fs::write(path, content).map_err(|error| format!("{}: {error}", path.display()))
}
