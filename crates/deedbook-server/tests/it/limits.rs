//! Limits: each is refused by its name, and those who keep them are not affected.

use std::io::{Read, Write};
use std::time::Duration;

use deedbook_server::Limits;

use crate::support::{House, Response, event};

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn bodies_that_are_too_large() {
    let house = House::new();
    let nine = vec![b' '; 9 << 20];
    assert_eq!(house.post("/v1/events", &nine).problem(413), "body_too_large");
    // Without a length it is noticed on the way.
    let request = house.request("POST", "/v1/events").header("Content-Type: application/json");
    let mut stream = request.header("Transfer-Encoding: chunked").open();
    let chunk = [format!("{:x}\r\n", 1 << 20).into_bytes(), vec![b' '; 1 << 20], b"\r\n".to_vec()].concat();
    while stream.write_all(&chunk).is_ok() {}
    for (coding, bomb) in [("gzip", gzip(&nine)), ("zstd", zstd::encode_all(&*nine, 19).unwrap())] {
        assert!(bomb.len() < 20_000);
        let request = house.request("POST", "/v1/events").header(&format!("Content-Encoding: {coding}"));
        assert_eq!(request.body("application/json", bomb).send().problem(413), "decompressed_body_too_large");
    }
    let many = format!("[{}{}]", "1,".repeat(1_000), 1);
    assert_eq!(house.post("/v1/events", many).problem(413), "too_many_events");
    let lines = house.request("POST", "/v1/events").body("application/x-ndjson", "1\n".repeat(1_001));
    assert_eq!(lines.send().problem(413), "too_many_events");
    let large = event("a").replace("{\"id\"", &format!("{{\"reason\":\"{}\",\"id\"", "x".repeat(300_000)));
    assert_eq!(house.post("/v1/events", &large).problem(413), "too_large");
    let batch = house.post("/v1/events", format!("[{large},{}]", event("b"))).is(200).json();
    assert_eq!((&batch["results"][0]["status"], &batch["results"][1]["status"]), (&413.into(), &201.into()));
}

#[test]
fn a_bomb_of_bombs_takes_no_memory_beyond_the_limit() {
    let house = House::new();
    // 1 GiB of spaces in a megabyte: it would take seconds and a gigabyte if it were decompressed whole.
    let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
    for _ in 0..1024 {
        encoder.write_all(&[b' '; 1 << 20]).unwrap();
    }
    let bomb = encoder.finish().unwrap();
    let begun = std::time::Instant::now();
    let request = house.request("POST", "/v1/events").header("Content-Encoding: zstd").body("application/json", bomb);
    assert_eq!(request.send().problem(413), "decompressed_body_too_large");
    assert!(begun.elapsed() < Duration::from_secs(5));
}

#[test]
fn room_for_bodies_comes_back() {
    let limits = Limits { bodies_bytes_max: 200_000, ..Limits::default() };
    let house = House::with(limits);
    let head = "Content-Type: application/json\r\nContent-Length: 150000";
    let medium = [event("m").as_bytes(), &[b' '; 100_000]].concat();
    let (slow, refused) = loop {
        // The room is taken once the server has read the head. Where the other one was faster, this one is refused.
        let mut slow = house.request("POST", "/v1/events").header(head).open();
        slow.write_all(b" ").unwrap();
        let answer = house.post("/v1/events", &medium);
        if answer.status == 503 {
            break (slow, answer);
        }
    };
    assert_eq!((refused.problem(503).as_str(), refused.header("retry-after")), ("overloaded", Some("1")));
    house.post("/v1/events", event("a")).is(201);
    drop(slow);
    while house.post("/v1/events", &medium).status == 503 {}
}

#[test]
fn slow_heads_and_slow_bodies_are_ended() {
    let limits = Limits {
        head_time_max: Duration::from_millis(300),
        body_time_max: Duration::from_millis(300),
        ..Limits::default()
    };
    let house = House::with(limits);
    let mut heads: Vec<_> = (0..50).map(|_| house.connect()).collect();
    heads.iter_mut().for_each(|stream| stream.write_all(b"POST /v1/events HTTP/1.1\r\nHost: x\r\nX-A: ").unwrap());
    let head = "Content-Type: application/json\r\nContent-Length: 100";
    let bodies: Vec<_> = (0..50).map(|_| house.request("POST", "/v1/events").header(head).open()).collect();
    house.post("/v1/events", event("a")).is(201);
    for mut stream in heads {
        let mut all = Vec::new();
        let _ = stream.read_to_end(&mut all);
        assert!(all.is_empty() || all.starts_with(b"HTTP/1.1 408"), "{}", String::from_utf8_lossy(&all));
    }
    for stream in bodies {
        assert_eq!(Response::read(stream).problem(408), "body_too_slow");
    }
    house.post("/v1/events", event("b")).is(201);
}

/// Takes everything there is a fixed number of, by clients who never end what they begin; tells whether somebody else is
/// served within three seconds.
fn is_served_beside_slow_clients(patience: Duration) -> [bool; 3] {
    const ROOM: usize = 10;
    let limits = Limits { head_time_max: patience, body_time_max: patience, ..Limits::default() };
    let served = |house: &House| {
        let begun = std::time::Instant::now();
        std::iter::from_fn(|| (begun.elapsed() < Duration::from_secs(3)).then(|| house.post("/v1/events", event("a"))))
            .any(|answer| answer.status < 300)
    };
    let slow_body = |house: &House, length| {
        let head = format!("Content-Type: application/json\r\nContent-Length: {length}");
        house.request("POST", "/v1/events").header(&head).open()
    };

    let house = House::with(Limits { connections_max: ROOM, ..limits.clone() });
    let heads: Vec<_> = (0..ROOM).map(|_| house.connect()).collect();
    heads.iter().for_each(|mut stream| stream.write_all(b"POST /v1/events HTTP/1.1\r\nX-A: ").unwrap());
    let by_heads = served(&house);
    drop(heads);

    let house = House::with(Limits { requests_max: ROOM, ..limits.clone() });
    let slow = until_taken(&house, patience, || slow_body(&house, 100));
    let by_requests = served(&house);
    drop(slow);

    let house = House::with(Limits { bodies_bytes_max: ROOM * 1_000, ..limits });
    let slow = until_taken(&house, patience, || slow_body(&house, 1_000));
    let by_bodies = served(&house);
    drop(slow);
    [by_heads, by_requests, by_bodies]
}

/// Opens slow requests until another one is refused for want of room, or the first of them may have been given up.
fn until_taken<S>(house: &House, patience: Duration, open: impl Fn() -> S) -> Vec<S> {
    let (begun, mut slow) = (std::time::Instant::now(), Vec::new());
    while begun.elapsed() < patience && house.post("/v1/events", event("a")).status != 503 {
        slow.extend((0..5).map(|_| open()));
    }
    slow
}

/// The negative control is the same without a limit on patience: then those who are slow keep everybody out.
#[test]
fn slow_clients_keep_nobody_out() {
    assert_eq!(is_served_beside_slow_clients(Duration::from_millis(500)), [true; 3]);
    assert_eq!(is_served_beside_slow_clients(Duration::from_secs(3_600)), [false; 3]);
}

#[test]
fn connections_beyond_the_limit_are_told_so() {
    let house = House::with(Limits { connections_max: 2, ..Limits::default() });
    let mut kept: Vec<_> = (0..2).map(|_| house.connect()).collect();
    for stream in &mut kept {
        stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        let mut begun = [0; 12];
        stream.read_exact(&mut begun).unwrap();
    }
    let refused = Response::read(house.connect());
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("1")));
    assert_eq!(refused.json()["code"], "overloaded");
    drop(kept);
    // A place comes free as soon as the server has seen the end of one of them.
    while house.get("/v1/events").status == 503 {}
    let figures = house.get("/metrics").body;
    assert!(figures.contains("deedbook_http_connections_refused_total"), "{figures}");
}

#[test]
fn requests_and_streams_beyond_the_limit_are_refused() {
    let house = House::with(Limits { requests_max: 1, streams_max: 1, ..Limits::default() });
    let head = "Content-Type: application/json\r\nContent-Length: 100";
    let (slow, refused) = loop {
        // Where the other one was faster, this one is refused.
        let slow = house.request("POST", "/v1/events").header(head).open();
        let answer = house.get("/v1/events");
        if answer.status == 503 {
            break (slow, answer);
        }
    };
    assert_eq!((refused.problem(503).as_str(), refused.header("retry-after")), ("overloaded", Some("1")));
    // Whoever watches the server still sees it.
    house.get("/healthz").is(200);
    house.get("/metrics").is(200);
    drop(slow);
    while house.get("/v1/events").status == 503 {}
    let mut tail = house.request("GET", "/v1/events/tail").open();
    let mut begun = [0; 12];
    tail.read_exact(&mut begun).unwrap();
    assert_eq!(&begun, b"HTTP/1.1 200");
    assert_eq!(house.get("/v1/events.csv").problem(503), "overloaded");
    drop(tail);
}

#[test]
fn hostile_bodies_are_refused_and_others_are_served() {
    let house = House::new();
    let meta = |value: &str| event("x").replace("{\"id\"", &format!("{{\"metadata\":{{\"a\":{value}}},\"id\""));
    let deep = |open: &str, close: &str| meta(&format!("{}1{}", open.repeat(100_000), close.repeat(100_000)));
    for (body, status, code) in [
        (deep("[", "]"), 422, "too_deep"),
        (deep("{\"a\":", "}"), 422, "too_deep"),
        ("[".repeat(1_000_000), 400, "syntax"),
        (meta("12345678901234567890"), 422, "number_out_of_range"),
        (meta(&"9".repeat(1_000_000)), 422, "number_out_of_range"),
        (meta("1e999999999"), 422, "number_out_of_range"),
        (meta("0.1000000000000000055511151231257827"), 422, "number_not_exact"),
        (meta("\"\\ud800\""), 422, "lone_surrogate"),
        (meta("1,\"a\":2"), 422, "duplicate_key"),
        ("\u{0}".repeat(1_000), 400, "syntax"),
    ] {
        let refused = house.post("/v1/events", &body);
        refused.problem(status);
        assert_eq!(refused.json()["errors"][0]["code"], code, "{}", &refused.body[..refused.body.len().min(400)]);
        house.post("/v1/events", event("normal"));
    }
    let broken = house.request("POST", "/v1/events").body("application/json", [b'"', 0xff, b'"']).send();
    assert_eq!(broken.json()["errors"][0]["code"], "invalid_utf8");
    assert_eq!(house.get("/v1/events/count").json()["count"], 1);
}
