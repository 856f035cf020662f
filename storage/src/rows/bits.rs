//! Small numbers side by side: Parquet's hybrid of runs and bit packing.
//!
//! ```text
//! hybrid = (varint(count << 1) value[ceil(width / 8)]              a number, repeated
//!        |  varint(groups << 1 | 1) (8 numbers of width bits)*)*   numbers from the lowest bit up
//! ```
//! Definition levels are such numbers of one bit, places in a dictionary of up to 32. Moments of
//! partials are packed so too.

use crate::codec::{DecodeError, Decoded, Get, Put as _};

/// Numbers of a bit-packed group.
const GROUP: usize = 8;

/// Bits that hold any number up to the largest; at least one, which every reader takes.
pub(crate) fn width_of(largest: u32) -> u32 {
    (u32::BITS - largest.leading_zeros()).max(1)
}

/// Appends one number, so many times.
pub(crate) fn put_repeated(out: &mut Vec<u8>, value: u32, count: usize, width: u32) {
    out.put_varint((count as u64) << 1);
    let bytes = width.div_ceil(8) as usize;
    out.extend(value.to_le_bytes().iter().take(bytes));
}

/// Appends numbers that fit the width, as one bit-packed run.
pub(crate) fn put_packed(out: &mut Vec<u8>, values: &[u32], width: u32) {
    let groups = values.len().div_ceil(GROUP);
    out.put_varint((groups as u64) << 1 | 1);
    let end = out.len() + groups * width as usize;
    out.reserve(groups * width as usize + 8);
    match width {
        8 => out.extend(values.iter().map(|value| *value as u8)),
        16 => out.extend(values.iter().flat_map(|value| (*value as u16).to_le_bytes())),
        _ => {
            let (mut word, mut filled) = (0_u64, 0);
            for value in values {
                word |= u64::from(*value) << filled;
                filled += width;
                if filled >= 32 {
                    out.put_u32(word as u32);
                    word >>= 32;
                    filled -= 32;
                }
            }
            out.put_u64(word);
        }
    }
    out.resize(end, 0);
}

/// Reads so many numbers into a vector in place of what it holds.
pub(crate) fn get_hybrid(
    bytes: &[u8],
    width: u32,
    count: usize,
    out: &mut Vec<u32>,
) -> Decoded<()> {
    if width > 32 {
        return Err(DecodeError("numbers of at most 32 bits"));
    }
    out.clear();
    out.reserve(count);
    let mut get = Get::new(bytes);
    while out.len() < count {
        let run = get.varint()?;
        let left = count - out.len();
        let length = usize::try_from(run >> 1).map_err(|_| DecodeError("a length of a run"))?;
        if run & 1 == 1 {
            let packed = length.checked_mul(width as usize).ok_or(DecodeError("a run"))?;
            let packed = get.take(packed)?;
            unpack(packed, width, left.min(length.saturating_mul(GROUP)), out);
        } else {
            let mut value = [0; 4];
            for (byte, from) in value.iter_mut().zip(get.take(width.div_ceil(8) as usize)?) {
                *byte = *from;
            }
            out.extend(std::iter::repeat_n(u32::from_le_bytes(value), left.min(length)));
        }
        if length == 0 {
            return Err(DecodeError("a run of some numbers"));
        }
    }
    Ok(())
}

/// Calls a function with the width as its constant, so that shifts are constants too.
macro_rules! by_width {
    ($function:ident, $width:expr, $packed:expr, $out:expr; $($known:literal)*) => {
        match $width {
            $($known => $function::<$known>($packed, $out),)*
            _ => {}
        }
    };
}

fn unpack(packed: &[u8], width: u32, count: usize, out: &mut Vec<u32>) {
    let end = out.len() + count;
    match width {
        0 => out.resize(end, 0),
        8 => out.extend(packed.iter().map(|byte| u32::from(*byte))),
        16 => {
            let pairs = packed.as_chunks::<2>().0;
            out.extend(pairs.iter().map(|pair| u32::from(u16::from_le_bytes(*pair))));
        }
        _ => {
            by_width!(unpack_groups, width, packed, out; 1 2 3 4 5 6 7 9 10 11 12 13 14 15);
            if width > 16 {
                unpack_wide(packed, width, out);
            }
        }
    }
    out.truncate(end);
}

/// Groups of numbers of up to sixteen bits: each group is one word.
fn unpack_groups<const WIDTH: usize>(packed: &[u8], out: &mut Vec<u32>) {
    let groups = packed.as_chunks::<WIDTH>().0;
    out.reserve(groups.len() * GROUP);
    let mask = (1 << WIDTH) - 1;
    for group in groups {
        let mut bytes = [0; 16];
        bytes[..WIDTH].copy_from_slice(group);
        if WIDTH <= 8 {
            let word = u128::from_le_bytes(bytes) as u64;
            out.extend_from_slice(&std::array::from_fn::<u32, GROUP, _>(|place| {
                (word >> (place * WIDTH)) as u32 & mask
            }));
        } else {
            let word = u128::from_le_bytes(bytes);
            out.extend_from_slice(&std::array::from_fn::<u32, GROUP, _>(|place| {
                (word >> (place * WIDTH)) as u32 & mask
            }));
        }
    }
}

fn unpack_wide(packed: &[u8], width: u32, out: &mut Vec<u32>) {
    let mask = u64::MAX >> (u64::BITS - width);
    for group in packed.chunks_exact(width as usize) {
        // Room for the widest group and a whole word after its last number.
        let mut bytes = [0; 40];
        bytes[..group.len()].copy_from_slice(group);
        let number = |place: usize| {
            let bit = place * width as usize;
            let word: [u8; 8] = std::array::from_fn(|byte| bytes[(bit / 8 + byte).min(39)]);
            (u64::from_le_bytes(word) >> (bit % 8) & mask) as u32
        };
        out.extend((0..GROUP).map(number));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn numbers_of_any_width_come_back(
            width in 1_u32..=32,
            values in proptest::collection::vec(any::<u32>(), 1..100),
            repeats in 1_usize..50,
        ) {
            let mask = (u64::MAX >> (64 - width)) as u32;
            let mut values: Vec<u32> = values.iter().map(|value| value & mask).collect();
            let mut out = Vec::new();
            // A run that ends inside a group can only be the last.
            values.resize(values.len().next_multiple_of(8), mask);
            put_packed(&mut out, &values, width);
            put_repeated(&mut out, mask, repeats, width);
            values.extend(std::iter::repeat_n(mask, repeats));
            let tail = &[mask, 0, mask >> 1];
            put_packed(&mut out, tail, width);
            values.extend(tail);
            let mut back = vec![9];
            prop_assert_eq!(get_hybrid(&out, width, values.len(), &mut back), Ok(()));
            prop_assert_eq!(back, values);
        }

        #[test]
        fn foreign_bytes_never_panic(bytes: Vec<u8>, width in 0_u32..=40, count in 0_usize..1_000) {
            let mut out = Vec::new();
            if get_hybrid(&bytes, width, count, &mut out).is_ok() {
                prop_assert_eq!(out.len(), count);
            }
        }
    }

    #[test]
    fn widths_hold_their_largest_number() {
        let widths: Vec<u32> = [0, 1, 2, 255, 256, u32::MAX].into_iter().map(width_of).collect();
        assert_eq!(widths, [1, 1, 2, 8, 9, 32]);
    }
}
