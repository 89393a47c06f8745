//! Writing the index file of a sealed segment (`FORMAT.md`, "Index of a sealed segment").
//!
//! The bytes follow from the segment alone, so an index may be deleted at any time and `verify` can
//! compare.

use super::index_memory::{MemoryIndex, StreamPlaces};
use super::layout::Chain;
use super::wire::{FORMAT_VERSION, crc, name_hash, put};
use uuid::Uuid;

pub(crate) const INDEX_MAGIC: &[u8; 8] = b"UTLGINDX";
pub(crate) const PAGE_BYTES: usize = 4096;
pub(crate) const PAGE_CONTENT_BYTES: usize = PAGE_BYTES - 4;
pub(crate) const BLOCK_BYTES: usize = 32;
pub(crate) const STREAM_ENTRY_BYTES: usize = 24;
pub(crate) const OFFSET_BYTES: usize = 4;
pub(crate) const WAYPOINT_ENTRY_BYTES: usize = 16;
pub(crate) const BLOCKS_A_PAGE: usize = PAGE_CONTENT_BYTES / BLOCK_BYTES;
pub(crate) const STREAMS_A_PAGE: usize = PAGE_CONTENT_BYTES / STREAM_ENTRY_BYTES;
pub(crate) const OFFSETS_A_PAGE: usize = PAGE_CONTENT_BYTES / OFFSET_BYTES;
pub(crate) const WAYPOINTS_A_PAGE: usize = PAGE_CONTENT_BYTES / WAYPOINT_ENTRY_BYTES;
/// Bits of filter a stream; 12 answer about one missing stream in two hundred wrongly.
const FILTER_BITS_A_STREAM: usize = 12;
/// One odd multiplier for each word of a block, as in Apache Parquet.
const SALTS: [u32; 8] = [
    0x47b6_137b,
    0x4497_4d91,
    0x8824_ad5b,
    0xa2b7_289d,
    0x7054_95c7,
    0x2df1_424b,
    0x9efc_4947,
    0x5c6b_fb31,
];

/// What an index says of its segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct IndexHead {
    pub(crate) store: Uuid,
    pub(crate) number: u64,
    pub(crate) first_position: u64,
    /// Where the last frame ends.
    pub(crate) end: u64,
    /// The chain behind the last frame.
    pub(crate) chain: Chain,
}

/// Which block of a filter a hash belongs to.
pub(crate) fn filter_block(hash: u64, blocks: usize) -> usize {
    let wide = (hash >> 32).wrapping_mul(blocks as u64) >> 32;
    usize::try_from(wide).unwrap_or_default()
}

/// The bits of a hash in its block, one a word.
pub(crate) fn filter_mask(hash: u64) -> [u32; 8] {
    let low = u32::try_from(hash & u64::from(u32::MAX)).unwrap_or_default();
    SALTS.map(|salt| 1u32 << (low.wrapping_mul(salt) >> 27))
}

/// The whole file.
pub(crate) fn encode_index(seed: u32, head: &IndexHead, index: &MemoryIndex) -> Vec<u8> {
    let mut streams: Vec<(u64, &str, StreamPlaces<'_>)> = index
        .each()
        .map(|(name, places)| (name_hash(name), name, places))
        .collect();
    streams.sort_unstable_by(|a, b| (a.0, a.1).cmp(&(b.0, b.1)));
    let filter = encode_filter(&streams);
    let mut table = Vec::with_capacity(streams.len().saturating_mul(STREAM_ENTRY_BYTES));
    let mut offsets: Vec<u8> = Vec::new();
    for (hash, _, places) in &streams {
        let own = places.offsets();
        let place = match own {
            [only] => *only,
            several => {
                let first = offsets.len() / OFFSET_BYTES;
                offsets.extend(several.iter().flat_map(|o| o.to_le_bytes()));
                u32::try_from(first).unwrap_or(u32::MAX)
            }
        };
        table.extend_from_slice(&hash.to_le_bytes());
        table.extend_from_slice(&places.first_revision.to_le_bytes());
        table.extend_from_slice(&u32::try_from(own.len()).unwrap_or(u32::MAX).to_le_bytes());
        table.extend_from_slice(&place.to_le_bytes());
    }
    let mut waypoints = Vec::new();
    for waypoint in index.waypoints() {
        waypoints.extend_from_slice(&waypoint.position.to_le_bytes());
        waypoints.extend_from_slice(&waypoint.record.to_le_bytes());
        waypoints.extend_from_slice(&waypoint.frame.to_le_bytes());
    }
    let sections = [
        (filter.as_slice(), BLOCK_BYTES),
        (table.as_slice(), STREAM_ENTRY_BYTES),
        (offsets.as_slice(), OFFSET_BYTES),
        (waypoints.as_slice(), WAYPOINT_ENTRY_BYTES),
    ];
    let mut pages = Vec::new();
    let mut counts = [0u32; 4];
    for ((bytes, entry), count) in sections.iter().zip(counts.iter_mut()) {
        let a_page = (PAGE_CONTENT_BYTES / entry).saturating_mul(*entry);
        for content in bytes.chunks(a_page) {
            pages.push(content);
            *count = count.saturating_add(1);
        }
    }
    let header = encode_head(head, streams.len(), counts, index.waypoints().len());
    let mut file = Vec::with_capacity(pages.len().saturating_add(1).saturating_mul(PAGE_BYTES));
    push_page(&mut file, seed, &header);
    for page in pages {
        push_page(&mut file, seed, page);
    }
    file
}

fn encode_head(head: &IndexHead, streams: usize, counts: [u32; 4], waypoints: usize) -> Vec<u8> {
    let events = head.chain.next_position.saturating_sub(head.first_position);
    let mut bytes = Vec::with_capacity(PAGE_CONTENT_BYTES);
    bytes.extend_from_slice(INDEX_MAGIC);
    bytes.extend_from_slice(&FORMAT_VERSION.to_le_bytes());
    bytes.extend_from_slice(&[0; 4]);
    bytes.extend_from_slice(head.store.as_bytes());
    bytes.extend_from_slice(&head.number.to_le_bytes());
    bytes.extend_from_slice(&head.first_position.to_le_bytes());
    bytes.extend_from_slice(&events.to_le_bytes());
    bytes.extend_from_slice(&head.end.to_le_bytes());
    bytes.extend_from_slice(&head.chain.hash);
    bytes.extend_from_slice(&head.chain.recorded_at_ms.to_le_bytes());
    bytes.extend_from_slice(&(streams as u64).to_le_bytes());
    for count in counts {
        bytes.extend_from_slice(&count.to_le_bytes());
    }
    bytes.extend_from_slice(&u32::try_from(waypoints).unwrap_or(u32::MAX).to_le_bytes());
    bytes
}

fn encode_filter(streams: &[(u64, &str, StreamPlaces<'_>)]) -> Vec<u8> {
    let bits = streams.len().saturating_mul(FILTER_BITS_A_STREAM);
    let blocks = bits.div_ceil(BLOCK_BYTES * 8).max(1);
    let mut words = vec![0u32; blocks.saturating_mul(8)];
    for (hash, _, _) in streams {
        let start = filter_block(*hash, blocks).saturating_mul(8);
        let block = words.iter_mut().skip(start).take(8);
        for (word, bit) in block.zip(filter_mask(*hash)) {
            *word |= bit;
        }
    }
    words.iter().flat_map(|w| w.to_le_bytes()).collect()
}

fn push_page(file: &mut Vec<u8>, seed: u32, content: &[u8]) {
    let number = u32::try_from(file.len() / PAGE_BYTES).unwrap_or(u32::MAX);
    let mut page = vec![0u8; PAGE_CONTENT_BYTES];
    put(&mut page, 0, content);
    file.extend_from_slice(&page);
    file.extend_from_slice(&crc(seed ^ number, &page).to_le_bytes());
}
