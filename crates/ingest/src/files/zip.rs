//! The directory of a zip archive: where each member's bytes stand. Nothing is unpacked here, so an
//! archive that would unpack to more than the disk holds does no harm.

use super::{Member, Packing};
use std::fs::File;
use std::io::{self, BufReader};
use std::path::Path;

/// The files inside an archive by name; folders are left out.
pub(super) fn members(path: &Path) -> io::Result<Vec<(String, Member)>> {
    let file = BufReader::new(File::open(path)?);
    let mut archive = zip::ZipArchive::new(file)?;
    let mut members = Vec::new();
    for place in 0..archive.len() {
        let entry = archive.by_index_raw(place)?;
        if entry.is_dir() {
            continue;
        }
        let method = entry.compression();
        let packing = if entry.encrypted() {
            Packing::Unreadable
        } else if method == zip::CompressionMethod::Stored {
            Packing::Stored
        } else if method == zip::CompressionMethod::DEFLATE {
            Packing::Deflated
        } else {
            Packing::Unreadable
        };
        let member = Member {
            start: entry.data_start().unwrap_or_default(),
            bytes: entry.compressed_size(),
            unpacked_bytes: entry.size(),
            crc: entry.crc32(),
            packing,
        };
        // A name in another character set keeps its bytes as far as they are text.
        let name = String::from_utf8_lossy(entry.name_raw()).into_owned();
        members.push((name, member));
    }
    Ok(members)
}
