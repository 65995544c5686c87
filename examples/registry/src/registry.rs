//! The registry: accounts, projects and who may do what, in memory; and every act, with what it leaves in the log.
//!
//! Who acts is in the context of the task. An act is recorded before it is done: what cannot be recorded is not done.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use deedbook::{Deedbook, Id, IntoEvent, Outcome, Result};

use crate::events::{account, project};
use crate::things::{ApiToken, Project, Release, User};

/// What a member of a project may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Everything.
    Owner,
    /// Publish.
    Maintainer,
}

impl Role {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Maintainer => "maintainer",
        }
    }

    /// The label in the audience of events that its holders see.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Owner => "owners",
            Self::Maintainer => "maintainers",
        }
    }
}

/// The registry.
pub struct Registry {
    book: Deedbook,
    members: Mutex<Members>,
}

/// Who is there, and who belongs to what.
#[derive(Default)]
struct Members {
    users: BTreeMap<String, User>,
    projects: BTreeMap<String, Project>,
    /// By the ids of project and user.
    roles: BTreeMap<(String, String), Role>,
}

/// Ties together the events of one act.
#[derive(Id)]
#[id(prefix = "act")]
struct Act;

impl Registry {
    /// An empty registry that records into `book`.
    pub fn new(book: Deedbook) -> Self {
        Self { book, members: Mutex::default() }
    }

    /// Records what happened and changes nothing here.
    pub(crate) async fn record(&self, event: impl IntoEvent) -> Result<()> {
        self.book.record(event).await.map(drop)
    }

    /// The user of this name.
    pub fn user(&self, name: &str) -> Option<User> {
        self.members().users.get(name).cloned()
    }

    /// The project of this name.
    pub fn project(&self, name: &str) -> Option<Project> {
        self.members().projects.get(name).cloned()
    }

    /// What the user may do with the project.
    pub fn role(&self, user: &User, project: &Project) -> Option<Role> {
        self.members().roles.get(&(project.id.clone(), user.id.clone())).copied()
    }

    /// Somebody new.
    pub(crate) async fn join(&self, user: User) -> Result<User> {
        self.record(account::Created { user: &user }).await?;
        self.members().users.insert(user.name.clone(), user.clone());
        Ok(user)
    }

    /// The account goes, and what it did stays: in the log of its projects, and in its own.
    pub(crate) async fn leave(&self, user: &User) -> Result<()> {
        self.record(account::Deleted { user }).await?;
        let mut members = self.members();
        members.users.remove(&user.name);
        members.roles.retain(|(_, member), _| *member != user.id);
        Ok(())
    }

    /// A project, owned by whoever creates it.
    pub(crate) async fn create(&self, owner: &User, project: Project) -> Result<Project> {
        self.record(project::Created { project: &project }).await?;
        let mut members = self.members();
        members.projects.insert(project.name.clone(), project.clone());
        members.roles.insert((project.id.clone(), owner.id.clone()), Role::Owner);
        Ok(project)
    }

    /// The project goes; the log of it stays.
    pub(crate) async fn delete(&self, project: &Project) -> Result<()> {
        self.record(project::Deleted { project }).await?;
        let mut members = self.members();
        members.projects.remove(&project.name);
        members.roles.retain(|(of, _), _| *of != project.id);
        Ok(())
    }

    /// The invited user says yes. The user's account and the project each have an event of it.
    pub(crate) async fn accept(&self, user: &User, project: &Project, role: Role) -> Result<()> {
        let act = deedbook::new_id::<Act>().to_string();
        self.record(account::InvitationAnswered { user, project, answer: "accepted", act: &act }).await?;
        self.record(project::MemberJoined { project, member: user, role: role.as_str(), act: &act }).await?;
        self.members().roles.insert((project.id.clone(), user.id.clone()), role);
        Ok(())
    }

    /// The invited user says no: that is between the two and the owners.
    pub(crate) async fn decline(&self, user: &User, project: &Project) -> Result<()> {
        let act = deedbook::new_id::<Act>().to_string();
        self.record(account::InvitationAnswered { user, project, answer: "declined", act: &act }).await?;
        self.record(project::MemberDeclined { project, member: user, act: &act }).await
    }

    /// A token for one project. The owners of the project learn that there is one; what it may do, its owner alone.
    pub(crate) async fn make_token(&self, user: &User, project: &Project, token: &ApiToken) -> Result<()> {
        let act = deedbook::new_id::<Act>().to_string();
        let permission = format!("upload to {}", project.name);
        self.record(account::ApiTokenMade { user, token, permission: &permission, act: &act }).await?;
        self.record(project::ApiTokenMade { project, token, act: &act }).await
    }

    /// The end of such a token.
    pub(crate) async fn remove_token(&self, user: &User, project: &Project, token: &ApiToken) -> Result<()> {
        let act = deedbook::new_id::<Act>().to_string();
        self.record(account::ApiTokenRemoved { user, token, act: &act }).await?;
        self.record(project::ApiTokenRemoved { project, token, act: &act }).await
    }

    /// A release by somebody. Whether or not it was allowed, the log has it.
    pub(crate) async fn publish(&self, user: &User, project: &Project, version: &str) -> Result<Outcome> {
        let outcome = if self.role(user, project).is_some() { Outcome::Success } else { Outcome::Denied };
        self.publish_as(project, version, outcome).await?;
        Ok(outcome)
    }

    /// A release by whoever the context names, who may do it.
    pub(crate) async fn publish_as(&self, project: &Project, version: &str, outcome: Outcome) -> Result<()> {
        let file = format!("{}-{version}.tar.gz", project.name);
        let release = Release::of(project, version);
        self.record(project::Published { project, release: &release, outcome, file: &file }).await
    }

    fn members(&self) -> MutexGuard<'_, Members> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
