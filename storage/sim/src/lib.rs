//! A disk and a clock that do what a test tells them, for Driftline's storage.
//!
//! [`SimVfs`] stands behind log, segments and catalog alike. It keeps apart what was written and
//! what was synced, so that a test can take the power away after any call and look at what is left;
//! it fails chosen calls as a real disk would; and a seed decides everything that is left to chance.

mod pages;
mod names;
mod plan;
mod clock;
mod vfs;

pub use clock::SimClock;
pub use pages::{PAGE_BYTES, SECTOR_BYTES, Unsynced};
pub use plan::{Call, Fault, When};
pub use vfs::SimVfs;
