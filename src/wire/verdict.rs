//! How columns are judged, and what was found.

use std::borrow::Cow;

use driftline_proto::v1;
use driftline_query::{Correction, Peer, ShareOptions, Verdict};
use driftline_storage::{Error, Result};

pub(super) fn share_options(options: v1::DriftShareOptions) -> Result<ShareOptions> {
    let correction = correction("share.correction", options.correction)?;
    let min_samples = options.min_samples.unwrap_or(ShareOptions::default().min_samples);
    Ok(ShareOptions { correction, threshold: options.threshold, min_samples })
}

pub(super) fn write_share_options(options: &ShareOptions) -> v1::DriftShareOptions {
    v1::DriftShareOptions {
        correction: write_correction(options.correction),
        threshold: options.threshold,
        min_samples: Some(options.min_samples),
    }
}

pub(super) fn correction(field: &str, correction: i32) -> Result<Correction> {
    match v1::Correction::try_from(correction) {
        Ok(v1::Correction::Unspecified) => Ok(Correction::None),
        Ok(v1::Correction::Bonferroni) => Ok(Correction::Bonferroni),
        Ok(v1::Correction::BenjaminiHochberg) => Ok(Correction::BenjaminiHochberg),
        Err(_) => Err(Error::invalid(field, format!("{correction} is not a correction"))),
    }
}

pub(super) fn write_correction(correction: Correction) -> i32 {
    let correction = match correction {
        Correction::None => v1::Correction::Unspecified,
        Correction::Bonferroni => v1::Correction::Bonferroni,
        Correction::BenjaminiHochberg => v1::Correction::BenjaminiHochberg,
    };
    correction.into()
}

pub(super) fn verdict(verdict: v1::DriftVerdict) -> Verdict {
    Verdict {
        detected: verdict.detected,
        threshold: verdict.threshold,
        undecided: verdict.undecided.map(Cow::Owned),
    }
}

pub(super) fn write_verdict(verdict: Verdict) -> v1::DriftVerdict {
    v1::DriftVerdict {
        detected: verdict.detected,
        threshold: verdict.threshold,
        undecided: verdict.undecided.map(Cow::into_owned),
    }
}

pub(super) fn peer(peer: i32) -> Result<Option<Peer>> {
    match v1::DriftPeer::try_from(peer) {
        Ok(v1::DriftPeer::Unspecified) => Ok(None),
        Ok(v1::DriftPeer::Credit) => Ok(Some(Peer::Credit)),
        Ok(v1::DriftPeer::Evidently) => Ok(Some(Peer::Evidently)),
        Err(_) => Err(Error::invalid("peer", format!("{peer} is not a peer"))),
    }
}

pub(super) fn write_peer(peer: Option<Peer>) -> i32 {
    let peer = match peer {
        None => v1::DriftPeer::Unspecified,
        Some(Peer::Credit) => v1::DriftPeer::Credit,
        Some(Peer::Evidently) => v1::DriftPeer::Evidently,
    };
    peer.into()
}
