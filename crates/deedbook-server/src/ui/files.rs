//! The list of the files of the pages, and of the addresses at which the page stands. A new file is one line in
//! [`FILES`]; a test holds the list against the folder.

/// The page that stands at each of [`PLACES`].
pub(super) const PAGE: &str = "index.html";

/// Where the page is; its scripts show by the address what is asked for.
pub(super) const PLACES: [&str; 9] = [
    "/",
    "/entry",
    "/object",
    "/person",
    "/overview",
    "/settings",
    "/settings/retention",
    "/settings/holds",
    "/settings/erasures",
];

/// A file of the folder `ui`.
macro_rules! file {
    ($name:literal) => {
        ($name, include_bytes!(concat!("../../../../ui/", $name)))
    };
}

/// Each file by its name below `/ui`.
pub(super) const FILES: &[(&str, &[u8])] = &[
    file!("icon.svg"),
    file!("index.html"),
    file!("lib/api.js"),
    file!("lib/days.js"),
    file!("lib/element.js"),
    file!("lib/query.js"),
    file!("lib/sentence.js"),
    file!("lib/style.js"),
    file!("lib/texts.js"),
    file!("lib/values.js"),
    file!("log.js"),
    file!("log/entry.js"),
    file!("log/facets.js"),
    file!("log/feed.js"),
    file!("log/help.js"),
    file!("log/histogram.js"),
    file!("log/live.js"),
    file!("log/row.js"),
    file!("log/search.js"),
    file!("log/window.js"),
    file!("page.css"),
    file!("page/app.js"),
    file!("page/entry.js"),
    file!("page/object.js"),
    file!("page/overview.js"),
    file!("page/parts.js"),
    file!("page/person.js"),
    file!("page/places.js"),
    file!("page/searches.js"),
    file!("page/session.js"),
    file!("page/settings.js"),
    file!("page/settings/erasures.js"),
    file!("page/settings/holds.js"),
    file!("page/settings/place.js"),
    file!("page/settings/retention.js"),
    file!("page/settings/tokens.js"),
    file!("page/sign-in.js"),
    file!("page/state.js"),
    file!("page/tenants.js"),
    file!("texts/de.js"),
    file!("texts/en.js"),
    file!("texts/pages-de.js"),
    file!("texts/pages-en.js"),
    file!("vendor/lit-html/directive-helpers.js"),
    file!("vendor/lit-html/directive.js"),
    file!("vendor/lit-html/directives/repeat.js"),
    file!("vendor/lit-html/lit-html.js"),
    file!("vendor/reactive-element/css-tag.js"),
    file!("vendor/reactive-element/reactive-element.js"),
];
