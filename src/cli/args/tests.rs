//! Claims about command lines that scripts rely on.

use clap::CommandFactory as _;

use super::*;
use crate::cli::time::Moment;
use driftline_query::{Correction, CurveOptions, Method, Metric, Peer, ShareOptions};
use driftline_storage::{Retention, Task};

const DAY: i64 = driftline_storage::DAY_MICROS;

fn read(line: &str) -> Result<Cli, clap::Error> {
    Cli::read(std::iter::once("driftline").chain(line.split_whitespace()))
}

#[track_caller]
fn good(line: &str) -> Cli {
    read(line).unwrap_or_else(|error| panic!("{line}: {error}"))
}

#[track_caller]
fn wrong(line: &str, want: &str) {
    let error = read(line).err().unwrap_or_else(|| panic!("{line} was taken"));
    assert_eq!(error.exit_code(), 2, "{line}");
    assert!(error.to_string().contains(want), "{line}: {error}");
}

#[test]
fn the_definition_is_sound() {
    Cli::command().debug_assert();
}

#[test]
fn serve_and_demo_own_their_directory() {
    let cli = good("serve --data-dir d");
    assert_eq!(cli.global.target(Some("http://other:1")), Target::Directory("d".into()));
    let Command::Serve(args) = cli.command else { panic!("serve") };
    assert_eq!(args.grpc_addr.to_string(), "127.0.0.1:7447");
    assert_eq!(args.http_addr.to_string(), "127.0.0.1:7448");
    assert!(!args.no_alerts);
    let cli = good("serve --data-dir d --no-alerts");
    assert!(matches!(cli.command, Command::Serve(args) if args.no_alerts));
    good("serve --data-dir d --grpc-addr 0.0.0.0:1 --http-addr [::1]:2");
    good("demo");
    let cli = good("demo --data-dir d --serve");
    assert!(matches!(cli.command, Command::Demo(DemoArgs { serve: true })));
    wrong("serve", "--data-dir");
    wrong("serve --server http://a:1", "--data-dir");
    wrong("demo --server http://a:1", "--data-dir");
    wrong("serve --data-dir d --grpc-addr nowhere", "nowhere");
}

#[test]
fn operations_have_their_percentiles_and_statuses_or_the_usual_ones() {
    let scope = "query operations --model m --from 2026-01-01T00:00:00Z --to 2026-01-02T00:00:00Z";
    let request = |line: &str| {
        let Command::Query(QueryCommand::Operations(args)) = good(line).command else {
            panic!("operations")
        };
        args.request(0).expect("in range")
    };
    let bare = request(scope);
    assert_eq!(bare.percentiles, [50.0, 90.0, 95.0, 99.0, 99.9]);
    assert_eq!((bare.ok.as_slice(), bare.exact), (["ok".to_owned()].as_slice(), false));
    let full = request(&format!(
        "{scope} --step 1h --percentile 99.99 --percentile 0 --ok 200 --ok 204 --exact"
    ));
    assert_eq!(full.percentiles, [99.99, 0.0]);
    assert_eq!((full.ok, full.exact), (vec!["200".to_owned(), "204".to_owned()], true));
    for percentile in ["-1", "100.1", "NaN", "p99"] {
        wrong(&format!("{scope} --percentile {percentile}"), "must be a number from 0 to 100");
    }
}

#[test]
fn the_server_comes_from_the_flag_then_the_environment_then_the_default() {
    let server = |url: &str| Target::Server(url.to_owned());
    let flag = good("models list --server http://a:1").global;
    assert_eq!(flag.target(Some("http://b:2")), server("http://a:1"));
    let none = good("models list").global;
    assert_eq!(none.target(Some("http://b:2")), server("http://b:2"));
    assert_eq!(none.target(Some("")), server(SERVER_DEFAULT));
    assert_eq!(none.target(None), server("http://127.0.0.1:7447"));
    wrong("models list --server http://a:1 --data-dir d", "cannot be used with");
    wrong("--server http://a:1 models list --data-dir d", "cannot be used with");
    wrong("models list --server a:1", "http://127.0.0.1:7447");
}

#[test]
fn global_options_stand_before_or_after_the_command() {
    let before = good("--data-dir d --format csv models list").global;
    let after = good("models list --data-dir d --format csv").global;
    assert_eq!((before.data_dir, before.format), (after.data_dir, after.format));
    assert_eq!(good("models list").global.format(), Format::Table);
    assert_eq!(good("models list --format json").global.format(), Format::Json);
    wrong("models list --format yaml", "table, json, csv");
}

#[test]
fn models_are_listed_shown_and_created() {
    good("models list");
    good("models show fraud");
    let cli = good(
        "models create fraud --version v2 --task binary --categorical a --categorical b \
         --numeric c --ignore d --positive-class -1",
    );
    let Command::Models(ModelsCommand::Create(args)) = cli.command else { panic!("create") };
    assert_eq!(args.version.as_deref(), Some("v2"));
    let declaration = args.declaration();
    assert_eq!(declaration.task, Some(Task::Binary));
    assert_eq!(declaration.categorical, ["a", "b"]);
    assert_eq!(declaration.numeric, ["c"]);
    assert_eq!(declaration.ignore, ["d"]);
    assert_eq!(declaration.positive_class.as_deref(), Some("-1"));
    wrong("models create fraud --task cluster", "binary, multiclass, regression");
    wrong("models show", "MODEL");
}

#[test]
fn references_come_from_files_or_windows() {
    let cli = good("reference set --model m --version v --name n a.csv - --map score=p");
    let Command::Reference(ReferenceCommand::Set(args)) = cli.command else { panic!("set") };
    assert_eq!(args.files, ["a.csv", "-"]);
    assert_eq!(args.map, ["score=p"]);
    assert_eq!(args.reference().version.as_deref(), Some("v"));
    let cli = good("reference pin --model m --from -7d --to now");
    let Command::Reference(ReferenceCommand::Pin(args)) = cli.command else { panic!("pin") };
    assert_eq!(args.window(8 * DAY), Ok((DAY, 8 * DAY)));
    assert_eq!(args.reference().name, data::REFERENCE_DEFAULT);
    good("reference list --model m");
    wrong("reference set --model m", "FILE");
    wrong("reference pin --model m --from 2026-01-01 --to now", "write 2026-01-01T00:00:00Z");
}

#[test]
fn imports_take_files_and_roles() {
    let cli = good("import predictions --model m --version v --map ts=t --map score=a=b x.csv -");
    let Command::Import(ImportCommand::Predictions(args)) = cli.command else { panic!("import") };
    assert_eq!(args.map, ["ts=t", "score=a=b"]);
    assert_eq!(args.files, ["x.csv", "-"]);
    good("import labels --model m --map label=truth -");
    wrong("import labels --model m --version v x.csv", "--version");
    wrong("import predictions --model m", "FILE");
    wrong("import predictions --model m --map scor=p x", "did you mean \"score\"");
    wrong("import predictions --model m --map score x", "ROLE=COLUMN");
    wrong("import predictions --model m --map score= x", "no column");
    wrong("import predictions --model m --map ts=a --map ts=b x", "role ts twice");
}

#[test]
fn drift_takes_windows_methods_and_features() {
    let cli = good(
        "query drift --model m --version v --from -7d --to now-1d --step 1h30m --method psi \
         --method ks --feature a --feature b --reference r --bins 20 --epsilon 1e-3 --exact",
    );
    let Command::Query(QueryCommand::Drift(args)) = cli.command else { panic!("drift") };
    assert_eq!(args.series.scope.from, Moment::FromNow(-7 * DAY));
    let request = args.request(10 * DAY).expect("in range");
    assert_eq!((request.scope.from, request.scope.to), (3 * DAY, 9 * DAY));
    assert_eq!(request.scope.step, Some(DAY / 16));
    assert_eq!(request.methods, [Method::Psi, Method::Ks]);
    assert_eq!(request.features, ["a", "b"]);
    assert_eq!((request.bins, request.epsilon, request.exact), (20, 1e-3, true));
}

#[test]
fn drift_defaults_are_those_of_the_request() {
    let cli = good("query drift --model m --from 2026-01-01T00:00:00Z --to now --format json");
    let Command::Query(QueryCommand::Drift(args)) = cli.command else { panic!("drift") };
    let request = args.request(2_000_000_000_000_000).expect("in range");
    let default = driftline_query::DriftRequest::default();
    assert_eq!((request.bins, request.epsilon), (default.bins, default.epsilon));
    assert!(request.methods.is_empty() && request.features.is_empty() && !request.exact);
    assert_eq!(request.scope.version, None);
}

#[test]
fn drift_judges_columns_if_asked() {
    let share = |rest: &str| {
        let cli = good(&format!("query drift --model m --from -1d --to now {rest}"));
        let Command::Query(QueryCommand::Drift(args)) = cli.command else { panic!("drift") };
        args.request(10 * DAY).expect("in range").share
    };
    let cli = good("query drift --model m --from -1d --to now --as evidently --method psi");
    let Command::Query(QueryCommand::Drift(args)) = cli.command else { panic!("drift") };
    assert_eq!(args.request(10 * DAY).expect("in range").peer, Some(Peer::Evidently));
    assert_eq!(share(""), None);
    assert_eq!(share("--share"), Some(ShareOptions::default()));
    let want = ShareOptions {
        correction: Correction::BenjaminiHochberg,
        threshold: Some(0.01),
        min_samples: 30,
    };
    assert_eq!(share("--share --correction bh --threshold 0.01 --min-samples 30"), Some(want));
}

#[test]
fn what_no_query_can_mean_is_wrong_usage() {
    let drift = |rest: &str| format!("query drift --model m --from -1d --to now {rest}");
    wrong(&drift("--as popmon"), "credit, evidently");
    wrong(&drift("--as credit --epsilon 1e-3"), "--epsilon");
    wrong(&drift("--as credit --nulls bin"), "--nulls");
    wrong(&drift("--as credit --edges 1,2"), "--edges");
    wrong(&drift("--chunk-rows 9"), "--as");
    wrong(&drift("--feature x --edges 1,2 --bins 20"), "--bins");
    wrong(&drift("--feature x --edges 1,two"), "two");
    wrong(&drift("--binning deciles"), "quantiles, equal-width");
    wrong(&drift("--quantile 1.5"), "from 0 to 1");
    wrong(&drift("--as credit --share"), "--share");
    wrong(&drift("--as credit --exact"), "--exact");
    wrong(&drift("--correction bh"), "--share");
    wrong(&drift("--threshold 0.1"), "--share");
    wrong(&drift("--min-samples 5"), "--share");
    wrong(&drift("--share --correction holm"), "bonferroni, bh");
    wrong(&drift("--share --threshold -0.1"), "not negative");
    wrong(&drift("--share --threshold NaN"), "not negative");
    wrong(&drift("--bins 1"), "from 2 to 1000");
    wrong(&drift("--epsilon 0"), "above 0");
    wrong(&drift("--epsilon NaN"), "above 0");
    wrong(&drift("--step 1mo"), "months or years");
    wrong(&drift("--step -1d"), "negative");
    wrong(&drift("--method psy"), "psi, ks");
    wrong("query drift --model m --to now", "--from");
    wrong("query drift --model m --from soon --to now", "now-7d");
    wrong("query drift --from -1d --to now", "--model");
}

#[test]
fn performance_and_distribution_take_what_they_need() {
    let cli = good(
        "query performance --model m --version v --from -7d --to now --step 1d --metric accuracy \
         --metric rmse",
    );
    let Command::Query(QueryCommand::Performance(args)) = cli.command else { panic!("quality") };
    assert_eq!(args.request(0).expect("in range").metrics, [Metric::Accuracy, Metric::Rmse]);
    for metric in Metric::ALL {
        let line = "query performance --model m --from -7d --to now --metric";
        let cli = good(&format!("{line} {}", metric.name()));
        let Command::Query(QueryCommand::Performance(args)) = cli.command else {
            panic!("quality")
        };
        assert_eq!(args.request(0).expect("in range").metrics, [metric]);
    }
    wrong("query performance --model m --from -7d --to now --metric auc", "roc_auc, pr_auc");
    let cli = good("query distribution --model m --feature f --from -7d --to now --reference r");
    let Command::Query(QueryCommand::Distribution(args)) = cli.command else { panic!("shape") };
    let request = args.request(0).expect("in range");
    assert_eq!((request.feature.as_str(), request.reference.as_deref()), ("f", Some("r")));
    wrong("query distribution --model m --from -7d --to now", "--feature");
}

#[test]
fn performance_takes_curves_and_whether_it_reads_rows() {
    let request = |flags: &str| {
        let cli = good(&format!("query performance --model m --from -7d --to now {flags}"));
        let Command::Query(QueryCommand::Performance(args)) = cli.command else {
            panic!("{flags}")
        };
        args.request(0).expect("in range")
    };
    let plain = request("");
    assert!(!plain.exact && plain.beta.is_none());
    assert_eq!(plain.curves, CurveOptions::default());
    let asked =
        request("--exact --beta 0.5 --sweep 4 --reliability --residual-quantiles 0.05,0.95");
    assert_eq!((asked.exact, asked.beta, asked.curves.reliability), (true, Some(0.5), Some(10)));
    assert_eq!(asked.curves.thresholds, [0.0, 0.25, 0.5, 0.75]);
    assert_eq!(asked.curves.residual_quantiles, [0.05, 0.95]);
    let asked = request("--thresholds 0.1,0.5 --reliability 20 --metric f_beta");
    assert_eq!((asked.curves.thresholds, asked.curves.reliability), (vec![0.1, 0.5], Some(20)));
    for (flags, want) in [
        ("--sweep 0", "from 1 to 1000"),
        ("--sweep 5 --thresholds 0.5", "cannot be used with"),
        ("--thresholds 1.5", "from 0 to 1"),
        ("--residual-quantiles 5", "from 0 to 1"),
        ("--beta -1", "not negative"),
    ] {
        wrong(&format!("query performance --model m --from -7d --to now {flags}"), want);
    }
}

#[test]
fn quality_takes_features_a_step_and_a_reference() {
    let cli = good(
        "query quality --model m --version v --from -7d --to now --step 1d --feature a \
         --feature b --reference r",
    );
    let Command::Query(QueryCommand::Quality(args)) = cli.command else { panic!("quality") };
    let request = args.request(0).expect("in range");
    assert_eq!((request.features.len(), request.reference.as_deref()), (2, Some("r")));
    assert_eq!(request.scope.step, Some(86_400_000_000));
    wrong("query quality --model m --to now", "--from");
    wrong("query quality --model m --from -1d --to now --bins 5", "--bins");
}

#[test]
fn rules_take_a_file_and_an_interval() {
    let cli = good("rules check rules.toml --offline");
    let Command::Rules(RulesCommand::Check(args)) = cli.command else { panic!("check") };
    assert!(args.offline && args.file == std::path::Path::new("rules.toml"));
    let cli = good("rules diff old.toml new.yaml");
    let Command::Rules(RulesCommand::Diff(args)) = cli.command else { panic!("diff") };
    assert_eq!((args.before.to_str(), args.after.to_str()), (Some("old.toml"), Some("new.yaml")));
    wrong("rules diff old.toml", "AFTER");
    let cli = good("rules test r.yaml --from -7d --to now --rule a --rule b");
    let Command::Rules(RulesCommand::Test(args)) = cli.command else { panic!("test") };
    assert_eq!(args.history.interval(8 * DAY), Ok((DAY, 8 * DAY)));
    assert_eq!(args.history.rule, ["a", "b"]);
    let cli = good("rules tune r.toml --from -7d --to now");
    let Command::Rules(RulesCommand::Tune(args)) = cli.command else { panic!("tune") };
    assert_eq!(args.false_alarms, 1.0);
    good("rules tune r.toml --from -7d --to now --false-alarms 0.5");
    wrong("rules test r.toml --to now", "--from");
    wrong("rules test --from -1d --to now", "FILE");
    wrong("rules tune r.toml --from -1d --to now --false-alarms -1", "not negative");
    wrong("rules tune r.toml --from -1d --to now --false-alarms NaN", "not negative");
}

#[test]
fn maintenance_takes_a_target_and_inspect_a_file() {
    assert!(matches!(good("verify --data-dir d").command, Command::Verify));
    assert!(matches!(good("compact --server http://a:1").command, Command::Compact));
    let cli = good("inspect wal/1.wal --format json");
    let Command::Inspect(args) = cli.command else { panic!("inspect") };
    assert_eq!(args.file, std::path::Path::new("wal/1.wal"));
    wrong("inspect", "FILE");
    wrong("inspect f --data-dir d", "neither --data-dir nor --server");
    wrong("compact --model m", "--model");
}

#[test]
fn predictions_are_deleted_by_ids_that_are_named() {
    let cli = good("predictions delete --model m --id a --id -b --ids list.txt --yes");
    let Command::Predictions(PredictionsCommand::Delete(args)) = cli.command else { panic!("d") };
    assert_eq!(args.id, ["a", "-b"]);
    assert!(args.yes && args.ids.is_some());
    wrong("predictions delete --model m", "--id");
    wrong("predictions delete --id a", "--model");
}

#[test]
fn retention_changes_the_levels_that_are_named() {
    let known = Retention { rows_days: Some(9), hours_days: Some(99), ..Retention::default() };
    let change = |rest: &str| {
        let cli = good(&format!("models retention --model m {rest}"));
        let Command::Models(ModelsCommand::Retention(args)) = cli.command else { panic!("keep") };
        args.change(known)
    };
    assert_eq!(change(""), None);
    assert_eq!(change("--keep-all"), Some(Retention::default()));
    let wanted = Retention { rows_days: None, minutes_days: Some(14), ..known };
    assert_eq!(change("--rows forever --minutes 2w"), Some(wanted));
    let wanted = Retention { series_days: Some(365), ..known };
    assert_eq!(change("--series 1y"), Some(wanted));
    wrong("models retention --model m --rows 36h", "such as 90d");
    wrong("models retention --model m --days 1d --keep-all", "cannot be used with");
}

#[test]
fn the_program_has_a_version_and_help_ends_well() {
    for line in ["--version", "-V", "--help", "query drift --help", "import labels --help"] {
        let error = read(line).expect_err("text");
        assert_eq!(error.exit_code(), 0, "{line}");
    }
    wrong("", "Usage");
    wrong("models", "Usage");
}

#[test]
fn a_benchmark_is_named_or_all_of_one_model_run() {
    let read = |line: &str| match good(line).command {
        Command::Bench(args) => args,
        _ => panic!("bench"),
    };
    let all = read("bench");
    assert_eq!((all.kind, all.rows, all.shape().features), (None, 1_000_000, 20));
    let one = read("bench fleet --features 9 --models 10 --minutes 5 --seed 3");
    assert_eq!((one.kind, one.models, one.minutes), (Some(BenchKind::Fleet), 10, 5));
    assert_eq!((one.shape().features, one.shape().seed), (9, 3));
    wrong("bench speed", "ingest");
    wrong("bench --rows 8191", "8192");
    wrong("bench --features 1996", "1995");
    wrong("bench --server http://a:1", "--data-dir");
}

#[test]
fn fairness_has_the_four_fifths_rule_unless_told_otherwise() {
    let from = "query fairness --model m --from -1d --to now";
    let cli = good(&format!("{from} --by sex --by age:30,45"));
    let Command::Query(QueryCommand::Fairness(args)) = cli.command else { panic!("fairness") };
    let request = args.request(2 * DAY).unwrap();
    assert_eq!(request.scope.by.len(), 2);
    assert_eq!((request.threshold, request.min_group_size), (0.8, None));
    assert_eq!(request.empty_rate, driftline_query::stats::EmptyRate::LeftOut);
    good(&format!("{from} --class yes --metric tpr --selection all --empty-rate zero"));
    wrong(&format!("{from} --threshold 1.5"), "at most 1, such as 0.8");
    wrong(&format!("{from} --metric roc_auc"), "selection_rate, selection_rate_all, tpr");
    wrong(&format!("{from} --min-group-size -1"), "--min-group-size");
}

#[test]
fn comparisons_have_two_sides_or_a_baseline() {
    let from = "query compare --model m --from -1d --to now";
    let request = |line: &str| {
        let cli = good(&format!("{from} {line}"));
        let Command::Query(QueryCommand::Compare(args)) = cli.command else { panic!("compare") };
        args.request(2 * DAY).unwrap()
    };
    let two = request("--a version=2 --a country=FR --b version=1 --split 9,1 --metric mean:age");
    assert_eq!((two.split, two.min_samples, two.exact), (vec![9.0, 1.0], 30, false));
    let driftline_query::Sides::Two { a, b } = two.sides else { panic!("two sides") };
    assert_eq!((a.len(), b.len()), (2, 1));
    let base = request("--by variant --baseline control --correction bh");
    assert_eq!(base.sides, driftline_query::Sides::Baseline("control".to_owned()));
    wrong(from, "--a <COND>");
    wrong(&format!("{from} --a version=1"), "--b <COND>");
    wrong(&format!("{from} --baseline x"), "--by <COLUMN>");
    wrong(&format!("{from} --by v --baseline x --a version=1"), "cannot be used with");
    wrong(&format!("{from} --a version=2 --b version=1 --split half"), "positive numbers");
    wrong(&format!("{from} --a version=2 --b version=1 --metric auc"), "mean:COLUMN");
}

#[test]
fn alerts_are_asked_for_as_they_are_named() {
    let Command::Alerts(AlertsCommand::List(args)) =
        good("alerts list --state firing --state no_data --severity critical").command
    else {
        panic!("a list");
    };
    assert_eq!(args.state.len(), 2);
    let Command::Alerts(AlertsCommand::Silence(args)) =
        good("alerts silence --matcher rule=a --matcher feature=~b|c --for 2h --comment x").command
    else {
        panic!("a silence");
    };
    let hours = |hours: i64| hours * DAY / 24;
    assert_eq!(args.interval(hours(1)).expect("fits"), (hours(1), hours(3)));
    let Command::Alerts(AlertsCommand::History(args)) = good("alerts history").command else {
        panic!("a history");
    };
    assert_eq!(args.interval(7 * DAY).expect("fits"), (0, 7 * DAY));
    for wrong in [
        "alerts silence --matcher rule=a --for 2h --until now --comment x",
        "alerts silence --matcher rule=a --for 2h",
        "alerts silence --for 2h --comment x",
        "alerts retry",
        "alerts retry 1 --all",
        "alerts show /amount",
        "alerts history --limit 0",
        "rules export --format csv",
        "rules list --format yaml",
        "rules apply",
    ] {
        assert_eq!(read(wrong).err().map(|error| error.exit_code()), Some(2), "{wrong}");
    }
    assert_eq!(good("rules export --format yaml").global.format, FormatArg::Yaml);
}
