//! What a stranger can make grow, each with a name and its arithmetic.

use std::time::Duration;

/// The limits of a server; the defaults suit a machine with 1 GiB to spare.
///
/// Memory: connections 4,096 × 64 KiB of buffers at worst (256 MiB, reached only by those who fill them), bodies
/// 64 MiB, what waits for the log 12 MiB, pages 32 × 8 MiB.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Bytes of a body as it is sent: 8 MiB, 1,000 events of 8 KiB, ten times the typical one.
    pub body_bytes_max: usize,
    /// Bytes of a body after decompression: the same, so that a small body cannot become a large one.
    pub decompressed_bytes_max: usize,
    /// Events in one request: 1,000, beyond which a larger batch gains nothing.
    pub events_max: usize,
    /// Bytes of all bodies that are held at one time, compressed and decompressed: 64 MiB, eight of the largest.
    pub bodies_bytes_max: usize,
    /// Bytes of events that were handed to the log and have no receipt yet: 12 MiB, three quarters of the queue of the
    /// file store (16 MiB), so that handing over never waits there.
    pub append_bytes_max: usize,
    /// How long a request waits for room among them: 1 s, some forty thousand events at the pace of a small machine.
    pub append_wait_max: Duration,
    /// Entries of a page: 1,000.
    pub page_entries_max: usize,
    /// Bytes of a page: 8 MiB; a page that would be larger ends earlier and says that there is more.
    pub page_bytes_max: usize,
    /// Lines of a count or of a facet: 10,000.
    pub groups_max: usize,
    /// Reads that are worked on at one time: 32, each one thread at work, also where its request was given up meanwhile.
    pub reads_max: usize,
    /// How long a read waits for its turn: 2 s.
    pub read_wait_max: Duration,
    /// Tails and exports that are open at one time: 512, each some 100 KiB.
    pub streams_max: usize,
    /// How often a tail without entries says that it is alive: 15 s, below what proxies take for dead (60 s).
    pub heartbeat_interval: Duration,
    /// Connections at one time: 4,096, under the usual limit of descriptors once it is raised to 8,192.
    pub connections_max: usize,
    /// Requests at one time: 2,048.
    pub requests_max: usize,
    /// Bytes of the head of a request: 64 KiB; a query of 8 KiB is 24 KiB when each byte is escaped.
    pub head_bytes_max: usize,
    /// How long a connection may take to send the head of its next request, the wait before it included: 30 s.
    pub head_time_max: Duration,
    /// How long the body of a request may take: 30 s, 8 MiB at 2.2 Mbit/s.
    pub body_time_max: Duration,
    /// How long a request may be worked on, until its answer begins: 60 s.
    pub request_time_max: Duration,
    /// How long the answer to a test of a sink waits for the sink: 10 s, as long as a person waits for an answer.
    pub sink_test_wait_max: Duration,
    /// How long a client may leave bytes of an answer untaken: 30 s.
    pub write_stall_max: Duration,
    /// How long requests are given to end when the server is told to: 30 s.
    pub shutdown_time_max: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        const MIB: usize = 1024 * 1024;
        Self {
            body_bytes_max: 8 * MIB,
            decompressed_bytes_max: 8 * MIB,
            events_max: 1_000,
            bodies_bytes_max: 64 * MIB,
            append_bytes_max: 12 * MIB,
            append_wait_max: Duration::from_secs(1),
            page_entries_max: 1_000,
            page_bytes_max: 8 * MIB,
            groups_max: 10_000,
            reads_max: 32,
            read_wait_max: Duration::from_secs(2),
            streams_max: 512,
            heartbeat_interval: Duration::from_secs(15),
            connections_max: 4_096,
            requests_max: 2_048,
            head_bytes_max: 64 * 1024,
            head_time_max: Duration::from_secs(30),
            body_time_max: Duration::from_secs(30),
            request_time_max: Duration::from_secs(60),
            sink_test_wait_max: Duration::from_secs(10),
            write_stall_max: Duration::from_secs(30),
            shutdown_time_max: Duration::from_secs(30),
        }
    }
}
