//! Users, their roles, and sessions: who stands behind a request.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use deedbook::{Actor, Entity, IdKind};

/// A user of the service.
#[derive(Entity, Clone, Copy)]
pub(crate) struct User {
    #[entity(id)]
    pub(crate) id: &'static str,
    #[entity(name)]
    pub(crate) name: &'static str,
    #[entity(skip)]
    pub(crate) role: Role,
    #[entity(secret)]
    pub(crate) password: &'static str,
}

/// What a user may do.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Writes invoices.
    Clerk,
    /// Approves them.
    Manager,
    /// Does what somebody else may do, on their behalf.
    Support,
}

/// Everybody. A real service keeps hashes of passwords, and keeps them elsewhere.
const USERS: [User; 3] = [
    User { id: "user_ada", name: "Ada", role: Role::Clerk, password: "ada" },
    User { id: "user_grace", name: "Grace", role: Role::Manager, password: "grace" },
    User { id: "user_sam", name: "Sam", role: Role::Support, password: "sam" },
];

/// The user of this name: their id without the prefix.
pub(crate) fn named(name: &str) -> Option<&'static User> {
    USERS.iter().find(|user| user.id.strip_prefix("user_") == Some(name))
}

/// The manager, whom reminders go to.
pub(crate) fn manager() -> &'static User {
    &USERS[1]
}

/// Who is signed in, and for whom they act.
#[derive(Clone, Copy)]
pub(crate) struct Session {
    pub(crate) user: &'static User,
    pub(crate) on_behalf_of: Option<&'static User>,
}

impl Session {
    /// Whether whoever has the authority, the user or the one whom they act for, has the role.
    pub(crate) fn may(&self, role: Role) -> bool {
        self.on_behalf_of.unwrap_or(self.user).role == role
    }

    /// Who acts: the user; whose authority they use stands behind them.
    pub(crate) fn actor(&self) -> Actor {
        let behind = self.on_behalf_of.map(|user| Box::new(user.to_actor()));
        Actor { on_behalf_of: behind, ..self.user.to_actor() }
    }
}

/// The sessions of the service, by their tokens.
#[derive(Default)]
pub(crate) struct Sessions(Mutex<HashMap<String, Session>>);

/// Names the tokens of sessions.
struct Token;

impl IdKind for Token {
    const PREFIX: &'static str = "session";
}

impl Sessions {
    /// Begins a session and gives its token.
    pub(crate) fn begin(&self, session: Session) -> String {
        let token = deedbook::new_id::<Token>().to_string();
        self.lock().insert(token.clone(), session);
        token
    }

    pub(crate) fn get(&self, token: &str) -> Option<Session> {
        self.lock().get(token).copied()
    }

    pub(crate) fn end(&self, token: &str) {
        self.lock().remove(token);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Session>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
