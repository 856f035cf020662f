//! Moments: sums over the values of numeric columns that a count by bin has lost.
//!
//! For each numeric column of a binning: how many finite values, their smallest and largest, the
//! sums of them and of their squares around a centre, and for each bin the sum of its values. With
//! the counts of the same rows they give means and variances, and how much of a distribution moved
//! within its bins.
//!
//! The sum of an inner bin `[a, b)` is kept in fixed point: each value adds the whole steps that it
//! lies above `a`, of [`OFFSET_STEPS`] to the bin. So sums are integers that merge in any order to
//! the same bits, and pack well; a value's part is known to half a step. Outer bins have no width and
//! keep their values' sum as a number. Latency has no sums by bin: its bins are narrow.
//!
//! ```text
//! moments = column* offsets*                  numeric columns in the order of the binning
//! column  = n:varint (min:f64 max:f64 sum[2] squares[2] outer:u8 sum[2]*)?     if n > 0
//! offsets = 0                                 no steps in any inner bin
//!         | 1 least:varint width:u8 length:varint hybrid[length]     each sum - least, up to 32 bits
//!         | 2 sum:varint*
//! sum     = high:f64 low:f64
//! ```
//! Bits of `outer` say which outer bins have values: 1 below, 2 above.

use crate::{
    binning::{Binning, ColumnBins},
    codec::{DecodeError, Decoded, Get, Put as _},
    rows::bits,
    special::SPECIALS,
    two_sum::Sum,
};

/// Steps of an inner bin: a value is known to half of one.
pub const OFFSET_STEPS: u32 = 1 << 12;

/// Rows up to which no sum of steps of theirs passes 32 bits.
const NARROW_ROWS: u64 = (u32::MAX / (OFFSET_STEPS - 1)) as u64;
/// Lanes of a plain sum over a run, so that it compiles to vector code.
const LANES: usize = 8;

const ZERO: u8 = 0;
const PACKED: u8 = 1;
const VARINTS: u8 = 2;
const BELOW: u8 = 1;
const ABOVE: u8 = 2;

/// The moments of one numeric column.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ColumnMoments {
    /// Its sums without those by inner bin.
    pub outline: Outline,
    /// By inner bin, the sum over its values of the whole steps above its lower edge.
    pub offsets: Vec<u64>,
}

/// Sums over all finite values of a column, and of those in its outer bins.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Outline {
    /// Finite values.
    pub n: u64,
    /// The smallest, in the unit of the column; infinity if there is none.
    pub min: f64,
    /// The largest; negative infinity if there is none.
    pub max: f64,
    /// Sum of differences from the [`centre`].
    pub sum: Sum,
    /// Sum of their squares.
    pub squares: Sum,
    /// Sum of the values below the first edge.
    pub below: Sum,
    /// Sum of the values from the last edge on.
    pub above: Sum,
}

impl ColumnMoments {
    /// Adds the moments of other values, with the same edges.
    pub fn merge(&mut self, other: &Self) {
        self.outline.merge(&other.outline);
        if self.offsets.len() < other.offsets.len() {
            self.offsets.resize(other.offsets.len(), 0);
        }
        self.offsets.iter_mut().zip(&other.offsets).for_each(|(mine, theirs)| *mine += theirs);
    }
}

/// Relative difference of sums of the same values in another order that is rounding.
const ROUNDING: f64 = 1e-9;

impl ColumnMoments {
    /// Whether these are the moments of the same values, but for what another order rounds.
    pub(crate) fn agrees(&self, other: &Self) -> bool {
        let (mine, theirs) = (&self.outline, &other.outline);
        let squares = mine.squares.value();
        // Of the sums of |x| the squares are a bound: |sum| <= sqrt(n squares).
        let scale = (mine.n as f64 * squares).sqrt();
        let near = |a: f64, b: f64, scale: f64| {
            !a.is_finite() || !b.is_finite() || (a - b).abs() <= ROUNDING * scale.abs()
        };
        let outer = |of: &Outline| of.below.value().abs() + of.above.value().abs();
        mine.n == theirs.n
            && (mine.min, mine.max) == (theirs.min, theirs.max)
            && near(mine.sum.value(), theirs.sum.value(), scale)
            && near(squares, theirs.squares.value(), squares)
            && near(outer(mine), outer(theirs), outer(mine).max(outer(theirs)))
            && (self.offsets == other.offsets)
    }
}

impl Default for Outline {
    fn default() -> Self {
        Self {
            n: 0,
            min: f64::INFINITY,
            max: f64::NEG_INFINITY,
            sum: Sum::default(),
            squares: Sum::default(),
            below: Sum::default(),
            above: Sum::default(),
        }
    }
}

impl Outline {
    /// Adds the outline of other values, around the same centre.
    pub fn merge(&mut self, other: &Self) {
        self.n += other.n;
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
        self.sum.merge(other.sum);
        self.squares.merge(other.squares);
        self.below.merge(other.below);
        self.above.merge(other.above);
    }
}

/// The whole steps that a finite value lies above the lower edge of its bin; 0 in an outer bin.
/// Where a bin is wider than numbers reach, values count as at its lower edge.
#[inline]
pub(crate) fn offset(edges: &[f64], bin: usize, value: f64) -> u32 {
    match (edges.get(bin.wrapping_sub(1)), edges.get(bin)) {
        (Some(from), Some(to)) => {
            let steps = (value - from) / (to - from) * f64::from(OFFSET_STEPS);
            (steps as u32).min(OFFSET_STEPS - 1)
        }
        _ => 0,
    }
}

/// A numeric column of a binning.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NumericColumn<'a> {
    /// Its place in the binning.
    pub(crate) place: usize,
    /// The slot of its first bin.
    first_slot: u32,
    edges: &'a [f64],
    /// What its sums are taken around.
    centre: f64,
    /// Its inner bins, if sums are kept of them.
    inner_bins: usize,
    /// Its first inner bin among those of all numeric columns.
    first: usize,
}

/// The numeric columns of a binning, in its order.
pub(crate) fn numeric_columns(binning: &Binning) -> impl Iterator<Item = NumericColumn<'_>> {
    let mut next = 0;
    binning.columns().iter().enumerate().filter_map(move |(place, (_, bins))| {
        let edges = bins.edges()?;
        let inner_bins = match bins {
            ColumnBins::Latency => 0,
            _ => edges.len().saturating_sub(1),
        };
        let first_slot = (binning.column_slots(place).start + SPECIALS) as u32;
        let centre = bins.centre()?;
        let column = NumericColumn { place, first_slot, edges, centre, inner_bins, first: next };
        next += inner_bins;
        Some(column)
    })
}

/// Sums of steps of the inner bins of all numeric columns, as narrow as can be.
#[derive(Debug, Clone)]
enum Offsets {
    /// Bin and steps of some, in any order, a bin perhaps more than once.
    List(Vec<(u32, u32)>),
    Narrow(Vec<u32>),
    Wide(Vec<u64>),
}

impl Offsets {
    fn for_each(&self, mut seen: impl FnMut(usize, u64)) {
        match self {
            Self::List(list) => list.iter().for_each(|(bin, n)| seen(*bin as usize, (*n).into())),
            Self::Narrow(sums) => {
                sums.iter().enumerate().for_each(|(bin, n)| seen(bin, (*n).into()));
            }
            Self::Wide(sums) => sums.iter().enumerate().for_each(|(bin, n)| seen(bin, *n)),
        }
    }

    /// Makes room for sums over so many rows, one for each of so many bins.
    fn widen(&mut self, rows: u64, bins: usize) {
        let wide = |from: &Self| {
            let mut sums = vec![0; bins];
            from.for_each(|bin, steps| {
                if let Some(sum) = sums.get_mut(bin) {
                    *sum += steps;
                }
            });
            sums
        };
        match self {
            Self::Wide(_) => {}
            _ if rows > NARROW_ROWS => *self = Self::Wide(wide(self)),
            Self::Narrow(_) => {}
            Self::List(list) => {
                let mut sums = vec![0_u32; bins];
                for (bin, steps) in list {
                    if let Some(sum) = sums.get_mut(*bin as usize) {
                        *sum += *steps;
                    }
                }
                *self = Self::Narrow(sums);
            }
        }
    }

    fn add(&mut self, bin: usize, steps: u64) {
        match self {
            Self::List(list) if steps > 0 => list.push((bin as u32, steps as u32)),
            Self::List(_) => {}
            Self::Narrow(sums) => {
                if let Some(sum) = sums.get_mut(bin) {
                    *sum += steps as u32;
                }
            }
            Self::Wide(sums) => {
                if let Some(sum) = sums.get_mut(bin) {
                    *sum += steps;
                }
            }
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Self::List(list) => list.capacity() * size_of::<(u32, u32)>(),
            Self::Narrow(sums) => sums.capacity() * size_of::<u32>(),
            Self::Wide(sums) => sums.capacity() * size_of::<u64>(),
        }
    }
}

/// The moments of the rows of one bucket.
#[derive(Debug, Clone)]
pub struct Moments {
    rows: u64,
    /// Inner bins of all numeric columns.
    bins: usize,
    /// By numeric column, in the order of the binning.
    outlines: Vec<Outline>,
    offsets: Offsets,
}

impl Default for Moments {
    fn default() -> Self {
        Self { rows: 0, bins: 0, outlines: Vec::new(), offsets: Offsets::List(Vec::new()) }
    }
}

impl Moments {
    /// No moments yet, with room for those of so many rows.
    pub(crate) fn zeros(binning: &Binning, rows: u64) -> Self {
        let (mut columns, mut bins) = (0, 0);
        for column in numeric_columns(binning) {
            columns += 1;
            bins = column.first + column.inner_bins;
        }
        let outlines = vec![Outline::default(); columns];
        let mut moments = Self { rows, bins, outlines, offsets: Offsets::List(Vec::new()) };
        moments.settle_for(rows);
        moments
    }

    /// Sums by bin take less as a list while there are few rows.
    fn settle_for(&mut self, rows: u64) {
        let entries = usize::try_from(rows).unwrap_or(usize::MAX);
        let entries = entries.saturating_mul(self.outlines.len());
        if entries.saturating_mul(size_of::<(u32, u32)>()) >= self.bins * size_of::<u32>() {
            self.offsets.widen(rows, self.bins);
        }
    }

    /// Adds the values of a column, the `number`th of the numeric ones, with the slots that they are
    /// counted in. [`Moments::zeros`] must have made room for the rows.
    pub(crate) fn count(
        &mut self,
        number: usize,
        column: &NumericColumn<'_>,
        values: &[f64],
        places: &[u32],
    ) {
        let Some(outline) = self.outlines.get_mut(number) else { return };
        let (edges, before) = (column.edges, column.first);
        add_run(outline, column.centre, values);
        let bins = values.iter().zip(places).map(|(value, place)| {
            let bin = place.wrapping_sub(column.first_slot) as usize;
            (bin, offset(edges, bin, *value))
        });
        // Specials stand before the bins, so theirs are numbers far above any.
        let inner = |bin: usize| bin.wrapping_sub(1) < column.inner_bins;
        match &mut self.offsets {
            _ if column.inner_bins == 0 => {}
            Offsets::Narrow(sums) => {
                let sums = sums.get_mut(before..).unwrap_or_default();
                for (bin, steps) in bins.filter(|(bin, _)| inner(*bin)) {
                    if let Some(sum) = sums.get_mut(bin - 1) {
                        *sum += steps;
                    }
                }
            }
            other => bins
                .filter(|(bin, _)| inner(*bin))
                .for_each(|(bin, steps)| other.add(before + bin - 1, u64::from(steps))),
        }
        let reach = |edge: Option<&f64>, far: f64| edge.copied().unwrap_or(far);
        let from = reach(edges.first(), f64::INFINITY);
        let to = reach(edges.last(), f64::INFINITY);
        if outline.min < from || outline.max >= to {
            for value in values.iter().filter(|value| value.is_finite()) {
                if *value < from {
                    outline.below.add(*value);
                } else if *value >= to {
                    outline.above.add(*value);
                }
            }
        }
    }

    /// Adds the moments of other rows, with the same binning.
    pub(crate) fn merge(&mut self, other: &Self) {
        if self.rows == 0 {
            self.clone_from(other);
            return;
        }
        self.rows += other.rows;
        for (mine, theirs) in self.outlines.iter_mut().zip(&other.outlines) {
            mine.merge(theirs);
        }
        self.settle_for(self.rows);
        let offsets = &mut self.offsets;
        other.offsets.for_each(|bin, steps| offsets.add(bin, steps));
    }

    /// Adds the moments of selected columns, by their places in the binning, to as many sums.
    pub(crate) fn add_to(&self, binning: &Binning, selected: &[usize], into: &mut [ColumnMoments]) {
        let numeric: Vec<_> = numeric_columns(binning).collect();
        let mut wide = None;
        for (place, into) in selected.iter().zip(into) {
            let number = numeric.binary_search_by_key(place, |column| column.place);
            let number = number.unwrap_or(usize::MAX);
            let (Some(outline), Some(column)) = (self.outlines.get(number), numeric.get(number))
            else {
                continue;
            };
            into.outline.merge(outline);
            let (before, inner) = (column.first, column.inner_bins);
            into.offsets.resize(inner, 0);
            let mine = into.offsets.iter_mut();
            match &self.offsets {
                Offsets::Narrow(sums) => {
                    let sums = sums.get(before..before + inner).unwrap_or_default();
                    mine.zip(sums).for_each(|(mine, sum)| *mine += u64::from(*sum));
                }
                offsets => {
                    let wide: &Vec<u64> = wide.get_or_insert_with(|| {
                        let mut sums = vec![0; self.bins];
                        offsets.for_each(|bin, steps| {
                            if let Some(sum) = sums.get_mut(bin) {
                                *sum += steps;
                            }
                        });
                        sums
                    });
                    let sums = wide.get(before..before + inner).unwrap_or_default();
                    mine.zip(sums).for_each(|(mine, sum)| *mine += sum);
                }
            }
        }
    }

    /// Adds the outlines of selected columns, by their places in the binning, to as many.
    pub(crate) fn add_outlines_to(
        &self,
        binning: &Binning,
        selected: &[usize],
        into: &mut [Outline],
    ) {
        let numeric: Vec<usize> = numeric_columns(binning).map(|column| column.place).collect();
        for (place, into) in selected.iter().zip(into) {
            let number = numeric.binary_search(place).unwrap_or(usize::MAX);
            if let Some(outline) = self.outlines.get(number) {
                into.merge(outline);
            }
        }
    }

    /// Bytes in memory.
    pub(crate) fn bytes(&self) -> usize {
        size_of::<Self>() + self.outlines.capacity() * size_of::<Outline>() + self.offsets.bytes()
    }

    /// Appends the moments.
    pub(crate) fn encode(&self, binning: &Binning, out: &mut Vec<u8>) {
        for outline in &self.outlines {
            put_outline(out, outline);
        }
        let places: Vec<usize> = numeric_columns(binning).map(|column| column.place).collect();
        let mut columns = vec![ColumnMoments::default(); places.len()];
        self.add_to(binning, &places, &mut columns);
        columns.iter().for_each(|column| put_offsets(out, &column.offsets));
    }

    /// Reads the outlines, by numeric column, that begin what [`Moments::encode`] wrote for so many rows.
    pub(crate) fn decode_outlines(
        get: &mut Get<'_>,
        binning: &Binning,
        rows: u64,
    ) -> Decoded<Vec<Outline>> {
        let outline = |_| {
            let outline = get_outline(get)?;
            if outline.n > rows {
                return Err(DecodeError("at most as many values as rows"));
            }
            Ok(outline)
        };
        numeric_columns(binning).map(outline).collect()
    }

    /// Reads what [`Moments::encode`] wrote for so many rows.
    pub(crate) fn decode(get: &mut Get<'_>, binning: &Binning, rows: u64) -> Decoded<Self> {
        let mut moments = Self::zeros(binning, rows);
        moments.outlines = Self::decode_outlines(get, binning, rows)?;
        let most = u64::from(OFFSET_STEPS - 1);
        let mut sums = Vec::new();
        for (number, column) in numeric_columns(binning).enumerate() {
            get_offsets(get, column.inner_bins, &mut sums)?;
            let values = moments.outlines.get(number).map_or(0, |outline| outline.n);
            if sums.iter().try_fold(0_u64, |all, sum| all.checked_add(*sum)) > Some(values * most) {
                return Err(DecodeError("values inside their bins"));
            }
            for (bin, steps) in sums.iter().enumerate() {
                moments.offsets.add(column.first + bin, *steps);
            }
        }
        Ok(moments)
    }
}

/// Adds the finite values of a run to the sums over all bins.
fn add_run(outline: &mut Outline, centre: f64, values: &[f64]) {
    let mut sums = [0.0; LANES];
    let mut squares = [0.0; LANES];
    let (mut least, mut most) = ([f64::INFINITY; LANES], [f64::NEG_INFINITY; LANES]);
    let mut counts = [0_u64; LANES];
    let mut add = |lane: usize, value: f64| {
        let finite = value.abs() < f64::INFINITY;
        let from = if finite { value - centre } else { 0.0 };
        sums[lane] += from;
        squares[lane] += from * from;
        least[lane] = if finite && value < least[lane] { value } else { least[lane] };
        most[lane] = if finite && value > most[lane] { value } else { most[lane] };
        counts[lane] += u64::from(finite);
    };
    let (whole, rest) = values.as_chunks::<LANES>();
    for some in whole {
        (0..LANES).for_each(|lane| add(lane, some[lane]));
    }
    rest.iter().enumerate().for_each(|(lane, value)| add(lane, *value));
    outline.n += counts.iter().sum::<u64>();
    outline.min = least.iter().fold(outline.min, |min, value| min.min(*value));
    outline.max = most.iter().fold(outline.max, |max, value| max.max(*value));
    sums.iter().for_each(|sum| outline.sum.add(*sum));
    squares.iter().for_each(|sum| outline.squares.add(*sum));
}

fn put_outline(out: &mut Vec<u8>, outline: &Outline) {
    out.put_varint(outline.n);
    if outline.n == 0 {
        return;
    }
    out.put_f64(outline.min);
    out.put_f64(outline.max);
    outline.sum.encode(out);
    outline.squares.encode(out);
    let outer = [(BELOW, outline.below), (ABOVE, outline.above)];
    let has = |(_, sum): &&(u8, Sum)| *sum != Sum::default();
    out.put_u8(outer.iter().filter(has).map(|(bit, _)| bit).sum());
    outer.iter().filter(has).for_each(|(_, sum)| sum.encode(out));
}

fn get_outline(get: &mut Get<'_>) -> Decoded<Outline> {
    let n = get.varint()?;
    if n == 0 {
        return Ok(Outline::default());
    }
    let mut outline = Outline { n, min: get.f64()?, max: get.f64()?, ..Outline::default() };
    if !(outline.min <= outline.max && outline.min.is_finite() && outline.max.is_finite()) {
        return Err(DecodeError("a smallest and a largest value"));
    }
    outline.sum = Sum::decode(get)?;
    outline.squares = Sum::decode(get)?;
    let outer = get.u8()?;
    if outer & !(BELOW | ABOVE) != 0 {
        return Err(DecodeError("which outer bins have values"));
    }
    if outer & BELOW != 0 {
        outline.below = Sum::decode(get)?;
    }
    if outer & ABOVE != 0 {
        outline.above = Sum::decode(get)?;
    }
    Ok(outline)
}

fn put_offsets(out: &mut Vec<u8>, sums: &[u64]) {
    let least = sums.iter().copied().min().unwrap_or(0);
    let most = sums.iter().copied().max().unwrap_or(0);
    match u32::try_from(most - least) {
        _ if most == 0 => out.put_u8(ZERO),
        Ok(range) => {
            out.put_u8(PACKED);
            out.put_varint(least);
            let width = bits::width_of(range);
            out.put_u8(width as u8);
            let above: Vec<u32> = sums.iter().map(|sum| (sum - least) as u32).collect();
            let mut packed = Vec::new();
            bits::put_packed(&mut packed, &above, width);
            out.put_bytes(&packed);
        }
        Err(_) => {
            out.put_u8(VARINTS);
            sums.iter().for_each(|sum| out.put_varint(*sum));
        }
    }
}

fn get_offsets(get: &mut Get<'_>, bins: usize, sums: &mut Vec<u64>) -> Decoded<()> {
    sums.clear();
    match get.u8()? {
        ZERO => {
            sums.resize(bins, 0);
            Ok(())
        }
        PACKED => {
            let (least, width) = (get.varint()?, u32::from(get.u8()?));
            let mut above = Vec::new();
            bits::get_hybrid(get.bytes()?, width, bins, &mut above)?;
            for above in above {
                let sum = least.checked_add(u64::from(above));
                sums.push(sum.ok_or(DecodeError("a sum of steps"))?);
            }
            Ok(())
        }
        VARINTS => {
            for _ in 0..bins {
                sums.push(get.varint()?);
            }
            Ok(())
        }
        _ => Err(DecodeError("a kind of sums")),
    }
}

#[cfg(test)]
mod tests;
