//! Where things are: the root of the repository, the target directory, and whether this is a run of CI.

use std::path::{Path, PathBuf};

use crate::Result;

/// The places and circumstances of one run.
pub(crate) struct Workspace {
    /// The root of the repository.
    pub(crate) root: PathBuf,
    /// Where cargo builds; nothing in it is precious.
    pub(crate) target: PathBuf,
    /// Whether leaving something out is a failure.
    pub(crate) strictness: Strictness,
}

/// Whether a check that cannot run may be left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Strictness {
    /// It may, if it says so: a contributor's machine.
    Lenient,
    /// It may not, unless the list of exceptions names it: CI.
    Ci,
}

impl Workspace {
    pub(crate) fn locate() -> Result<Self> {
        let manifest = std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
        let root = Path::new(&manifest).parent().ok_or("xtask is not inside of a repository")?.to_owned();
        let target = match std::env::var_os("CARGO_TARGET_DIR") {
            Some(directory) => std::path::absolute(directory).map_err(|e| format!("CARGO_TARGET_DIR: {e}"))?,
            None => root.join("target"),
        };
        Ok(Self { root, target, strictness: Strictness::of(std::env::var("CI").ok().as_deref()) })
    }
}

impl Strictness {
    /// By the value of the variable `CI`.
    fn of(ci: Option<&str>) -> Self {
        match ci {
            None | Some("" | "0" | "false") => Self::Lenient,
            Some(_) => Self::Ci,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ci_is_strict_only_where_the_variable_says_so() {
        assert_eq!(Strictness::of(Some("true")), Strictness::Ci);
        assert_eq!(Strictness::of(Some("1")), Strictness::Ci);
        for lenient in [None, Some(""), Some("0"), Some("false")] {
            assert_eq!(Strictness::of(lenient), Strictness::Lenient, "{lenient:?}");
        }
    }
}
