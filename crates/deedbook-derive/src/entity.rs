//! `#[derive(Entity)]`: a struct → its type, id, name and fields.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{DeriveInput, Error, Field, LitStr, Result};

use crate::attributes::{check_type, each_in, is_option, name_of, named_fields, once, text, unknown, word};
use crate::template::{Template, unknown_name};

/// What is written about a struct.
struct Model<'i> {
    kind: LitStr,
    href: Option<Template>,
    fields: Vec<Part<'i>>,
}

/// What is written about a field.
struct Part<'i> {
    field: &'i Field,
    name: LitStr,
    role: Option<Role>,
    kept: Kept,
}

/// What of the target a field is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Id,
    Name,
    Email,
}

/// How much of its values the log keeps.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kept {
    Plain,
    Personal,
    Secret,
    Skipped,
}

pub(crate) fn derive(input: &DeriveInput) -> Result<TokenStream> {
    let model = Model::read(input)?;
    let target = model.target(input)?;
    let fields = model.fields.iter().filter_map(Part::state);
    let name = &input.ident;
    let (generics, arguments, conditions) = input.generics.split_for_impl();
    Ok(quote! {
        #[automatically_derived]
        impl #generics ::deedbook::Entity for #name #arguments #conditions {
            fn to_target(&self) -> ::deedbook::Target {
                #target
            }

            fn fields(&self) -> ::deedbook::Result<::deedbook::entity::Fields> {
                let fields = ::deedbook::entity::Fields::new();
                #(#fields)*
                ::core::result::Result::Ok(fields)
            }
        }
    })
}

impl<'i> Model<'i> {
    fn read(input: &'i DeriveInput) -> Result<Self> {
        let (mut kind, mut href) = (None, None);
        each_in(&input.attrs, "entity", |meta| match word(&meta).as_str() {
            "type" => once(&mut kind, text(&meta)?, &meta),
            "href" => once(&mut href, Template::parse(&text(&meta)?)?, &meta),
            _ => Err(unknown(&meta, "`type`, `href`")),
        })?;
        let kind = kind.unwrap_or_else(|| LitStr::new(&snake_case(&input.ident.to_string()), input.ident.span()));
        check_type(&kind)?;
        let fields = named_fields(input, "an entity is a struct with an id")?;
        let fields = fields.into_iter().map(Part::read).collect::<Result<Vec<_>>>()?;
        Ok(Self { kind, href, fields })
    }

    fn target(&self, input: &DeriveInput) -> Result<TokenStream> {
        let Some(id) = self.the(Role::Id)? else {
            let message = "the entity has no id; mark one field with `#[entity(id)]`";
            return Err(Error::new(input.ident.span(), message));
        };
        let kind = &self.kind;
        let id_of = id.field.ident.as_ref();
        let id = quote_spanned!(id.field.ty.span()=> ::std::string::ToString::to_string(&self.#id_of));
        let name = self.the(Role::Name)?.map(|part| part.text("name"));
        let email = self.the(Role::Email)?.map(|part| part.text("email"));
        let href = self.href.as_ref().map(|href| self.href(href)).transpose()?;
        let href = href.map(|href| quote!(target.href = ::core::option::Option::Some(#href);));
        Ok(quote! {
            let mut target = ::deedbook::Target::new(#kind, #id);
            #name
            #email
            #href
            target
        })
    }

    fn href(&self, href: &Template) -> Result<TokenStream> {
        href.render(|name| {
            let part = self.fields.iter().find(|part| name_of(part.field) == name);
            let part = part.ok_or_else(|| unknown_name(name, self.fields.iter().map(|part| name_of(part.field))))?;
            if part.kept == Kept::Secret {
                return Err(format!("{{{name}}} is secret and cannot stand in a link"));
            }
            let field = &part.field.ident;
            Ok(quote!(self.#field))
        })
    }

    /// The one field with this role.
    fn the(&self, role: Role) -> Result<Option<&Part<'i>>> {
        let mut with = self.fields.iter().filter(|part| part.role == Some(role));
        let first = with.next();
        match with.next() {
            None => Ok(first),
            Some(second) => Err(Error::new(second.span(), "another field is marked so already; an entity has one")),
        }
    }
}

impl<'i> Part<'i> {
    fn read(field: &'i Field) -> Result<Self> {
        let (mut role, mut kept, mut name) = (None, None, None);
        each_in(&field.attrs, "entity", |meta| match word(&meta).as_str() {
            "id" => once(&mut role, Role::Id, &meta),
            "name" => once(&mut role, Role::Name, &meta),
            "email" => once(&mut role, Role::Email, &meta),
            "skip" => once(&mut kept, Kept::Skipped, &meta),
            "personal" => once(&mut kept, Kept::Personal, &meta),
            "secret" => once(&mut kept, Kept::Secret, &meta),
            "rename" => once(&mut name, text(&meta)?, &meta),
            _ => Err(unknown(&meta, "`id`, `name`, `email`, `skip`, `personal`, `secret`, `rename`")),
        })?;
        if let (Some(_), Some(Kept::Secret)) = (role, kept) {
            let message = "a secret cannot be an id, a name or an address; they are written into every event";
            return Err(Error::new(field.ident.span(), message));
        }
        // An id never changes, and names the entity already.
        let kept = kept.unwrap_or(if role == Some(Role::Id) { Kept::Skipped } else { Kept::Plain });
        let name = name.unwrap_or_else(|| LitStr::new(&name_of(field), field.ident.span()));
        Ok(Self { field, name, role, kept })
    }

    /// Code that sets a member of the target.
    fn text(&self, member: &str) -> TokenStream {
        let (field, member) = (&self.field.ident, syn::Ident::new(member, Span::call_site()));
        let value = if is_option(&self.field.ty) {
            quote!(self.#field.as_ref().map(::std::string::ToString::to_string))
        } else {
            quote!(::core::option::Option::Some(::std::string::ToString::to_string(&self.#field)))
        };
        quote_spanned!(self.field.ty.span()=> target.#member = #value;)
    }

    /// Code that adds the field to the state, unless it is left out.
    fn state(&self) -> Option<TokenStream> {
        let kept = match self.kept {
            Kept::Plain => quote!(Plain),
            Kept::Personal => quote!(Personal),
            Kept::Secret => quote!(Secret),
            Kept::Skipped => return None,
        };
        let (field, name) = (&self.field.ident, &self.name);
        let span = self.field.ty.span();
        Some(quote_spanned!(span=> let fields = fields.with(#name, &self.#field, ::deedbook::entity::Kept::#kept)?;))
    }

    fn span(&self) -> Span {
        self.field.ident.span()
    }
}

/// `CreditNote` → `credit_note`; a run of capitals is one word.
fn snake_case(name: &str) -> String {
    let letters: Vec<char> = name.chars().collect();
    let mut snake = String::new();
    for (at, letter) in letters.iter().enumerate() {
        let after_lower = at > 0 && !letters[at - 1].is_uppercase() && letters[at - 1] != '_';
        let before_lower = letters.get(at + 1).is_some_and(|next| next.is_lowercase());
        if letter.is_uppercase() && at > 0 && letters[at - 1] != '_' && (after_lower || before_lower) {
            snake.push('_');
        }
        snake.extend(letter.to_lowercase());
    }
    snake
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_structs_become_types() {
        let check = |name: &str, expected: &str| assert_eq!(snake_case(name), expected);
        check("Invoice", "invoice");
        check("CreditNote", "credit_note");
        check("HTTPRoute", "http_route");
        check("ApiV2", "api_v2");
        check("X", "x");
        check("Snake_Case", "snake_case");
    }
}
