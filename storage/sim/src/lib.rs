//! A disk and a clock that do what a test tells them, and random operations on a database over them.
//!
//! [`SimVfs`] stands behind log, segments and catalog alike. It keeps apart what was written and
//! what was synced, so that a test can take the power away after any call and look at what is left;
//! it fails chosen calls as a real disk would; and a seed decides everything that is left to chance.
//! [`simulate`] runs a seed's operations beside a plain model of what must come out.

pub mod data;

mod mutate;
mod pages;
mod names;
mod plan;
mod clock;
mod machine;
mod vfs;
mod calls;
mod oracle;
mod view;
mod records;
mod ops;
mod run;
mod flips;

pub use clock::SimClock;
pub use flips::simulate_flips;
pub use mutate::mutate;
pub use ops::{Op, ops};
pub use oracle::{Change, Oracle};
pub use pages::{PAGE_BYTES, SECTOR_BYTES, Unsynced};
pub use plan::{Call, Fault, When};
pub use records::{RecordSpec, RecordsChange, TABLES};
pub use run::{Failure, ROOT, run, simulate, simulate_with_threads};
pub use vfs::SimVfs;
pub use view::{Trouble, View};
