//! What kind of act an action names: formats that sort events into classes ask for it.
//!
//! An action ends in what was done: `invoice.approved`, `user.role_changed`, or, where it was taken from an API that
//! speaks in commands, `s3.get_object`.

use deedbook_core::{Entry, Target};

/// What was done, as far as other systems have a word for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    SignIn,
    SignOut,
    Impersonate,
    Create,
    Read,
    Update,
    Delete,
    Move,
    Enroll,
    Unenroll,
    Enable,
    Disable,
    Activate,
    Deactivate,
    Suspend,
    Resume,
    Lock,
    Unlock,
    Grant,
    Revoke,
    ChangePassword,
    ResetPassword,
    EnableFactor,
    DisableFactor,
    Other,
}

/// How an action speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mood {
    /// Of what happened: `invoice.created`.
    Past,
    /// As an API is called: `s3.get_object`.
    Command,
}

/// What happened, in words: the last of the last part decides.
const PAST: &[(&str, Verb)] = &[
    ("created", Verb::Create),
    ("added", Verb::Create),
    ("registered", Verb::Create),
    ("inserted", Verb::Create),
    ("uploaded", Verb::Create),
    ("imported", Verb::Create),
    ("viewed", Verb::Read),
    ("read", Verb::Read),
    ("listed", Verb::Read),
    ("searched", Verb::Read),
    ("accessed", Verb::Read),
    ("downloaded", Verb::Read),
    ("exported", Verb::Read),
    ("updated", Verb::Update),
    ("changed", Verb::Update),
    ("modified", Verb::Update),
    ("edited", Verb::Update),
    ("renamed", Verb::Update),
    ("replaced", Verb::Update),
    ("rotated", Verb::Update),
    ("set", Verb::Update),
    ("deleted", Verb::Delete),
    ("removed", Verb::Delete),
    ("destroyed", Verb::Delete),
    ("erased", Verb::Delete),
    ("moved", Verb::Move),
    ("transferred", Verb::Move),
    ("enrolled", Verb::Enroll),
    ("unenrolled", Verb::Unenroll),
    ("enabled", Verb::Enable),
    ("disabled", Verb::Disable),
    ("activated", Verb::Activate),
    ("deactivated", Verb::Deactivate),
    ("suspended", Verb::Suspend),
    ("resumed", Verb::Resume),
    ("locked", Verb::Lock),
    ("unlocked", Verb::Unlock),
    ("granted", Verb::Grant),
    ("attached", Verb::Grant),
    ("revoked", Verb::Revoke),
    ("detached", Verb::Revoke),
    ("reset", Verb::ResetPassword),
    ("impersonated", Verb::Impersonate),
];

/// Commands: the first word of the last part decides.
const COMMANDS: &[(&str, Verb)] = &[
    ("create", Verb::Create),
    ("put", Verb::Create),
    ("add", Verb::Create),
    ("import", Verb::Create),
    ("upload", Verb::Create),
    ("register", Verb::Create),
    ("get", Verb::Read),
    ("list", Verb::Read),
    ("describe", Verb::Read),
    ("head", Verb::Read),
    ("lookup", Verb::Read),
    ("search", Verb::Read),
    ("query", Verb::Read),
    ("scan", Verb::Read),
    ("select", Verb::Read),
    ("update", Verb::Update),
    ("modify", Verb::Update),
    ("change", Verb::Update),
    ("edit", Verb::Update),
    ("set", Verb::Update),
    ("replace", Verb::Update),
    ("rename", Verb::Update),
    ("delete", Verb::Delete),
    ("remove", Verb::Delete),
    ("terminate", Verb::Delete),
    ("deregister", Verb::Delete),
    ("move", Verb::Move),
    ("enable", Verb::Enable),
    ("disable", Verb::Disable),
    ("attach", Verb::Grant),
    ("detach", Verb::Revoke),
];

const SIGN_IN: &[&str] = &["sign_in", "signed_in", "signin", "login", "logged_in", "log_in", "logon", "console_login"];
const SIGN_OUT: &[&str] = &["sign_out", "signed_out", "signout", "logout", "logged_out", "log_out", "logoff"];
/// How an attempt may have ended, where the action says it.
const ENDINGS: &[&str] = &["attempted", "blocked", "denied", "failed", "succeeded"];
const SESSION_BEGINS: &[&str] = &["created", "started"];
const SESSION_ENDS: &[&str] = &["deleted", "ended", "expired", "revoked"];
const FACTORS: &[&str] = &["mfa", "totp", "webauthn", "passkey", "two_factor"];

/// What an action says was done, and how it says so.
pub(super) fn act(action: &str) -> (Verb, Mood) {
    let (before, last) = action.rsplit_once('.').unwrap_or(("", action));
    let object = before.rsplit('.').next().unwrap_or_default();
    if tells_of(SIGN_IN, object, last) || (object == "session" && SESSION_BEGINS.contains(&last)) {
        return (Verb::SignIn, Mood::Past);
    }
    if tells_of(SIGN_OUT, object, last) || (object == "session" && SESSION_ENDS.contains(&last)) {
        return (Verb::SignOut, Mood::Past);
    }
    let (part, word) = last.rsplit_once('_').unwrap_or(("", last));
    let past = found(PAST, Some(word)).map(|verb| (of_part(about(verb, action), part), Mood::Past));
    let command = || found(COMMANDS, last.split('_').next()).map(|verb| (about(verb, action), Mood::Command));
    past.or_else(command).unwrap_or((Verb::Other, Mood::Past))
}

/// Whether `login`, `login_failed` or, after the object `login`, `failed` is the last part of an action.
fn tells_of(words: &[&str], object: &str, last: &str) -> bool {
    let attempt = ENDINGS.iter().find_map(|ending| last.strip_suffix(ending)?.strip_suffix('_'));
    words.contains(&attempt.unwrap_or(last)) || (ENDINGS.contains(&last) && words.contains(&object))
}

fn found(words: &[(&str, Verb)], word: Option<&str>) -> Option<Verb> {
    words.iter().find(|(known, _)| Some(*known) == word).map(|(_, verb)| *verb)
}

/// The verb as it is meant of a password or of a further factor.
fn about(verb: Verb, action: &str) -> Verb {
    let of_password = action.split(['.', '_']).any(|word| word == "password");
    let of_factor = FACTORS.iter().any(|factor| action.contains(factor));
    match verb {
        Verb::ResetPassword if of_password => Verb::ResetPassword,
        Verb::ResetPassword => Verb::Update,
        Verb::Update if of_password => Verb::ChangePassword,
        Verb::Create | Verb::Enable | Verb::Activate | Verb::Enroll if of_factor => Verb::EnableFactor,
        Verb::Delete | Verb::Disable | Verb::Deactivate | Verb::Unenroll if of_factor => Verb::DisableFactor,
        other => other,
    }
}

/// What becomes of a thing when something is done to a `part` of it: a group to which a member was added has changed.
fn of_part(verb: Verb, part: &str) -> Verb {
    match verb {
        Verb::Create | Verb::Delete | Verb::Move if !part.is_empty() => Verb::Update,
        other => other,
    }
}

/// The first target that is somebody's account.
pub(super) fn account(entry: &Entry) -> Option<(usize, &Target)> {
    entry.event.targets.iter().enumerate().find(|(_, target)| is_account(&target.kind))
}

/// Whether things of this kind sign in.
pub(super) fn is_account(kind: &str) -> bool {
    matches!(kind, "user" | "account") || kind.ends_with("_user") || kind.ends_with("_account")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actions_are_understood() {
        for (action, verb, mood) in [
            ("user.signed_in", Verb::SignIn, Mood::Past),
            ("user.sign_in_failed", Verb::SignIn, Mood::Past),
            ("audit.sign_in.denied", Verb::SignIn, Mood::Past),
            ("signin.console_login", Verb::SignIn, Mood::Past),
            ("session.created", Verb::SignIn, Mood::Past),
            ("user.session.revoked", Verb::SignOut, Mood::Past),
            ("user.signed_out", Verb::SignOut, Mood::Past),
            ("user.impersonated", Verb::Impersonate, Mood::Past),
            ("login_page.viewed", Verb::Read, Mood::Past),
            ("user.login_page_viewed", Verb::Read, Mood::Past),
            ("login.failed", Verb::SignIn, Mood::Past),
            ("signin.get_federation_token", Verb::Read, Mood::Command),
            ("invoice.created", Verb::Create, Mood::Past),
            ("user.role_changed", Verb::Update, Mood::Past),
            ("group.member_added", Verb::Update, Mood::Past),
            ("user.password.changed", Verb::ChangePassword, Mood::Past),
            ("user.password_reset", Verb::ResetPassword, Mood::Past),
            ("counter.reset", Verb::Update, Mood::Past),
            ("user.mfa.enabled", Verb::EnableFactor, Mood::Past),
            ("user.two_factor_removed", Verb::DisableFactor, Mood::Past),
            ("feature.enabled", Verb::Enable, Mood::Past),
            ("s3.get_object", Verb::Read, Mood::Command),
            ("iam.create_user", Verb::Create, Mood::Command),
            ("invoice.approved", Verb::Other, Mood::Past),
            ("kms.decrypt", Verb::Other, Mood::Past),
            ("", Verb::Other, Mood::Past),
        ] {
            assert_eq!(act(action), (verb, mood), "{action}");
        }
    }
}
