//! Numbers in files: big-endian integers, varints, and a reader that never runs past the end.

/// Bytes that do not have the shape they should have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

/// Appends `value` in LEB128: seven bits a byte, least significant first.
pub(crate) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends the length of `bytes` as a varint, then `bytes`.
pub(crate) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Maps a signed number to an unsigned one so that small magnitudes stay small.
pub(crate) fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

/// The inverse of [`zigzag`].
pub(crate) fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

/// Reads from the front of a slice.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub(crate) fn remaining(&self) -> usize {
        self.bytes.len()
    }

    /// What is left, which stays.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.bytes
    }

    #[inline]
    pub(crate) fn take(&mut self, count: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.bytes.split_at_checked(count).ok_or(Malformed)?;
        self.bytes = rest;
        Ok(taken)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        self.take(N)?.try_into().map_err(|_| Malformed)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, Malformed> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(crate) fn u16(&mut self) -> Result<u16, Malformed> {
        self.array().map(u16::from_be_bytes)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, Malformed> {
        self.array().map(u32::from_be_bytes)
    }

    pub(crate) fn u64(&mut self) -> Result<u64, Malformed> {
        self.array().map(u64::from_be_bytes)
    }

    #[inline]
    pub(crate) fn varint(&mut self) -> Result<u64, Malformed> {
        // Most have one byte.
        match self.bytes {
            [byte @ ..0x80, rest @ ..] => {
                self.bytes = rest;
                Ok(u64::from(*byte))
            }
            _ => self.long_varint(),
        }
    }

    fn long_varint(&mut self) -> Result<u64, Malformed> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.u8()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                return Err(Malformed);
            }
            value |= bits << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(Malformed)
    }

    /// A varint that counts something in memory.
    #[inline]
    pub(crate) fn count(&mut self) -> Result<usize, Malformed> {
        usize::try_from(self.varint()?).map_err(|_| Malformed)
    }

    /// A varint that is a position within a file of the log.
    pub(crate) fn varint_u32(&mut self) -> Result<u32, Malformed> {
        u32::try_from(self.varint()?).map_err(|_| Malformed)
    }

    /// What [`put_bytes`] wrote.
    #[inline]
    pub(crate) fn bytes(&mut self) -> Result<&'a [u8], Malformed> {
        let count = self.count()?;
        self.take(count)
    }

    /// What [`put_bytes`] wrote, as text.
    pub(crate) fn text(&mut self) -> Result<&'a str, Malformed> {
        std::str::from_utf8(self.bytes()?).map_err(|_| Malformed)
    }
}

/// CRC32C of `bytes` bound to the file and the place they stand in, so that a block moved elsewhere is detected.
pub(crate) fn placed_checksum(file_id: &[u8; 16], offset: u64, bytes: &[u8]) -> u32 {
    let mut place = [0u8; 24];
    place[..16].copy_from_slice(file_id);
    place[16..].copy_from_slice(&offset.to_be_bytes());
    crc32c::crc32c_append(crc32c::crc32c(&place), bytes)
}

/// Whether a checksum is the one that stands in a file. A fuzzer cannot guess checksums: in its builds every one is
/// right, so that it reaches what lies behind them.
pub(crate) fn is_checksum(computed: u32, stored: &[u8]) -> bool {
    cfg!(fuzzing) || computed.to_be_bytes() == *stored
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn varints_round_trip_and_reject_overflow() {
        for value in [0, 1, 127, 128, 300, u64::from(u32::MAX), u64::MAX - 1, u64::MAX] {
            let mut out = Vec::new();
            put_varint(&mut out, value);
            assert_eq!(Reader::new(&out).varint(), Ok(value));
            assert_eq!(Reader::new(&out[..out.len() - 1]).varint(), Err(Malformed));
        }
        assert_eq!(Reader::new(&[0xff; 10]).varint(), Err(Malformed));
    }

    #[test]
    fn zigzag_keeps_small_magnitudes_small() {
        for (value, mapped) in [(0, 0), (-1, 1), (1, 2), (-2, 3), (i64::MAX, u64::MAX - 1), (i64::MIN, u64::MAX)] {
            assert_eq!(zigzag(value), mapped);
            assert_eq!(unzigzag(mapped), value);
        }
    }

    #[test]
    fn a_checksum_is_bound_to_its_place() {
        let here = placed_checksum(&[1; 16], 10, b"block");
        assert_ne!(here, placed_checksum(&[1; 16], 11, b"block"));
        assert_ne!(here, placed_checksum(&[2; 16], 10, b"block"));
    }
}

/// The test vector of `docs/format.md`, "Checked blocks".
#[cfg(test)]
mod format_vectors {
    #[test]
    fn a_placed_checksum() {
        let file_id = std::array::from_fn(|byte| byte as u8);
        assert_eq!(super::placed_checksum(&file_id, 28, b"block"), 0x8318_37ab);
    }
}
