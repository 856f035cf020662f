//! The statistics against the golden vectors: values computed by numpy, scipy and scikit-learn.
//!
//! The vectors live outside the repository; `DRIFTLINE_GOLDEN` names their directory. Without it
//! every test says so and passes. Only vectors with inline inputs or recorded counts are used, so
//! no data file is read.

use driftline_query::stats;

mod vectors;

mod ks;
mod psi;
mod quality;
mod quantile;
