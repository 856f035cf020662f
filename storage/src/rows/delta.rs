//! Times as differences: Parquet's DELTA_BINARY_PACKED.
//!
//! ```text
//! stream = varint(128) varint(4) varint(count) zigzag(first) block*
//! block  = zigzag(smallest difference) width:u8[4] (32 differences of width bits)[4]
//! ```
//! A difference is kept as its distance from the smallest of its block. The last block has only the
//! quarters that hold differences, the last of them padded.

use crate::codec::{DecodeError, Decoded, Get, Put as _};

const BLOCK: usize = 128;
const QUARTER: usize = 32;

fn zigzag(value: i64) -> u64 {
    (value << 1 ^ value >> 63) as u64
}

fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

/// Appends numbers.
pub(super) fn put(out: &mut Vec<u8>, values: &[i64]) {
    out.put_varint(BLOCK as u64);
    out.put_varint((BLOCK / QUARTER) as u64);
    out.put_varint(values.len() as u64);
    out.put_varint(zigzag(values.first().copied().unwrap_or(0)));
    let mut differences = Vec::with_capacity(BLOCK);
    let mut last = values.first().copied().unwrap_or(0);
    for block in values.get(1..).unwrap_or_default().chunks(BLOCK) {
        differences.clear();
        for value in block {
            differences.push(value.wrapping_sub(last));
            last = *value;
        }
        put_block(out, &differences);
    }
}

fn put_block(out: &mut Vec<u8>, differences: &[i64]) {
    let smallest = differences.iter().copied().min().unwrap_or(0);
    out.put_varint(zigzag(smallest));
    let distance = |difference: &i64| difference.wrapping_sub(smallest) as u64;
    let widths_at = out.len();
    out.extend([0; BLOCK / QUARTER]);
    for (place, quarter) in differences.chunks(QUARTER).enumerate() {
        let largest = quarter.iter().map(distance).max().unwrap_or(0);
        let width = u64::BITS - largest.leading_zeros();
        out[widths_at + place] = width as u8;
        let end = out.len() + QUARTER * width as usize / 8;
        let (mut word, mut filled) = (0_u128, 0);
        for difference in quarter {
            word |= u128::from(distance(difference)) << filled;
            filled += width;
            if filled >= 64 {
                out.put_u64(word as u64);
                word >>= 64;
                filled -= 64;
            }
        }
        out.put_u64(word as u64);
        out.resize(end, 0);
    }
}

/// Reads so many numbers to the end of a vector.
pub(super) fn get(bytes: &[u8], count: usize, out: &mut Vec<i64>) -> Decoded<()> {
    let mut get = Get::new(bytes);
    let shape = (get.varint()?, get.varint()?, get.varint()?);
    if shape != (BLOCK as u64, (BLOCK / QUARTER) as u64, count as u64) {
        return Err(DecodeError("blocks of 128 differences"));
    }
    let mut last = unzigzag(get.varint()?);
    if count == 0 {
        return Ok(());
    }
    out.reserve(count);
    out.push(last);
    let mut left = count - 1;
    while left > 0 {
        let smallest = unzigzag(get.varint()?);
        let widths = get.take(BLOCK / QUARTER)?;
        for width in widths {
            let here = left.min(QUARTER);
            if here == 0 {
                break;
            }
            if u32::from(*width) > u64::BITS {
                return Err(DecodeError("differences of at most 64 bits"));
            }
            let packed = get.take(QUARTER * usize::from(*width) / 8)?;
            last = get_quarter(packed, u32::from(*width), here, smallest, last, out);
            left -= here;
        }
    }
    Ok(())
}

fn get_quarter(
    packed: &[u8],
    width: u32,
    count: usize,
    smallest: i64,
    mut last: i64,
    out: &mut Vec<i64>,
) -> i64 {
    // Room for the widest quarter and two words after its last number.
    let mut bytes = [0; QUARTER * 8 + 16];
    bytes[..packed.len()].copy_from_slice(packed);
    let mask = if width == 0 { 0 } else { u64::MAX >> (u64::BITS - width) };
    for place in 0..count {
        let bit = place * width as usize;
        let word: [u8; 16] = std::array::from_fn(|byte| bytes[bit / 8 + byte]);
        let distance = (u128::from_le_bytes(word) >> (bit % 8)) as u64 & mask;
        last = last.wrapping_add(smallest).wrapping_add(distance as i64);
        out.push(last);
    }
    last
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn round_trip(values: &[i64]) -> usize {
        let mut out = Vec::new();
        put(&mut out, values);
        let mut back = Vec::new();
        assert_eq!(get(&out, values.len(), &mut back), Ok(()));
        assert_eq!(back, values);
        out.len()
    }

    proptest! {
        #[test]
        fn numbers_come_back(values in proptest::collection::vec(any::<i64>(), 0..400)) {
            round_trip(&values);
        }

        #[test]
        fn near_numbers_come_back(values in proptest::collection::vec(-900_i64..900, 0..400)) {
            round_trip(&values);
        }

        #[test]
        fn foreign_bytes_never_panic(bytes: Vec<u8>, count in 0_usize..600) {
            let mut head = vec![128, 1, 4];
            head.put_varint(count as u64);
            head.extend(bytes);
            let mut out = Vec::new();
            let _ = get(&head, count, &mut out);
        }
    }

    #[test]
    fn even_steps_take_no_bits() {
        let values: Vec<i64> = (0..1_025).map(|step| step * 1_000_000).collect();
        assert!(round_trip(&values) < 100);
    }
}
