//! `demo`.

use crate::git::Repository;
use crate::support::Room;

#[test]
fn history_is_entered_and_asked() {
    let room = Room::new();
    let _repository = Repository::with_history(&room.path().join("repo.git"));
    let demo = ["demo", "--git", "repo.git", "--no-serve"];
    let first = room.run(&demo).exits(0).stdout;
    for part in ["new, 0 already there", "entries", "Busiest actors", "Busiest targets", "user:ada@x.example", "Next"] {
        assert!(first.contains(part), "{part} is missing in {first}");
    }
    assert_eq!(first.matches("$ deedbook log ").count(), 3, "{first}");
    let second = room.run(&demo).exits(0).stdout;
    assert!(second.starts_with("0 new, "), "{second}");
}

#[test]
fn outside_of_a_repository() {
    let room = Room::new();
    room.run(&["demo", "--no-serve"]).exits(4).says(&[
        "not inside a git repository",
        "--git PATH",
        "--cloudtrail FILE",
    ]);
    room.run(&["demo", "--git", ".", "--no-serve"]).exits(4).says(&["not a git repository"]);
    assert_eq!(room.names(), Vec::<String>::new());
    let fixture = crate::cloudtrail::fixture();
    let stdout = room.run(&["demo", "--no-serve", "--cloudtrail", fixture.to_str().expect("text")]).exits(0).stdout;
    assert!(stdout.contains("outcome:denied"), "{stdout}");
}

#[test]
fn an_empty_history_is_no_error() {
    let room = Room::new();
    let _repository = Repository::empty(&room.path().join("repo.git"));
    let stdout = room.run(&["demo", "--git", "repo.git", "--no-serve"]).exits(0).stdout;
    assert!(stdout.contains("The history is empty"), "{stdout}");
}
