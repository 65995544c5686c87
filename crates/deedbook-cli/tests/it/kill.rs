//! The server is killed again and again while many clients record; nothing that it acknowledged may be lost.
//!
//! The clients' ledger is in this process. A missing sync cannot show here, for the page cache outlives the process.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::Value;

use crate::server::{ADMIN, Client, Served};
use crate::support::Room;

const CLIENTS: usize = 16;

/// When a client takes an event for acknowledged.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Honesty {
    /// After its receipt.
    Honest,
    /// Before it is even sent: the negative control.
    Lying,
}

/// What was sent, and which receipts came back, by id.
#[derive(Default)]
struct Ledger {
    sent: Mutex<HashMap<String, String>>,
    acknowledged: Mutex<HashMap<String, Option<(Value, Value)>>>,
}

/// What is wrong in the end.
#[derive(Debug, Default, PartialEq, Eq)]
struct Verdict {
    lost: usize,
    phantom: usize,
    duplicate: usize,
    rewritten: usize,
}

#[test]
fn a_killed_server_loses_nothing_that_it_acknowledged() {
    let (kills, acknowledged) = match std::env::var("CHAOS").as_deref() {
        Ok("soak") => (150, 200_000),
        _ => (12, 100),
    };
    let (kills, acknowledged, verdict) = kill_again_and_again(kills, acknowledged, Honesty::Honest);
    println!("{kills} kills, {acknowledged} acknowledgements, {verdict:?}");
    assert_eq!(verdict, Verdict::default(), "cargo test -p deedbook-cli --test it kill");
}

#[test]
fn acknowledging_before_the_write_loses() {
    let (kills, acknowledged, verdict) = kill_again_and_again(4, 0, Honesty::Lying);
    println!("{kills} kills, {acknowledged} lies, {verdict:?}");
    assert!(verdict.lost > 0, "the test does not see what is acknowledged too early");
}

/// Kills at least so many times, and until so many events were acknowledged; tells how many times, how many, and what is
/// wrong.
fn kill_again_and_again(kills_min: usize, acknowledged_min: usize, honesty: Honesty) -> (usize, usize, Verdict) {
    let room = Room::new();
    let directory = room.path().join("log");
    let ledger = Ledger::default();
    // Times that look random and are the same in each run.
    let mut state = 11_u64;
    let mut kills = 0;
    while kills < kills_min || ledger.acknowledged.lock().unwrap().len() < acknowledged_min {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        record_and_kill(&directory, kills, honesty, Duration::from_millis(50 + (state >> 33) % 450), &ledger);
        kills += 1;
    }
    let served = Served::on(&directory);
    let verdict = judge(&mut served.client(), &ledger);
    assert!(served.terminate().success());
    room.run(&["doctor", "--data", "log"]).exits(0);
    let acknowledged = ledger.acknowledged.lock().unwrap().len();
    (kills, acknowledged, verdict)
}

fn record_and_kill(directory: &Path, nth: usize, honesty: Honesty, alive: Duration, ledger: &Ledger) {
    let served = Served::on(directory);
    let (address, ended) = (served.address, AtomicBool::new(false));
    std::thread::scope(|scope| {
        for client in 0..CLIENTS {
            let ended = &ended;
            scope.spawn(move || record(address, &format!("evt_{nth}_{client}"), honesty, ended, ledger));
        }
        // The time of the kill is what the test is about; it waits for nothing.
        std::thread::sleep(alive);
        served.kill();
        ended.store(true, Ordering::SeqCst);
    });
}

/// Records until the server is gone.
fn record(address: SocketAddr, prefix: &str, honesty: Honesty, ended: &AtomicBool, ledger: &Ledger) {
    let Ok(mut client) = Client::connect(address) else { return };
    for number in 0_u64.. {
        let id = format!("{prefix}_{number}");
        let event = format!(
            r#"{{"id":"{id}","action":"invoice.approved","actor":{{"type":"user","id":"ada"}},"reason":"{}"}}"#,
            "x".repeat(number as usize % 300)
        );
        ledger.sent.lock().unwrap().insert(id.clone(), event.clone());
        if honesty == Honesty::Lying {
            ledger.acknowledged.lock().unwrap().insert(id.clone(), None);
        }
        match client.send("POST", "/v1/events", ADMIN, &event) {
            Ok((201, receipt)) if honesty == Honesty::Honest => {
                let receipt: Value = serde_json::from_str(&receipt).unwrap();
                let place = (receipt["seq"].clone(), receipt["leaf_hash"].clone());
                ledger.acknowledged.lock().unwrap().insert(id, Some(place));
            }
            Ok((201, _)) => {}
            Ok((status, body)) => panic!("{status} {body}"),
            Err(_) => return,
        }
        if ended.load(Ordering::SeqCst) {
            return;
        }
    }
}

/// Reads everything back, and sends a part of it again.
fn judge(client: &mut Client, ledger: &Ledger) -> Verdict {
    let (sent, acknowledged) = (ledger.sent.lock().unwrap(), ledger.acknowledged.lock().unwrap());
    let mut verdict = Verdict::default();
    let mut there: HashMap<String, (Value, Value)> = HashMap::new();
    let mut path = "/v1/events?tenant=default&order=asc&limit=1000".to_owned();
    loop {
        let page = client.get(&path);
        for entry in page["data"].as_array().unwrap() {
            assert_eq!(entry["seq"], there.len(), "seq has a gap");
            let id = entry["id"].as_str().unwrap().to_owned();
            // That this reads is an entry too, which may come before the last page.
            let was_sent = sent.contains_key(&id) || entry["action"] == "audit.viewed";
            verdict.phantom += usize::from(!was_sent);
            let place = (entry["seq"].clone(), entry["leaf_hash"].clone());
            verdict.duplicate += usize::from(there.insert(id, place).is_some());
        }
        let Some(next) = page["next"].as_str() else { break };
        path = next.strip_prefix("http://log.example").unwrap().to_owned();
    }
    for (id, place) in acknowledged.iter() {
        match there.get(id) {
            None => verdict.lost += 1,
            Some(found) => verdict.rewritten += usize::from(place.as_ref().is_some_and(|place| place != found)),
        }
    }
    for id in acknowledged.keys().filter(|id| there.contains_key(*id)).step_by(37) {
        let (status, _) = client.send("POST", "/v1/events", ADMIN, &sent[id]).unwrap();
        verdict.duplicate += usize::from(status != 200);
    }
    verdict
}
