//! Entries and receipts as JSON on the wire, spliced from canonical bytes that are never written anew.

use std::io::Write;

use crate::{Entry, Receipt, Timestamp, canonical, commitment, time};

/// All that the log added, by name.
const ALL: [Added; 4] = [Added::LeafHash, Added::Position, Added::RecordedAt, Added::Seq];

/// What the log added to an event.
#[derive(Clone, Copy)]
enum Added {
    LeafHash,
    Position,
    RecordedAt,
    Seq,
}

impl Added {
    fn name(self) -> &'static str {
        match self {
            Self::LeafHash => "leaf_hash",
            Self::Position => "position",
            Self::RecordedAt => "recorded_at",
            Self::Seq => "seq",
        }
    }

    /// Appends the member.
    fn write(self, receipt: &Receipt, out: &mut Vec<u8>) {
        // Writing to a vector cannot fail.
        let _ = match self {
            Self::LeafHash => {
                out.extend_from_slice(b"\"leaf_hash\":\"");
                out.extend_from_slice(&receipt.leaf_hash.hexadecimal());
                out.push(b'"');
                Ok(())
            }
            Self::Position => write!(out, "\"position\":{}", receipt.position),
            Self::RecordedAt => {
                out.extend_from_slice(b"\"recorded_at\":");
                canonical::write_timestamp(receipt.recorded_at, out);
                Ok(())
            }
            Self::Seq => write!(out, "\"seq\":{}", receipt.seq),
        };
    }
}

impl Entry {
    /// The event's canonical members and `seq`, `position`, `recorded_at`, `leaf_hash`, as one canonical JSON object.
    ///
    /// Erased values are null.
    pub fn to_json(&self) -> Vec<u8> {
        self.with(&ALL)
    }

    /// Appends what [`Entry::to_json`] gives.
    pub fn write_json(&self, out: &mut Vec<u8>) {
        self.write_with(&ALL, out);
    }

    /// As [`Entry::to_json`] without `position`: for those who may see one tenant only, and must not learn from the
    /// numbers of the whole log what happens in others.
    pub fn to_json_unpositioned(&self) -> Vec<u8> {
        self.with(&[Added::LeafHash, Added::RecordedAt, Added::Seq])
    }

    /// As [`Entry::to_json`] without `seq`, `position` and `leaf_hash`: for those who may see only a part of a tenant's
    /// entries and must learn nothing from numbers.
    pub fn to_json_unnumbered(&self) -> Vec<u8> {
        self.with(&[Added::RecordedAt])
    }

    fn with(&self, added: &[Added]) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.canonical.len() + 192);
        self.write_with(added, &mut out);
        out
    }

    /// Appends the canonical members with `added` ones, which are sorted by name, in their places.
    fn write_with(&self, added: &[Added], out: &mut Vec<u8>) {
        let mut added = added.iter().peekable();
        let filled = commitment::without_erased(&self.canonical);
        let canonical = filled.as_deref().unwrap_or(&[]);
        // Bytes that do not scan cannot come from a store; what can be told of them is what the log added.
        let members = commitment::members(canonical).unwrap_or_default();
        let mut separator = b'{';
        for member in &members {
            while let Some(one) = added.next_if(|one| one.name().as_bytes() < member.name.as_ref()) {
                out.push(std::mem::replace(&mut separator, b','));
                one.write(&self.receipt, out);
            }
            out.push(std::mem::replace(&mut separator, b','));
            out.extend_from_slice(&canonical[member.start..member.value.end]);
        }
        for one in added {
            out.push(std::mem::replace(&mut separator, b','));
            one.write(&self.receipt, out);
        }
        out.push(b'}');
    }
}

/// An instant as the log writes it everywhere: `2026-09-20T14:03:27.481512Z`, UTC with six digits of a second.
///
/// Source: RFC 3339.
pub fn rfc3339(instant: Timestamp) -> String {
    let mut out = Vec::with_capacity(27);
    time::write(instant, &mut out);
    out.into_iter().map(char::from).collect()
}

impl Receipt {
    /// `{id, tenant, seq, position, recorded_at, leaf_hash}` as canonical JSON.
    pub fn to_json(&self) -> Vec<u8> {
        self.written(Some(self.position))
    }

    /// As [`Receipt::to_json`] without `position`: for those who may know of one tenant only.
    pub fn to_json_unpositioned(&self) -> Vec<u8> {
        self.written(None)
    }

    fn written(&self, position: Option<u64>) -> Vec<u8> {
        let mut out = Vec::with_capacity(288);
        out.extend_from_slice(b"{\"id\":");
        canonical::write_string(&self.id, &mut out);
        out.extend_from_slice(format!(",\"leaf_hash\":\"{}\"", self.leaf_hash).as_bytes());
        if let Some(position) = position {
            out.extend_from_slice(format!(",\"position\":{position}").as_bytes());
        }
        out.extend_from_slice(b",\"recorded_at\":");
        canonical::write_timestamp(self.recorded_at, &mut out);
        out.extend_from_slice(format!(",\"seq\":{},\"tenant\":", self.seq).as_bytes());
        canonical::write_string(&self.tenant, &mut out);
        out.push(b'}');
        out
    }
}
