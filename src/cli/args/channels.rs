//! Arguments of `alerts test-channel`.

use std::path::PathBuf;

use clap::Args;

/// Arguments of `alerts test-channel`.
#[derive(Debug, Args)]
pub struct TestChannelArgs {
    /// File of rules
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Channel of the file that is to be tried
    #[arg(long, value_name = "NAME")]
    pub channel: String,
}
