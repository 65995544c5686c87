//! For how long entries are kept: [`Rules`], what each of them means for an entry, and their forms as text and JSON.
//!
//! The first rule that matches an entry says how long it is kept; an entry that none matches is kept for ever. Nothing
//! here knows of legal holds or removes anything: it says what may go.

mod age;
mod json;
mod recent;
mod text;

use std::fmt;
use std::num::NonZeroU32;

use jiff::Timestamp;

use crate::query::{Bounds, Condition, Expression, Pattern, TextField};
use crate::removal::{ERASED, RETIRED, is_kept_for_good};
use crate::{Entry, Error, OWN_TENANT, Problem, Query, Result, Scope};

pub use age::Age;
pub use recent::{Recent, Standing, TARGETS_MAX};

/// The most rules: each costs a query at every run.
pub const RULES_MAX: usize = 200;

/// The category that `audit.viewed` counts as, whatever it says itself.
const ACCESS: &str = "access";
const VIEWED: &str = "audit.viewed";

/// Which entries are kept for how long. The first rule that matches counts; what none matches is kept for ever.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules(Vec<Rule>);

/// One rule: it is about entries of this tenant, category and action, where they are given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The one tenant; every one where absent.
    pub tenant: Option<String>,
    /// The category, exactly. `audit.viewed` counts as `access`.
    pub category: Option<String>,
    /// The action, or how it begins: `user.*`.
    pub action: Option<Pattern>,
    /// For how long they are kept.
    pub keep: Keep,
}

/// For how long entries are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// For ever.
    Forever,
    /// Until so much time has passed since `recorded_at`.
    For(Age),
    /// While an entry is among the last so many of one of its targets, counted among entries of the tenant under the
    /// same rule. An entry without targets stays.
    Last(NonZeroU32),
}

impl Rules {
    /// Rules in this order.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) with pointers such as `/rules/3/tenant`, where one can never match.
    pub fn new(rules: Vec<Rule>) -> Result<Self> {
        let mut problems = Vec::new();
        if rules.len() > RULES_MAX {
            let detail = format!("found {}, the limit is {RULES_MAX} rules", rules.len());
            problems.push(Problem { pointer: "/rules".to_owned(), code: "too_many".into(), detail });
        }
        for (index, rule) in rules.iter().enumerate() {
            for (member, code, detail) in rule.faults() {
                let pointer = format!("/rules/{index}/{member}");
                problems.push(Problem { pointer, code: code.into(), detail });
            }
        }
        if problems.is_empty() { Ok(Self(rules)) } else { Err(Error::from_problems(problems)) }
    }

    /// No rule: every entry is kept for ever.
    pub fn keep_everything() -> Self {
        Self(Vec::new())
    }

    /// Leaves out what is about other tenants than this one.
    pub fn keep_tenant(&mut self, tenant: &str) {
        self.0.retain(|rule| rule.tenant.as_ref().is_none_or(|of| of == tenant));
    }

    /// The rules, in order.
    pub fn as_slice(&self) -> &[Rule] {
        &self.0
    }

    /// Which rule an entry is under; `None` where none matches.
    pub fn rule_of(&self, entry: &Entry) -> Option<usize> {
        self.0.iter().position(|rule| rule.matches(entry))
    }

    /// Which entries the rule at `index` may let go of at `now`, by a query; each that is found must be asked by
    /// [`Rules::rule_of`] and [`is_protected`], for a query does not know tenants. `None` where the rule keeps all.
    ///
    /// For [`Keep::Last`] these are all under the rule; [`Recent`] tells which of them go.
    pub fn candidates(&self, index: usize, now: Timestamp) -> Option<(Query, Scope)> {
        let rule = self.0.get(index)?;
        let mut all = vec![rule.expression()];
        match rule.keep {
            Keep::Forever => return None,
            Keep::For(age) => {
                let until = Some(age.before(now)?);
                all.push(Expression::Is(Condition::Recorded(Bounds { from: None, until })));
            }
            Keep::Last(_) => all.push(Expression::Is(Condition::Has(crate::query::HasField::Text(TextField::Target)))),
        }
        let earlier = self.0[..index].iter().filter(|earlier| earlier.tenant.is_none());
        all.extend(earlier.map(|earlier| Expression::Not(Box::new(earlier.expression()))));
        all.extend([RETIRED, ERASED].map(|action| Expression::Not(Box::new(action_is(action)))));
        let scope = rule.tenant.as_ref().map_or_else(Scope::all_tenants, Scope::tenant);
        Some((Query::from_expression(Expression::And(all)), scope))
    }
}

impl Default for Rules {
    /// Account events for 90 days, access for 400, the rest for ever.
    fn default() -> Self {
        let of = |category: &str, keep| Rule { category: Some(category.to_owned()), ..Rule::of_everything(keep) };
        Self(vec![
            of("account", Keep::For(Age::days(90))),
            of(ACCESS, Keep::For(Age::days(400))),
            Rule::of_everything(Keep::Forever),
        ])
    }
}

/// Whether an entry is never retired, whatever the rules say: the log's own settings, and what authorises a hole.
pub fn is_protected(entry: &Entry) -> bool {
    is_kept_for_good(&entry.receipt.tenant, &entry.event.action)
}

impl Rule {
    /// A rule about every entry.
    pub fn of_everything(keep: Keep) -> Self {
        Self { tenant: None, category: None, action: None, keep }
    }

    /// Whether it is about `entry`.
    pub fn matches(&self, entry: &Entry) -> bool {
        let event = &entry.event;
        let category = if event.action == VIEWED { Some(ACCESS) } else { event.category.as_deref() };
        self.tenant.as_ref().is_none_or(|tenant| *tenant == entry.receipt.tenant)
            && self.category.as_deref().is_none_or(|wanted| category == Some(wanted))
            && self.action.as_ref().is_none_or(|action| match action {
                Pattern::Exact(action) => *action == event.action,
                Pattern::Prefix(beginning) => event.action.starts_with(beginning),
            })
    }

    /// What it is about, but for the tenant, which queries do not know.
    fn expression(&self) -> Expression {
        let mut all = Vec::new();
        if let Some(category) = &self.category {
            let own = Expression::Is(Condition::Text(TextField::Category, Pattern::Exact(category.clone())));
            all.push(match category.as_str() {
                ACCESS => Expression::Or(vec![own, action_is(VIEWED)]),
                _ => Expression::And(vec![own, Expression::Not(Box::new(action_is(VIEWED)))]),
            });
        }
        if let Some(action) = &self.action {
            all.push(Expression::Is(Condition::Text(TextField::Action, action.clone())));
        }
        Expression::And(all)
    }

    /// The members that can never match, with code and detail.
    fn faults(&self) -> Vec<(&'static str, &'static str, String)> {
        let mut faults = Vec::new();
        if let Some(tenant) = &self.tenant {
            if tenant == OWN_TENANT {
                let detail = format!("nothing of {OWN_TENANT} is ever retired; leave the rule out");
                faults.push(("tenant", "never_retired", detail));
            } else if !is_tenant(tenant) {
                let detail = "expected the name of a tenant: 1 to 64 of a-z 0-9 . _ -, the first a letter or digit";
                faults.push(("tenant", "bad_tenant", detail.to_owned()));
            }
        }
        if self.category.as_ref().is_some_and(|category| category.is_empty() || category.len() > CATEGORY_BYTES_MAX) {
            let detail = format!("expected the name of a category, at most {CATEGORY_BYTES_MAX} bytes");
            faults.push(("category", "bad_category", detail));
        }
        if self.action.as_ref().is_some_and(|action| !is_action_pattern(action)) {
            let detail = "expected an action such as \"user.created\", or how it begins, such as \"user.*\"";
            faults.push(("action", "bad_action", detail.to_owned()));
        }
        faults
    }
}

/// Bytes of a category in an event.
const CATEGORY_BYTES_MAX: usize = 256;

fn is_tenant(tenant: &str) -> bool {
    let small = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let mut bytes = tenant.bytes();
    tenant.len() <= 64 && bytes.next().is_some_and(small) && bytes.all(|byte| small(byte) || b"._-".contains(&byte))
}

fn is_action_pattern(action: &Pattern) -> bool {
    let (Pattern::Exact(text) | Pattern::Prefix(text)) = action;
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_' || byte == b'.';
    !text.is_empty() && text.len() <= 128 && text.bytes().all(allowed)
}

fn action_is(action: &str) -> Expression {
    Expression::Is(Condition::Text(TextField::Action, Pattern::Exact(action.to_owned())))
}

/// `user.*` → how an action begins; anything else is the action itself.
fn action_pattern(text: &str) -> Pattern {
    match text.strip_suffix('*') {
        Some(beginning) => Pattern::Prefix(beginning.to_owned()),
        None => Pattern::Exact(text.to_owned()),
    }
}

fn action_text(action: &Pattern) -> String {
    match action {
        Pattern::Exact(action) => action.clone(),
        Pattern::Prefix(beginning) => format!("{beginning}*"),
    }
}

impl Keep {
    /// What `forever`, `90d` or `last 100` says.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) that tells what was expected.
    pub fn parse(text: &str) -> Result<Self> {
        let expected = || {
            let detail = "expected \"forever\", a time such as \"90d\" (h, d, w, m or y, at least 1), or \"last 100\"";
            Error::invalid("", "bad_keep", detail)
        };
        if text == "forever" {
            return Ok(Self::Forever);
        }
        match text.strip_prefix("last ") {
            Some(count) if count.bytes().all(|byte| byte.is_ascii_digit()) => {
                count.parse().map(Self::Last).map_err(|_| expected())
            }
            Some(_) => Err(expected()),
            None => Age::parse(text).map(Self::For).ok_or_else(expected),
        }
    }
}

impl fmt::Display for Keep {
    /// What [`Keep::parse`] reads.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Forever => f.write_str("forever"),
            Self::For(age) => fmt::Display::fmt(age, f),
            Self::Last(count) => write!(f, "last {count}"),
        }
    }
}

fn wrong(pointer: String, code: &'static str, detail: String) -> Problem {
    Problem { pointer, code: code.into(), detail }
}
