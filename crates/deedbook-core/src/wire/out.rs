//! Entries and receipts as JSON on the wire, spliced from canonical bytes that are never written anew.

use crate::{Entry, Receipt, Timestamp, canonical, commitment, time};

impl Entry {
    /// The event's canonical members and `seq`, `position`, `recorded_at`, `leaf_hash`, as one canonical JSON object.
    ///
    /// Erased values are null.
    pub fn to_json(&self) -> Vec<u8> {
        let receipt = &self.receipt;
        self.with_added(&[
            ("leaf_hash", quoted(receipt.leaf_hash)),
            ("position", receipt.position.to_string()),
            ("recorded_at", timestamp(receipt.recorded_at)),
            ("seq", receipt.seq.to_string()),
        ])
    }

    /// As [`Entry::to_json`] without `position`: for those who may see one tenant only, and must not learn from the
    /// numbers of the whole log what happens in others.
    pub fn to_json_unpositioned(&self) -> Vec<u8> {
        let receipt = &self.receipt;
        self.with_added(&[
            ("leaf_hash", quoted(receipt.leaf_hash)),
            ("recorded_at", timestamp(receipt.recorded_at)),
            ("seq", receipt.seq.to_string()),
        ])
    }

    /// As [`Entry::to_json`] without `seq`, `position` and `leaf_hash`: for those who may see only a part of a tenant's
    /// entries and must learn nothing from numbers.
    pub fn to_json_unnumbered(&self) -> Vec<u8> {
        self.with_added(&[("recorded_at", timestamp(self.receipt.recorded_at))])
    }

    /// The canonical members with `added` ones, which are sorted by name, in their places.
    fn with_added(&self, added: &[(&str, String)]) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.canonical.len() + 192);
        let mut added = added.iter().peekable();
        let filled = commitment::without_erased(&self.canonical);
        let canonical = filled.as_deref().unwrap_or(&[]);
        // Bytes that do not scan cannot come from a store; what can be told of them is what the log added.
        let members = commitment::members(canonical).unwrap_or_default();
        for member in &members {
            while let Some((name, value)) = added.next_if(|(name, _)| name.as_bytes() < member.name.as_ref()) {
                push_member(&mut out, name.as_bytes(), value.as_bytes());
            }
            let separator = if out.is_empty() { b'{' } else { b',' };
            out.push(separator);
            out.extend_from_slice(&canonical[member.start..member.value.end]);
        }
        for (name, value) in added {
            push_member(&mut out, name.as_bytes(), value.as_bytes());
        }
        out.push(b'}');
        out
    }
}

fn push_member(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    let separator = if out.is_empty() { b'{' } else { b',' };
    out.push(separator);
    out.push(b'"');
    out.extend_from_slice(name);
    out.extend_from_slice(b"\":");
    out.extend_from_slice(value);
}

fn quoted(value: impl std::fmt::Display) -> String {
    format!("\"{value}\"")
}

fn timestamp(instant: Timestamp) -> String {
    quoted(rfc3339(instant))
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
