//! `archive`: what a log takes as an archive, beside what DuckDB and ClickHouse make of the same rows.

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use clap::Args;
use deedbook_archive::{Archive, Limits, Selection};
use deedbook_core::{Error, Store};
use deedbook_store::FileStore;
use tempfile::TempDir;

use crate::Result;
use crate::load::Memory;
use crate::machine::Circumstances;
use crate::report;
use crate::retire::fill;
use crate::workload::Workload;

/// How much there is.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Events in the log.
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub events: u64,
    /// MiB of events in one commit.
    #[arg(long, default_value_t = 128, value_parser = clap::value_parser!(u64).range(1..=4096))]
    pub batch_mib: u64,
    /// DuckDB's command line.
    #[arg(long, value_name = "PROGRAM", env = "DEEDBOOK_DUCKDB", default_value = "duckdb")]
    pub duckdb: PathBuf,
    /// A Python that has `chdb`, which is ClickHouse as a library.
    #[arg(long, value_name = "PROGRAM", env = "DEEDBOOK_CHDB_PYTHON", default_value = "python3")]
    pub chdb_python: PathBuf,
}

/// Fills a log, archives it and prints.
///
/// # Errors
/// When the log or the archive fails. That there is no DuckDB or ClickHouse is said and no error.
pub fn run(options: &Options) -> Result<()> {
    let circumstances = Circumstances::now();
    println!("{}\n{}\n$ {}", circumstances.machine_line(), circumstances.date, circumstances.command);
    let room = TempDir::with_prefix("deedbook-bench-")?;
    let (log, place) = (room.path().join("log"), room.path().join("archive"));
    fill(&log, &Workload::new(options.events), options.events)?;
    let store = FileStore::open_read_only(&log)?;
    let archive = Archive::open(place.to_str().ok_or("a temporary path is text")?)?;
    let per_event = |bytes: u64| bytes as f64 / options.events as f64;
    let mut table = report::table(&["", "bytes per event", "files", "events/s", "MiB at most"]);
    let mut row = |name: &str, (bytes, files): (u64, u64), time: Option<Duration>, memory: Option<u64>| {
        let speed = time.map(|time| report::thousands(options.events as f64 / time.as_secs_f64()));
        let memory = memory.map(|bytes| (bytes >> 20).to_string());
        let [speed, memory] = [speed, memory].map(Option::unwrap_or_default);
        table.add_row([name.to_owned(), format!("{:.1}", per_event(bytes)), files.to_string(), speed, memory]);
    };
    row("log, with its index", size_of(&log)?, None, None);

    let (memory, begun) = (Memory::watch(), Instant::now());
    let limits = Limits { batch_bytes: usize::try_from(options.batch_mib)? << 20 };
    archive.bring_up(&store as &dyn Store, &limits, &mut |_| ControlFlow::Continue(()))?;
    row("archive", size_of(&place.join("entries"))?, Some(begun.elapsed()), Some(memory.peak_bytes()));

    match columns_by_duckdb(&options.duckdb, &place, options.events) {
        Ok(columns) => println!("{columns}"),
        Err(why) => eprintln!("SKIPPED bytes per column: {why}"),
    }
    let begun = Instant::now();
    let verdict = archive.verify(None, &mut |_| {})?;
    if !verdict.problems.is_empty() || verdict.entries != options.events {
        return Err(format!("the archive is not whole: {verdict:?}").into());
    }
    println!("verified at {} events/s", report::thousands(options.events as f64 / begun.elapsed().as_secs_f64()));
    for (name, columns) in [("DuckDB, the same columns", "*"), ("DuckDB, without leaf_hash", "* EXCLUDE leaf_hash")] {
        let copy = room.path().join("copy");
        match copy_by_duckdb(&options.duckdb, &place, &copy, columns) {
            Ok(time) => row(name, size_of(&copy)?, Some(time), None),
            Err(why) => eprintln!("SKIPPED {name}: {why}"),
        }
        drop(fs::remove_dir_all(&copy));
    }
    for (name, columns) in
        [("ClickHouse, the same columns", "*"), ("ClickHouse, without leaf_hash", "* EXCEPT leaf_hash")]
    {
        let copy = room.path().join("copy");
        match table_by_clickhouse(&options.chdb_python, &place, &copy, columns) {
            Ok((size, time)) => row(name, size, Some(time), None),
            Err(why) => eprintln!("SKIPPED {name}: {why}"),
        }
        drop(fs::remove_dir_all(&copy));
    }
    let canonical = room.path().join("canonical.ndjson");
    write_canonical(&archive, &canonical)?;
    row("canonical bytes, zstd -12 as one stream", (zstd_of(&canonical)?, 1), None, None);
    println!("{table}");
    Ok(())
}

/// Lets DuckDB write the rows of the archive again, with its own choice of encodings.
fn copy_by_duckdb(program: &Path, archive: &Path, to: &Path, columns: &str) -> Result<Duration> {
    let question = format!(
        "COPY (SELECT {columns} FROM read_parquet('{}/entries/*/*/*.parquet', hive_partitioning = true) ORDER BY tenant, day, position) \
         TO '{}' (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 12, PARTITION_BY (tenant, day))",
        archive.display(),
        to.display()
    );
    let begun = Instant::now();
    let asked = Command::new(program).args(["-c", &question]).output()?;
    if !asked.status.success() {
        return Err(String::from_utf8_lossy(&asked.stderr).into_owned().into());
    }
    Ok(begun.elapsed())
}

/// Lets ClickHouse put the rows of the archive into a table of its own, and merge it: its bytes and its parts.
fn table_by_clickhouse(python: &Path, archive: &Path, to: &Path, columns: &str) -> Result<((u64, u64), Duration)> {
    let script = format!(
        "from chdb import session\n\
         ask = session.Session('{to}').query\n\
         ask(\"CREATE TABLE log ENGINE = MergeTree ORDER BY (tenant, day, position) \"\n\
             \"SETTINGS default_compression_codec = 'ZSTD(12)' AS SELECT {columns} \"\n\
             \"FROM file('{archive}/entries/*/*/*.parquet', Parquet) SETTINGS use_hive_partitioning = 1\")\n\
         ask('OPTIMIZE TABLE log FINAL')\n\
         print(ask(\"SELECT sum(bytes_on_disk), count() FROM system.parts WHERE table = 'log' AND active\", 'CSV'))\n",
        to = to.display(),
        archive = archive.display()
    );
    let begun = Instant::now();
    let asked = Command::new(python).args(["-c", &script]).output()?;
    if !asked.status.success() {
        return Err(String::from_utf8_lossy(&asked.stderr).into_owned().into());
    }
    let told = String::from_utf8(asked.stdout)?;
    let (bytes, parts) = told.trim().split_once(',').ok_or_else(|| format!("ClickHouse said {told:?}"))?;
    Ok(((bytes.parse()?, parts.parse()?), begun.elapsed()))
}

/// Bytes per event of each column and its filter, without those that take hardly any.
fn columns_by_duckdb(program: &Path, archive: &Path, events: u64) -> Result<String> {
    let question = format!(
        "SELECT path_in_schema AS \"column\", any_value(encodings) AS encodings, \
         round(sum(total_compressed_size) / {events}, 2) AS bytes_per_event, \
         round(sum(bloom_filter_length) / {events}, 2) AS \"filter\" \
         FROM parquet_metadata('{}/entries/*/*/*.parquet') GROUP BY 1 HAVING bytes_per_event >= 0.1 ORDER BY 3 DESC",
        archive.display()
    );
    let asked = Command::new(program).args(["-box", "-c", ".maxrows 60", "-c", &question]).output()?;
    if !asked.status.success() {
        return Err(String::from_utf8_lossy(&asked.stderr).into_owned().into());
    }
    Ok(String::from_utf8(asked.stdout)?)
}

/// Everything that a verifier hashes, a line each.
fn write_canonical(archive: &Archive, path: &Path) -> Result<()> {
    use std::io::Write;
    let mut out = std::io::BufWriter::new(fs::File::create(path)?);
    archive.entries(&archive.commits()?, &Selection::default(), |entry| {
        let written = out.write_all(&entry.canonical).and_then(|()| out.write_all(b"\n"));
        written.map_err(|error| Error::new(deedbook_core::ErrorKind::Io, "write a temporary file").with_source(error))
    })?;
    Ok(out.flush()?)
}

fn zstd_of(path: &Path) -> Result<u64> {
    struct Counted(u64);
    impl std::io::Write for Counted {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 += bytes.len() as u64;
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut counted = Counted(0);
    zstd::stream::copy_encode(fs::File::open(path)?, &mut counted, 12)?;
    Ok(counted.0)
}

/// Bytes of all files in a folder, and how many.
fn size_of(folder: &Path) -> Result<(u64, u64)> {
    let mut size = (0, 0);
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let (bytes, files) =
            if entry.file_type()?.is_dir() { size_of(&entry.path())? } else { (entry.metadata()?.len(), 1) };
        size = (size.0 + bytes, size.1 + files);
    }
    Ok(size)
}
