//! Looking after a database: verify, compact, delete, retention, sizes, and looking into its files.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::{Output, Stdio},
};

use driftline::storage::{Blob, RowFile};
use serde_json::Value;
use tempfile::TempDir;

use crate::program::{Server, Target, program, run, run_err, run_json, try_run};

/// Rows of one import: enough for closing the database to seal them.
const ROWS: u32 = 5_000;
const DAY_1: &str = "2026-01-01T00:00:00Z";
const DAY_5: &str = "2026-01-05T00:00:00Z";

/// A folder with a database of every kind of file.
struct Desk(TempDir);

impl Desk {
    /// Three segments of each of two days, a reference, labels of segments, labels that wait, and a
    /// few rows in the log.
    fn filled() -> Self {
        let desk = Self(tempfile::tempdir().unwrap());
        let target = desk.target();
        let reference = desk.file("reference.csv", &rows(0..200));
        run(&target, &["reference", "set", "--model", "fraud", &reference]);
        for part in 0..3 {
            let file = desk.file("p.csv", &rows(part * ROWS..(part + 1) * ROWS));
            run(&target, &["import", "predictions", "--model", "fraud", &file]);
        }
        let found = desk.file("l.csv", &labels(0..ROWS));
        run(&target, &["import", "labels", "--model", "fraud", &found]);
        let late = desk.file("late.csv", &labels(900_000..900_000 + ROWS));
        run(&target, &["import", "labels", "--model", "fraud", &late]);
        for part in [3 * ROWS..3 * ROWS + 20, 3 * ROWS + 20..3 * ROWS + 40] {
            let file = desk.file("p.csv", &rows(part));
            run(&target, &["import", "predictions", "--model", "fraud", &file]);
        }
        desk
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("db")
    }

    fn target(&self) -> Target {
        Target::DataDir(self.path())
    }

    fn file(&self, name: &str, text: &str) -> String {
        let path = self.0.path().join(name);
        fs::write(&path, text).unwrap();
        path.display().to_string()
    }
}

/// Predictions over two days, every id once.
fn rows(places: std::ops::Range<u32>) -> String {
    let mut text = "prediction_id,ts,amount,country,prediction,score,version\n".to_owned();
    for place in places {
        let minute = place * 7 % 2_880;
        let (day, hour, minute) = (1 + minute / 1_440, minute / 60 % 24, minute % 60);
        let time = format!("2026-01-{day:02}T{hour:02}:{minute:02}:00Z");
        let country = if place % 2 == 0 { "DE" } else { "FR" };
        let (amount, score) = (place % 97, f64::from(place % 100) / 100.0);
        writeln!(text, "p{place},{time},{amount},{country},yes,{score},1").unwrap();
    }
    text
}

fn labels(places: std::ops::Range<u32>) -> String {
    let mut text = "prediction_id,label,label_ts\n".to_owned();
    for place in places {
        let label = if place % 3 == 0 { "no" } else { "yes" };
        writeln!(text, "p{place},{label},2026-01-04T00:00:00Z").unwrap();
    }
    text
}

/// What the database says of predictions, labels and drift.
fn answers(target: &Target) -> String {
    let ask = |what: &str, more: &[&str]| {
        let scope = ["query", what, "--model", "fraud", "--from", DAY_1, "--to", DAY_5];
        run(target, &[&scope, more, &["--step", "6h", "--format", "json"]].concat())
    };
    ask("performance", &[]) + &ask("drift", &["--method", "psi", "--method", "ks", "--exact"])
}

fn predictions(target: &Target) -> u64 {
    let scope = ["--model", "fraud", "--from", DAY_1, "--to", DAY_5];
    let report = run_json(target, &[&["query", "performance"], &scope[..]].concat());
    report["windows"][0]["predictions"].as_u64().unwrap()
}

/// All files of a directory, below it.
fn files(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { found.push(path) }
        }
    }
    found.sort();
    found
}

/// The first and largest files with an ending, below a folder of the database.
fn file_of(root: &Path, folder: &str, ending: &str) -> PathBuf {
    let size = |path: &PathBuf| fs::metadata(path).unwrap().len();
    let all = files(&root.join(folder)).into_iter();
    let fitting = all.filter(|path| path.to_str().unwrap().ends_with(ending));
    fitting.max_by_key(size).unwrap_or_else(|| panic!("no {ending} in {folder}"))
}

fn inspect(path: &Path, more: &[&str]) -> Output {
    program().arg("inspect").arg(path).args(more).stdin(Stdio::null()).output().unwrap()
}

fn inspect_text(path: &Path) -> String {
    let output = inspect(path, &[]);
    assert!(output.status.success(), "{}: {output:?}", path.display());
    String::from_utf8(output.stdout).unwrap()
}

/// The number after `<fact>: ` in the text of a file.
fn fact(text: &str, fact: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(&format!("{fact}: ")));
    line.unwrap_or_else(|| panic!("{fact} is not in {text}")).parse().unwrap()
}

#[test]
fn a_sound_directory_verifies_and_says_what_was_checked() {
    let desk = Desk::filled();
    let found = run_json(&desk.target(), &["verify"]);
    assert_eq!(found["problem_count"], 0, "{found}");
    assert_eq!(found["segments"], 6, "{found}");
    assert_eq!(found["references"], 1, "{found}");
    assert_eq!(found["rows"], 3 * ROWS, "{found}");
    let checked = found["checked"].as_array().unwrap();
    for kind in ["catalog", "log", "rows", "ids", "partials", "labels", "references"] {
        let of_kind = checked.iter().find(|checked| checked["kind"] == kind);
        assert!(of_kind.is_some_and(|of| of["bytes"].as_u64() > Some(0)), "{kind}: {found}");
    }
    let shown = run(&desk.target(), &["verify"]);
    assert!(shown.contains("waiting labels"), "{shown}");
    assert!(shown.contains("6 segments, 1 reference and 15,000 predictions"), "{shown}");
    assert!(shown.ends_with("all is as it was written\n"), "{shown}");
}

/// Turns one bit of the byte in the middle of a file.
fn flip(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(path, bytes).unwrap();
}

#[test]
fn a_flipped_bit_in_any_kind_of_file_is_found_and_named_with_what_to_do() {
    let desk = Desk::filled();
    let root = desk.path();
    // Files that are read when they are needed: the database opens and verify tells.
    let check = |folder: &str, ending: &str, kind: &str, remedy: &str| {
        let path = file_of(&root, folder, ending);
        let whole = fs::read(&path).unwrap();
        flip(&path);
        let output = try_run(&desk.target(), &["verify"]);
        let shown = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(1), "{ending}: {output:?}");
        let name = path.strip_prefix(&root).unwrap().display().to_string();
        let line = shown.lines().find(|line| line.starts_with(&name));
        let line = line.unwrap_or_else(|| panic!("{name} is not in {shown}"));
        assert!(line.contains("at byte ") && line.contains(remedy), "{line}");
        assert!(shown.contains("; 1 problem:"), "{shown}");
        let output = try_run(&desk.target(), &["verify", "--format", "json"]);
        assert_eq!(output.status.code(), Some(1));
        let found: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(found["problems"][0]["kind"], kind, "{found}");
        fs::write(&path, whole).unwrap();
    };
    check("segments", ".parquet", "rows", "restore the file");
    check("segments", ".ids", "ids", "ids are read from the rows");
    check("segments", ".partials", "partials", "restore the file");
    check("packs", ".pack", "labels", "restore the file");
    check("references", ".parquet", "references", "set the reference again");
    // Files that are read at open: the error names them.
    for (folder, ending) in [("references", ".reference"), ("orphans", ".orphans")] {
        let path = file_of(&root, folder, ending);
        let whole = fs::read(&path).unwrap();
        flip(&path);
        let (code, error) = run_err(&desk.target(), &["verify"]);
        assert_eq!(code, 1, "{error}");
        assert!(error.contains(&path.display().to_string()) && error.contains("byte"), "{error}");
        fs::write(&path, whole).unwrap();
    }
    assert_eq!(run_json(&desk.target(), &["verify"])["problem_count"], 0);
}

#[test]
fn damage_in_the_log_and_the_catalog_is_told() {
    let desk = Desk::filled();
    // Not the last log: a bad end there is what a crash leaves.
    let size = |path: &PathBuf| fs::metadata(path).unwrap().len();
    let log = files(&desk.path().join("wal")).into_iter().find(|path| size(path) > 20).unwrap();
    flip(&log);
    let output = try_run(&desk.target(), &["verify"]);
    let shown = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(shown.contains("wal/") && shown.contains("kept in quarantine/"), "{shown}");
    let kept = file_of(&desk.path(), "quarantine", "");
    let text = inspect_text(&kept);
    assert!(text.contains("kind: stretch of a log that did not check"), "{text}");
    assert!(text.contains("frames that begin in it: 1"), "{text}");
    let output = inspect(&log, &[]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("is damaged at byte 20:"));

    let catalog = desk.path().join("catalog.redb");
    let mut bytes = fs::read(&catalog).unwrap();
    let name = br#""name":"fraud""#;
    let places: Vec<usize> = bytes
        .windows(name.len())
        .enumerate()
        .filter(|(_, window)| window == name)
        .map(|(at, _)| at)
        .collect();
    places.iter().for_each(|at| bytes[at + 8] ^= 1);
    fs::write(&catalog, bytes).unwrap();
    let (code, error) = run_err(&desk.target(), &["verify"]);
    assert!(code == 1 && error.contains("catalog.redb"), "{error}");
    let output = inspect(&catalog, &[]);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(1) && error.contains("catalog.redb"), "{error}");
}

#[test]
fn compaction_leaves_fewer_files_and_the_same_answers() {
    let desk = Desk::filled();
    let target = desk.target();
    let before = answers(&target);
    let done = run_json(&target, &["compact"]);
    let size = |when: &str, what: &str| done[when][what].as_u64().unwrap();
    // The rows in the log make a seventh and an eighth segment.
    assert_eq!((size("before", "segments"), size("after", "segments")), (8, 2), "{done}");
    assert!(size("after", "files") < size("before", "files"), "{done}");
    assert!(size("after", "bytes") < size("before", "bytes"), "{done}");
    assert_eq!(size("before", "rows"), size("after", "rows"), "{done}");
    assert!(done["pieces"].as_u64() > Some(0), "{done}");
    assert_eq!(answers(&target), before);
    let parquet = files(&desk.path().join("segments")).into_iter();
    let parquet = parquet.filter(|path| path.extension().is_some_and(|e| e == "parquet"));
    assert_eq!(parquet.count(), 2);
    let again = run(&target, &["compact"]);
    assert!(again.ends_with("there was nothing to compact\n"), "{again}");
    assert_eq!(run_json(&target, &["verify"])["problem_count"], 0);
}

/// All ids in the row files of segments.
fn stored_ids(root: &Path) -> Vec<String> {
    let parquet = files(&root.join("segments")).into_iter();
    let parquet = parquet.filter(|path| path.extension().is_some_and(|e| e == "parquet"));
    parquet
        .flat_map(|path| {
            let bytes = fs::read(&path).unwrap();
            let rows = RowFile::open_whole(&Blob::memory(path.into(), bytes)).unwrap();
            let ids = rows.ids().unwrap();
            ids.iter().map(|id| id.to_string()).collect::<Vec<_>>()
        })
        .collect()
}

#[test]
fn deleted_predictions_leave_the_answers_at_once_and_the_files_with_compaction() {
    let desk = Desk::filled();
    let target = desk.target();
    let before = predictions(&target);
    let list = desk.file("ids.txt", "p1\np5001\r\n\nnobody\n");
    let delete = ["predictions", "delete", "--model", "fraud", "--id", "p2", "--ids", &list];
    let (code, error) = run_err(&target, &delete);
    assert!(code == 2 && error.contains("add --yes"), "{error}");
    assert_eq!(predictions(&target), before, "nothing is deleted without an answer");
    let done = run_json(&target, &[&delete[..], &["--yes"]].concat());
    assert_eq!((&done["ids"], &done["deleted"]), (&4.into(), &3.into()), "{done}");
    // Neither command maintains in the background, so the rows are still there.
    let stats = run_json(&target, &["models", "stats", "--model", "fraud"]);
    assert_eq!(stats["deleted_rows"], 3, "{stats}");
    assert!(stored_ids(&desk.path()).iter().any(|id| id == "p2"));
    let packs: String = files(&desk.path().join("packs")).iter().map(|p| inspect_text(p)).collect();
    assert!(packs.contains("deleted rows"), "{packs}");
    assert_eq!(predictions(&target), before - 3);
    run(&target, &["compact"]);
    assert_eq!(predictions(&target), before - 3);
    let ids = stored_ids(&desk.path());
    assert_eq!(ids.len() as u64, before - 3);
    assert!(!ids.iter().any(|id| matches!(id.as_str(), "p1" | "p2" | "p5001")));
    let again = run(&target, &[&delete[..], &["--yes"]].concat());
    assert_eq!(again, "Deleted 0 predictions of fraud, of 4 ids\n");
    assert_eq!(run_json(&target, &["verify"])["problem_count"], 0);
}

#[test]
fn what_cannot_be_deleted_is_told_before_anything_is() {
    let desk = Desk::filled();
    let target = desk.target();
    let check = |more: &[&str], code: i32, words: &str| {
        let args = [&["predictions", "delete", "--yes"], more].concat();
        let (found, error) = run_err(&target, &args);
        assert!(found == code && error.contains(words), "{more:?}: {found} {error}");
    };
    check(&["--model", "fraud"], 2, "--id");
    check(&["--model", "fraud", "--id", ""], 2, "an id has 1 to 128");
    check(&["--model", "fruad", "--id", "a"], 1, "did you mean \"fraud\"?");
    check(&["--model", "fraud", "--ids", "/nowhere/ids"], 1, "/nowhere/ids");
    let long = desk.file("long.txt", &format!("p1\n{}\n", "x".repeat(129)));
    check(&["--model", "fraud", "--ids", &long], 1, "long.txt line 2: 129 bytes");
    let empty = desk.file("empty.txt", "\n");
    check(&["--model", "fraud", "--ids", &empty], 2, "no ids");
}

#[test]
fn retention_is_stated_shown_and_applied_by_level() {
    let desk = Desk::filled();
    let target = desk.target();
    let retention = |more: &[&str]| {
        let args = [&["models", "retention", "--model", "fraud"], more].concat();
        run_json(&target, &args)["retention"].clone()
    };
    assert_eq!(retention(&[])["rows_days"], Value::Null);
    let set = retention(&["--rows", "90d", "--minutes", "1y"]);
    assert_eq!((&set["rows_days"], &set["minutes_days"]), (&90.into(), &365.into()));
    let set = retention(&["--rows", "12w"]);
    assert_eq!((&set["rows_days"], &set["minutes_days"]), (&84.into(), &365.into()));
    let shown = run(&target, &["models", "show", "fraud"]);
    assert!(shown.contains("kept: rows 84 days, minutes 365 days, hours for ever"), "{shown}");
    let refuse = |more: &[&str], words: &str| {
        let args = [&["models", "retention", "--model", "fraud"], more].concat();
        let (code, error) = run_err(&target, &args);
        assert!(code == 2 && error.contains(words), "{more:?}: {error}");
    };
    refuse(&["--minutes", "5d"], "--minutes: 5 days, must be at least rows_days (84 days)");
    refuse(&["--rows", "36h"], "such as 90d, 12w or 1y");
    refuse(&["--rows", "1d", "--keep-all"], "cannot be used with");
    assert_eq!(retention(&["--keep-all"])["minutes_days"], Value::Null);

    // The newest event is of the second day, so one day back nothing is past; one more row is.
    let later = "prediction_id,ts,amount,country,prediction,score,version\n\
        z,2026-01-04T00:00:00Z,1,DE,yes,0.5,1\n";
    let file = desk.file("later.csv", later);
    run(&target, &["import", "predictions", "--model", "fraud", &file]);
    run(&target, &["compact"]);
    let scope = ["query", "drift", "--model", "fraud", "--from", DAY_1, "--to", DAY_5];
    let drift = run(&target, &[&scope[..], &["--step", "6h", "--format", "json"]].concat());
    retention(&["--rows", "1d"]);
    run(&target, &["compact"]);
    let stats = run_json(&target, &["models", "stats", "--model", "fraud"]);
    assert_eq!(stats["thinned_rows"], 3 * ROWS + 40, "{stats}");
    assert_eq!(stats["files"][0]["files"], 1, "the rows of the last day are left: {stats}");
    let after = run(&target, &[&scope[..], &["--step", "6h", "--format", "json"]].concat());
    assert_eq!(after, drift, "counts answer as rows did");
    assert_eq!(run_json(&target, &["verify"])["problem_count"], 0);
}

#[test]
fn sizes_of_a_model_add_up() {
    let desk = Desk::filled();
    let target = desk.target();
    let stats = run_json(&target, &["models", "stats", "--model", "fraud"]);
    assert_eq!(stats["segment_rows"], 3 * ROWS, "{stats}");
    assert_eq!(stats["head_rows"], 40, "{stats}");
    assert_eq!(stats["waiting_labels"], ROWS, "{stats}");
    assert_eq!((&stats["segments"], &stats["days"]), (&6.into(), &2.into()), "{stats}");
    let sum = |list: &str, what: &str| {
        let all = stats[list].as_array().unwrap();
        all.iter().map(|one| one[what].as_u64().unwrap()).sum::<u64>()
    };
    assert_eq!(sum("files", "bytes"), stats["bytes"].as_u64().unwrap(), "{stats}");
    assert_eq!(sum("ages", "rows"), 3 * u64::from(ROWS), "{stats}");
    let amplification = stats["write_amplification"].as_f64().unwrap();
    assert!(amplification > 0.5 && amplification < 5.0, "{stats}");
    run(&target, &["models", "create", "new"]);
    let all = run_json(&target, &["models", "stats"]);
    let [first, second] = all["models"].as_array().unwrap().as_slice() else { panic!("{all}") };
    assert_eq!((&first["model"], &second["model"]), (&"fraud".into(), &"new".into()));
    assert!(second["write_amplification"].is_null() && second["undefined"].is_string(), "{all}");
    let csv = run(&target, &["models", "stats", "--format", "csv"]);
    assert_eq!(csv.lines().count(), 3, "{csv}");
    let shown = run(&target, &["models", "stats", "--model", "fraud"]);
    assert!(shown.contains("write amplification") && shown.contains("partials"), "{shown}");
}

#[test]
fn every_kind_of_file_can_be_looked_into_while_it_is_served() {
    let desk = Desk::filled();
    let _server = Server::start(&desk.path());
    let root = desk.path();
    let check = |folder: &str, ending: &str, lines: &[&str]| {
        let path = file_of(&root, folder, ending);
        let text = inspect_text(&path);
        for line in lines {
            assert!(text.contains(line), "{line:?} is not in the text of {ending}:\n{text}");
        }
        let output = inspect(&path, &["--format", "json"]);
        let found: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert!(found["kind"].is_string() && found["bytes"].as_u64() > Some(0), "{found}");
        text
    };
    let rows = check("segments", ".parquet", &["kind: rows", "first event: 2026-01-0", "amount"]);
    assert!((2_000..3_000).contains(&fact(&rows, "rows")), "{rows}");
    let partials = check("segments", ".partials", &["kind: partials", "binning: ", "country"]);
    assert_eq!(fact(&partials, "hours"), 24, "{partials}");
    let ids = check("segments", ".ids", &["kind: ids", "crc32"]);
    assert!((2_000..3_000).contains(&fact(&ids, "ids")), "{ids}");
    check("references", ".parquet", &["kind: rows", "rows: 200"]);
    check("references", ".reference", &["kind: counts of a reference", "rows: 200"]);
    let waiting = check("orphans", ".orphans", &["kind: labels that wait", "fraud"]);
    assert_eq!(fact(&waiting, "labels"), u64::from(ROWS), "{waiting}");
    let packs: String = files(&root.join("packs")).iter().map(|path| inspect_text(path)).collect();
    assert!(packs.contains("labels since the sidecar before"), "{packs}");
    check("", "catalog.redb", &["kind: catalog", "format version: 2", "segments: ", "fraud"]);
    let log = file_of(&root, "wal", ".wal");
    let text = inspect_text(&log);
    assert!(text.contains("kind: log") && text.contains("shard: "), "{text}");
    assert!(inspect_text(&root.join("LOCK")).contains("kind: lock"));
}

#[test]
fn the_batches_of_a_log_are_listed() {
    let desk = Desk::filled();
    let log = file_of(&desk.path(), "wal", ".wal");
    let text = inspect_text(&log);
    assert_eq!((fact(&text, "frames"), fact(&text, "predictions")), (1, 20), "{text}");
    assert!(text.contains("predictions  fraud  1"), "{text}");
}

#[test]
fn looking_into_a_file_takes_no_database() {
    let desk = Desk::filled();
    let output = inspect(&desk.path().join("catalog.redb"), &["--server", "http://a:1"]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let output = inspect(&desk.path(), &[]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let ids = file_of(&desk.path(), "segments", ".ids");
    flip(&ids);
    let output = inspect(&ids, &[]);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(1) && error.contains("is damaged at byte "), "{error}");
}

#[test]
fn a_server_does_the_same_over_the_wire() {
    let desk = Desk::filled();
    let before = answers(&desk.target());
    let server = Server::start(&desk.path());
    let target = server.target();
    let stats = run_json(&target, &["models", "stats", "--model", "fraud"]);
    assert_eq!((&stats["head_rows"], &stats["segments"]), (&40.into(), &6.into()), "{stats}");
    assert!(stats["write_amplification"].is_number(), "{stats}");
    assert_eq!(run_json(&target, &["verify"])["problem_count"], 0);
    let done = run_json(&target, &["compact"]);
    assert_eq!(done["after"]["segments"], 2, "{done}");
    assert_eq!(answers(&target), before);
    let args = ["models", "retention", "--model", "fraud", "--rows", "9999d"];
    assert_eq!(run_json(&target, &args)["retention"]["rows_days"], 9_999);
    let args = ["models", "retention", "--model", "fraud", "--hours", "1d"];
    let (code, error) = run_err(&target, &args);
    assert!(code == 2 && error.contains("--hours: 1 days, must be at least"), "{error}");
    let path = file_of(&desk.path(), "segments", ".partials");
    flip(&path);
    let output = try_run(&target, &["verify"]);
    let shown = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(shown.contains(".partials: damaged at byte 0: its hash"), "{shown}");
    flip(&path);
    let stored = predictions(&target);
    let args = ["predictions", "delete", "--model", "fraud", "--id", "p4", "--yes"];
    assert_eq!(run_json(&target, &args)["deleted"], 1);
    assert_eq!(predictions(&target), stored - 1);
}
