//! Holes of a log, and the entries that authorise them: each hole needs one in its tenant.

use std::collections::{BTreeMap, BTreeSet};

use deedbook_core::removal::{Authority, Erasing, Place, Seqs, erased_paths};
use deedbook_core::{Event, Result};

use crate::segment::Content;

/// So many entries are named one by one for each tenant.
const NAMED_MAX: usize = 20;

/// What was found missing, and what may be.
#[derive(Default)]
pub(crate) struct Holes {
    tenants: BTreeMap<String, OfTenant>,
}

#[derive(Default)]
struct OfTenant {
    retired: Seqs,
    erased: Seqs,
    values: BTreeMap<u64, Vec<String>>,
    may_be_retired: Seqs,
    may_be_erased: Seqs,
    may_lack_values: BTreeMap<u64, BTreeSet<String>>,
    problems: Vec<String>,
}

impl Holes {
    /// Notes what is missing from an entry.
    pub(crate) fn note_content(&mut self, tenant: &str, seq: u64, content: &Content<'_>) -> Result<()> {
        match content {
            Content::Whole(_) | Content::Seeded(..) => {}
            Content::Retired(_) => self.of(tenant).retired.insert(seq),
            Content::Erased { .. } => self.of(tenant).erased.insert(seq),
            Content::Blanked { canonical, .. } => {
                let paths = erased_paths(canonical)?;
                self.of(tenant).values.insert(seq, paths);
            }
        }
        Ok(())
    }

    /// Notes what an entry authorises.
    pub(crate) fn note_event(&mut self, tenant: &str, seq: u64, event: &Event) {
        match Authority::of(event) {
            Ok(None) => {}
            Ok(Some(Authority::Retirement(retirement))) => self.of(tenant).may_be_retired.extend(&retirement.seqs),
            Ok(Some(Authority::Erasure(erasing))) => self.of(tenant).allow(erasing),
            Err(error) => {
                let what =
                    format!("entry {seq} of tenant {tenant} should authorise a removal and cannot be read: {error}");
                self.of(tenant).problems.push(what);
            }
        }
    }

    fn of(&mut self, tenant: &str) -> &mut OfTenant {
        if !self.tenants.contains_key(tenant) {
            self.tenants.insert(tenant.to_owned(), OfTenant::default());
        }
        self.tenants.get_mut(tenant).expect("it was just inserted")
    }

    /// Each hole that nothing authorises, in plain words.
    pub(crate) fn problems(&self) -> Vec<String> {
        self.tenants.iter().flat_map(|(tenant, of_tenant)| of_tenant.problems(tenant)).collect()
    }
}

impl OfTenant {
    fn allow(&mut self, erasing: Erasing) {
        for Place { seq, paths } in erasing.places {
            match paths {
                Some(paths) => self.may_lack_values.entry(seq).or_default().extend(paths),
                None => self.may_be_erased.insert(seq),
            }
        }
    }

    fn problems(&self, tenant: &str) -> Vec<String> {
        let mut problems = self.problems.clone();
        let advice = "somebody may have removed them; hold the log against a backup";
        let retired = self.retired.without(&self.may_be_retired);
        if !retired.is_empty() {
            let what =
                format!("entries {retired} of tenant {tenant} were retired and no entry authorises it: {advice}");
            problems.push(what);
        }
        let erased = self.erased.without(&self.may_be_erased);
        if !erased.is_empty() {
            let what = format!(
                "the content of entries {erased} of tenant {tenant} was erased and no entry authorises it: {advice}"
            );
            problems.push(what);
        }
        let unexplained: Vec<String> =
            self.values.iter().filter_map(|(seq, paths)| self.problem(*seq, paths)).collect();
        let more = unexplained.len().saturating_sub(NAMED_MAX);
        let named = unexplained.into_iter().take(NAMED_MAX);
        problems.extend(
            named.map(|what| format!("{what} of tenant {tenant} were erased and no entry authorises it: {advice}")),
        );
        if more > 0 {
            problems.push(format!("and so were values of {more} further entries of tenant {tenant}"));
        }
        problems
    }

    /// Values of an entry that are missing and should not be.
    fn problem(&self, seq: u64, paths: &[String]) -> Option<String> {
        if self.may_be_erased.contains(seq) {
            return None;
        }
        let allowed = self.may_lack_values.get(&seq);
        let unexplained = paths.iter().filter(|path| !allowed.is_some_and(|allowed| allowed.contains(*path)));
        let unexplained: Vec<&str> = unexplained.map(String::as_str).collect();
        (!unexplained.is_empty()).then(|| format!("the values {} of entry {seq}", unexplained.join(", ")))
    }
}
