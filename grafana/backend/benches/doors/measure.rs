//! Wall time, CPU time of processes and bytes of answers.

use std::{
    fs,
    time::{Duration, Instant},
};

/// What runs of one question took.
pub struct Measured {
    first: Duration,
    walls: Vec<Duration>,
    /// CPU time of server and plugin, all runs after the first.
    cpu: [Option<Duration>; 2],
    bytes: usize,
}

/// Names of the columns of [`Measured::line`].
pub const HEAD: &str = "what                                             first     p50     p99  server  \
                        plugin      bytes  read from";

impl Measured {
    /// Asks once, and then so many times.
    pub fn of(runs: usize, processes: [u32; 2], ask: &dyn Fn() -> usize) -> Self {
        let began = Instant::now();
        let bytes = ask();
        let first = began.elapsed();
        let before = processes.map(cpu);
        let mut walls: Vec<Duration> = (0..runs)
            .map(|_| {
                let began = Instant::now();
                assert_eq!(ask(), bytes, "the same question has the same answer");
                began.elapsed()
            })
            .collect();
        walls.sort_unstable();
        let after = processes.map(cpu);
        let spent = |place: usize| Some(after[place]?.saturating_sub(before[place]?));
        Self { first, walls, cpu: [spent(0), spent(1)], bytes }
    }

    /// A line of the report: wall time of the first and of the others, and CPU time of each.
    pub fn line(&self, what: &str, read: &str) -> String {
        let millis = |time: Duration| time.as_secs_f64() * 1e3;
        let runs = self.walls.len().max(1);
        let quantile = |share: f64| {
            let place = (share * runs as f64).ceil() as usize;
            self.walls.get(place.saturating_sub(1)).map_or(f64::NAN, |wall| millis(*wall))
        };
        let cpu = |place: usize| {
            self.cpu[place]
                .map_or_else(|| "-".to_owned(), |cpu| format!("{:.2}", millis(cpu) / runs as f64))
        };
        format!(
            "{what:<46} {:>7.2} {:>7.2} {:>7.2} {:>7} {:>7} {:>10}  {read}",
            millis(self.first),
            quantile(0.5),
            quantile(0.99),
            cpu(0),
            cpu(1),
            self.bytes
        )
    }
}

/// CPU time of a process, user and system, in steps of a clock tick; none where there is no `/proc`.
fn cpu(process: u32) -> Option<Duration> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name in parentheses may hold anything; user and system time are fields 14 and 15.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<u64>().ok();
    let ticks = ticks()? + ticks()?;
    let each = rustix::param::clock_ticks_per_second().max(1);
    Some(Duration::from_secs_f64(ticks as f64 / each as f64))
}
