//! Small changes to good bytes, by seed: what a fuzzer tries first, on every run of the tests.

use rand::{Rng, RngExt as _};

/// Bytes that lengths, counts and signs are made of at their ends.
const EDGES: [u8; 6] = [0, 1, 0x7f, 0x80, 0xfe, 0xff];

/// The bytes with one to four changes: bits flipped, bytes set to an edge, stretches cut out,
/// repeated, overwritten with another of the same bytes, or the end cut off.
pub fn mutate(bytes: &[u8], rng: &mut impl Rng) -> Vec<u8> {
    let mut changed = bytes.to_vec();
    for _ in 0..rng.random_range(1..=4) {
        if changed.is_empty() {
            break;
        }
        let at = rng.random_range(0..changed.len());
        let end = at + rng.random_range(1..=16).min(changed.len() - at);
        match rng.random_range(0..6) {
            0 => changed[at] ^= 1 << rng.random_range(0..8),
            1 => {
                let edge = EDGES[rng.random_range(0..EDGES.len())];
                changed[at..end].fill(edge);
            }
            2 => {
                changed.drain(at..end);
            }
            3 => {
                let again = changed[at..end].to_vec();
                changed.splice(at..at, again);
            }
            4 => {
                let from = rng.random_range(0..=changed.len() - (end - at));
                changed.copy_within(from..from + (end - at), at);
            }
            _ => changed.truncate(at),
        }
    }
    changed
}
