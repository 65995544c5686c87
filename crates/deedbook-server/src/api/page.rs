//! The page at `/docs`: the description of the API as a list, made once, without scripts and without foreign parts.

use std::fmt::Write;

use serde_json::Value;
use utoipa::openapi::OpenApi;

use crate::html;

const HEAD: &str = "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>Deedbook API</title>\n<style>\n\
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1b1b1b;background:#fff}\n\
code{font:14px/1.5 ui-monospace,monospace}\n\
section{border-top:1px solid #ccc;padding:.5rem 0}\n\
table{border-collapse:collapse}\ntd{padding:.1rem 1rem .1rem 0;vertical-align:top}\n\
@media(prefers-color-scheme:dark){body{color:#e8e8e8;background:#161616}section{border-color:#444}a{color:#8ab4f8}}\n\
</style>\n";

/// The whole page.
pub(super) fn html(openapi: &OpenApi) -> String {
    let description = serde_json::to_value(openapi).unwrap_or_default();
    let mut page = String::from(HEAD);
    let info = &description["info"];
    let _ = write!(
        page,
        "<h1>{} API {}</h1>\n<p>{}</p>\n<p>For programs: <a href=\"/openapi.json\"><code>/openapi.json</code></a>. \
         Send a token in the header <code>Authorization: Bearer …</code>.</p>\n",
        escaped(&info["title"]),
        escaped(&info["version"]),
        escaped(&info["description"])
    );
    for (path, item) in description["paths"].as_object().into_iter().flatten() {
        for (method, operation) in item.as_object().into_iter().flatten() {
            push_operation(&mut page, path, method, operation);
        }
    }
    page
}

fn push_operation(page: &mut String, path: &str, method: &str, operation: &Value) {
    let name = Value::from(format!("{} {path}", method.to_uppercase()));
    let _ = write!(
        page,
        "<section>\n<h2><code>{}</code></h2>\n<p>{}</p>\n<p>{}</p>\n<table>\n",
        escaped(&name),
        escaped(&operation["summary"]),
        escaped(&operation["description"])
    );
    for parameter in operation["parameters"].as_array().into_iter().flatten() {
        push_row(page, &parameter["name"], &parameter["description"]);
    }
    for (status, response) in operation["responses"].as_object().into_iter().flatten() {
        push_row(page, &Value::from(status.as_str()), &response["description"]);
    }
    page.push_str("</table>\n</section>\n");
}

fn push_row(page: &mut String, name: &Value, meaning: &Value) {
    let _ = writeln!(page, "<tr><td><code>{}</code><td>{}", escaped(name), escaped(meaning));
}

fn escaped(text: &Value) -> String {
    html::escaped(text.as_str().unwrap_or_default())
}
