//! What is recorded without a line of the application: which kinds of events are switched on, and for what.
//!
//! The switches come from code, from a file `deedbook.toml` and from the environment; each overrides the one before.

mod glob;
mod settings;

use deedbook_core::Result;

use glob::Glob;

/// Which events are captured; made by [`Capture::default`] and [`Capture::load`], given to
/// [`crate::Builder::capture`].
///
/// Requests are captured where their method may change something, sign-ins always.
#[derive(Clone, Debug)]
pub struct Capture {
    /// `http.request_handled`, by the tower layer; its lists name routes such as `/documents/{id}`.
    pub requests: Kind,
    /// `user.signed_in`, `user.signed_out`, `user.sign_in_failed`, by [`crate::auth`]; its lists name actions.
    pub sign_ins: Kind,
    /// Methods of requests that are captured; `*` is any.
    pub methods: Names,
}

/// One kind of captured events.
#[derive(Clone, Debug)]
pub struct Kind {
    /// Whether it is captured at all.
    pub switch: Switch,
    /// Only what one of these matches.
    pub include: Names,
    /// But nothing that one of these matches.
    pub exclude: Names,
}

/// On or off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Switch {
    /// It is captured.
    On,
    /// It is not.
    Off,
}

/// A list of patterns, in which `*` stands for any run of characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names(Vec<Glob>);

impl Default for Capture {
    fn default() -> Self {
        Self {
            requests: Kind::default(),
            sign_ins: Kind::default(),
            methods: Names::new(["POST", "PUT", "PATCH", "DELETE"]),
        }
    }
}

impl Default for Kind {
    /// Everything of it.
    fn default() -> Self {
        Self { switch: Switch::On, include: Names::new(["*"]), exclude: Names::new([""; 0]) }
    }
}

impl Capture {
    /// Nothing at all.
    pub fn nothing() -> Self {
        let off = || Kind { switch: Switch::Off, ..Kind::default() };
        Self { requests: off(), sign_ins: off(), ..Self::default() }
    }

    /// This, changed by the file that `DEEDBOOK_CONFIG` names, else by `deedbook.toml` in the working directory where
    /// there is one, and then by the environment.
    ///
    /// ```toml
    /// [capture.requests]
    /// switch = "on"                     # DEEDBOOK_CAPTURE_REQUESTS=off
    /// methods = ["*"]                   # DEEDBOOK_CAPTURE_REQUESTS_METHODS
    /// include = ["/api/*"]              # DEEDBOOK_CAPTURE_REQUESTS_INCLUDE=/api/*,/login
    /// exclude = ["/api/health"]         # DEEDBOOK_CAPTURE_REQUESTS_EXCLUDE
    ///
    /// [capture.sign_ins]
    /// exclude = ["user.signed_out"]     # DEEDBOOK_CAPTURE_SIGN_INS_EXCLUDE
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) for a setting that is unknown or broken,
    /// [`ErrorKind::Io`](crate::ErrorKind::Io) where the file cannot be read.
    pub fn load(self) -> Result<Self> {
        settings::load(self, |name| std::env::var(name).ok())
    }

    /// Whether a request with this method and route is captured; one that matched no route has the empty one.
    #[cfg(feature = "tower")]
    pub(crate) fn wants_request(&self, method: &str, route: &str) -> bool {
        self.requests.wants(route) && self.methods.match_any(method)
    }

    pub(crate) fn wants_sign_in(&self, action: &str) -> bool {
        self.sign_ins.wants(action)
    }
}

impl Kind {
    fn wants(&self, name: &str) -> bool {
        self.switch == Switch::On && self.include.match_any(name) && !self.exclude.match_any(name)
    }
}

impl Names {
    /// A list of these patterns.
    pub fn new<T: Into<String>>(patterns: impl IntoIterator<Item = T>) -> Self {
        Self(patterns.into_iter().map(|pattern| Glob::new(pattern.into())).collect())
    }

    fn match_any(&self, name: &str) -> bool {
        self.0.iter().any(|pattern| pattern.matches(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_what_is_included_and_not_excluded() {
        let kind = Kind {
            include: Names::new(["/api/*", "/login"]),
            exclude: Names::new(["*/health", "/api/internal/*"]),
            ..Kind::default()
        };
        let check = |route: &str, expected: bool| assert_eq!(kind.wants(route), expected, "{route}");
        check("/api/documents/{id}", true);
        check("/login", true);
        check("/login/more", false);
        check("/api/health", false);
        check("/api/internal/x", false);
        check("", false);
        assert!(!Kind { switch: Switch::Off, ..kind }.wants("/login"));
        assert!(Kind::default().wants(""));
    }
}
