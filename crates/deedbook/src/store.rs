//! What a store of this process is made of: for those who open a book on a store of their own ([`crate::Builder::on`]),
//! or look at the store behind a book ([`crate::Deedbook::store`]).

pub use deedbook_core::removal::{Erased, Erasure};
pub use deedbook_core::{
    AppendStatus, Appended, Atomicity, Draft, Entry, Group, GroupBy, MemoryStore, Order, Page, PageRequest, Query,
    Reply, Scope, Store, StoreExt, Tenants, Visibility,
};
