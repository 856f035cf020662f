//! The exact distribution of the two-sample Cramér-von Mises statistic of small samples.
//!
//! Each order of the n + m rows is a lattice path from (0, 0) to (n, m), and all are equally likely.
//! With `L = lcm(n, m)` the statistic is `n m / (L^2 (n + m)^2)` times the whole number
//! `zeta = sum (L u / n - L v / m)^2` over the points (u, v) of the path.

use crate::stats::samples::two_sample::binomial;

/// The largest side, in rows, for which the exact p-value is chosen, as in scipy.
pub const CVM_EXACT_MAX_SIDE: u64 = 20;

/// The least common multiple of two numbers above 0.
pub(in crate::stats) fn lcm(n: u64, m: u64) -> u64 {
    let (mut a, mut b) = (n, m);
    while b > 0 {
        (a, b) = (b, a % b);
    }
    n / a * m
}

/// The lattice of two small samples.
struct Lattice {
    n: u64,
    m: u64,
    by_n: u64,
    by_m: u64,
}

impl Lattice {
    /// What a point adds to zeta.
    fn step(&self, u: u64, v: u64) -> u64 {
        (u * self.by_n).abs_diff(v * self.by_m).pow(2)
    }

    /// Paths on from a point to the end.
    fn paths(&self, u: u64, v: u64) -> u64 {
        // At most C(40, 20) by the limit on sides.
        binomial(self.n - u + self.m - v, self.n - u) as u64
    }

    /// The most that the points behind a point can add, by row and place.
    fn most(&self) -> Vec<Vec<u64>> {
        let width = self.m as usize + 1;
        let mut rows = Vec::new();
        let mut below: Option<Vec<u64>> = None;
        for u in (0..=self.n).rev() {
            let mut row = vec![0; width];
            let mut right = None;
            for v in (0..=self.m).rev() {
                let down = below.as_ref().and_then(|below| below.get(v as usize));
                let down = down.map_or(0, |more| more + self.step(u + 1, v));
                let here = right.map_or(0, |more: u64| more + self.step(u, v + 1)).max(down);
                if let Some(place) = row.get_mut(v as usize) {
                    *place = here;
                }
                right = Some(here);
            }
            rows.push(row.clone());
            below = Some(row);
        }
        rows.reverse();
        rows
    }
}

/// How many paths have which zeta so far, by zeta ascending.
type Paths = Vec<(u64, u64)>;

/// The paths that come from two sides, those of equal zeta together.
fn merged(a: &Paths, b: &Paths) -> Paths {
    let (mut a, mut b) = (a.iter().peekable(), b.iter().peekable());
    let mut out = Paths::new();
    loop {
        let next = match (a.peek(), b.peek()) {
            (Some(x), Some(y)) if x.0 == y.0 => {
                let both = (x.0, x.1 + y.1);
                a.next();
                b.next();
                both
            }
            (Some(x), y) if y.is_none_or(|y| x.0 < y.0) => {
                let first = **x;
                a.next();
                first
            }
            _ => match b.next() {
                Some(first) => *first,
                None => return out,
            },
        };
        out.push(next);
    }
}

/// `P(zeta >= at_least)` between samples of the same law, for sides of 1 to [`CVM_EXACT_MAX_SIDE`].
///
/// Counts the paths by their zeta so far. Those that have reached the bound are counted with all
/// their ways on and followed no further; those that can no longer reach it are dropped. Whole
/// numbers throughout.
pub(in crate::stats) fn share_at_least(n: u64, m: u64, at_least: u64) -> f64 {
    let common = lcm(n, m);
    let lattice = Lattice { n, m, by_n: common / n, by_m: common / m };
    let most = lattice.most();
    let mut reached = 0_u64;
    // Paths to the points of one row.
    let mut row: Vec<Paths> = vec![Paths::new(); m as usize + 1];
    for (u, most) in (0..=n).zip(&most) {
        let mut left = Paths::new();
        for (v, (point, most)) in (0..=m).zip(row.iter_mut().zip(most)) {
            let mut here = if u == 0 && v == 0 { vec![(0, 1)] } else { merged(point, &left) };
            let (step, on) = (lattice.step(u, v), lattice.paths(u, v));
            here.retain_mut(|(zeta, paths)| {
                *zeta += step;
                if *zeta >= at_least {
                    reached += *paths * on;
                }
                *zeta < at_least && *zeta + most >= at_least
            });
            left.clone_from(&here);
            *point = here;
        }
    }
    reached as f64 / lattice.paths(0, 0) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every order of the rows, one by one.
    fn by_enumeration(n: u64, m: u64, at_least: u64) -> f64 {
        let common = lcm(n, m);
        let (mut all, mut reached) = (0, 0);
        for mask in (0_u32..1 << (n + m)).filter(|mask| u64::from(mask.count_ones()) == n) {
            let (mut u, mut v, mut zeta) = (0, 0, 0);
            for bit in 0..n + m {
                if mask >> bit & 1 == 1 {
                    u += 1
                } else {
                    v += 1
                }
                zeta += (u * (common / n)).abs_diff(v * (common / m)).pow(2);
            }
            all += 1;
            reached += u32::from(zeta >= at_least);
        }
        f64::from(reached) / f64::from(all)
    }

    #[test]
    fn the_exact_share_equals_enumeration_of_all_orders() {
        for (n, m) in [(1, 1), (1, 5), (2, 3), (4, 4), (6, 4), (5, 7)] {
            for at_least in 0..400 {
                let want = by_enumeration(n, m, at_least * 7);
                assert_eq!(share_at_least(n, m, at_least * 7), want, "{n} {m} {at_least}");
                assert_eq!(share_at_least(m, n, at_least * 7), want, "{n} {m} {at_least}");
            }
        }
    }

    #[test]
    fn the_largest_lattice_keeps_its_smallest_share() {
        // Two of the C(40, 20) orders separate the samples: zeta = 2 sum of k^2 up to 19, and 400.
        let apart = 2 * (19 * 20 * 39 / 6) + 400;
        assert_eq!(share_at_least(20, 20, apart), 2.0 / 137_846_528_820.0);
        assert_eq!(share_at_least(20, 20, apart + 1), 0.0);
        assert_eq!(share_at_least(20, 19, 0), 1.0);
    }
}
