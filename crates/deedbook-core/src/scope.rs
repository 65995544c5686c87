//! What a reader may see: the [`Scope`] without which no store answers.

use std::borrow::Cow;
use std::sync::Arc;

use crate::query::{Expression, Query};
use crate::{Entry, Event, FieldProfile};

/// The tenant that holds the log's own settings; left out of "all tenants" unless named.
pub const OWN_TENANT: &str = "_deedbook";

/// What this reader may see. Lists, single entries, counts and facets obey it alike.
#[derive(Clone, Debug)]
pub struct Scope {
    pub(crate) tenants: Tenants,
    pub(crate) visibility: Visibility,
    pub(crate) filter: Option<Query>,
    profile: Option<Arc<FieldProfile>>,
}

/// Whose logs are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tenants {
    /// Every tenant but the log's own.
    All,
    /// Every tenant, the log's own too.
    AllAndOwn,
    /// This tenant alone.
    One(String),
}

/// Which entries of those tenants are seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Visibility {
    /// All of them.
    Everything,
    /// Those with one of these labels in their audience, and those that are `self_actor`'s own (actor, behind the
    /// actor, or target) unless their audience is empty.
    Some {
        /// Labels the reader holds.
        audiences: Vec<String>,
        /// Id or `TYPE:ID` of the reader.
        self_actor: Option<String>,
    },
}

impl Scope {
    /// Everything of one tenant.
    pub fn tenant(tenant: impl Into<String>) -> Self {
        Self::over(Tenants::One(tenant.into()))
    }

    /// Everything of every tenant but the log's own.
    pub fn all_tenants() -> Self {
        Self::over(Tenants::All)
    }

    /// Everything, for the log's own readers: delivery, verification, backup. `reason` documents the call.
    pub fn unrestricted(_reason: &'static str) -> Self {
        Self::over(Tenants::AllAndOwn)
    }

    fn over(tenants: Tenants) -> Self {
        Self { tenants, visibility: Visibility::Everything, filter: None, profile: None }
    }

    /// The same scope, narrowed to entries for these labels or of this person (a union).
    pub fn visible_to(self, audiences: Vec<String>, self_actor: Option<String>) -> Self {
        Self { visibility: Visibility::Some { audiences, self_actor }, ..self }
    }

    /// The same scope, narrowed to entries that match `filter`, and what it was narrowed to before. It is asked of the
    /// true entries: a reader's own question belongs into the query, which is asked of the masked ones.
    pub fn matching(self, filter: Query) -> Self {
        let filter = match self.filter {
            Some(before) => {
                Query::from_expression(Expression::And([before, filter].map(|query| query.expression().clone()).into()))
            }
            None => filter,
        };
        Self { filter: Some(filter), ..self }
    }

    /// The same scope, its entries masked by `profile` after whatever masks them already.
    pub fn masked_by(self, profile: FieldProfile) -> Self {
        let profile = match self.profile {
            Some(before) => Arc::unwrap_or_clone(before).then(profile),
            None => profile,
        };
        Self { profile: Some(Arc::new(profile)), ..self }
    }

    /// The same scope over this tenant alone; over nothing, where it does not allow the tenant.
    pub fn within(self, tenant: &str) -> Self {
        let nothing = || Query::from_expression(Expression::Or(Vec::new()));
        let filter = if self.allows_tenant(tenant) { self.filter } else { Some(nothing()) };
        Self { tenants: Tenants::One(tenant.to_owned()), filter, ..self }
    }

    /// Whose logs are read.
    pub fn tenants(&self) -> &Tenants {
        &self.tenants
    }

    /// Which entries of those tenants are seen.
    pub fn visibility(&self) -> &Visibility {
        &self.visibility
    }

    /// What narrows them further.
    pub fn filter(&self) -> Option<&Query> {
        self.filter.as_ref()
    }

    /// What masks its entries.
    pub fn profile(&self) -> Option<&FieldProfile> {
        self.profile.as_deref()
    }

    /// Whether the log of `tenant` is within the scope.
    pub fn allows_tenant(&self, tenant: &str) -> bool {
        match &self.tenants {
            Tenants::All => tenant != OWN_TENANT,
            Tenants::AllAndOwn => true,
            Tenants::One(one) => one == tenant,
        }
    }

    /// `entry` as this reader sees it, `None` where it is not this reader's to see. What is asked is asked of this.
    pub fn view<'e>(&self, entry: &'e Entry) -> Option<Cow<'e, Entry>> {
        let shown = || self.profile.as_ref().map_or(Cow::Borrowed(entry), |profile| Cow::Owned(profile.applied(entry)));
        self.allows(entry).then(shown)
    }

    /// Whether this reader may see `entry`, be it masked.
    pub fn allows(&self, entry: &Entry) -> bool {
        self.allows_tenant(&entry.receipt.tenant)
            && self.visibility.shows(&entry.event)
            && self.filter.as_ref().is_none_or(|filter| filter.matches(entry))
    }
}

impl Visibility {
    fn shows(&self, event: &Event) -> bool {
        let Self::Some { audiences, self_actor } = self else { return true };
        let labelled = event.audience.iter().flatten().any(|label| audiences.contains(label));
        let closed = event.audience.as_ref().is_some_and(Vec::is_empty);
        labelled || !closed && self_actor.as_ref().is_some_and(|me| crate::query::is_principal(event, me))
    }
}
