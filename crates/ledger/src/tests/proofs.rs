//! Roots and proofs of every small tree against the oracle, published vectors, and refusals.

use super::{entry, log_of, open, oracle, signer};
use crate::tile::perfect_root;
use crate::tree;
use crate::{
    Checkpoint, Error, Hash, ProofFile, Reader, empty_root, leaf_hash, verify_consistency,
    verify_inclusion,
};
use proptest::prelude::*;
use std::collections::BTreeMap;

fn hex(hash: &Hash) -> String {
    use std::fmt::Write as _;
    hash.0.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

/// The eight leaves and the roots over them that the reference implementation of RFC 6962 tests.
#[test]
fn the_published_roots_come_out() {
    let leaves: [&[u8]; 8] = [
        b"",
        b"\x00",
        b"\x10",
        b"\x20\x21",
        b"\x30\x31",
        b"\x40\x41\x42\x43",
        b"\x50\x51\x52\x53\x54\x55\x56\x57",
        b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
    ];
    let roots = [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];
    let dir = tempfile::tempdir().unwrap();
    let mut log = open(dir.path()).unwrap();
    assert_eq!(log.root(0).unwrap(), empty_root());
    assert_eq!(
        hex(&empty_root()),
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    );
    for (leaf, root) in leaves.iter().zip(roots) {
        log.append(leaf).unwrap();
        assert_eq!(hex(&log.head().unwrap().root), root);
    }
}

/// The subtrees of a log's first entries, each made once: with it all proofs of many trees are
/// made in the time of a few.
struct Memory {
    leaves: Vec<Hash>,
    known: BTreeMap<(u32, u64), Hash>,
}

impl Memory {
    fn of(entries: &[Vec<u8>]) -> Self {
        Self {
            leaves: entries.iter().map(|entry| leaf_hash(entry)).collect(),
            known: BTreeMap::new(),
        }
    }

    fn subtree(&mut self, height: u32, index: u64) -> crate::Result<Hash> {
        let size = self.leaves.len() as u64;
        if (index + 1) << height > size {
            return Err(Error::OutOfRange { asked: index, size });
        }
        if let Some(hash) = self.known.get(&(height, index)) {
            return Ok(*hash);
        }
        let first = usize::try_from(index << height).unwrap();
        let hash = perfect_root(&self.leaves[first..first + (1 << height)]);
        self.known.insert((height, index), hash);
        Ok(hash)
    }
}

/// Every entry of every tree of up to 300 entries: the proofs against both ways of checking, and a
/// part of them against the recursive definition and against the log's own tiles, one of which is
/// full.
#[test]
fn every_inclusion_up_to_300_agrees_with_the_definition() {
    let dir = tempfile::tempdir().unwrap();
    let log = log_of(dir.path(), 300);
    let entries: Vec<_> = (0..300).map(entry).collect();
    let mut memory = Memory::of(&entries);
    for size in 0..=300_u64 {
        let known = &entries[..usize::try_from(size).unwrap()];
        let root = log.root(size).unwrap();
        assert_eq!(root, oracle::mth(known), "size {size}");
        for index in 0..size {
            let at = usize::try_from(index).unwrap();
            let proof = tree::inclusion(index, size, &mut |h, i| memory.subtree(h, i)).unwrap();
            if index % 11 == size % 11 || size >= 299 {
                assert_eq!(proof, log.inclusion_proof(index, size).unwrap());
            }
            if index % 61 == size % 61 {
                assert_eq!(proof, oracle::path(at, known));
            }
            let leaf = memory.leaves[at];
            verify_inclusion(&leaf, index, &proof, (size, root)).unwrap();
            assert_eq!(oracle::root_of(leaf, at, known.len(), &proof), Some(root));
        }
        assert!(log.inclusion_proof(size, size).is_err());
    }
    assert!(log.inclusion_proof(0, 301).is_err());
}

/// Every size up to 1,024: the root by the definition, and the proofs of the first and last
/// entries, of those around powers of two, and of some between.
#[test]
fn every_size_up_to_1024_has_its_root_and_proofs() {
    let entries: Vec<_> = (0..1_024).map(entry).collect();
    let mut memory = Memory::of(&entries);
    for size in 1..=1_024_u64 {
        let known = &entries[..usize::try_from(size).unwrap()];
        let root = tree::range_root(0, size, &mut |h, i| memory.subtree(h, i)).unwrap();
        if size % 7 == 0 || size > 1_000 {
            assert_eq!(root, oracle::mth(known), "size {size}");
        }
        let edges = (0..10).flat_map(|power| [(1_u64 << power) - 1, 1 << power]);
        let some = edges.chain([size - 1, size / 3, size * 2 / 3]);
        for index in some.filter(|index| *index < size) {
            let at = usize::try_from(index).unwrap();
            let proof = tree::inclusion(index, size, &mut |h, i| memory.subtree(h, i)).unwrap();
            verify_inclusion(&memory.leaves[at], index, &proof, (size, root)).unwrap();
            let leaf = memory.leaves[at];
            assert_eq!(oracle::root_of(leaf, at, known.len(), &proof), Some(root));
        }
    }
}

/// A reader beside the writer gives the writer's own proofs, also of a checkpoint that is older
/// than the tiles.
#[test]
fn a_reader_gives_what_the_writer_gives() {
    let dir = tempfile::tempdir().unwrap();
    for size in [1_u64, 255, 256, 257, 700] {
        let mut log = log_of(dir.path(), size);
        let reader = Reader::open(dir.path()).unwrap();
        // Entries that are not published, over a bundle's edge.
        for index in size..size + 60 {
            log.append(&entry(index)).unwrap();
        }
        assert_eq!(reader.checkpoint().size, size);
        for index in [0, size / 2, size - 1] {
            assert_eq!(reader.entry(index).unwrap(), entry(index));
            assert_eq!(
                reader.proof_file(index).unwrap(),
                log.proof_file(index).unwrap()
            );
            let proof = log.consistency_proof(index, size).unwrap();
            assert_eq!(reader.consistency_proof(index).unwrap(), proof);
        }
        assert!(reader.entry(size).is_err() && reader.proof_file(size).is_err());
        assert!(reader.consistency_proof(size + 1).is_err());
        drop(log);
        std::fs::remove_dir_all(dir.path()).unwrap();
    }
}

#[test]
fn every_consistency_up_to_300_agrees_with_the_definition() {
    let dir = tempfile::tempdir().unwrap();
    let log = log_of(dir.path(), 300);
    let entries: Vec<_> = (0..300).map(entry).collect();
    let mut memory = Memory::of(&entries);
    let roots: Vec<Hash> = (0..=300).map(|size| log.root(size).unwrap()).collect();
    for new in 0..=300_usize {
        for old in 0..=new {
            let (n, o) = (new as u64, old as u64);
            let proof = tree::consistency(o, n, &mut |h, i| memory.subtree(h, i)).unwrap();
            if old % 11 == new % 11 || new >= 299 {
                assert_eq!(proof, log.consistency_proof(o, n).unwrap());
            }
            if old > 0 && (old + new) % 61 == 0 {
                assert_eq!(proof, oracle::proof(old, &entries[..new]), "{old} {new}");
            }
            verify_consistency((o, roots[old]), (n, roots[new]), &proof).unwrap();
            if old > 0 {
                let wrong = leaf_hash(b"another");
                assert!(verify_consistency((o, wrong), (n, roots[new]), &proof).is_err());
                assert!(verify_consistency((o, roots[old]), (n, wrong), &proof).is_err());
            }
        }
    }
    assert!(log.consistency_proof(2, 1).is_err());
    assert!(log.consistency_proof(1, 301).is_err());
    let backward = verify_consistency((2, roots[2]), (1, roots[1]), &[]);
    assert!(backward.is_err());
}

/// A node of the tree handed in as a leaf leads to the root by a shorter path: the length tells.
#[test]
fn a_node_is_no_leaf() {
    let dir = tempfile::tempdir().unwrap();
    let log = log_of(dir.path(), 4);
    let (left, root) = (log.root(2).unwrap(), log.root(4).unwrap());
    let proof = log.inclusion_proof(0, 4).unwrap();
    assert!(verify_inclusion(&root, 0, &[], (4, root)).is_err());
    assert!(verify_inclusion(&left, 0, &proof[1..], (4, root)).is_err());
    assert!(verify_inclusion(&left, 0, &proof[1..], (2, root)).is_ok());
}

#[test]
fn a_proof_file_convinces_a_stranger_and_nothing_else_does() {
    let dir = tempfile::tempdir().unwrap();
    let log = log_of(dir.path(), 5);
    let proof = log.proof_file(3).unwrap();
    let text = proof.to_text();
    expect_test::expect![[r"
        c2sp.org/tlog-proof@v1
        index 3
        V8efTzGuApxdS9MLBzwnyU35NDiytGl+Hh7vW8A5SkE=
    "]]
    .assert_eq(&format!(
        "{}\n",
        text.lines().take(3).collect::<Vec<_>>().join("\n")
    ));
    let key = signer().verifying_key();
    let read = ProofFile::from_text(&text).unwrap();
    assert_eq!(read, proof);
    let head = read.verify(&entry(3), &key).unwrap();
    assert_eq!(head, log.head().unwrap());
    assert!(read.verify(&entry(2), &key).is_err());
    let moved = ProofFile::from_text(&text.replace("index 3", "index 2")).unwrap();
    assert!(moved.verify(&entry(3), &key).is_err());
    let with_extra = ProofFile {
        extra: Some(b"why".to_vec()),
        ..proof
    };
    let text = with_extra.to_text();
    assert!(text.contains("\nextra d2h5\nindex 3\n"));
    assert_eq!(ProofFile::from_text(&text).unwrap(), with_extra);
    for wrong in ["", "c2sp.org/tlog-proof@v1\nindex 03\n\nx", &text[1..]] {
        assert!(ProofFile::from_text(wrong).is_err());
    }
}

#[test]
fn a_proof_needs_a_checkpoint_that_covers_its_entry() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = open(dir.path()).unwrap();
    log.append(b"a").unwrap();
    assert!(log.proof_file(0).is_err());
    log.publish(&signer()).unwrap();
    log.append(b"b").unwrap();
    assert!(log.proof_file(0).is_ok());
    assert!(log.proof_file(1).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// A log of any entries that is closed and opened at any point says what the definition says,
    /// gives every entry back, and its proofs fit their own leaf and index only.
    #[test]
    fn any_log_agrees_with_the_definition(
        entries in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 1..600),
        reopen in any::<prop::sample::Index>(),
        pick in any::<prop::sample::Index>(),
        other in any::<prop::sample::Index>(),
        flip in any::<prop::sample::Index>(),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let mut log = open(dir.path()).unwrap();
        let reopen = reopen.index(entries.len());
        for (at, entry) in entries.iter().enumerate() {
            if at == reopen {
                log.publish(&signer()).unwrap();
                drop(log);
                log = open(dir.path()).unwrap();
            }
            log.append(entry).unwrap();
        }
        let size = entries.len() as u64;
        let head = log.head().unwrap();
        prop_assert_eq!(head.root, oracle::mth(&entries));
        for (at, entry) in entries.iter().enumerate() {
            prop_assert_eq!(&log.entry(at as u64).unwrap(), entry);
        }
        let (pick, other) = (pick.index(entries.len()), other.index(entries.len()));
        let mut proof = log.inclusion_proof(pick as u64, size).unwrap();
        let leaf = leaf_hash(&entries[pick]);
        let tree = (size, head.root);
        prop_assert!(verify_inclusion(&leaf, pick as u64, &proof, tree).is_ok());
        if entries[other] != entries[pick] {
            let wrong = leaf_hash(&entries[other]);
            prop_assert!(verify_inclusion(&wrong, pick as u64, &proof, tree).is_err());
        }
        if other != pick {
            prop_assert!(verify_inclusion(&leaf, other as u64, &proof, tree).is_err());
        }
        if !proof.is_empty() {
            let at = flip.index(proof.len() * 256);
            proof[at / 256].0[at % 256 / 8] ^= 1 << (at % 8);
            prop_assert!(verify_inclusion(&leaf, pick as u64, &proof, tree).is_err());
            proof.pop();
            prop_assert!(verify_inclusion(&leaf, pick as u64, &proof, tree).is_err());
        }
    }

    /// No bytes make the readers panic.
    #[test]
    fn readers_take_any_text(
        text in "\\PC{0,200}",
        bytes in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let key = signer().verifying_key();
        prop_assert!(Checkpoint::open(&text, &key).is_err());
        prop_assert!(ProofFile::from_text(&text).is_err());
        let _any = crate::tile::decode_bundle(&bytes);
        let _any = crate::tile::decode(&bytes);
        let _any = crate::journal::parse(&bytes, std::path::Path::new("journal"));
    }
}
