//! CPU time, wall time, memory and open files of a process.
//!
//! CPU time is what figures are compared by: wall time depends on what else the machine does.
//! Memory, open files and the CPU time of another process are read from `/proc`, and are unknown
//! where there is none.

use std::{
    fs,
    process::Child,
    time::{Duration, Instant},
};

use rustix::time::{ClockId, clock_gettime};

/// Kilobytes of a megabyte, as sizes of memory are told.
const MEGABYTE_KB: f64 = 1_024.0;

/// CPU time of this process, all threads, user and system.
pub(super) fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    let (seconds, nanos) = (u64::try_from(time.tv_sec), u32::try_from(time.tv_nsec));
    Duration::new(seconds.unwrap_or(0), nanos.unwrap_or(0))
}

/// Milliseconds of a duration.
pub(super) fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

/// Wall times of runs, and the CPU time of all together.
#[derive(Debug, Default)]
pub(super) struct Samples {
    walls: Vec<Duration>,
    pub(super) cpu: Option<Duration>,
}

impl Samples {
    pub(super) fn push(&mut self, wall: Duration) {
        self.walls.push(wall);
    }

    pub(super) fn len(&self) -> usize {
        self.walls.len()
    }

    /// Mean CPU time of a run.
    pub(super) fn cpu_ms(&self) -> Option<f64> {
        self.cpu.map(|cpu| millis(cpu) / self.walls.len().max(1) as f64)
    }

    /// A quantile of the wall times, the nearest one above.
    pub(super) fn wall_ms(&self, share: f64) -> Option<f64> {
        let mut walls = self.walls.clone();
        walls.sort_unstable();
        let place = (share * walls.len() as f64).ceil() as usize;
        walls.get(place.saturating_sub(1)).copied().map(millis)
    }

    /// Runs something and adds its wall and CPU time.
    pub(super) fn time<T>(&mut self, run: impl FnOnce() -> T) -> T {
        let (cpu, wall) = (cpu_time(), Instant::now());
        let answer = run();
        self.walls.push(wall.elapsed());
        *self.cpu.get_or_insert_default() += cpu_time().saturating_sub(cpu);
        answer
    }
}

/// The most memory that this process had since [`reset_peak`].
pub(super) fn peak_rss_mb() -> Option<f64> {
    status_kb("self", "VmHWM").map(|kb| kb / MEGABYTE_KB)
}

/// The most memory that a child had.
pub(super) fn child_peak_rss_mb(child: &Child) -> Option<f64> {
    status_kb(&child.id().to_string(), "VmHWM").map(|kb| kb / MEGABYTE_KB)
}

/// Makes the peak count from now.
pub(super) fn reset_peak() {
    // Where this is refused the peak counts from the start, which overstates.
    let _ = fs::write("/proc/self/clear_refs", "5");
}

fn status_kb(process: &str, key: &str) -> Option<f64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let found = status.lines().find_map(|text| text.strip_prefix(key)?.strip_prefix(':'))?;
    found.trim().strip_suffix("kB")?.trim().parse().ok()
}

/// CPU time of a child that was not yet waited for, in steps of a clock tick.
pub(super) fn child_cpu_time(child: &Child) -> Option<Duration> {
    stat(&format!("/proc/{}/stat", child.id())).map(|(_, cpu)| cpu)
}

/// The threads that a child has now: number, name and CPU time of each.
pub(super) fn child_threads(child: &Child) -> Vec<(u32, String, Duration)> {
    let Ok(threads) = fs::read_dir(format!("/proc/{}/task", child.id())) else {
        return Vec::new();
    };
    let thread = |entry: fs::DirEntry| {
        let number = entry.file_name().to_str()?.parse().ok()?;
        let (name, cpu) = stat(entry.path().join("stat").to_str()?)?;
        Some((number, name, cpu))
    };
    threads.filter_map(|entry| thread(entry.ok()?)).collect()
}

/// Name and CPU time of a process or thread.
fn stat(path: &str) -> Option<(String, Duration)> {
    let stat = fs::read_to_string(path).ok()?;
    // The name in parentheses may hold anything; user and system time are fields 14 and 15.
    let (begin, end) = stat.rsplit_once(')')?;
    let mut fields = end.split_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<u64>().ok();
    let ticks = ticks()? + ticks()?;
    let each = rustix::param::clock_ticks_per_second().max(1);
    let cpu = Duration::from_secs_f64(ticks as f64 / each as f64);
    Some((begin.split_once('(')?.1.to_owned(), cpu))
}

/// Files that this process has open.
pub(super) fn open_files() -> Option<usize> {
    fs::read_dir("/proc/self/fd").ok().map(Iterator::count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_the_sorted_runs() {
        let mut samples = Samples::default();
        (1..=100).rev().for_each(|n| samples.push(Duration::from_millis(n)));
        assert_eq!(samples.wall_ms(0.5), Some(50.0));
        assert_eq!(samples.wall_ms(0.99), Some(99.0));
        assert_eq!(Samples::default().wall_ms(0.5), None);
        assert_eq!(samples.cpu_ms(), None);
    }

    #[test]
    fn work_costs_cpu_time() {
        let mut samples = Samples::default();
        let sum = samples.time(|| (0..1_000_000_u64).map(std::hint::black_box).sum::<u64>());
        assert!(sum > 0 && samples.cpu_ms() > Some(0.0));
    }
}
