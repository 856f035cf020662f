//! Any window of a file is a plain count of its rows, and damage is told.

use super::*;
use crate::day::DayPartials;
use crate::{
    binner::Binner,
    binning::ColumnBins,
    cells::Wanted,
    column::Column,
    counting::{Counted, count},
    moments::OFFSET_STEPS,
    rows::RowChunk,
    tally::RowCounter,
    time::MINUTE_MICROS,
};
use proptest::prelude::*;

const NAMES: [&str; 6] = ["a", "b", "p", "q", "r", "s"];

fn binning() -> Arc<Binning> {
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let edges = (0..40).map(f64::from).collect();
    let mut columns = vec![
        ("x".to_owned(), ColumnBins::Numeric { edges }),
        ("c".to_owned(), ColumnBins::Categories { names: names(&["a", "b"]) }),
        ("y".to_owned(), ColumnBins::Numeric { edges: vec![10.0] }),
        ("d".to_owned(), ColumnBins::Categories { names: Vec::new() }),
    ];
    columns.extend(ColumnBins::of_operations());
    Arc::new(Binning::new(columns))
}

/// Minute of the day and what the columns are made from.
type Row = (u16, u8, u8);

fn chunk(rows: &[Row]) -> RowChunk {
    let value = |row: &Row| match row.1 % 50 {
        0 => crate::column::NULL,
        1 => f64::INFINITY,
        // Some values lie on an edge, others inside a bin.
        value => f64::from(value) - 5.0 + f64::from(row.2 % 4) / 4.0,
    };
    let category = |row: &Row| NAMES.get(usize::from(row.2 % 8)).copied();
    let values: Vec<f64> = rows.iter().map(value).collect();
    let columns = vec![
        Column::Numeric(values.clone()),
        Column::categories(rows.iter().map(category)),
        Column::Numeric(values.clone()),
        Column::categories(rows.iter().map(category)),
        Column::Numeric(values.iter().map(|value| value * value).collect()),
        Column::categories(rows.iter().map(category)),
    ];
    let times = rows.iter().map(|row| i64::from(row.0) * MINUTE_MICROS).collect();
    RowChunk { times, columns }
}

fn add(day: &mut DayPartials, counted: Counted) {
    for bucket in counted.minutes {
        day.add(bucket.minute, bucket.counts);
    }
    for bucket in counted.hours {
        day.add_moments(bucket.hour, &bucket.moments);
    }
}

/// The head's day and the names that it met, from rows in their order.
fn day(rows: &[Row]) -> (DayPartials, Arc<NewNames>) {
    let mut binner = Binner::new(binning());
    let mut day = DayPartials::default();
    for rows in rows.chunks(50) {
        let chunk = chunk(rows);
        add(&mut day, count(&chunk.times, chunk.columns.iter(), &mut binner));
    }
    (day, binner.names().clone())
}

fn open(bytes: Vec<u8>) -> Result<PartialsFile> {
    PartialsFile::open(Path::new("p").into(), bytes, Arc::new(UnpackedCache::new(1 << 20)))
}

/// Columns of the cells of a query: monitored ones, those of operations, some of both.
const ASKED: [&[usize]; 3] = [&[1, 0, 3, 2], &[5, 4], &[4, 1, 5]];

fn cells(asked: &[usize]) -> Arc<Cells> {
    // Out of order, and some bins joined.
    let runs = |place| match place {
        0 => Wanted::Runs(vec![3, 20, 40]),
        _ => Wanted::Bins,
    };
    let wanted: Vec<_> = asked.iter().map(|place| (*place, runs(*place))).collect();
    Arc::new(Cells::new(binning(), &wanted))
}

fn folded(file: &PartialsFile, windows: &[Range<u16>], asked: &[usize]) -> Result<Tallies> {
    let mut tallies = Tallies::new(cells(asked), windows.len());
    file.fold(windows.iter().cloned().enumerate(), &mut tallies)?;
    Ok(tallies)
}

fn of_head(rows: &[Row], windows: &[Range<u16>], asked: &[usize]) -> Tallies {
    let (day, names) = day(rows);
    let mut tallies = Tallies::new(cells(asked), windows.len());
    let mut sums = Sums::default();
    for (place, window) in windows.iter().enumerate() {
        sums.clear(binning().slots() + names.len());
        day.sum(window.start, window.end, cells(asked).spans(), &mut sums);
        tallies.add_sums(place, sums.rows(), sums.slots(), &names);
    }
    tallies
}

fn of_rows(rows: &[Row], windows: &[Range<u16>], asked: &[usize]) -> Tallies {
    let mut tallies = Tallies::new(cells(asked), windows.len());
    let mut counter = RowCounter::new(&cells(asked));
    for (place, window) in windows.iter().enumerate() {
        let inside: Vec<Row> = rows.iter().filter(|row| window.contains(&row.0)).copied().collect();
        let mut chunk = chunk(&inside);
        chunk.columns = asked.iter().map(|place| chunk.columns[*place].clone()).collect();
        counter.begin(&cells(asked), &chunk);
        counter.add(&mut tallies, place, &chunk, 0..inside.len());
    }
    tallies
}

/// The moments by their definition, value by value.
fn moments_of_rows(rows: &[Row], minutes: &Range<u16>) -> Vec<ColumnMoments> {
    let inside: Vec<Row> = rows.iter().filter(|row| minutes.contains(&row.0)).copied().collect();
    let chunk = chunk(&inside);
    let column = |(column, (_, bins)): (&Column, &(String, ColumnBins))| {
        let mut of = ColumnMoments::default();
        let (Column::Numeric(values), Some(edges)) = (column, bins.edges()) else {
            return of;
        };
        let by_bin = *bins != ColumnBins::Latency;
        if by_bin && !inside.is_empty() {
            of.offsets = vec![0; edges.len() - 1];
        }
        for value in values.iter().copied().filter(|value| value.is_finite()) {
            of.outline.n += 1;
            of.outline.min = of.outline.min.min(value);
            of.outline.max = of.outline.max.max(value);
            let from = value - if by_bin { edges[edges.len() / 2] } else { 0.0 };
            of.outline.sum.add(from);
            of.outline.squares.add(from * from);
            match edges.iter().filter(|edge| **edge <= value).count() {
                0 => of.outline.below.add(value),
                bin if bin == edges.len() => of.outline.above.add(value),
                bin if by_bin => {
                    let share = (value - edges[bin - 1]) / (edges[bin] - edges[bin - 1]);
                    of.offsets[bin - 1] += (share * f64::from(OFFSET_STEPS)).floor() as u64;
                }
                _ => {}
            }
        }
        of
    };
    chunk.columns.iter().zip(binning().columns()).map(column).collect()
}

fn told(tallies: &Tallies, windows: usize) -> Vec<String> {
    (0..windows)
        .map(|window| {
            let column = |column| {
                let counts = tallies.column(window, column);
                let new: Vec<_> = counts.new_names().collect();
                let null = counts.special(crate::special::Special::Null);
                format!("{null} {:?} {new:?}", counts.bins().collect::<Vec<u64>>())
            };
            let columns: Vec<String> = (0..tallies.cells().columns()).map(column).collect();
            format!("{}: {}", tallies.rows(window), columns.join(", "))
        })
        .collect()
}

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let busy = (600_u16..700, any::<u8>(), any::<u8>());
    let any_time = (0_u16..1_440, any::<u8>(), any::<u8>());
    let one_minute = (61_u16..62, any::<u8>(), any::<u8>());
    prop_oneof![
        prop::collection::vec(busy, 0..4_000),
        prop::collection::vec(any_time, 0..300),
        prop::collection::vec(one_minute, 0..900),
    ]
}

fn windows() -> impl Strategy<Value = Vec<Range<u16>>> {
    let cuts = prop::collection::btree_set(prop_oneof![0_u16..=1_440, 590_u16..710], 2..8);
    cuts.prop_map(|cuts| {
        let cuts: Vec<u16> = cuts.into_iter().collect();
        let window = |pair: &[u16]| pair[0]..pair[1];
        // Neighbours share a bound; sometimes one is left out between them.
        cuts.windows(2).map(window).enumerate().filter(|(n, _)| n % 3 < 2).map(|w| w.1).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn any_window_of_head_and_file_is_a_plain_count_of_its_rows(
        rows in rows(),
        windows in windows(),
    ) {
        let (day, names) = day(&rows);
        let bytes = write_partials(&binning(), &names, &day).expect("encodes");
        let file = open(bytes).expect("opens");
        for window in &windows {
            let Some(hours) = file.moment_minutes(window.clone()) else { continue };
            let want = moments_of_rows(&rows, &hours);
            let places = [0, 1, 2, 3, 4, 5];
            let mut of_file = vec![ColumnMoments::default(); 6];
            file.fold_moments(hours.clone(), &places, &mut of_file).expect("reads");
            prop_assert!(of_file.iter().zip(&want).all(|(a, b)| a.agrees(b)), "{of_file:?} {want:?}");
            let mut of_head = vec![ColumnMoments::default(); 6];
            let of_hours: Vec<_> = day.moments(hours.clone()).collect();
            of_hours.iter().for_each(|of| of.add_to(&binning(), &places, &mut of_head));
            prop_assert!(of_head.iter().zip(&want).all(|(a, b)| a.agrees(b)), "{of_head:?} {want:?}");
            // Outlines alone are the same to the last bit, unpacked now or before.
            let outlines = |of: &[ColumnMoments]| of.iter().map(|of| of.outline).collect::<Vec<_>>();
            for _ in 0..2 {
                let mut alone = vec![Outline::default(); 6];
                file.fold_outlines(hours.clone(), &places, &mut alone).expect("reads");
                prop_assert_eq!(&alone, &outlines(&of_file));
            }
            let mut alone = vec![Outline::default(); 6];
            of_hours.iter().for_each(|of| of.add_outlines_to(&binning(), &places, &mut alone));
            prop_assert_eq!(alone, outlines(&of_head));
        }
        for asked in ASKED {
            let want = told(&of_rows(&rows, &windows, asked), windows.len());
            let of_file = folded(&file, &windows, asked).expect("reads");
            prop_assert_eq!(told(&of_file, windows.len()), &want[..]);
            prop_assert_eq!(told(&of_head(&rows, &windows, asked), windows.len()), want);
        }
    }

    #[test]
    fn parts_of_the_rows_in_any_order_give_the_same_file(
        rows in rows(),
        turn in any::<prop::sample::Index>(),
    ) {
        // Names stand in order of arrival: let them all arrive first.
        let mut first: Vec<Row> = (0..8).map(|name| (700, 9, name)).collect();
        let mut turned = first.clone();
        first.extend(&rows);
        if !rows.is_empty() {
            let turn = turn.index(rows.len());
            turned.extend(rows[turn..].iter().chain(&rows[..turn]));
        }
        let write = |rows: &[Row]| {
            let (day, names) = day(rows);
            write_partials(&binning(), &names, &day).expect("encodes")
        };
        prop_assert_eq!(write(&first), write(&turned));
    }
}

#[test]
fn damage_anywhere_is_told() {
    let rows: Vec<Row> = (0..3_000).map(|n| ((n % 90) as u16, n as u8, (n / 7) as u8)).collect();
    let (day, names) = day(&rows);
    let whole = write_partials(&binning(), &names, &day).expect("encodes");
    let windows = [0..45, 45..100, 100..1_440];
    let folded = |file: &PartialsFile, windows: &[Range<u16>]| {
        let mut moments = vec![ColumnMoments::default(); 6];
        file.fold_moments(0..1_440, &[0, 1, 2, 3, 4, 5], &mut moments)?;
        file.fold_moments(0..60, &[0], &mut moments)?;
        file.fold_moments(60..120, &[0], &mut moments)?;
        folded(file, windows, ASKED[2])
    };
    assert!(open(whole.clone()).and_then(|file| folded(&file, &windows)).is_ok());
    for at in (0..whole.len()).step_by(7) {
        let mut bytes = whole.clone();
        bytes[at] ^= 16;
        let read = open(bytes).and_then(|file| folded(&file, &windows));
        assert!(read.is_err(), "byte {at}");
        let read = open(whole[..at].to_vec()).and_then(|file| folded(&file, &windows));
        assert!(read.is_err(), "cut at {at}");
    }
}

#[test]
fn a_file_keeps_only_the_names_that_its_day_counts() {
    let mut binner = Binner::new(binning());
    let other_day = chunk(&[(0, 9, 2), (0, 9, 3), (0, 9, 4)]);
    count(&other_day.times, other_day.columns.iter(), &mut binner);
    let chunk = chunk(&[(0, 9, 4)]);
    let mut day = DayPartials::default();
    add(&mut day, count(&chunk.times, chunk.columns.iter(), &mut binner));
    let bytes = write_partials(&binning(), binner.names(), &day).expect("encodes");
    assert_eq!((binner.names().len(), open(bytes).expect("opens").names.len()), (9, 3));
}

#[test]
fn a_quiet_day_keeps_moments_of_the_whole_day_only() {
    let rows = |count: u16| -> Vec<Row> { (0..count).map(|n| (60 + n % 120, 9, 0)).collect() };
    for (count, by_hour) in [(400, false), (1_200, true)] {
        let (day, names) = day(&rows(count));
        let file = open(write_partials(&binning(), &names, &day).expect("encodes")).expect("opens");
        assert_eq!(file.moment_minutes(0..1_440), Some(0..1_440));
        assert_eq!(file.moment_minutes(55..130).is_some(), by_hour, "{count} rows in two hours");
        assert_eq!(file.moment_minutes(61..119), None, "no whole hour");
    }
}
