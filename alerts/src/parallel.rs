//! Pieces of work that do not depend on each other, over the cores of the machine.

use std::{
    panic::resume_unwind,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, ScopedJoinHandle},
};

use driftline_storage::Result;

use crate::limits;

/// What pieces of work give, in their order, by as many threads as there are cores.
///
/// # Errors
/// That of the first piece in order that failed; pieces that were not begun then are left out.
pub(crate) fn each<I: Send, T: Send>(
    pieces: Vec<I>,
    work: impl Fn(I) -> Result<T> + Sync,
) -> Result<Vec<T>> {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let threads = cores.min(limits::THREADS_MAX).min(pieces.len());
    if threads <= 1 {
        return pieces.into_iter().map(work).collect();
    }
    let next = Mutex::new(pieces.into_iter().enumerate());
    let failed = AtomicBool::new(false);
    let worker = || {
        let mut done = Vec::new();
        while !failed.load(Ordering::Relaxed) {
            let piece = next.lock().unwrap_or_else(PoisonError::into_inner).next();
            let Some((place, piece)) = piece else { break };
            let result = work(piece);
            failed.fetch_or(result.is_err(), Ordering::Relaxed);
            done.push((place, result));
        }
        done
    };
    let mut done: Vec<(usize, Result<T>)> = thread::scope(|scope| {
        let started: Vec<_> = (0..threads).map(|_| scope.spawn(worker)).collect();
        let finished = started.into_iter().map(ScopedJoinHandle::join);
        finished.flat_map(|done| done.unwrap_or_else(|panic| resume_unwind(panic))).collect()
    });
    done.sort_unstable_by_key(|(place, _)| *place);
    done.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use driftline_storage::Error;

    use super::*;

    #[test]
    fn pieces_come_in_order_and_the_first_failure_is_told() {
        let squares =
            each((0..1_000).collect(), |place: usize| Ok(place * place)).expect("no failure");
        assert!(squares.iter().enumerate().all(|(place, square)| *square == place * place));
        assert_eq!(each(Vec::new(), |(): ()| Ok(())).expect("nothing to do"), []);
        let failure = each((0..1_000).collect(), |place: usize| match place {
            500.. => Err(Error::invalid("place", format!("{place} is too far"))),
            _ => Ok(place),
        });
        let text = failure.expect_err("fails").to_string();
        assert!(text.contains("500 is too far"), "{text}");
    }
}
