//! The statistics against the golden vectors: values computed by numpy, scipy and scikit-learn.
//!
//! The vectors live outside the repository; `DRIFTLINE_GOLDEN` names their directory. Without it
//! every test says so and passes. Drift uses vectors with inline inputs or recorded counts only;
//! quality reads the rows of the data files beside them, which `rows` joins with their labels.

use driftline_query::stats;

mod vectors;
mod rows;

mod classes;
mod comparison;
mod fairness;
mod ks;
mod psi;
mod quality;
mod quantile;
mod regression;
mod scores;
