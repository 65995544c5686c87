//! Types of every shape, without a single import: the code of the derives names everything absolutely.

#[derive(deedbook::Entity, deedbook::Id)]
#[id(prefix = "doc")]
#[entity(type = "document")]
struct Document<T: serde::Serialize> {
    #[entity(id)]
    id: u64,
    #[entity(name)]
    r#type: String,
    content: T,
}

#[derive(deedbook::Event)]
#[event(action = "document.shared", describe = "{actor} shared {documents} as {type} until {until}")]
struct DocumentShared<'a, T>
where
    T: serde::Serialize,
{
    #[event(target)]
    documents: &'a [Document<T>],
    #[event(target(role = "folder"))]
    folder: Option<deedbook::Target>,
    #[event(actor)]
    actor: Option<deedbook::Actor>,
    r#type: &'a str,
    until: Option<std::string::String>,
}

#[derive(deedbook::Event)]
#[event(action = "backup.made", schema = "backup@1", outcome = "failure")]
struct BackupFailed;

// Names that the code must not trip over.
#[allow(dead_code, non_camel_case_types)]
mod shadows {
    struct Option;
    struct Result;
    struct String;
    struct Vec;
    #[derive(deedbook::Event)]
    #[event(action = "a.b", audience = ["x"])]
    pub struct Shadowed {
        pub event: u8,
        pub context: u8,
    }
}

fn main() {
    let shared = DocumentShared::<u8> { documents: &[], folder: None, actor: None, r#type: "x", until: None };
    let context = deedbook::Context::new().actor(deedbook::Actor::new("user", "1"));
    let event = deedbook::IntoEvent::into_event(shared, &context).unwrap();
    assert_eq!(event.description.as_deref(), Some("user 1 shared none as x until none"));
    let event = deedbook::IntoEvent::into_event(BackupFailed, &context).unwrap();
    assert_eq!(event.outcome, Some(deedbook::Outcome::Failure));
    let _ = deedbook::IntoEvent::into_event(shadows::Shadowed { event: 1, context: 2 }, &context).unwrap();
}
