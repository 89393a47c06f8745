//! Numbers and checksums in bytes: the leaves every other file of the format stands on.

use uuid::Uuid;

/// The newest format this program writes and reads.
pub(crate) const FORMAT_VERSION: u32 = 1;

/// Start value of a store's checksums, so that another store's bytes never check out.
pub(crate) fn seed_of(store: Uuid) -> u32 {
    crc32c::crc32c(store.as_bytes())
}

pub(crate) fn crc(seed: u32, bytes: &[u8]) -> u32 {
    crc32c::crc32c_append(seed, bytes)
}

/// Checksum of a header whose bytes 12 to 15 are the checksum itself.
pub(crate) fn header_crc(seed: u32, header: &[u8]) -> u32 {
    let (head, tail) = header.split_at(12.min(header.len()));
    crc(crc(seed, head), tail.get(4..).unwrap_or_default())
}

pub(crate) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes
        .get(at..at.checked_add(4)?)?
        .try_into()
        .ok()
        .map(u32::from_le_bytes)
}

pub(crate) fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    bytes
        .get(at..at.checked_add(8)?)?
        .try_into()
        .ok()
        .map(u64::from_le_bytes)
}

pub(crate) fn i64_at(bytes: &[u8], at: usize) -> Option<i64> {
    bytes
        .get(at..at.checked_add(8)?)?
        .try_into()
        .ok()
        .map(i64::from_le_bytes)
}

pub(crate) fn uuid_at(bytes: &[u8], at: usize) -> Option<Uuid> {
    bytes
        .get(at..at.checked_add(16)?)?
        .try_into()
        .ok()
        .map(Uuid::from_bytes)
}

pub(crate) fn hash_at(bytes: &[u8], at: usize) -> Option<[u8; 32]> {
    bytes.get(at..at.checked_add(32)?)?.try_into().ok()
}

/// Overwrites bytes at a place that is known to be inside.
pub(crate) fn put(bytes: &mut [u8], at: usize, value: &[u8]) {
    let end = at.saturating_add(value.len());
    assert!(end <= bytes.len(), "a field lies inside its header");
    if let Some(place) = bytes.get_mut(at..end) {
        place.copy_from_slice(value);
    }
}

/// Writes a varint at a place that is known to be inside; gives the place behind it.
pub(crate) fn put_varint(bytes: &mut [u8], mut at: usize, mut value: u64) -> usize {
    while value >= 0x80 {
        put(bytes, at, &[(value & 0x7f) as u8 | 0x80]);
        value >>= 7;
        at = at.saturating_add(1);
    }
    put(bytes, at, &[(value & 0x7f) as u8]);
    at.saturating_add(1)
}

/// Reads a varint; gives it and the bytes behind it.
pub(crate) fn take_varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0u64;
    for (i, byte) in bytes.iter().take(10).enumerate() {
        let bits = u64::from(byte & 0x7f);
        let shift = u32::try_from(i).ok()?.checked_mul(7)?;
        let shifted = bits.checked_shl(shift)?;
        if shifted >> shift != bits {
            return None;
        }
        value |= shifted;
        if byte & 0x80 == 0 {
            return Some((value, bytes.get(i.checked_add(1)?..)?));
        }
    }
    None
}

/// A number of bytes or entries as an index into memory. Files beyond the address space do not open.
pub(crate) fn to_usize(value: u64) -> usize {
    usize::try_from(value).unwrap_or(usize::MAX)
}

/// An offset inside a segment, which is below 4 GiB by the limit on segments.
pub(crate) fn offset32(value: u64) -> u32 {
    assert!(
        value <= u64::from(u32::MAX),
        "a segment's offsets fit in 32 bits"
    );
    u32::try_from(value).unwrap_or(u32::MAX)
}

/// The next multiple of 8.
pub(crate) fn align8(value: u64) -> u64 {
    value.div_ceil(8).saturating_mul(8)
}

/// The hash that the index knows a stream by.
pub(crate) fn name_hash(name: &str) -> u64 {
    u64_at(blake3::hash(name.as_bytes()).as_bytes(), 0).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_varint_reads_back_what_was_written_and_refuses_what_does_not_fit() {
        for value in [
            0,
            1,
            127,
            128,
            16_383,
            16_384,
            u64::from(u32::MAX),
            u64::MAX - 1,
            u64::MAX,
        ] {
            let mut bytes = [0; 12];
            let end = put_varint(&mut bytes, 0, value);
            bytes[end] = 0xAA;
            assert_eq!(take_varint(&bytes[..=end]), Some((value, &[0xAA][..])));
        }
        assert_eq!(take_varint(&[0x80; 10]), None);
        assert_eq!(
            take_varint(&[0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F]),
            None
        );
        assert_eq!(take_varint(&[]), None);
    }
}
