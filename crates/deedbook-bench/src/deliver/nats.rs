//! A NATS server of the benchmark's own, with a stream in files.

use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use async_nats::jetstream::{self, stream};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::Result;
use crate::meter::threads_cpu;

/// How long it may take to start.
const START_MAX: Duration = Duration::from_secs(30);

pub(super) struct Server {
    address: String,
    process: Child,
    _directory: TempDir,
}

impl Server {
    /// A server with a stream that takes `audit.>`, and everything else as it comes: messages are acknowledged when they
    /// are written, and synced every two minutes.
    pub(super) fn start(program: &Path, parent: &Path) -> Result<Self> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let directory = TempDir::with_prefix_in("deedbook-bench-nats-", parent)?;
        let mut command = Command::new(program);
        command.args(["--jetstream", "--addr", "127.0.0.1", "--port", &port.to_string(), "--store_dir"]);
        command.arg(directory.path()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let process = command.spawn().map_err(|error| format!("{}: {error}", program.display()))?;
        let server = Self { address: format!("127.0.0.1:{port}"), process, _directory: directory };
        let begun = Instant::now();
        while TcpStream::connect(&server.address).is_err() {
            if begun.elapsed() > START_MAX {
                return Err(format!("{} does not answer", program.display()).into());
            }
            thread::sleep(Duration::from_millis(10));
        }
        server.make_stream()?;
        Ok(server)
    }

    fn make_stream(&self) -> Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let config =
            stream::Config { name: "audit".into(), subjects: vec!["audit.>".into()], ..stream::Config::default() };
        runtime.block_on(async {
            let context = jetstream::new(async_nats::connect(&self.address).await?);
            context.create_stream(config).await?;
            Ok(())
        })
    }

    /// The sink that sends there.
    pub(super) fn sink(&self) -> Value {
        json!({ "nats": { "servers": [format!("nats://{}", self.address)] } })
    }

    /// CPU time that it has used.
    pub(super) fn cpu(&self) -> Duration {
        threads_cpu(&self.process.id().to_string(), |_| true)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // One that has ended needs no end.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
