//! The pages as a browser gets them: what may run in them, what is kept, how it is sent.

use crate::support::{House, Response};

fn get(house: &House, path: &str, header: &str) -> Response {
    house.request("GET", path).without("Authorization").header(header).send()
}

#[test]
fn a_page_may_run_only_what_comes_from_here() {
    let house = House::new();
    for path in
        ["/", "/entry", "/object", "/person", "/overview", "/settings", "/settings/holds", "/?q=x", "/entry?id=evt_1"]
    {
        let page = get(&house, path, "Accept: */*").is(200);
        let policy = page.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self';"), "{policy}");
        assert!(policy.contains("require-trusted-types-for 'script'; trusted-types lit-html"), "{policy}");
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
        assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(page.header("referrer-policy"), Some("no-referrer"));
        assert_eq!(page.header("access-control-allow-origin"), None);
        assert!(!page.body.contains("<style") && !page.body.contains("<script>"), "{}", page.body);
    }
}

#[test]
fn files_have_their_types_and_may_be_loaded_by_other_origins() {
    let house = House::new();
    for (path, media_type) in [
        ("/ui/log.js", "text/javascript; charset=utf-8"),
        ("/ui/vendor/lit-html/lit-html.js", "text/javascript; charset=utf-8"),
        ("/ui/page.css", "text/css; charset=utf-8"),
        ("/ui/icon.svg", "image/svg+xml"),
    ] {
        let file = get(&house, path, "Accept: */*").is(200);
        assert_eq!(file.header("content-type"), Some(media_type));
        assert_eq!(file.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(file.header("access-control-allow-origin"), Some("*"));
    }
}

#[test]
fn a_file_is_compressed_and_not_sent_twice() {
    let house = House::new();
    let plain = get(&house, "/ui/log.js", "Accept-Encoding: br").is(200);
    assert_eq!(plain.header("content-encoding"), None);
    assert_eq!(plain.header("vary"), Some("accept-encoding"));
    let compressed = house.request("HEAD", "/ui/log.js").header("Accept-Encoding: gzip, br").send().is(200);
    assert_eq!(compressed.header("content-encoding"), Some("gzip"));
    let bytes = |response: &Response| response.header("content-length").unwrap().parse::<usize>().unwrap();
    assert!(bytes(&compressed) * 2 < bytes(&plain));
    let tag = plain.header("etag").unwrap().to_owned();
    let known = get(&house, "/ui/log.js", &format!("If-None-Match: {tag}")).is(304);
    assert_eq!(known.body, "");
    get(&house, "/ui/page.css", &format!("If-None-Match: {tag}")).is(200);
}

#[test]
fn nothing_but_the_files_is_there() {
    let house = House::new();
    for path in
        ["/ui/", "/ui/index.html", "/ui/tests/house.mjs", "/ui/types.d.ts", "/ui/../Cargo.toml", "/ui/log.js/", "/log"]
    {
        get(&house, path, "Accept: */*").is(404);
    }
    house.request("POST", "/ui/log.js").send().is(405);
}
