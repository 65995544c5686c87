//! Which class an entry belongs to, and which of its activities it is.

use deedbook_core::Entry;

use crate::format::act::{Mood, Verb, account, act};

/// The classes of OCSF that entries become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    ApiActivity,
    Authentication,
    AccountChange,
    EntityManagement,
}

impl Class {
    pub(super) fn uid(self) -> u64 {
        match self {
            Self::ApiActivity => 6003,
            Self::Authentication => 3002,
            Self::AccountChange => 3001,
            Self::EntityManagement => 3004,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::ApiActivity => "API Activity",
            Self::Authentication => "Authentication",
            Self::AccountChange => "Account Change",
            Self::EntityManagement => "Entity Management",
        }
    }

    /// Number and name of the category that the class is in.
    pub(super) fn category(self) -> (u64, &'static str) {
        match self {
            Self::ApiActivity => (6, "Application Activity"),
            _ => (3, "Identity & Access Management"),
        }
    }
}

/// An activity of a class.
#[derive(Clone, Copy)]
pub(super) struct Activity<'a> {
    pub(super) class: Class,
    pub(super) id: u64,
    pub(super) caption: &'static str,
    /// Its caption, or where that is "Other" the last part of the action.
    pub(super) name: &'a str,
}

impl<'a> Activity<'a> {
    /// Sign-ins are Authentication; what changes an account is Account Change; what is done to one thing in a way that
    /// Entity Management has a word for is that; everything else, and every command of an API, is API Activity.
    pub(super) fn of(entry: &'a Entry) -> Self {
        let (verb, mood) = act(&entry.event.action);
        let has_account = account(entry).is_some_and(|(index, _)| index == 0);
        let candidates = [
            (Class::Authentication, authentication(verb)),
            (Class::AccountChange, account_change(verb).filter(|_| has_account)),
            (Class::EntityManagement, entity(verb).filter(|_| mood == Mood::Past && !entry.event.targets.is_empty())),
        ];
        let found = candidates.into_iter().find_map(|(class, activity)| Some((class, activity?)));
        let (class, (id, caption)) = found.unwrap_or_else(|| (Class::ApiActivity, api(verb, entry)));
        let own_name = || entry.event.action.rsplit('.').next().unwrap_or_default();
        Self { class, id, caption, name: if id == OTHER.0 { own_name() } else { caption } }
    }
}

type Known = (u64, &'static str);

/// What has no number of its own is told by its name.
const OTHER: Known = (99, "Other");

fn authentication(verb: Verb) -> Option<Known> {
    Some(match verb {
        Verb::SignIn => (1, "Logon"),
        Verb::SignOut => (2, "Logoff"),
        Verb::Impersonate => (7, "Account Switch"),
        _ => return None,
    })
}

fn account_change(verb: Verb) -> Option<Known> {
    Some(match verb {
        Verb::Create => (1, "Create"),
        Verb::Enable | Verb::Activate | Verb::Resume => (2, "Enable"),
        Verb::ChangePassword => (3, "Password Change"),
        Verb::ResetPassword => (4, "Password Reset"),
        Verb::Disable | Verb::Deactivate | Verb::Suspend => (5, "Disable"),
        Verb::Delete => (6, "Delete"),
        Verb::Grant => (7, "Attach Policy"),
        Verb::Revoke => (8, "Detach Policy"),
        Verb::Lock => (9, "Lock"),
        Verb::EnableFactor => (10, "MFA Factor Enable"),
        Verb::DisableFactor => (11, "MFA Factor Disable"),
        Verb::Unlock => (12, "Unlock"),
        Verb::Update => OTHER,
        _ => return None,
    })
}

fn entity(verb: Verb) -> Option<Known> {
    Some(match verb {
        Verb::Create => (1, "Create"),
        Verb::Read => (2, "Read"),
        Verb::Update => (3, "Update"),
        Verb::Delete => (4, "Delete"),
        Verb::Move => (5, "Move"),
        Verb::Enroll => (6, "Enroll"),
        Verb::Unenroll => (7, "Unenroll"),
        Verb::Enable => (8, "Enable"),
        Verb::Disable => (9, "Disable"),
        Verb::Activate => (10, "Activate"),
        Verb::Deactivate => (11, "Deactivate"),
        Verb::Suspend => (12, "Suspend"),
        Verb::Resume => (13, "Resume"),
        _ => return None,
    })
}

/// Where neither the action nor a target tells what was done, the method of the request does.
fn api(verb: Verb, entry: &Entry) -> Known {
    let method = entry.event.context.http.as_ref().and_then(|http| http.method.as_deref());
    match (verb, method.filter(|_| entry.event.targets.is_empty())) {
        (Verb::Create, _) | (Verb::Other, Some("POST")) => (1, "Create"),
        (Verb::Read, _) | (Verb::Other, Some("GET" | "HEAD")) => (2, "Read"),
        (Verb::Update | Verb::ChangePassword | Verb::ResetPassword, _) | (Verb::Other, Some("PUT" | "PATCH")) => {
            (3, "Update")
        }
        (Verb::Delete, _) | (Verb::Other, Some("DELETE")) => (4, "Delete"),
        _ => OTHER,
    }
}
