//! Reading many entries, a page at a time, at a pace.

use std::time::Instant;

use deedbook_core::{Entry, Order, PageRequest, Query, Result, Scope, Store};

use super::Watch;

/// Entries of a page: some 700 KB.
const PAGE_ENTRIES: usize = 1_000;

/// Gives each page of the entries that match to `each`, in this order.
pub(super) fn each_page(
    store: &dyn Store,
    (query, scope): (&Query, &Scope),
    order: Order,
    watch: &Watch<'_>,
    mut each: impl FnMut(Vec<Entry>) -> Result<()>,
) -> Result<()> {
    let mut after = None;
    loop {
        let began = Instant::now();
        let page = store.page(query, scope, &PageRequest { order, limit: PAGE_ENTRIES, after })?;
        after = page.entries.last().map(|entry| entry.receipt.position);
        let read = page.entries.len() as u64;
        watch.rest(began.elapsed());
        each(page.entries)?;
        watch.read(read)?;
        if !page.has_more || after.is_none() {
            return Ok(());
        }
    }
}
