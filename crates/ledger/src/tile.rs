//! Where a tile stands and what it holds (C2SP tlog-tiles): 256 hashes, or 256 entries.

use crate::hash::{Hash, node_hash};

/// Hashes in a full tile, entries in a full bundle.
pub(crate) const WIDTH: u64 = 256;
/// The height of the tree that a tile spans: its width is two to this power.
pub(crate) const HEIGHT: u32 = 8;

/// The name of a hash tile: `tile/<level>/<N>`, and `.p/<width>` where it is partial.
pub(crate) fn tile_name(level: u32, index: u64, width: u64) -> String {
    format!("tile/{level}/{}", numbered(index, width))
}

/// The name of an entry bundle: `tile/entries/<N>`, and `.p/<width>` where it is partial.
pub(crate) fn bundle_name(index: u64, width: u64) -> String {
    format!("tile/entries/{}", numbered(index, width))
}

/// The tile number in groups of three digits, all but the last marked with an `x`.
fn numbered(index: u64, width: u64) -> String {
    let mut name = format!("{:03}", index % 1000);
    let mut rest = index / 1000;
    while rest > 0 {
        name = format!("x{:03}/{name}", rest % 1000);
        rest /= 1000;
    }
    if width < WIDTH {
        name = format!("{name}.p/{width}");
    }
    name
}

/// How many hashes stand at a tile level of a tree of `size` entries.
pub(crate) fn hashes_at(level: u32, size: u64) -> u64 {
    size.checked_shr(HEIGHT * level).unwrap_or(0)
}

/// Every tile of a tree: level, tile number, width. Entry bundles have those of level 0.
pub(crate) fn tiles_of(size: u64) -> Vec<(u32, u64, u64)> {
    let mut tiles = Vec::new();
    let mut level = 0;
    while hashes_at(level, size) > 0 {
        let hashes = hashes_at(level, size);
        tiles.extend((0..hashes / WIDTH).map(|index| (level, index, WIDTH)));
        if !hashes.is_multiple_of(WIDTH) {
            tiles.push((level, hashes / WIDTH, hashes % WIDTH));
        }
        level += 1;
    }
    tiles
}

/// The bytes of a tile: its hashes one after the other.
pub(crate) fn encode(hashes: &[Hash]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| hash.0).collect()
}

/// The hashes of a tile's bytes; none where the length is not a number of hashes.
pub(crate) fn decode(bytes: &[u8]) -> Option<Vec<Hash>> {
    let (hashes, rest) = bytes.as_chunks::<{ Hash::LEN }>();
    rest.is_empty()
        .then(|| hashes.iter().map(|bytes| Hash(*bytes)).collect())
}

/// The bytes of an entry bundle: each entry after its length as two bytes, big end first.
pub(crate) fn encode_bundle<'a>(entries: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for entry in entries {
        let length = u16::try_from(entry.len()).unwrap_or(u16::MAX);
        assert!(
            usize::from(length) == entry.len(),
            "an entry was accepted that is too long for its length field"
        );
        bytes.extend(length.to_be_bytes());
        bytes.extend(entry);
    }
    bytes
}

/// The entries of a bundle's bytes; none where a length points outside of them.
pub(crate) fn decode_bundle(mut bytes: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut entries = Vec::new();
    while !bytes.is_empty() {
        let (length, rest) = bytes.split_first_chunk::<2>()?;
        let (entry, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        entries.push(entry.to_vec());
        bytes = rest;
    }
    Some(entries)
}

/// The root of a perfect subtree from its hashes, whose number is a power of two.
pub(crate) fn perfect_root(hashes: &[Hash]) -> Hash {
    assert!(
        hashes.len().is_power_of_two(),
        "a perfect subtree has two to some power leaves"
    );
    let mut level = hashes.to_vec();
    let mut length = level.len();
    while length > 1 {
        length /= 2;
        for at in 0..length {
            level[at] = node_hash(&level[2 * at], &level[2 * at + 1]);
        }
    }
    level[0]
}
