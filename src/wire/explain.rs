//! How results came about, and what answers were read from.

use std::borrow::Cow;

use driftline_proto::v1;
use driftline_query::{Both, ExplainedBin, Explanation, Reads, RowsRead};
use driftline_storage::BucketsRead;

pub(super) fn both(counts: Option<v1::CountPair>) -> Both {
    let counts = counts.unwrap_or_default();
    Both { reference: counts.reference, current: counts.current }
}

pub(super) fn write_both(counts: Both) -> Option<v1::CountPair> {
    Some(v1::CountPair { reference: counts.reference, current: counts.current })
}

pub(super) fn explanation(explanation: v1::Explanation) -> Explanation {
    let bin = |bin: v1::ExplainedBin| ExplainedBin {
        lower: bin.lower,
        upper: bin.upper,
        name: bin.name.map(Cow::Owned),
        count: both(bin.count),
        contribution: bin.contribution,
    };
    Explanation {
        rule: Cow::Owned(explanation.rule),
        rows: both(explanation.rows),
        epsilon: explanation.epsilon,
        contributions: Cow::Owned(explanation.contributions),
        bins: explanation.bins.into_iter().map(bin).collect(),
    }
}

pub(super) fn write_explanation(explanation: Explanation) -> v1::Explanation {
    let bin = |bin: ExplainedBin| v1::ExplainedBin {
        lower: bin.lower,
        upper: bin.upper,
        name: bin.name.map(Cow::into_owned),
        count: write_both(bin.count),
        contribution: bin.contribution,
    };
    v1::Explanation {
        rule: explanation.rule.into_owned(),
        rows: write_both(explanation.rows),
        epsilon: explanation.epsilon,
        contributions: explanation.contributions.into_owned(),
        bins: explanation.bins.into_iter().map(bin).collect(),
    }
}

pub(super) fn reads(reads: v1::Reads) -> Reads {
    let read = |read: v1::RowsRead| RowsRead { reason: Cow::Owned(read.reason), rows: read.rows };
    Reads {
        segments: reads.segments,
        heads: reads.heads,
        partials: reads.partials,
        buckets: BucketsRead {
            sums: reads.running_sums,
            days: reads.days,
            hours: reads.hours,
            minutes: reads.minutes,
        },
        sums: reads.sums,
        cells: reads.cells,
        rows: reads.rows,
        reference_rows: reads.reference_rows,
        reasons: reads.reasons.into_iter().map(read).collect(),
    }
}

pub(super) fn write_reads(reads: Reads) -> v1::Reads {
    let read = |read: RowsRead| v1::RowsRead { reason: read.reason.into_owned(), rows: read.rows };
    v1::Reads {
        segments: reads.segments,
        heads: reads.heads,
        partials: reads.partials,
        running_sums: reads.buckets.sums,
        days: reads.buckets.days,
        hours: reads.buckets.hours,
        minutes: reads.buckets.minutes,
        sums: reads.sums,
        cells: reads.cells,
        rows: reads.rows,
        reference_rows: reads.reference_rows,
        reasons: reads.reasons.into_iter().map(read).collect(),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::wire) fn explanation() -> Explanation {
        let count = Both { reference: 3, current: 4 };
        let bin = ExplainedBin {
            lower: Some(-1.0),
            upper: None,
            name: Some("a".into()),
            count,
            contribution: Some(0.25),
        };
        Explanation {
            rule: "rule".into(),
            rows: count,
            epsilon: Some(1e-4),
            contributions: "they add up".into(),
            bins: vec![bin, ExplainedBin::default()],
        }
    }

    pub(in crate::wire) fn reads() -> Reads {
        Reads {
            segments: 1,
            heads: 2,
            partials: 3,
            buckets: BucketsRead { sums: 4, days: 5, hours: 6, minutes: 7 },
            sums: 8,
            cells: 9,
            rows: 10,
            reference_rows: 11,
            reasons: vec![RowsRead { reason: "asked for".into(), rows: 10 }],
        }
    }

    #[test]
    fn what_was_read_and_why_comes_back() {
        assert_eq!(super::reads(write_reads(reads())), reads());
        assert_eq!(super::explanation(write_explanation(explanation())), explanation());
    }
}
