//! The example `registry`: four readers of one log, each through a token of its own.

use std::sync::Arc;

use deedbook::Deedbook;
use deedbook::client::Token;
use registry::{Project, Readers, Registry, Role};

use crate::remote::Served;
use crate::support::Room;

/// What each reader is shown for `query`, as sentences, newest first.
struct Seen(Vec<String>);

impl Seen {
    async fn of(readers: &Readers, token: &Token, query: &str) -> Self {
        let page = readers.page(token.clone(), query).await.expect("a page");
        Self(page.into_iter().map(|found| found.entry.event.description.unwrap_or(found.entry.event.action)).collect())
    }

    fn has(&self, words: &str) -> bool {
        self.0.iter().any(|sentence| sentence.contains(words))
    }
}

#[test]
fn each_reader_sees_what_is_theirs() {
    let room = Room::new();
    let served = Served::on(&room, "127.0.0.1:0");
    let token =
        |kind| served.admin(&room, &["token", "create", "--kind", kind, "--tenant", "registry"]).exits(0).stdout;
    let (write, read) = (token("write"), token("read"));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("threads");
    runtime.block_on(async {
        let book = Deedbook::connect(&served.url, write.trim()).expect("a book");
        let registry = Arc::new(Registry::new(book.clone()));
        registry::play(&registry).await.expect("the story");
        let readers = Readers::new(&served.url, read.trim()).expect("readers");
        let (ada, holygrail) = (registry.user("ada").expect("ada"), registry.project("holygrail").expect("holygrail"));
        let account = readers.of_account(&ada).await.expect("a token");
        let owner = readers.of_project(&holygrail, Role::Owner).await.expect("a token");
        let maintainer = readers.of_project(&holygrail, Role::Maintainer).await.expect("a token");
        let all = readers.of_everything().await.expect("a token");

        // The question of 2019: does a maintainer learn that an owner made a token?
        let made = "API token for holygrail";
        for query in
            ["", "action:project.api_token.*", "token", "target:api_token:tok_laptop", "-action:project.release.*"]
        {
            assert!(!Seen::of(&readers, &maintainer, query).await.has("token"), "{query}");
        }
        assert!(Seen::of(&readers, &owner, "").await.has(made));
        assert!(Seen::of(&readers, &maintainer, "").await.has("grace published 1.0.0"));

        // The account shows more than the project does, and only to its owner.
        let page = Seen::of(&readers, &account, "").await;
        assert!(page.has("second factor: security key") && page.has("made the API token laptop") && page.has(made));
        assert!(page.has("Somebody tried to sign in as ada") && !page.has("grace signed in"));
        assert!(!Seen::of(&readers, &owner, "").await.has("second factor"));

        // Whoever and whatever is gone has its history, and the other way round.
        assert!(registry.user("linus").is_none() && registry.project("scratch").is_none());
        let everything = Seen::of(&readers, &all, "").await;
        assert!(
            everything.has("linus may not publish 6.6.6 of holygrail") && everything.has("linus deleted the account")
        );
        let scratch = Project { id: "prj_scratch".to_owned(), name: "scratch".to_owned() };
        let former = readers.of_project(&scratch, Role::Owner).await.expect("a token");
        assert_eq!(Seen::of(&readers, &former, "").await.0, ["ada deleted scratch", "ada created scratch"]);
        assert!(Seen::of(&readers, &owner, "").await.has("linus may not publish"));
        book.shutdown().await.expect("an end");
    });
}
