//! Reading a segment: a sealed [`Part`] of the log.

use std::ops::Range;
use std::sync::Arc;

use deedbook_core::commitment::Key;
use deedbook_core::tree::Frontier;
use deedbook_core::{Digest, ErrorKind, Order, Result};

use super::dictionary::Dictionary;
use super::entries::{BlockPlace, Entries, find_in_block};
use super::file::{CHECKSUM, SegmentFile};
use super::footer::{Footer, HEADER, TRAILER, keys_to_bytes, read_footer, read_header};
use super::halves::IdHalves;
use super::ids::Ids;
use super::times::{Times, TimesColumn, Zone};
use crate::archives::Archives;
use crate::bytes::{Malformed, Reader};
use crate::cache::{Block, BlockCache};
use crate::disk::{Disk, DiskFile, read_exact_at};
use crate::failure::io_error;
use crate::manifest::{SegmentName, sha256};
use crate::part::{ChunkSource, Loaded, Part, PositionTest, Postings, Tally, TermVisitor};
use crate::postings::{ChunkPlace, PostingsPlace, decode_chunk};

/// An open segment.
pub(crate) struct Segment {
    pub(crate) name: SegmentName,
    pub(crate) file: Arc<SegmentFile>,
    /// Where its entries are read: the same file, or one in an archive.
    pub(crate) entries_file: Arc<SegmentFile>,
    pub(crate) footer: Footer,
    pub(crate) entries: Entries,
    pub(crate) times: TimesColumn,
    pub(crate) ids: Ids,
    /// Where the entries are not at hand.
    pub(crate) id_halves: Option<IdHalves>,
    pub(crate) tenants: Dictionary,
    pub(crate) terms: Dictionary,
    pub(crate) tallies: Dictionary,
}

/// Where a tenant's entries lie in a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TenantRun {
    pub(crate) first_ordinal: u32,
    pub(crate) count: u32,
    /// The tenant's tree after them.
    pub(crate) frontier: Frontier,
}

impl Segment {
    /// Opens the segment that the manifest names, and holds it against what the manifest says of it.
    pub(crate) fn open(
        disk: &dyn Disk,
        archives: &Arc<Archives>,
        name: &SegmentName,
        cache: &Arc<BlockCache>,
        cache_key: u64,
    ) -> Result<Self> {
        let file = disk.open(&name.name).map_err(|error| io_error("open", &name.name, error))?;
        let mut segment = Self::read(file, name.clone(), cache, cache_key)?;
        let mut bytes = segment.file.length;
        if let Some(offloaded) = &name.offloaded {
            segment.id_halves = Some(IdHalves::at(name.bytes, segment.footer.positions));
            bytes = bytes.saturating_sub(IdHalves::bytes(segment.footer.positions));
            let archived = archives.file(&offloaded.object, offloaded.until);
            segment.entries_file = Arc::new(segment.file.elsewhere(&offloaded.object, archived));
        }
        let said = (name.first_position, name.positions, name.bytes);
        let found = (segment.footer.first_position, u64::from(segment.footer.positions), bytes);
        if said != found {
            return Err(segment.file.corrupt("it is not the file that the manifest names"));
        }
        Ok(segment)
    }

    /// Where the positions of a file end that may be anything; `None` where it is no finished segment.
    pub(crate) fn end_of_any(disk: &dyn Disk, name: &str) -> Result<Option<u64>> {
        let file = disk.open(name).map_err(|error| io_error("open", name, error))?;
        let unknown = SegmentName {
            name: name.into(),
            bytes: 0,
            first_position: 0,
            positions: 0,
            footer_sha256: String::new(),
            offloaded: None,
        };
        match Self::read(file, unknown, &Arc::new(BlockCache::new(0)), 0) {
            Ok(segment) => Ok(Some(segment.footer.first_position + u64::from(segment.footer.positions))),
            Err(error) if error.kind() == ErrorKind::Corrupt => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Opens a file that may be anything.
    pub(crate) fn read(
        file: Arc<dyn DiskFile>,
        name: SegmentName,
        cache: &Arc<BlockCache>,
        cache_key: u64,
    ) -> Result<Self> {
        let failed = |error| io_error("read", &name.name, error);
        let length = file.length().map_err(failed)?;
        let mut header = [0; HEADER as usize];
        if length >= HEADER {
            read_exact_at(&*file, &mut header, 0).map_err(failed)?;
        }
        let file_id = read_header(&header);
        let file = SegmentFile {
            name: name.name.clone(),
            file_id: file_id.unwrap_or_default(),
            length,
            file,
            archived: None,
            cache: cache.clone(),
            cache_key,
            gone: false.into(),
        };
        if file_id.is_none() {
            return Err(file.corrupt("it does not begin as a segment does"));
        }
        let (footer, footer_bytes) = read_footer(&file)?;
        if !name.footer_sha256.is_empty() && sha256(&footer_bytes) != name.footer_sha256 {
            return Err(file.corrupt("its footer is not the one that the manifest names"));
        }
        let file = Arc::new(file);
        let times = file.shaped(TimesColumn::new(footer.times, footer.positions), "the directory of times")?;
        Ok(Self {
            entries: Entries::new(footer.blocks, footer.permutation, footer.samples.clone()),
            times,
            ids: Ids::new(footer.ids, footer.filter),
            id_halves: None,
            tenants: Dictionary::open(file.clone(), footer.tenants)?,
            terms: Dictionary::open(file.clone(), footer.terms)?,
            tallies: Dictionary::open(file.clone(), footer.tallies)?,
            name,
            footer,
            entries_file: file.clone(),
            file,
        })
    }

    pub(crate) fn tenant(&self, tenant: &str) -> Result<Option<TenantRun>> {
        let payload = self.tenants.get(tenant.as_bytes())?;
        payload.map(|payload| self.file.shaped(read_tenant(&payload), "a tenant")).transpose()
    }

    pub(crate) fn read_postings(&self, payload: &[u8]) -> Result<Postings<'_>> {
        let place = self.file.shaped(PostingsPlace::read(payload), "a list of postings")?;
        if let PostingsPlace::Inline(positions) = &place {
            self.check_last(positions)?;
        }
        Ok(Postings::Stored(place, self))
    }

    /// The positions of a chunk, past the cache.
    pub(crate) fn chunk_uncached(&self, place: &ChunkPlace) -> Result<Vec<u32>> {
        self.decode_chunk(place, &self.file.block_uncached(place.offset, place.bytes as usize)?)
    }

    fn decode_chunk(&self, place: &ChunkPlace, block: &[u8]) -> Result<Vec<u32>> {
        let positions = decode_chunk(place.first, place.count as usize, block);
        let positions = self.file.shaped(positions, "a list of postings")?;
        self.check_last(&positions)?;
        Ok(positions)
    }

    /// Postings rise, so that the last tells of all whether they are positions of this segment.
    fn check_last(&self, positions: &[u32]) -> Result<()> {
        let within = positions.last().is_some_and(|&last| last < self.footer.positions);
        within.then_some(()).ok_or_else(|| self.file.corrupt("a list of postings leads outside of the segment"))
    }

    /// All positions of a term, read once and past the cache.
    pub(crate) fn all_postings(&self, payload: &[u8]) -> Result<Vec<u32>> {
        match self.file.shaped(PostingsPlace::read(payload), "a list of postings")? {
            PostingsPlace::Inline(positions) => self.check_last(&positions).map(|()| positions),
            PostingsPlace::Chunks(chunks) => {
                let mut positions = Vec::new();
                for chunk in &chunks {
                    positions.extend(self.chunk_uncached(chunk)?);
                }
                Ok(positions)
            }
        }
    }

    /// The positions of the entries that have a term; none where there is no such term.
    pub(crate) fn positions_of(&self, term: &[u8]) -> Result<Vec<u32>> {
        self.terms.get(term)?.map_or(Ok(Vec::new()), |payload| self.all_postings(&payload))
    }

    /// As [`Part::load`], past the cache.
    pub(crate) fn load_uncached(&self, position: u32) -> Result<Loaded> {
        self.load_from(position, Entries::block_uncached)
    }

    fn load_from(
        &self,
        position: u32,
        block: impl Fn(&Entries, &SegmentFile, &BlockPlace) -> Result<Block>,
    ) -> Result<Loaded> {
        let ordinal = self.entries.ordinal(&self.file, position)?;
        let place = self.entries.place(&self.file, self.entries.block_of(&self.file, ordinal)?)?;
        let block = block(&self.entries, &self.entries_file, &place)?;
        let nth = ordinal.wrapping_sub(place.first_ordinal) as usize;
        let (seq, place) = self.file.shaped(find_in_block(&block, nth), "a block of entries")?;
        Ok(Loaded::Sealed(seq, block, place))
    }

    /// The second copy of the keys is as the first.
    pub(crate) fn keys_agree(&self) -> Result<bool> {
        let keys = keys_to_bytes(&self.footer.keys);
        Ok(*self.file.block_uncached(self.footer.keys_copy, keys.len())? == keys[..])
    }

    /// The sections and their bytes, checksums included; together the whole file, if it is sound.
    pub(crate) fn sections(&self) -> Result<[(&'static str, u64); 8]> {
        let keys = keys_to_bytes(&self.footer.keys).len() as u64 + CHECKSUM;
        let footer = self.footer.to_bytes().len() as u64 + CHECKSUM;
        Ok([
            ("entries", self.entries.bytes_in_file(&self.file)?),
            ("times", self.times.bytes_in_file(&self.file)?),
            ("ids", self.ids.bytes_in_file()),
            ("tenants", self.tenants.bytes_in_file()),
            ("terms", self.terms.bytes_in_file()),
            ("postings", self.footer.postings_bytes),
            ("tallies", self.tallies.bytes_in_file()),
            ("frame", HEADER + keys + footer + TRAILER),
        ])
    }
}

pub(crate) fn read_tenant(payload: &[u8]) -> Result<TenantRun, Malformed> {
    let mut reader = Reader::new(payload);
    let (first_ordinal, count) = (reader.varint_u32()?, reader.varint_u32()?);
    let size = reader.varint()?;
    let mut roots = Vec::new();
    for _ in 0..size.count_ones() {
        roots.push(Digest(reader.array()?));
    }
    let frontier = Frontier::from_parts(size, roots).ok_or(Malformed)?;
    let fits = reader.is_empty() && u64::from(count) <= size && first_ordinal.checked_add(count).is_some();
    fits.then_some(TenantRun { first_ordinal, count, frontier }).ok_or(Malformed)
}

pub(crate) fn read_tally<'a>(key: &'a [u8], payload: &[u8]) -> Result<Tally<'a>, Malformed> {
    let end = key.iter().position(|&byte| byte == 0).ok_or(Malformed)?;
    let tenant = std::str::from_utf8(&key[..end]).map_err(|_| Malformed)?;
    read_tally_of(tenant, &key[end + 1..], payload)
}

/// `key` is what stands behind the tenant.
fn read_tally_of<'a>(tenant: &'a str, key: &'a [u8], payload: &[u8]) -> Result<Tally<'a>, Malformed> {
    let mut reader = Reader::new(key);
    let day = (reader.u32()? ^ 0x8000_0000) as i32;
    let outcome = reader.u8()?;
    Ok(Tally { tenant, day, outcome, action: reader.rest(), count: Reader::new(payload).varint()? })
}

impl ChunkSource for Segment {
    fn chunk(&self, place: &ChunkPlace) -> Result<Vec<u32>> {
        self.decode_chunk(place, &self.file.block(place.offset, place.bytes as usize)?)
    }
}

impl Part for Segment {
    fn is_archived(&self) -> bool {
        self.name.offloaded.is_some()
    }

    fn first_position(&self) -> u64 {
        self.footer.first_position
    }

    fn positions(&self) -> u32 {
        self.footer.positions
    }

    fn postings(&self, term: &[u8]) -> Result<Postings<'_>> {
        match self.terms.get(term)? {
            Some(payload) => self.read_postings(&payload),
            None => Ok(Postings::Slice(&[])),
        }
    }

    fn visit_terms<'p>(&'p self, from: &[u8], visit: &mut TermVisitor<'_, 'p>) -> Result<()> {
        self.terms.visit(from, |term, payload| visit(term, self.read_postings(payload)?))
    }

    fn find_zone(&self, chunk: u32, order: Order, wanted: &dyn Fn(i64, i64) -> bool) -> Result<Option<Zone>> {
        self.times.find_zone(&self.file, chunk, order, wanted)
    }

    fn times(&self, chunk: u32) -> Result<Vec<Times>> {
        self.times.chunk(&self.file, chunk.into())
    }

    fn recorded_at(&self, position: u32) -> Result<i64> {
        self.times.recorded_at(&self.file, position)
    }

    fn first_recorded_from(&self, instant: i64) -> Result<u32> {
        self.times.first_recorded_from(&self.file, instant)
    }

    fn find_id(&self, hash: u64) -> Result<Vec<u32>> {
        let mut found = Vec::new();
        for position in self.ids.find(&self.file, (hash >> 32) as u32)? {
            let agrees = |halves: &IdHalves| halves.agrees(&self.file, position, hash);
            if self.id_halves.as_ref().map_or(Ok(true), agrees)? {
                found.push(position);
            }
        }
        Ok(found)
    }

    fn load(&self, position: u32) -> Result<Loaded> {
        self.load_from(position, Entries::block)
    }

    fn key(&self, position: u32) -> Option<&Key> {
        self.footer.key(position)
    }

    fn seqs(&self, tenant: &str) -> Result<Option<Range<u64>>> {
        Ok(self.tenant(tenant)?.map(|run| run.frontier.size() - u64::from(run.count)..run.frontier.size()))
    }

    fn tenant_test(&self, tenant: &str, listed: u64) -> Result<Option<PositionTest<'_>>> {
        // What was removed is still among the tenant's entries, but in no list of it.
        let Some(run) = self.tenant(tenant)?.filter(|run| u64::from(run.count) == listed) else { return Ok(None) };
        let ordinals = run.first_ordinal..run.first_ordinal + run.count;
        let test = move |position| Ok(ordinals.contains(&self.entries.ordinal(&self.file, position)?));
        Ok(Some(Box::new(test)))
    }

    fn positions_of_tenant(&self, tenant: &str) -> Result<Vec<u32>> {
        let Some(run) = self.tenant(tenant)? else { return Ok(Vec::new()) };
        let positions = self.entries.positions(&self.file)?;
        let of_tenant = positions.get(run.first_ordinal as usize..(run.first_ordinal + run.count) as usize);
        let of_tenant = of_tenant.ok_or_else(|| self.file.corrupt("the entries of a tenant lie outside of it"))?;
        Ok(of_tenant.to_vec())
    }

    fn visit_tallies(&self, tenant: Option<&str>, visit: &mut dyn FnMut(Tally<'_>)) -> Result<()> {
        let prefix = tenant.map(|tenant| [tenant.as_bytes(), &[0]].concat()).unwrap_or_default();
        self.tallies.visit_prefix(&prefix, |key, payload| {
            let tally = match tenant {
                Some(tenant) => read_tally_of(tenant, &key[prefix.len()..], payload),
                None => read_tally(key, payload),
            };
            visit(self.file.shaped(tally, "a tally")?);
            Ok(())
        })
    }
}
