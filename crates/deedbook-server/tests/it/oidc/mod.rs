//! Signing in at a real provider of OpenID Connect, as a browser does.

mod browser;

use std::process::{Child, ChildStdin, Command, Stdio};

use std::io::{BufRead, BufReader};

use browser::{Browser, PUBLIC_URL};
use deedbook_server::{NewToken, OidcSettings, Options, Role, Secret, TokenKind};

use crate::support::{ADMIN, House, Response, event};

/// A provider on loopback, which ends with its input.
struct Provider {
    process: Child,
    input: Option<ChildStdin>,
    issuer: String,
}

impl Provider {
    /// `None` where node or its packages are missing.
    fn start() -> Option<Self> {
        let Some(modules) = std::env::var_os("DEEDBOOK_NODE_MODULES") else {
            deedbook_testkit::skipped(
                "signing in at a provider",
                "DEEDBOOK_NODE_MODULES does not name the packages of npm",
            );
            return None;
        };
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/oidc/provider.mjs");
        let mut command = Command::new("node");
        command.arg(script).arg(modules).arg(format!("{PUBLIC_URL}/auth/callback"));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut process = command.spawn().expect("node runs");
        let mut issuer = String::new();
        BufReader::new(process.stdout.take().expect("output")).read_line(&mut issuer).expect("a line");
        let input = process.stdin.take();
        Some(Self { process, input, issuer: issuer.trim().to_owned() })
    }

    fn settings(&self, client_id: &str, secret: Option<&str>) -> OidcSettings {
        let role = |group: &str, kind, tenant: Option<&str>| Role {
            group: group.to_owned(),
            token: NewToken { tenant: tenant.map(str::to_owned), ..NewToken::of_kind(kind) },
        };
        OidcSettings {
            issuer: self.issuer.clone(),
            client_id: client_id.to_owned(),
            client_secret: secret.map(Secret::new),
            scopes: ["openid", "profile", "email", "groups"].map(str::to_owned).into(),
            groups_claim: "groups".to_owned(),
            session_minutes: 60,
            roles: vec![role("security", TokenKind::Admin, None), role("staff", TokenKind::Read, Some("acme"))],
        }
    }

    fn house(&self, client_id: &str, secret: Option<&str>) -> House {
        let mut options = Options::default();
        options.public_url = Some(PUBLIC_URL.to_owned());
        options.oidc = Some(self.settings(client_id, secret));
        House::by_the_wall(options)
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        drop(self.input.take());
        let _ = self.process.wait();
    }
}

const SECRET: Option<&str> = Some("a secret + of & the client");

fn kind(session: &Response) -> serde_json::Value {
    session.json()["token"]["kind"].clone()
}

#[test]
fn a_person_comes_in_by_group_and_the_log_knows_who() {
    let Some(provider) = Provider::start() else { return };
    let house = provider.house("deedbook", SECRET);
    house.post("/v1/events", event("evt_1").replace("{\"id\"", "{\"tenant\":\"acme\",\"id\"")).is(201);
    house.post("/v1/events", event("evt_2")).is(201);

    let mut ada = Browser::new(house.address);
    let signed_in = ada.sign_in("ada+guests+staff", "/v1/events");
    assert!(signed_in.is(200).body.contains("url=/v1/events"), "it goes on to where the browser wanted to be");
    let session = ada.get("/auth/session");
    assert_eq!((kind(&session), &session.json()["token"]["tenant"]), ("read".into(), &"acme".into()));
    assert_eq!(session.json()["token"]["person"], "ada+guests+staff");
    let page = ada.get("/v1/events").is(200);
    assert!(page.body.contains("evt_1") && !page.body.contains("evt_2"), "{}", page.body);
    assert_eq!(ada.get("/v1/tokens").problem(403), "missing_right");

    let entries = house.get("/v1/events?tenant=_deedbook&q=meta.origin:sign_in").json();
    let entry = &entries["data"][0];
    assert_eq!((&entry["actor"]["type"], &entry["actor"]["id"]), (&"user".into(), &"ada+guests+staff".into()));
    assert_eq!((&entry["actor"]["name"], &entry["actor"]["email"]), (&"ada".into(), &"ada@example.com".into()));

    ada.post("/auth/sign-out").is(204);
    assert_eq!(ada.get("/v1/events").problem(401), "missing_token");
}

#[test]
fn the_first_role_that_fits_counts_and_an_administrator_may_change_settings_from_our_page_alone() {
    let Some(provider) = Provider::start() else { return };
    let house = provider.house("deedbook", SECRET);
    let mut grace = Browser::new(house.address);
    grace.sign_in("grace+staff+security", "/").is(200);
    assert_eq!(kind(&grace.get("/auth/session")), "admin");
    let make = r#"{"kind":"read"}"#;
    grace.send("POST", "/v1/tokens", make, "same-origin").is(201);
    assert_eq!(grace.send("POST", "/v1/tokens", make, "cross-site").problem(403), "foreign_page");
    assert_eq!(grace.send("POST", "/auth/sign-out", "", "same-site").problem(403), "foreign_page");
    // A session ends when its token is revoked, as any token does.
    let id = grace.get("/auth/session").json()["token"]["id"].as_str().expect("an id").to_owned();
    house.request("DELETE", &format!("/v1/tokens/{id}")).send().is(200);
    assert_eq!(grace.get("/v1/events").problem(401), "signed_out");
    assert!(kind(&grace.get("/auth/session")).is_null());
}

#[test]
fn who_is_in_no_group_stays_out_and_that_is_an_entry() {
    let Some(provider) = Provider::start() else { return };
    let house = provider.house("deedbook", SECRET);
    let mut eve = Browser::new(house.address);
    let refused = eve.sign_in("eve+guests", "/").is(403);
    assert!(refused.body.contains("no group"), "{}", refused.body);
    assert_eq!(eve.get("/v1/events").problem(401), "missing_token");
    let entries = house.get("/v1/events?tenant=_deedbook&q=action:audit.sign_in.denied").json();
    assert_eq!(
        (&entries["data"][0]["actor"]["id"], &entries["data"][0]["outcome"]),
        (&"eve+guests".into(), &"denied".into())
    );
}

#[test]
fn every_way_in_which_a_client_proves_itself_works() {
    let Some(provider) = Provider::start() else { return };
    for (client, secret) in [("public", None), ("deedbook", SECRET)] {
        let house = provider.house(client, secret);
        Browser::new(house.address).sign_in("ada+staff", "/").is(200);
    }
    let house = provider.house("deedbook", Some("not the secret"));
    let refused = Browser::new(house.address).sign_in("ada+staff", "/").is(400);
    assert!(refused.body.contains("invalid_client"), "{}", refused.body);
}

#[test]
fn an_answer_is_taken_once_and_by_the_browser_that_asked() {
    let Some(provider) = Provider::start() else { return };
    let house = provider.house("deedbook", SECRET);
    let mut ada = Browser::new(house.address);
    let callback = ada.way_back("ada+staff", "/");
    // Somebody else's browser is led to the answer: it has no attempt of its own, or another one.
    let mut victim = Browser::new(house.address);
    victim.get(&callback).is(400);
    victim.get("/auth/sign-in").is(303);
    victim.get(&callback).is(400);
    assert!(kind(&victim.get("/auth/session")).is_null());
    ada.get(&callback).is(200);
    ada.get(&callback).is(400);
    for forged in ["/auth/callback", "/auth/callback?code=x", "/auth/callback?error=access_denied&state=x"] {
        ada.get(forged).is(400);
    }
}

#[test]
fn a_provider_that_is_away_is_told_and_tried_again() {
    let Some(provider) = Provider::start() else { return };
    let mut options = Options::default();
    options.public_url = Some(PUBLIC_URL.to_owned());
    let mut settings = provider.settings("deedbook", SECRET);
    settings.issuer = "http://127.0.0.1:9".to_owned();
    options.oidc = Some(settings);
    let house = House::by_the_wall(options);
    let refused = Browser::new(house.address).get("/auth/sign-in").is(502);
    assert!(!refused.body.contains("127.0.0.1"), "{}", refused.body);
    // Tokens remain for the rest.
    house.get("/v1/events").is(200);
}

#[test]
fn a_token_signs_in_without_a_provider() {
    let house = House::by_the_wall(Options::default());
    let mut browser = Browser::new(house.address);
    assert_eq!(browser.get("/auth/session").json(), serde_json::json!({"token": null, "ways": ["token"]}));
    assert_eq!(browser.get("/auth/sign-in").problem(501), "not_implemented");
    let claim = format!(r#"{{"token":"{ADMIN}"}}"#);
    assert_eq!(browser.send("POST", "/auth/sign-in", &claim, "cross-site").problem(403), "foreign_page");
    let wrong = r#"{"token":"a token that nobody ever made for this"}"#;
    assert_eq!(browser.send("POST", "/auth/sign-in", wrong, "same-origin").problem(401), "bad_token");
    for malformed in ["", "{}", "[]", r#"{"token":1}"#, r#"{"token":"x","more":1}"#] {
        assert_eq!(browser.send("POST", "/auth/sign-in", malformed, "same-origin").problem(400), "malformed");
    }
    let answer = browser.send("POST", "/auth/sign-in", &claim, "same-origin").is(204);
    let cookie = answer.header("set-cookie").expect("a cookie");
    assert!(cookie.contains("HttpOnly; SameSite=Strict") && !cookie.contains(ADMIN), "{cookie}");
    browser.get("/v1/events").is(200);
    browser.post("/auth/sign-out").is(204);
    assert_eq!(browser.get("/v1/events").problem(401), "missing_token");
    // The token itself is as good as before.
    house.get("/v1/events").is(200);
}
