//! Sums in fixed point: any order and any correction leaves the same bits.

/// Units of a sum as steps of 1.
const STEPS: f64 = (1_u128 << 80) as f64;

/// A sum of small numbers, each rounded to the nearest multiple of 2^-80: whole numbers of 128 bits,
/// so that what is taken away again leaves no trace. Holds up to 2^47.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Fixed(i128);

impl Fixed {
    /// Adds a finite number below 2^40 (`times` = 1), or takes it away (`times` = -1).
    pub(crate) fn add(&mut self, value: f64, times: i64) {
        let units = (value * STEPS).round() as i128;
        self.0 = self.0.wrapping_add(units.wrapping_mul(times.into()));
    }

    /// Adds another sum.
    pub fn merge(&mut self, other: Self) {
        self.0 = self.0.wrapping_add(other.0);
    }

    /// The sum, rounded once.
    pub fn value(self) -> f64 {
        self.0 as f64 / STEPS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_away_leaves_no_trace() {
        let mut sum = Fixed::default();
        for (value, times) in [(0.1, 1), (36.04, 1), (0.7, 1), (36.04, -1), (0.1, -1)] {
            sum.add(value, times);
        }
        let mut alone = Fixed::default();
        alone.add(0.7, 1);
        assert_eq!(sum, alone);
        assert_eq!(sum.value().to_bits(), 0.7_f64.to_bits());
    }

    #[test]
    fn small_terms_stand_beside_large_ones() {
        let mut sum = Fixed::default();
        sum.add(2_f64.powi(39), 1);
        sum.add(2_f64.powi(-80), 1);
        sum.add(2_f64.powi(39), -1);
        assert_eq!(sum.value(), 2_f64.powi(-80));
        sum.add(-1.5, 1);
        assert_eq!(sum.value(), -1.5);
    }
}
