//! What no log can beat: the same bytes compressed and appended to one file, with one sync per batch, and nothing else.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;

use zstd::bulk::Compressor;

use super::{Append, Batch, Contestant, Diet};
use crate::Result;
use crate::question::{Answer, Question};
use crate::row::Row;

/// Bytes before compression of one block.
const BLOCK_BYTES: usize = 256 * 1024;
/// The cheapest of the ordinary levels.
const LEVEL: i32 = 1;

/// A file that can only be appended to.
pub struct Limit {
    path: PathBuf,
    file: File,
    compressor: Compressor<'static>,
    raw: Vec<u8>,
    frame: Vec<u8>,
}

impl Limit {
    /// A new file in `directory`.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn open(directory: &Path) -> Result<Self> {
        let path = directory.join("limit.zst");
        let file = File::options().create_new(true).append(true).open(&path)?;
        let compressor = Compressor::new(LEVEL)?;
        Ok(Self { path, file, compressor, raw: Vec::with_capacity(2 * BLOCK_BYTES), frame: Vec::new() })
    }

    fn append(&mut self, rows: &[Row]) -> Result<Append> {
        let start = Instant::now();
        self.frame.clear();
        for row in rows {
            self.raw.extend_from_slice(row.body.as_bytes());
            self.raw.push(b'\n');
            if self.raw.len() >= BLOCK_BYTES {
                self.compress()?;
            }
        }
        self.compress()?;
        self.file.write_all(&self.frame)?;
        self.file.sync_data()?;
        Ok(Append::of(start.elapsed()))
    }

    fn compress(&mut self) -> Result<()> {
        let block = self.compressor.compress(&self.raw)?;
        self.frame.extend_from_slice(&block);
        self.raw.clear();
        Ok(())
    }
}

impl Contestant for Limit {
    fn diet(&self) -> Diet {
        Diet::Rows
    }

    fn load(&mut self, batches: &mut [Batch]) -> Result<Vec<Append>> {
        batches.iter().map(|batch| self.append(batch.rows())).collect()
    }

    fn finish(&mut self) -> Result<()> {
        Ok(())
    }

    fn disk_bytes(&mut self) -> Result<u64> {
        Ok(std::fs::metadata(&self.path)?.len())
    }

    fn answer(&mut self, _question: &Question) -> Result<Option<Answer>> {
        Ok(None)
    }
}
