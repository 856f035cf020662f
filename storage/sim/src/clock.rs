//! A clock that a test sets, in microseconds since 1970.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering::SeqCst},
};

/// A clock that stands still until it is moved. Clones show the same time.
#[derive(Debug, Clone, Default)]
pub struct SimClock(Arc<AtomicI64>);

impl SimClock {
    /// A clock at a time.
    pub fn at(micros: i64) -> Self {
        Self(Arc::new(AtomicI64::new(micros)))
    }

    /// The time.
    pub fn now(&self) -> i64 {
        self.0.load(SeqCst)
    }

    /// Moves it, forward or back.
    pub fn jump(&self, micros: i64) {
        self.0.fetch_add(micros, SeqCst);
    }
}
