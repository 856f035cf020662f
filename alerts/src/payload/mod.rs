//! Payloads: what each kind of channel is sent of a notice, as pure functions. Whoever sends adds the
//! address and the time.
//!
//! Names of features, classes and labels come from data, and summaries from templates over them: each
//! format escapes them by its own rules, and no line break of theirs gets into a header or subject.

mod alertmanager;
mod mail;
mod pagerduty;
mod signature;
mod slack;
mod webhook;
mod words;

pub use alertmanager::alertmanager;
pub use mail::{Letter, mail};
pub use pagerduty::pagerduty;
pub use signature::{sign, signature};
pub use slack::slack;
pub use webhook::{WEBHOOK_VERSION, webhook};
pub use words::title;

#[cfg(test)]
mod tests;
