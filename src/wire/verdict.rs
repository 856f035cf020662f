//! How columns are binned and judged, and what was found.

use std::borrow::Cow;

use driftline_proto::v1;
use driftline_query::{BinRule, Correction, Nulls, Peer, ShareOptions, Verdict};
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

/// Peers and their numbers on the wire.
const PEERS: [(Peer, v1::DriftPeer); 5] = [
    (Peer::Credit, v1::DriftPeer::Credit),
    (Peer::Evidently, v1::DriftPeer::Evidently),
    (Peer::Nannyml, v1::DriftPeer::Nannyml),
    (Peer::Scouter, v1::DriftPeer::Scouter),
    (Peer::Seeds, v1::DriftPeer::Seeds),
];

pub(super) fn peer(peer: i32) -> Result<Option<Peer>> {
    if peer == v1::DriftPeer::Unspecified as i32 {
        return Ok(None);
    }
    let known = PEERS.iter().find(|(_, known)| *known as i32 == peer);
    let unknown = || Error::invalid("peer", format!("{peer} is not a peer"));
    known.map(|(known, _)| Some(*known)).ok_or_else(unknown)
}

pub(super) fn write_peer(peer: Option<Peer>) -> i32 {
    let known = PEERS.iter().find(|(known, _)| Some(*known) == peer);
    known.map_or(v1::DriftPeer::Unspecified, |(_, known)| *known).into()
}

pub(super) fn binning(binning: i32) -> Result<BinRule> {
    match v1::DriftBinning::try_from(binning) {
        Ok(v1::DriftBinning::Unspecified) => Ok(BinRule::Quantiles),
        Ok(v1::DriftBinning::EqualWidth) => Ok(BinRule::EqualWidth),
        Ok(v1::DriftBinning::Pooled) => Ok(BinRule::Pooled),
        Err(_) => Err(Error::invalid("binning", format!("{binning} is not a binning"))),
    }
}

pub(super) fn write_binning(rule: BinRule) -> i32 {
    let binning = match rule {
        BinRule::Quantiles => v1::DriftBinning::Unspecified,
        BinRule::EqualWidth => v1::DriftBinning::EqualWidth,
        BinRule::Pooled => v1::DriftBinning::Pooled,
    };
    binning.into()
}

pub(super) fn nulls(nulls: i32) -> Result<Nulls> {
    match v1::DriftNulls::try_from(nulls) {
        Ok(v1::DriftNulls::Unspecified) => Ok(Nulls::Apart),
        Ok(v1::DriftNulls::Bin) => Ok(Nulls::Bin),
        Err(_) => Err(Error::invalid("nulls", format!("{nulls} is not a place of nulls"))),
    }
}

pub(super) fn write_nulls(nulls: Nulls) -> i32 {
    let nulls = match nulls {
        Nulls::Apart => v1::DriftNulls::Unspecified,
        Nulls::Bin => v1::DriftNulls::Bin,
    };
    nulls.into()
}
