//! What events of a registry are about. The log copies a thing's type, id and name when something happens to it, and
//! asks for nothing later: the thing may be gone by then.

use deedbook::Entity;

/// Somebody with an account. The id is a pseudonym and stays; name and e-mail address can be erased.
#[derive(Entity, Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// `user_…`, never used again.
    #[entity(id)]
    pub id: String,
    /// How the user is called.
    #[entity(name)]
    pub name: String,
}

/// A project, to which releases are published.
#[derive(Entity, Clone, Debug, PartialEq, Eq)]
pub struct Project {
    /// `prj_…`: a project that takes the name of one that was deleted is another project.
    #[entity(id)]
    pub id: String,
    /// The name under which it is installed.
    #[entity(name)]
    pub name: String,
}

/// A version of a project.
#[derive(Entity, Clone, Debug)]
pub(crate) struct Release {
    #[entity(id)]
    pub(crate) id: String,
    #[entity(name)]
    pub(crate) version: String,
}

impl Release {
    pub(crate) fn of(project: &Project, version: &str) -> Self {
        Self { id: format!("{}@{version}", project.id), version: version.to_owned() }
    }
}

/// A token with which programs publish. Its text is nobody's business but its owner's.
#[derive(Entity, Clone, Debug)]
#[entity(type = "api_token")]
pub(crate) struct ApiToken {
    #[entity(id)]
    pub(crate) id: String,
    #[entity(name)]
    pub(crate) name: String,
}

/// A pipeline elsewhere that may publish without any token: "trusted".
#[derive(Entity, Clone, Debug)]
#[entity(type = "publisher")]
pub(crate) struct Publisher {
    #[entity(id)]
    pub(crate) id: String,
    #[entity(name)]
    pub(crate) name: String,
}

/// An organisation that owns projects.
#[derive(Entity, Clone, Debug)]
pub(crate) struct Organization {
    #[entity(id)]
    pub(crate) id: String,
    #[entity(name)]
    pub(crate) name: String,
}

/// A team of an organisation.
#[derive(Entity, Clone, Debug)]
pub(crate) struct Team {
    #[entity(id)]
    pub(crate) id: String,
    #[entity(name)]
    pub(crate) name: String,
}
