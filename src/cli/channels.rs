//! `alerts test-channel`: a firing and its end, both marked as a test, sent now from here.

use driftline_alerts::{Channel, trial};
use driftline_storage::{Error, ErrorKind, near_misses};

use super::{
    args::{GlobalArgs, TestChannelArgs},
    outcome::{Failure, Outcome},
    render::{self, Tried},
    rule_file::RuleFile,
    session::{show, usage},
};
use crate::{
    alerting::sender::{Sender as _, Senders},
    now_micros,
};

/// Tries a channel of a file. No database is asked; secrets are read here. Exit code 1 if the receiver did
/// not take what it was sent.
pub(super) fn test_channel(global: &GlobalArgs, args: &TestChannelArgs) -> Outcome {
    let file = RuleFile::read(&args.file).map_err(usage)?;
    let set = file.rules().map_err(|mistakes| file.refuse(mistakes))?;
    let Some(channel) = set.channels.iter().find(|channel| channel.name == args.channel) else {
        let near = near_misses(&args.channel, set.channels.iter().map(|one| one.name.as_str()));
        let text = format!("--channel {:?} is no channel of the file{near}", args.channel);
        return Err(Failure::Usage(text));
    };
    let tried = send(channel)?;
    show(global, |out, format, style| render::tried_channel(channel, &tried, out, format, style))?;
    if tried.iter().all(|tried| tried.outcome.is_ok()) { Ok(()) } else { Err(Failure::Shown) }
}

/// Sends both notices. After one that was not taken the other is not sent: an end without a beginning tells
/// nobody anything.
fn send(channel: &Channel) -> std::result::Result<Vec<Tried>, Failure> {
    let broken = |error| Error::new(ErrorKind::Io, format!("start the sender: {error}"));
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(broken)?;
    let senders = Senders::new()?;
    let mut tried = Vec::new();
    for notice in trial(&channel.name, now_micros()) {
        let outcome = runtime.block_on(senders.send(channel, &notice));
        let is_taken = outcome.is_ok();
        tried.push(Tried { notice, outcome });
        if !is_taken {
            break;
        }
    }
    Ok(tried)
}
