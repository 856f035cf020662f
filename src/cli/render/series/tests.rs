//! What metric series look like in each form.

use driftline_query::{MissingRows, Scope, SeriesInfo, SeriesListRequest, StepRange};
use driftline_storage::HOUR_MICROS;

use super::*;
use crate::cli::render::tests::text;

fn loss(mean: f64) -> SeriesResult {
    SeriesResult {
        name: "loss".into(),
        count: 3,
        nans: 0,
        infinities: 0,
        sum: Some(3.0 * mean),
        mean: Some(mean),
        std: Some(0.5),
        min: Some(mean - 1.0),
        max: Some(mean + 1.0),
        first: Some(mean + 1.0),
        last: Some(mean - 1.0),
        rate: Some(-0.25),
        quantiles: vec![Some(mean)],
        first_time: Some(0),
        last_time: Some(60_000_000),
        first_step: Some(1),
        last_step: Some(9),
        undefined: BTreeMap::new(),
    }
}

fn silent() -> SeriesResult {
    let why = ["mean", "rate"].map(|figure| (figure.to_owned(), "no value".into()));
    SeriesResult {
        name: "gpu".into(),
        count: 1,
        nans: 1,
        sum: None,
        mean: None,
        std: None,
        min: None,
        max: None,
        first: None,
        last: None,
        rate: None,
        quantiles: vec![None],
        first_step: None,
        last_step: None,
        undefined: why.into(),
        ..loss(0.0)
    }
}

fn window(hour: i64, series: Vec<SeriesResult>) -> SeriesWindow {
    let (start, end) = (hour * HOUR_MICROS, (hour + 1) * HOUR_MICROS);
    SeriesWindow { start, end, steps: None, series, missing: Vec::new() }
}

fn report(windows: Vec<SeriesWindow>) -> SeriesReport {
    SeriesReport {
        scope: Scope { model: "fraud".to_owned(), to: 3 * HOUR_MICROS, ..Scope::default() },
        axis: SeriesAxis::Time,
        quantiles: vec![0.5],
        points_read: 7,
        without_step: 0,
        windows,
        groups: Vec::new(),
    }
}

#[test]
fn a_window_is_a_line_per_series() {
    let report = report(vec![window(0, vec![silent(), loss(2.0)])]);
    assert_eq!(
        text(|out| series(&report, out, Format::Table, &Style::PLAIN)),
        "\
Metric series of fraud, all versions, 1970-01-01T00:00:00Z to 1970-01-01T03:00:00Z

name  points  mean  std  min  max  first  last  rate/s  q0.5  NaN or infinite
───── ─────── ───── ──── ──── ──── ────── ───── ─────── ───── ────────────────
gpu        1     -    -    -    -      -     -       -     -                1
loss       3     2  0.5    1    3      3     1   -0.25     2                0

7 points read
"
    );
}

#[test]
fn several_windows_are_a_sparkline_and_a_table_of_means() {
    let windows = [4.0, 2.0, 1.0].into_iter().zip(0..);
    let mut report = report(windows.map(|(mean, hour)| window(hour, vec![loss(mean)])).collect());
    let shown = text(|out| series(&report, out, Format::Table, &Style::PLAIN));
    assert!(shown.contains("loss  █▃▁                  9      5     0    0    5\n"), "{shown}");
    assert!(shown.contains("1970-01-01T02:00:00Z     1\n"), "{shown}");
    report.axis = SeriesAxis::Step { size: Some(1_000) };
    report.without_step = 2;
    report.windows[1].steps = Some(StepRange { start: 1_000, end: 2_000 });
    report.windows[1].missing = vec![MissingRows { rows: 5, reason: "damaged".to_owned() }];
    let shown = text(|out| series(&report, out, Format::Table, &Style::PLAIN));
    for part in
        ["mean of steps from", "1,000", "2 points without a step left out", "5 rows: damaged"]
    {
        assert!(shown.contains(part), "{part} is not in {shown}");
    }
    report.windows = (0..101).map(|hour| window(hour, vec![loss(1.0)])).collect();
    let shown = text(|out| series(&report, out, Format::Table, &Style::PLAIN));
    assert!(shown.contains("101 windows; JSON and CSV have each of them"), "{shown}");
    report.windows.clear();
    let shown = text(|out| series(&report, out, Format::Table, &Style::PLAIN));
    assert!(shown.contains("no points"), "{shown}");
}

#[test]
fn programs_get_every_figure_and_reason() {
    let mut report = report(vec![window(0, vec![silent(), loss(f64::NAN)])]);
    let json = text(|out| series(&report, out, Format::Json, &Style::PLAIN));
    for part in [
        r#"{"model":"fraud","version":null,"from":"1970-01-01T00:00:00Z","#,
        r#""over":"time","points_read":7,"without_step":0,"windows":[{"start":"#,
        r#"{"name":"gpu","count":1,"nans":1,"infinities":0,"sum":null,"#,
        r#""quantiles":[{"q":0.5,"value":null}],"first_time":"1970-01-01T00:00:00Z","#,
        r#""undefined":{"mean":"no value","rate":"no value"}}"#,
        r#"{"name":"loss","count":3,"nans":0,"infinities":0,"sum":null,"mean":null,"#,
    ] {
        assert!(json.contains(part), "{part} is not in {json}");
    }
    report.windows[0].series = vec![loss(2.0)];
    let csv = text(|out| series(&report, out, Format::Csv, &Style::PLAIN));
    assert_eq!(
        csv,
        "\
start,end,start_step,end_step,name,count,nans,infinities,sum,mean,std,min,max,first,last,rate,\
first_time,last_time,first_step,last_step,q0.5,undefined
1970-01-01T00:00:00Z,1970-01-01T01:00:00Z,,,loss,3,0,0,6.0,2.0,0.5,1.0,3.0,3.0,1.0,-0.25,\
1970-01-01T00:00:00Z,1970-01-01T00:01:00Z,1,9,2.0,
"
    );
}

#[test]
fn a_list_has_a_line_per_series_and_version() {
    let info = SeriesInfo {
        name: "loss".to_owned(),
        version: "v2".to_owned(),
        points: 1_200,
        first_time: 0,
        last_time: HOUR_MICROS,
        steps: Some((0, 9_000)),
        tags: vec!["host".to_owned(), "rank".to_owned()],
    };
    let bare = SeriesInfo { steps: None, tags: Vec::new(), ..info.clone() };
    let request = SeriesListRequest { model: "fraud".to_owned(), ..Default::default() };
    let list =
        SeriesList { request, series: vec![info, bare], points_read: 2_400, missing: Vec::new() };
    assert_eq!(
        text(|out| series_list(&list, out, Format::Table, &Style::PLAIN)),
        "\
name  version  points  from                  to                    steps       tags
───── ──────── ─────── ───────────────────── ───────────────────── ─────────── ───────────
loss  v2        1,200  1970-01-01T00:00:00Z  1970-01-01T01:00:00Z  0 to 9,000  host, rank
loss  v2        1,200  1970-01-01T00:00:00Z  1970-01-01T01:00:00Z  -           -
"
    );
    let json = text(|out| series_list(&list, out, Format::Json, &Style::PLAIN));
    assert!(json.contains(r#""first_step":0,"last_step":9000,"tags":["host","rank"]}"#), "{json}");
    let empty = SeriesList { series: Vec::new(), ..list };
    let shown = text(|out| series_list(&empty, out, Format::Table, &Style::PLAIN));
    assert!(shown.contains("driftline import series"), "{shown}");
}
