//! The operator's file: what a server is told that is too much for flags, or too secret.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use deedbook_core::Error;
use deedbook_core::retention::Age;
use deedbook_deliver::Settings;
use deedbook_server::{NewToken, OidcSettings, Role, Secret};
use serde::Deserialize;

use crate::exit::{Failure, Outcome};

/// The variable with the secret of the client, where no file has it.
const SECRET_VARIABLE: &str = "DEEDBOOK_OIDC_CLIENT_SECRET";

/// The file as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    sign_in: Option<SignIn>,
    #[serde(default)]
    cors: Cors,
    #[serde(default)]
    sinks: Vec<serde_json::Value>,
    archive: Option<ArchiveTable>,
}

/// What pages of other origins may do.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Cors {
    origins: Vec<String>,
}

/// Where entries are archived.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ArchiveTable {
    path: Option<PathBuf>,
    url: Option<String>,
    #[serde(default = "ArchiveTable::every_minutes")]
    every_minutes: u32,
    offload_after: Option<String>,
    lock: Option<String>,
}

/// The archive of a server.
#[cfg_attr(not(feature = "archive"), expect(dead_code, reason = "without archives it is refused"))]
pub(super) struct ArchiveSettings {
    /// A path or a URL.
    pub(super) place: String,
    /// How long it waits after each run.
    pub(super) every: Duration,
    /// How old entries are when they are moved there.
    pub(super) offload_after: Option<Age>,
    /// For how long nobody may remove what is written.
    pub(super) lock: Option<Age>,
}

impl ArchiveTable {
    fn every_minutes() -> u32 {
        60
    }

    /// `base` is the folder that relative paths start from.
    fn settings(self, base: &Path) -> Outcome<ArchiveSettings> {
        if !cfg!(feature = "archive") {
            let advice = "Build one that does: cargo build --release -p deedbook-cli --features archive-cloud";
            return Err(Failure::invalid("[archive]: this program was built without archives").advise(advice));
        }
        let place = match (self.path, self.url) {
            (Some(path), None) => base.join(path).to_str().map(str::to_owned),
            (None, Some(url)) if url.contains("://") => Some(url),
            _ => None,
        };
        let place = place
            .ok_or_else(|| Failure::invalid("[archive] needs either path = \"DIR\" or url = \"s3://bucket/prefix\""))?;
        if self.every_minutes == 0 {
            return Err(Failure::invalid("[archive]: every_minutes = 0: take 1 or more"));
        }
        let age = |name: &str, text: Option<String>| {
            let expected =
                |text| Failure::invalid(format!("[archive]: {name} = {text:?}: take an age such as \"7y\" or \"90d\""));
            text.map(|text| Age::parse(&text).ok_or_else(|| expected(text))).transpose()
        };
        let (lock, offload_after) = (age("lock", self.lock)?, age("offload_after", self.offload_after)?);
        let every = Duration::from_secs(u64::from(self.every_minutes) * 60);
        Ok(ArchiveSettings { place, every, lock, offload_after })
    }
}

/// What the file says.
#[derive(Default)]
pub(super) struct Config {
    /// How staff sign in.
    pub(super) oidc: Option<OidcSettings>,
    /// Which pages of others may ask.
    pub(super) origins: Vec<String>,
    /// Where entries go besides.
    pub(super) sinks: Vec<Settings>,
    /// Where entries are archived.
    #[cfg_attr(not(feature = "archive"), expect(dead_code, reason = "without archives it is refused"))]
    pub(super) archive: Option<ArchiveSettings>,
}

/// How staff sign in.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SignIn {
    issuer: String,
    client_id: String,
    client_secret_file: Option<PathBuf>,
    #[serde(default = "SignIn::scopes")]
    scopes: Vec<String>,
    #[serde(default = "SignIn::groups_claim")]
    groups_claim: String,
    #[serde(default = "SignIn::session_minutes")]
    session_minutes: u32,
    #[serde(default)]
    roles: Vec<RoleTable>,
}

/// A group, and the members of the token that those in it get.
#[derive(Debug, Deserialize)]
struct RoleTable {
    group: String,
    #[serde(flatten)]
    token: serde_json::Map<String, serde_json::Value>,
}

impl SignIn {
    fn scopes() -> Vec<String> {
        ["openid", "profile", "email"].map(str::to_owned).into()
    }

    fn groups_claim() -> String {
        "groups".to_owned()
    }

    fn session_minutes() -> u32 {
        480
    }

    /// `base` is the folder that relative paths start from.
    fn settings(self, base: &Path) -> Outcome<OidcSettings> {
        let client_secret = match &self.client_secret_file {
            Some(file) => Some(secret(&base.join(file))?),
            None => std::env::var(SECRET_VARIABLE).ok().filter(|secret| !secret.is_empty()).map(Secret::new),
        };
        let roles = self.roles.into_iter().enumerate().map(|(place, table)| table.role(place));
        Ok(OidcSettings {
            issuer: self.issuer,
            client_id: self.client_id,
            client_secret,
            scopes: self.scopes,
            groups_claim: self.groups_claim,
            session_minutes: self.session_minutes,
            roles: roles.collect::<Outcome<_>>()?,
        })
    }
}

impl RoleTable {
    fn role(self, place: usize) -> Outcome<Role> {
        let token = NewToken::from_json(&self.token.into()).map_err(|error| at(place, &error))?;
        Ok(Role { group: self.group, token })
    }
}

/// What is wrong with a role, and which one it is, counted from 1 as people do.
fn at(place: usize, error: &Error) -> Failure {
    let problems: Vec<String> =
        error.problems().iter().map(|problem| format!("{}: {}", problem.pointer, problem.detail)).collect();
    Failure::invalid(format!("role {} of [[sign_in.roles]] breaks a rule: {}", place + 1, problems.join("; ")))
}

fn secret(path: &Path) -> Outcome<Secret> {
    let text = fs::read_to_string(path).map_err(|error| Failure::io(format!("read {}", path.display()), error))?;
    let text = text.trim_end_matches(['\r', '\n']);
    if text.is_empty() {
        return Err(Failure::invalid(format!("{} is empty, and should hold the secret of the client", path.display())));
    }
    Ok(Secret::new(text))
}

/// Reads the operator's file.
pub(super) fn read(path: &Path) -> Outcome<Config> {
    let text = fs::read_to_string(path).map_err(|error| Failure::io(format!("read {}", path.display()), error))?;
    let file: File = toml::from_str(&text)
        .map_err(|error| Failure::invalid(format!("{} cannot be used", path.display())).caused_by(error))?;
    let base = path.parent().unwrap_or(Path::new("."));
    let oidc = file.sign_in.map(|sign_in| sign_in.settings(base)).transpose()?;
    let archive = file.archive.map(|archive| archive.settings(base)).transpose()?;
    Ok(Config { oidc, origins: file.cors.origins, sinks: Settings::read_all(file.sinks, base)?, archive })
}
