//! Who sees what. The registry decides who holds which label for which thing; Deedbook holds everyone to it.

use std::time::Duration;

use deedbook::client::{Ask, Client, Found, NewViewerSession, Token};
use deedbook::{Entity, Result};

use crate::registry::Role;
use crate::things::{Project, User};

/// The tenant of all that happens at the registry.
pub(crate) const TENANT: &str = "registry";

/// How long a page may be looked at before it must be asked for anew.
const SESSION: Duration = Duration::from_secs(15 * 60);

/// Makes the tokens of readers. It holds the registry's own token, which sees everything and leaves the server never.
pub struct Readers {
    server: String,
    all: Client,
}

impl Readers {
    /// Readers of the log at `server`; `token` reads the whole tenant.
    ///
    /// # Errors
    /// Where the address or the token cannot be one.
    pub fn new(server: &str, token: &str) -> Result<Self> {
        Ok(Self { server: server.to_owned(), all: Client::new(server, Token::new(token)?)? })
    }

    /// What happened to this account, and what it did: for the person alone.
    ///
    /// # Errors
    /// Where the server gives no token.
    pub async fn of_account(&self, user: &User) -> Result<Token> {
        let me = user.to_target();
        self.token(NewViewerSession::new(TENANT).of(format!("{}:{}", me.kind, me.id))).await
    }

    /// What happened to this project, as far as holders of this role may know.
    ///
    /// # Errors
    /// Where the server gives no token.
    pub async fn of_project(&self, project: &Project, role: Role) -> Result<Token> {
        let about = format!("project:{}", project.id);
        self.token(NewViewerSession::new(TENANT).target(about).audience(role.label())).await
    }

    /// Everything that happened at the registry: for its administrators.
    ///
    /// # Errors
    /// Where the server gives no token.
    pub async fn of_everything(&self) -> Result<Token> {
        self.token(NewViewerSession::new(TENANT)).await
    }

    async fn token(&self, session: NewViewerSession) -> Result<Token> {
        Ok(self.all.create_viewer_session(&session.expires_in(SESSION)).await?.token)
    }

    /// The newest entries that the holder of `token` sees, of those that match `query`.
    ///
    /// # Errors
    /// Where the query cannot be read, or the server does not answer.
    pub async fn page(&self, token: Token, query: &str) -> Result<Vec<Found>> {
        let reader = Client::new(&self.server, token)?;
        Ok(reader.page(&Ask::new(query).limit(100)).await?.entries)
    }
}
