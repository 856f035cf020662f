//! The statistics against the golden vectors: values computed by numpy, scipy and scikit-learn.
//!
//! The vectors live outside the repository; `DRIFTLINE_GOLDEN` names their directory. Without it
//! every test says so and passes. Most vectors have inline inputs or recorded counts; those that need
//! rows read the data files beside the vectors, and are left out where these are missing; `rows`
//! joins those of quality with their labels.

use driftline_query::stats;

mod vectors;
mod data;

mod divergence;
mod rows;

mod classes;
mod comparison;
mod fairness;
mod ks;
mod peers;
mod psi;
mod quality;
mod quantile;
mod samples;
mod regression;
mod scores;
