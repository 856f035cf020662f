//! Dictionaries of numbers: few distinct values among many rows, such as counts and prices.
//!
//! A sample decides whether one is tried at all, so that noise costs next to nothing. Values are in
//! ascending order: neighbours share their first bytes, and the places of a page keep the shape of
//! its values, which compresses.

use crate::column::{NULL_CODE, is_null};

/// Places that two bytes hold. More distinct values rarely pay: each takes about two bytes more.
const VALUES_MAX: usize = 1 << 16;
/// Values that are looked at to guess how many distinct ones there are.
const SAMPLE: usize = 4_096;

/// Distinct numbers and where each row's is among them.
#[derive(Debug, PartialEq)]
pub(super) struct Dictionary {
    /// Distinct values, ascending; NaN comes last.
    pub(super) values: Vec<f64>,
    /// Place of each row's value, [`NULL_CODE`] for null.
    pub(super) codes: Vec<u32>,
}

/// What a sample says of a column.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Guess {
    /// Distinct values of the whole column.
    pub(super) distinct: f64,
    /// Share of the most frequent value.
    pub(super) top: f64,
}

impl Guess {
    /// Looks at values spread over the rows.
    pub(super) fn new(values: &[f64]) -> Self {
        let step = values.len().div_ceil(SAMPLE).max(1);
        let mut sample: Vec<u64> = values.iter().step_by(step).map(|v| v.to_bits()).collect();
        sample.sort_unstable();
        let (mut distinct, mut once, mut twice, mut top) = (0_u32, 0_u32, 0_u32, 0_usize);
        for run in sample.chunk_by(|a, b| a == b) {
            distinct += 1;
            once += u32::from(run.len() == 1);
            twice += u32::from(run.len() == 2);
            top = top.max(run.len());
        }
        let (distinct, once, twice) = (f64::from(distinct), f64::from(once), f64::from(twice));
        // Chao's estimate: values that nobody has seen are many where few were seen twice.
        let unseen = if step == 1 { 0.0 } else { once * once / (2.0 * (twice + 1.0)) };
        let top = top as f64 / sample.len().max(1) as f64;
        Self { distinct: distinct + unseen, top }
    }

    /// Whether a dictionary may be worth its bytes.
    pub(super) fn is_few(&self, rows: usize) -> bool {
        // The guess is rough; building stops at the true bound.
        self.distinct <= 2.0 * VALUES_MAX as f64 && self.distinct <= rows as f64 * 0.75
    }
}

/// Open addressing over the bits of numbers; the low half of a slot is a code plus one.
struct Table {
    keys: Vec<u64>,
    codes: Vec<u32>,
    shift: u32,
}

impl Table {
    fn new(bits: u32) -> Self {
        Self { keys: vec![0; 1 << bits], codes: vec![0; 1 << bits], shift: u64::BITS - bits }
    }

    /// The slot of a key, or the free one for it.
    fn slot(&self, key: u64) -> usize {
        let mask = self.keys.len() - 1;
        let mut slot = (key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> self.shift) as usize;
        while self.codes[slot] != 0 && self.keys[slot] != key {
            slot = (slot + 1) & mask;
        }
        slot
    }

    fn grown(&self) -> Self {
        let mut table = Self::new(u64::BITS - self.shift + 2);
        for (key, code) in self.keys.iter().zip(&self.codes).filter(|(_, code)| **code != 0) {
            let slot = table.slot(*key);
            (table.keys[slot], table.codes[slot]) = (*key, *code);
        }
        table
    }
}

impl Dictionary {
    /// The dictionary of a column; `None` if it has too many distinct values.
    pub(super) fn build(values: &[f64]) -> Option<Self> {
        let mut table = Table::new(10);
        let mut distinct: Vec<f64> = Vec::new();
        let mut codes = Vec::with_capacity(values.len());
        for value in values {
            if is_null(*value) {
                codes.push(NULL_CODE);
                continue;
            }
            let key = value.to_bits();
            let mut slot = table.slot(key);
            if table.codes[slot] == 0 {
                if distinct.len() == VALUES_MAX {
                    return None;
                }
                if distinct.len() * 4 >= table.keys.len() {
                    table = table.grown();
                    slot = table.slot(key);
                }
                distinct.push(*value);
                (table.keys[slot], table.codes[slot]) = (key, distinct.len() as u32);
            }
            codes.push(table.codes[slot] - 1);
        }
        let mut order: Vec<u32> = (0..distinct.len() as u32).collect();
        order.sort_unstable_by(|a, b| distinct[*a as usize].total_cmp(&distinct[*b as usize]));
        let mut places = vec![0; distinct.len()];
        for (place, code) in (0..).zip(&order) {
            places[*code as usize] = place;
        }
        for code in codes.iter_mut().filter(|code| **code != NULL_CODE) {
            *code = places[*code as usize];
        }
        Some(Self { values: order.iter().map(|code| distinct[*code as usize]).collect(), codes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::column::NULL;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_row_finds_its_value(numbers in proptest::collection::vec(0_u16..2_000, 0..3_000)) {
            let number = |n: &u16| if *n < 50 { NULL } else { f64::from(*n) / 100.0 - 3.0 };
            let values: Vec<f64> = numbers.iter().map(number).collect();
            let built = Dictionary::build(&values).expect("few");
            prop_assert!(built.values.is_sorted());
            for (value, code) in values.iter().zip(&built.codes) {
                match built.values.get(*code as usize) {
                    Some(back) => prop_assert_eq!(back.to_bits(), value.to_bits()),
                    None => prop_assert!(is_null(*value) && *code == NULL_CODE),
                }
            }
        }
    }

    #[test]
    fn zeros_of_both_signs_and_nan_stay_apart() {
        let built = Dictionary::build(&[f64::NAN, 0.0, -0.0, f64::INFINITY]).expect("few");
        assert_eq!(built.codes, [3, 1, 0, 2]);
    }

    #[test]
    fn too_many_values_are_given_up() {
        let values: Vec<f64> = (0..=VALUES_MAX).map(|n| n as f64).collect();
        assert!(Dictionary::build(&values[1..]).is_some());
        assert_eq!(Dictionary::build(&values), None);
    }

    #[test]
    fn a_sample_tells_noise_from_prices() {
        let noise: Vec<f64> = (0..100_000).map(|n| f64::from(n).sqrt()).collect();
        assert!(!Guess::new(&noise).is_few(noise.len()));
        let price = |n: u64| (xxhash_rust::xxh3::xxh3_64(&n.to_le_bytes()) % 20_000) as f64 / 100.0;
        let prices: Vec<f64> = (0..100_000).map(price).collect();
        assert!(Guess::new(&prices).is_few(prices.len()));
        let mostly: Vec<f64> = (0..100_000).map(|n| f64::from(n % 5).min(1.0)).collect();
        assert!(Guess::new(&mostly).top > 0.7);
    }
}
