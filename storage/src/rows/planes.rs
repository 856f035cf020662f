//! The byte planes of numbers: Parquet's BYTE_STREAM_SPLIT, which puts the first bytes of all values
//! before all second bytes, and so on.
//!
//! Signs, exponents and the first bits of fractions repeat and compress; the other planes of most
//! numbers are noise, which costs what it costs.

use fearless_simd::{Level, Simd, dispatch};
use fearless_simd_macros::simd;

/// Bytes and so planes of a number.
pub(super) const PLANES: usize = 8;
/// Values taken at a time, so that all their planes stay in the first-level cache.
const TILE: usize = 512;

/// Splits numbers into their planes, lowest byte first, in place of what the vector holds.
pub(super) fn split(values: &[f64], out: &mut Vec<u8>) {
    let rows = values.len();
    out.clear();
    out.resize(rows * PLANES, 0);
    let (mut words, mut halves) = ([[0_u32; TILE]; 2], [[0_u16; TILE]; 4]);
    let mut planes: Vec<&mut [u8]> = out.chunks_mut(rows.max(1)).collect();
    for (tile, values) in values.chunks(TILE).enumerate() {
        let [low, high] = &mut words;
        for ((low, high), value) in low.iter_mut().zip(high).zip(values) {
            let bits = value.to_bits();
            (*low, *high) = (bits as u32, (bits >> 32) as u32);
        }
        let (first, last) = halves.split_at_mut(2);
        for (word, halves) in words.iter().zip([first, last]) {
            let [low, high] = halves else { continue };
            for ((low, high), word) in low.iter_mut().zip(high).zip(&word[..values.len()]) {
                (*low, *high) = (*word as u16, (*word >> 16) as u16);
            }
        }
        let at = tile * TILE;
        for (half, planes) in halves.iter().zip(planes.chunks_mut(2)) {
            let [low, high] = planes else { continue };
            let low = low[at..].iter_mut().zip(&mut high[at..]);
            for ((low, high), half) in low.zip(&half[..values.len()]) {
                (*low, *high) = (*half as u8, (*half >> 8) as u8);
            }
        }
    }
}

/// Joins planes to numbers at the end of a vector. Planes that are not all of one length give
/// nothing.
pub(super) fn join(planes: &[u8], out: &mut Vec<f64>) {
    let level = Level::new();
    dispatch!(level, simd => join_tiles(simd, planes, out));
}

/// The loops are compiled for each width of vectors and the processor's is chosen.
#[simd]
fn join_tiles<S: Simd>(_: S, planes: &[u8], out: &mut Vec<f64>) {
    let rows = planes.len() / PLANES;
    out.reserve(rows);
    let (mut halves, mut words) = ([[0_u16; TILE]; 4], [[0_u32; TILE]; 2]);
    for at in (0..rows).step_by(TILE) {
        let count = TILE.min(rows - at);
        for (pair, half) in halves.iter_mut().enumerate() {
            let low = &planes[pair * 2 * rows + at..][..count];
            let high = &planes[(pair * 2 + 1) * rows + at..][..count];
            for ((half, low), high) in half.iter_mut().zip(low).zip(high) {
                *half = u16::from(*low) | u16::from(*high) << 8;
            }
        }
        for (pair, word) in words.iter_mut().enumerate() {
            let (low, high) = (&halves[pair * 2], &halves[pair * 2 + 1]);
            for ((word, low), high) in word.iter_mut().zip(low).zip(high) {
                *word = u32::from(*low) | u32::from(*high) << 16;
            }
        }
        let [low, high] = &words;
        let bits = low[..count].iter().zip(&high[..count]);
        out.extend(
            bits.map(|(low, high)| f64::from_bits(u64::from(*low) | u64::from(*high) << 32)),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn numbers_come_back_and_planes_are_in_the_order_of_parquet(
            bits in proptest::collection::vec(any::<u64>(), 0..1_500),
        ) {
            let values: Vec<f64> = bits.iter().map(|bits| f64::from_bits(*bits)).collect();
            let mut planes = vec![1];
            split(&values, &mut planes);
            for (plane, bytes) in planes.chunks(bits.len().max(1)).enumerate() {
                let want: Vec<u8> = bits.iter().map(|bits| bits.to_le_bytes()[plane]).collect();
                prop_assert_eq!(bytes, want);
            }
            let mut back = vec![0.5];
            join(&planes, &mut back);
            let back: Vec<u64> = back[1..].iter().map(|value| value.to_bits()).collect();
            prop_assert_eq!(back, bits);
        }
    }
}
