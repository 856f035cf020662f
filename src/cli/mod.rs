//! The command line: arguments, times and how answers are shown. It lives in the library crate so
//! that `main` only starts it; it is no part of the public interface.

pub mod args;
pub mod render;
pub mod time;
