//! The client against a scripted peer, in virtual time.

use std::time::Duration;

use deedbook_core::{AppendStatus, Atomicity, ErrorKind};
use tokio::time::Instant;

use super::scripted::{Act, CANARY, Peer, draft};
use super::{Ask, Client, ClientOptions, NewToken, TokenKind};

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(60)
}

async fn record(client: &Client, id: &str) -> deedbook_core::Result<AppendStatus> {
    Ok(client.record(&draft(Some(id), "test.done"), soon()).await?.status)
}

#[tokio::test(start_paused = true)]
async fn a_passing_failure_is_tried_again_and_never_sooner_than_the_server_said() {
    for act in [Act::Refuse(503, Some(7)), Act::Refuse(429, Some(7)), Act::Refuse(500, None), Act::Reset, Act::Hang] {
        let first = act.clone();
        let peer = Peer::new(move |number, _| if number == 0 { first.clone() } else { Act::Serve });
        let began = Instant::now();
        assert_eq!(record(&peer.client(), "e").await.expect("recorded"), AppendStatus::Created, "{act:?}");
        assert_eq!(peer.state().requests, [1, 1], "{act:?}");
        if let Act::Refuse(_, Some(wait)) = act {
            assert!(began.elapsed() >= Duration::from_secs(wait), "{:?}", began.elapsed());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_was_lost_makes_no_duplicate() {
    let peer = Peer::new(|number, _| if number == 0 { Act::LoseAnswer } else { Act::Serve });
    let recorded = peer.client().record(&draft(None, "test.done"), soon()).await.expect("recorded");
    assert_eq!(recorded.status, AppendStatus::Replayed);
    assert_eq!(peer.state().ids, [recorded.receipt.id]);
}

#[tokio::test(start_paused = true)]
async fn attempts_end_before_the_deadline() {
    for act in [Act::Refuse(503, None), Act::Reset, Act::Hang, Act::Refuse(503, Some(3_000))] {
        let scripted = act.clone();
        let peer = Peer::new(move |_, _| scripted.clone());
        let (began, deadline) = (Instant::now(), Duration::from_secs(21));
        let error = peer.client().record(&draft(None, "test.done"), began + deadline).await.expect_err("no answer");
        let expected = if matches!(act, Act::Refuse(..)) { ErrorKind::Overloaded } else { ErrorKind::Unavailable };
        assert_eq!(error.kind(), expected, "{act:?}: {error}");
        assert!(began.elapsed() <= deadline, "{act:?}: {:?}", began.elapsed());
        let attempts = peer.state().requests.len();
        match act {
            // There is no use in another attempt before the server is willing.
            Act::Refuse(_, Some(_)) => assert_eq!(attempts, 1),
            // Two of ten seconds each, and the rest.
            Act::Hang => assert_eq!(attempts, 3),
            // Pauses of 0.1, 0.2, 0.4 … up to 5 seconds, each at least half of that.
            _ => assert!((6..=16).contains(&attempts), "{attempts}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_lasting_refusal_is_not_tried_again() {
    for (status, kind) in [(401, ErrorKind::Denied), (400, ErrorKind::Invalid), (507, ErrorKind::DiskFull)] {
        let peer = Peer::new(move |_, _| Act::Refuse(status, None));
        let error = record(&peer.client(), "e").await.expect_err("refused");
        assert_eq!((error.kind(), peer.state().requests.len()), (kind, 1), "{error}");
    }
    let peer = Peer::new(|_, _| Act::Nonsense);
    let error = record(&peer.client(), "e").await.expect_err("nonsense");
    assert!(error.to_string().contains("is the address the right one?"), "{error}");
    assert_eq!(peer.state().requests.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_token_is_made_once_however_the_attempt_ends() {
    let peer = Peer::new(|_, _| Act::LoseAnswer);
    let error = peer.client().create_token(&NewToken::new(TokenKind::Read)).await.expect_err("lost");
    assert_eq!((error.kind(), peer.state().requests.len()), (ErrorKind::Unavailable, 1));
    assert!(peer.client().tokens().await.is_err());
    assert!(peer.state().requests.len() > 2, "listing changes nothing and is tried again");
}

#[tokio::test(start_paused = true)]
async fn tasks_share_requests_and_keep_their_own_fates() {
    let peer = Peer::new(|_, _| Act::ServeAfter(Duration::from_millis(20)));
    let client = peer.client();
    let tasks: Vec<_> = (0..200)
        .map(|number| {
            let client = client.clone();
            let action = if number % 50 == 7 { "test.invalid" } else { "test.done" };
            tokio::spawn(async move { client.record(&draft(Some(&format!("e{number}")), action), soon()).await })
        })
        .collect();
    for (number, task) in tasks.into_iter().enumerate() {
        match task.await.expect("no panic") {
            Ok(recorded) => assert_eq!(recorded.receipt.id, format!("e{number}")),
            Err(error) => {
                assert_eq!((number % 50, error.kind()), (7, ErrorKind::Invalid));
                assert_eq!(error.problems()[0].pointer, "/action");
            }
        }
    }
    let state = peer.state();
    assert_eq!(state.ids.len(), 196);
    assert_eq!(state.requests.iter().sum::<usize>(), 200);
    assert!(state.requests.len() <= 3, "{:?}", state.requests);
}

#[tokio::test(start_paused = true)]
async fn what_waits_is_bounded_and_a_caller_who_gave_up_takes_the_event_along() {
    let peer = Peer::new(|number, _| if number == 0 { Act::Hang } else { Act::Serve });
    let options = ClientOptions { waiting_events_max: 2, ..ClientOptions::default() };
    let client = peer.client_with(options);
    let spawn = |id: &'static str, wait| {
        let client = client.clone();
        let deadline = Instant::now() + Duration::from_secs(wait);
        tokio::spawn(async move { client.record(&draft(Some(id), "test.done"), deadline).await })
    };
    let first = spawn("first", 30);
    tokio::task::yield_now().await;
    let (gives_up, waits) = (spawn("gives_up", 5), spawn("waits", 60));
    tokio::task::yield_now().await;
    let refused = record(&client, "refused").await.expect_err("full");
    assert_eq!(refused.kind(), ErrorKind::Overloaded, "{refused}");
    assert_eq!(gives_up.await.expect("no panic").expect_err("late").kind(), ErrorKind::Unavailable);
    assert!(first.await.expect("no panic").is_ok() && waits.await.expect("no panic").is_ok());
    assert_eq!(peer.state().ids, ["first", "waits"]);
}

#[tokio::test(start_paused = true)]
async fn the_place_of_the_sender_is_free_after_its_runtime_ended() {
    let peer = Peer::new(|number, _| if number == 0 { Act::Hang } else { Act::Serve });
    let client = peer.client();
    let other = client.clone();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        let runtime = runtime.expect("a runtime");
        let soon = tokio::time::Duration::from_millis(10);
        runtime.block_on(async {
            tokio::time::timeout(soon, record(&other, "lost")).await.expect_err("it hangs");
        });
    })
    .join()
    .expect("no panic");
    assert_eq!(record(&client, "found").await.expect("recorded"), AppendStatus::Created);
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_is_refused_as_a_whole_is_split_until_the_culprit_is_alone() {
    let peer = Peer::new(|number, _| match number {
        3 => Act::Serve,
        4 => Act::Refuse(400, None),
        _ => Act::Refuse(413, None),
    });
    let drafts: Vec<_> = ["a", "b", "c", "d"].map(|id| draft(Some(id), "test.done")).into();
    let fates = peer.client().post(&drafts[..2], Atomicity::PerEvent, soon()).await.expect("fates");
    assert_eq!(
        fates.iter().map(|fate| fate.as_ref().err().map(|error| error.kind())).collect::<Vec<_>>(),
        [Some(ErrorKind::TooLarge), Some(ErrorKind::TooLarge)]
    );
    let fates = peer.client().post(&drafts[2..], Atomicity::AllOrNothing, soon()).await;
    assert!(fates.is_ok() && peer.state().ids == ["c", "d"]);
    let error = peer.client().post(&drafts[..1], Atomicity::AllOrNothing, soon()).await.expect_err("refused");
    assert_eq!(error.kind(), ErrorKind::Invalid);
}

#[tokio::test(start_paused = true)]
async fn large_batches_take_several_requests_but_all_or_nothing_takes_one() {
    let peer = Peer::new(|_, _| Act::Serve);
    let drafts: Vec<_> = (0..2_500).map(|number| draft(Some(&format!("e{number}")), "test.done")).collect();
    let fates = peer.client().post(&drafts, Atomicity::PerEvent, soon()).await.expect("fates");
    assert!(fates.len() == 2_500 && fates.iter().all(Result::is_ok));
    assert_eq!(peer.state().requests, [1_000, 1_000, 500]);
    let error = peer.client().post(&drafts, Atomicity::AllOrNothing, soon()).await.expect_err("too much");
    assert_eq!((error.kind(), peer.state().requests.len()), (ErrorKind::TooLarge, 3));
}

#[tokio::test(start_paused = true)]
async fn the_token_shows_itself_to_nobody() {
    let refused = Peer::new(|_, _| Act::Refuse(401, None));
    let broken = Peer::new(|_, _| Act::Reset);
    let nonsense = Peer::new(|_, _| Act::Nonsense);
    let item = Peer::new(|_, _| Act::Serve);
    for peer in [refused, broken, nonsense, item] {
        let client = peer.client();
        let mut said = vec![format!("{client:?}"), format!("{:?}", client.tail(Ask::new("")))];
        let posted = client.record(&draft(None, "test.invalid"), soon()).await.expect_err("refused");
        let read = client.page(&Ask::new("")).await.expect_err("no page");
        let made = client.create_token(&NewToken::new(TokenKind::Read)).await.expect_err("no token");
        for error in [posted, read, made] {
            said.push(format!("{error} {error:?} {error:#?}"));
            let mut cause = std::error::Error::source(&error);
            while let Some(error) = cause {
                said.push(format!("{error} {error:?}"));
                cause = error.source();
            }
        }
        said.push(format!("{:?}", super::Token::new(CANARY)));
        assert!(said.iter().all(|text| !text.contains("canary7f3a")), "{said:?}");
    }
    let error = super::Token::new("deed canary7f3a").expect_err("a space");
    assert!(!error.to_string().contains("canary"));
}
