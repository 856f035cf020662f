//! Whether the drift tests hold their level, and what they detect.
//! `cargo bench -p driftline-query --bench calibration -- --quick`
//!
//! Every window comes with a reference of its own from the same law: the level of a test of two
//! samples is that over both. The last table keeps references, as a monitor does.

mod experiment;
mod laws;
mod table;
mod tally;
mod tests_of;

use clap::{Parser, ValueEnum};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use experiment::{
    Kept, Run, Size, of_categories, of_kept_references, of_numbers, of_unguarded_psi,
};
use laws::{CategoryLaw, NumberLaw};

/// Laws of categories.
const CATEGORY_LAWS: [CategoryLaw; 2] = [CategoryLaw::Eight, CategoryLaw::Forty];
/// Rows of the reference that does not grow with the windows.
const REFERENCE_ROWS: usize = 20_000;
/// Rows of a window from which on only a part of the windows is drawn: drawing and sorting is all
/// that a run costs.
const LARGE_ROWS: usize = 10_000;
/// One of so many windows is drawn of large ones.
const LARGE_PART: u64 = 5;
/// One of so many windows is drawn for power, whose shares need fewer digits.
const POWER_PART: u64 = 5;
/// Moves of the mean, in standard deviations.
const SHIFTS: [f64; 3] = [0.1, 0.3, 0.5];
/// References that are kept, and the windows of each.
const KEPT: u64 = 400;
/// Rows per category at which the chi-square form of PSI is tried.
const ROWS_PER_BIN: [usize; 6] = [5, 10, 20, 30, 100, 300];

/// Shares of alarms of the drift tests at 5 %, with and without drift.
#[derive(Debug, Parser)]
struct Options {
    /// Windows at each size; a fifth of them above 10,000 rows, and for power
    #[arg(long, default_value_t = 10_000)]
    windows: u64,
    /// Rows of a window, one or more sizes
    #[arg(long, value_delimiter = ',', default_value = "100,1000,100000")]
    rows: Vec<usize>,
    /// Seed of all draws
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// 500 windows instead
    #[arg(long, conflicts_with = "windows")]
    quick: bool,
    /// What to print
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Cargo says so to every benchmark
    #[arg(long, hide = true)]
    bench: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Tables for people
    Table,
    /// One JSON object a line
    Json,
}

impl Options {
    fn windows(&self) -> u64 {
        if self.quick { 500 } else { self.windows }
    }

    fn sizes(&self, references: fn(usize) -> Vec<usize>) -> Vec<Size> {
        let windows = self.windows();
        let size = |rows: usize, reference| {
            let part = if rows > LARGE_ROWS { LARGE_PART } else { 1 };
            Size { rows, reference, windows: (windows / part).max(1) }
        };
        let of = |rows: &usize| references(*rows).into_iter().map(|r| size(*rows, r)).collect();
        self.rows.iter().flat_map::<Vec<Size>, _>(of).collect()
    }
}

/// A bar on a terminal's standard error, by rows drawn.
fn progress(rows: u64) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(rows), ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template("{msg} [{bar:30}] {percent} % eta {eta}") {
        bar.set_style(style.progress_chars("=> "));
    }
    bar
}

fn main() {
    let options = Options::parse();
    let seed = options.seed;
    let sizes = options.sizes(|rows| vec![REFERENCE_ROWS, rows]);
    let moved: Vec<Size> = options
        .sizes(|_| vec![REFERENCE_ROWS])
        .into_iter()
        .map(|size| Size { windows: (size.windows / POWER_PART).max(1), ..size })
        .collect();
    let drawn = |sizes: &[Size]| {
        sizes.iter().map(|size| (size.rows + size.reference) as u64 * size.windows).sum::<u64>()
    };
    let runs = NumberLaw::ALL.len() as u64;
    let bar = progress(runs * drawn(&sizes) + SHIFTS.len() as u64 * drawn(&moved));

    let mut level = Vec::new();
    for law in NumberLaw::ALL {
        bar.set_message(law.name());
        level.extend(sizes.iter().map(|size| of_numbers(law, 0.0, *size, seed, &bar)));
    }
    for law in CATEGORY_LAWS {
        level.extend(sizes.iter().map(|size| of_categories(law, *size, seed)));
    }
    bar.set_message("power");
    let shifted =
        |size: &Size| SHIFTS.map(|by| of_numbers(NumberLaw::Normal, by, *size, seed, &bar));
    let power: Vec<Run> = moved.iter().flat_map(shifted).collect();
    let per_reference = |size: &Size| Size { windows: KEPT.min(size.windows), ..*size };
    let kept: Vec<Kept> = sizes
        .iter()
        .map(|size| of_kept_references(KEPT.min(size.windows), per_reference(size), seed))
        .collect();
    let unguarded = unguarded(&options);
    bar.finish_and_clear();

    match options.format {
        Format::Table => print_tables(&sizes, &level, &power, &kept, &unguarded),
        Format::Json => {
            let lines = level.iter().chain(&power).chain(&unguarded).flat_map(table::lines);
            for line in lines.chain(kept.iter().map(table::kept_line)) {
                println!("{line}");
            }
        }
    }
}

fn unguarded(options: &Options) -> Vec<Run> {
    let windows = options.windows();
    let mut runs = Vec::new();
    for law in CATEGORY_LAWS {
        for per_bin in ROWS_PER_BIN {
            let rows = per_bin * law.categories() as usize;
            let run =
                |reference| of_unguarded_psi(law, Size { rows, reference, windows }, options.seed);
            runs.extend([rows, REFERENCE_ROWS].map(run));
        }
    }
    runs
}

fn print_tables(sizes: &[Size], level: &[Run], power: &[Run], kept: &[Kept], unguarded: &[Run]) {
    println!(
        "Windows without drift with p < {}, in per cent, with the interval at {} %. Heads: rows of \
         a window of rows of its reference.\n- fewer alarms than the level, **+** more.\n",
        tally::LEVEL,
        tally::CONFIDENCE * 100.0
    );
    for size in sizes {
        let (windows, rows) = (table::grouped(size.windows), table::grouped(size.rows as u64));
        let reference = table::grouped(size.reference as u64);
        println!("{windows} windows of {rows} rows, reference {reference}");
    }
    println!("\n{}", table::level_tables(level));
    println!("Detected, normal law, reference of {REFERENCE_ROWS} rows, in per cent.\n");
    println!("{}", table::power_table(power));
    println!("Alarms of chi2 without drift where a reference is kept, over references.\n");
    println!("{}", table::kept_table(kept));
    println!(
        "Alarms of PSI's chi-square form without drift, also where it is refused, by {} rows per \
         category.\n",
        ROWS_PER_BIN.map(|rows| rows.to_string()).join(", ")
    );
    println!("{}", table::unguarded_table(unguarded));
}
