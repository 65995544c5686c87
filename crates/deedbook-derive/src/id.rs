//! `#[derive(Id)]`: the prefix of an id.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{DeriveInput, Error, LitStr, Result};

use crate::attributes::{each_in, once, refuse_unless, text, unknown, word};

/// Characters of a prefix: with the underscore and the 22 characters behind it an id fits into 40.
const PREFIX_LENGTH_MAX: usize = 17;

pub(crate) fn derive(input: &DeriveInput) -> Result<TokenStream> {
    let mut prefix: Option<LitStr> = None;
    each_in(&input.attrs, "id", |meta| match word(&meta).as_str() {
        "prefix" => once(&mut prefix, text(&meta)?, &meta),
        _ => Err(unknown(&meta, "`prefix`")),
    })?;
    let prefix = prefix.ok_or_else(|| {
        Error::new(input.ident.span(), "the id has no prefix; add one such as `#[id(prefix = \"inv\")]`")
    })?;
    check(&prefix)?;
    let name = &input.ident;
    let (generics, arguments, conditions) = input.generics.split_for_impl();
    Ok(quote! {
        #[automatically_derived]
        impl #generics ::deedbook::IdKind for #name #arguments #conditions {
            const PREFIX: &'static str = #prefix;
        }
    })
}

fn check(prefix: &LitStr) -> Result<()> {
    let value = prefix.value();
    let fits = (1..=PREFIX_LENGTH_MAX).contains(&value.len())
        && value.starts_with(|first: char| first.is_ascii_lowercase())
        && value.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    refuse_unless(fits, prefix.span(), "expected a letter a-z, then up to 16 of a-z 0-9, such as \"inv\"")?;
    refuse_unless(value != "evt", prefix.span(), "\"evt\" is the prefix of events; choose another")
}
