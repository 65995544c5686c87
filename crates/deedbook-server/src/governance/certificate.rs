//! What an erasure did, for whoever asked: counted from the entries that authorised it, and looked up in the log.

use std::collections::{BTreeMap, HashSet};

use deedbook_core::query::{Bounds, Condition, Expression, Pattern, TextField};
use deedbook_core::removal::{Authority, ERASED};
use deedbook_core::{OWN_TENANT, Order, Query, Result, Scope, Timestamp, rfc3339};
use serde_json::{Map, Value, json};

use super::walk::each_page;
use super::{Governance, Watch};
use crate::settings::Erasure;

const EXPORTED: &str = "audit.exported";

/// Exports and mentions that are listed one by one.
const LISTED_MAX: usize = 500;

/// Exports that went out of a tenant.
#[derive(Clone, Debug, Default)]
pub(super) struct Exports {
    pub(super) count: u64,
    listed: Vec<Value>,
}

impl Exports {
    pub(super) fn to_json(&self) -> Value {
        json!({"count": self.count, "exports": self.listed})
    }
}

/// What was erased, as the authorising entries say.
#[derive(Default)]
struct Counted {
    entries: HashSet<u64>,
    contents: HashSet<u64>,
    values: BTreeMap<String, u64>,
}

impl Governance {
    /// The certificate of an erasure that has come to its end. `kept` are the ids of entries that name the person and
    /// stay, by decision or for want of one.
    pub(super) fn certificate(
        &self,
        erasure: &Erasure,
        kept: &[String],
        watch: &Watch<'_>,
    ) -> Result<Map<String, Value>> {
        let counted = self.counted(erasure, watch)?;
        let exports = self.exports(&erasure.tenant, None, watch)?;
        let now = self.now();
        let backups = self
            .policy
            .backups_kept
            .map(|kept| json!({"kept": kept.to_string(), "gone_by": kept.after(now).map(rfc3339)}));
        let members = json!({
            "erasure": erasure.id,
            "tenant": erasure.tenant,
            "basis": erasure.basis,
            "requested_at": rfc3339(erasure.requested_at),
            "requested_by": erasure.requested_by,
            "approved_at": erasure.approved.as_ref().map(|(at, _)| rfc3339(*at)),
            "approved_by": erasure.approver(),
            "erased_at": rfc3339(now),
            "entries": counted.entries.len(),
            "contents": counted.contents.len(),
            "values": counted.values.values().sum::<u64>(),
            "paths": counted.values,
            "kept": {"count": kept.len(), "ids": &kept[..kept.len().min(LISTED_MAX)]},
            "backups": backups,
            "exports": exports.to_json(),
        });
        match members {
            Value::Object(members) => Ok(members.into_iter().filter(|(_, value)| !value.is_null()).collect()),
            _ => Ok(Map::new()),
        }
    }

    fn counted(&self, erasure: &Erasure, watch: &Watch<'_>) -> Result<Counted> {
        let mut counted = Counted::default();
        let of = ("erasure", erasure.id.as_str());
        self.each_authority(ERASED, of, &Scope::tenant(&erasure.tenant), watch, |_, authority| {
            let Authority::Erasure(part) = authority else { return };
            for place in part.places {
                match place.paths {
                    None => drop(counted.contents.insert(place.seq)),
                    Some(paths) if counted.entries.insert(place.seq) => {
                        paths.iter().for_each(|path| *counted.values.entry(kind_of(path)).or_default() += 1);
                    }
                    Some(_) => {}
                }
            }
        })?;
        counted.entries.extend(&counted.contents);
        Ok(counted)
    }

    /// The exports that went out of `tenant`, and of all tenants together, since an instant.
    pub(super) fn exports(&self, tenant: &str, since: Option<Timestamp>, watch: &Watch<'_>) -> Result<Exports> {
        let action = Condition::Text(TextField::Action, Pattern::Exact(EXPORTED.to_owned()));
        let since = Condition::Recorded(Bounds { from: since, until: None });
        let query = Query::from_expression(Expression::And([action, since].map(Expression::Is).into()));
        let mut exports = Exports::default();
        for scope in [Scope::tenant(tenant), Scope::tenant(OWN_TENANT)] {
            each_page(&*self.store, (&query, &scope), Order::Ascending, watch, |page| {
                exports.count += page.len() as u64;
                let room = LISTED_MAX.saturating_sub(exports.listed.len());
                exports.listed.extend(page.iter().take(room).map(|entry| {
                    let metadata = &entry.event.metadata;
                    json!({
                        "entry": entry.receipt.id,
                        "recorded_at": rfc3339(entry.receipt.recorded_at),
                        "sha256": metadata.get("file_sha256").unwrap_or(&Value::Null),
                    })
                }));
                Ok(())
            })?;
        }
        Ok(exports)
    }
}

/// `/targets/3/name` → `/targets/*/name`.
pub(super) fn kind_of(path: &str) -> String {
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    path.split('/').map(|part| if is_number(part) { "*" } else { part }).collect::<Vec<_>>().join("/")
}
