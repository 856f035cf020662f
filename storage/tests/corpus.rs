//! The corpus of the fuzz targets, as it is and with small changes, read by the same decoders on every
//! run of the tests.
//!
//! `DRIFTLINE_SEEDS=1 cargo test -p driftline-storage --test corpus` makes the seeds anew, from a
//! small database of today's formats and from the frozen ones; what fuzzing found stays.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::Arc,
};

use driftline_storage::{
    Binning, Column, ColumnBins, DAY_MICROS, Db, Declaration, Drive, Field, Ids, Kind, LabelBatch,
    LedgerChange, MINUTE_MICROS, NewReference, Options, OsVfs, PredictionBatch, ReferenceRows,
    ReferenceSource, Schema, Tally, Task,
    fuzzing::{DECODERS, seeds},
};
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Seeds are small, so that fuzzing is fast and the repository stays small.
const SEED_BYTES_MAX: usize = 16_384;
/// Seeds of one target.
const SEEDS_MAX: usize = 12;

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus")
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

#[test]
fn every_decoder_takes_or_refuses_every_file_of_the_corpus() {
    if std::env::var_os("DRIFTLINE_SEEDS").is_some() {
        write_seeds();
    }
    for (name, decode) in DECODERS {
        let files = files(&corpus().join(name));
        assert!(!files.is_empty(), "{name} has no corpus");
        files.iter().for_each(|path| decode(&fs::read(path).unwrap()));
    }
}

/// Changes of each seed; `DRIFTLINE_SIM_SEEDS` asks for another number.
const CHANGES: u64 = 40;
/// Address space that decoding may add to what the process has. Seeds have 16 KiB at most, so more
/// is a length that was believed.
const MEMORY_MAX: u64 = 512 << 20;

/// Lets allocations fail that go past a bound, which ends the process.
fn bound_memory() {
    let pages = fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let Some(pages) = pages.split(' ').next().and_then(|pages| pages.parse::<u64>().ok()) else {
        println!("the memory is not bounded: this system does not tell how much there is");
        return;
    };
    let used = pages * rustix::param::page_size() as u64;
    let maximum = getrlimit(Resource::As).maximum;
    setrlimit(Resource::As, Rlimit { current: Some(used + MEMORY_MAX), maximum }).unwrap();
}

#[test]
fn every_decoder_takes_or_refuses_changed_files_and_believes_no_length() {
    let asked = std::env::var("DRIFTLINE_SIM_SEEDS").ok().map(|seeds| seeds.parse().unwrap());
    bound_memory();
    for (name, decode) in DECODERS {
        for path in files(&corpus().join(name)) {
            let seed = fs::read(&path).unwrap();
            for change in 0..asked.unwrap_or(CHANGES) {
                let mut rng = ChaCha8Rng::seed_from_u64(change);
                let changed = driftline_sim::mutate(&seed, &mut rng);
                let come_back = catch_unwind(AssertUnwindSafe(|| decode(&changed)));
                assert!(come_back.is_ok(), "{}, change {change}", path.display());
            }
        }
    }
}

fn write_seeds() {
    let mut all: BTreeMap<&str, BTreeSet<Vec<u8>>> = BTreeMap::new();
    let mut add = |path: &Path| {
        for (name, seed) in seeds(&fs::read(path).unwrap()) {
            if (1..=SEED_BYTES_MAX).contains(&seed.len()) {
                all.entry(name).or_default().insert(seed);
            }
        }
    };
    let dir = tempfile::tempdir().unwrap();
    lives(dir.path(), &mut |root| files(root).iter().for_each(|path| add(path)));
    let frozen = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/compat");
    files(&frozen).iter().for_each(|path| add(path));
    let pack: Vec<u8> = all["file"].iter().take(3).flatten().copied().collect();
    all.entry("pack").or_default().insert(pack);
    for (name, seeds) in all {
        let folder = corpus().join(name);
        fs::create_dir_all(&folder).unwrap();
        let old = files(&folder);
        let old = old.iter().filter(|path| path.to_string_lossy().contains("seed-"));
        old.for_each(|path| fs::remove_file(path).unwrap());
        // Some of each size, the small ones being the most alike.
        let mut seeds: Vec<Vec<u8>> = seeds.into_iter().collect();
        seeds.sort_by_key(Vec::len);
        let step = seeds.len().div_ceil(SEEDS_MAX);
        for (number, seed) in seeds.iter().rev().step_by(step).enumerate() {
            fs::write(folder.join(format!("seed-{number:02}")), seed).unwrap();
        }
    }
}

const ROWS: usize = 40;

fn ids(first: usize, count: usize) -> Ids {
    (first..first + count).map(|n| format!("id {n}")).collect()
}

fn columns() -> Vec<Column> {
    let some = |n: usize| !n.is_multiple_of(9);
    let word = |n: usize| some(n).then_some(["red", "green", "blue"][n % 3]);
    let truth = |n: usize| some(n + 1).then_some(["false", "true"][n % 2]);
    vec![
        Column::Numeric((0..ROWS).map(|n| (n as f64 * 0.37).sin()).collect()),
        Column::categories((0..ROWS).map(word)),
        Column::categories((0..ROWS).map(truth)),
        Column::Numeric((0..ROWS).map(|n| n as f64 / ROWS as f64).collect()),
        Column::categories((0..ROWS).map(|n| Some(["no", "yes"][n % 2]))),
        Column::Numeric((0..ROWS).map(|n| 1.5 + n as f64).collect()),
        Column::categories((0..ROWS).map(|n| Some(["ok", "timeout"][n % 7 / 6]))),
    ]
}

fn schema() -> Schema {
    let kinds = [("x", Kind::Numeric), ("word", Kind::Categorical), ("truth", Kind::Boolean)];
    let features = kinds.map(|(name, kind)| Field { name: name.to_owned(), kind });
    Schema::new(Task::Binary, features.to_vec(), None).unwrap()
}

fn reference() -> NewReference {
    let names = |names: &[&str]| ColumnBins::Categories {
        names: names.iter().map(|name| (*name).to_owned()).collect(),
    };
    let edges = |edges: &[f64]| ColumnBins::Numeric { edges: edges.to_vec() };
    let bins = [
        edges(&[-0.5, 0.0, 0.5]),
        names(&["red", "green"]),
        names(&["false", "true"]),
        edges(&[0.5]),
        names(&["no", "yes"]),
    ];
    let monitored = schema().monitored().into_iter().map(|field| field.name);
    let counted = monitored.zip(bins).chain(ColumnBins::of_operations());
    let binning = Binning::new(counted.collect());
    NewReference {
        model: "m".to_owned(),
        version: None,
        name: "default".to_owned(),
        source: ReferenceSource::Rows,
        rows: ReferenceRows { ids: ids(0, ROWS), times: vec![0; ROWS], columns: columns() },
        tally: Tally::new(binning.columns(), &[0, 1, 2, 3, 4, 5, 6]),
        binning,
        percentiles: vec![Vec::new(); 7],
    }
}

/// A database that does a bit of everything; `look` sees its directory after each bit.
fn lives(dir: &Path, look: &mut dyn FnMut(&Path)) {
    let options = Options {
        vfs: Arc::new(OsVfs),
        clock: Arc::new(|| 100 * DAY_MICROS),
        drive: Drive::Caller,
        shards: 1,
    };
    let db = Db::open(dir, options).unwrap();
    db.create_model("m", Declaration::default(), Some(schema())).unwrap();
    db.put_reference(reference()).unwrap();
    db.change_slices("m", &["word".to_owned(), "truth".to_owned()], &[]).unwrap();
    let label = |ids: Ids, time: i64| {
        let truths = Column::categories((0..ids.len()).map(|n| Some(["no", "yes"][n % 2])));
        let labels = LabelBatch { times: vec![time; ids.len()], ids, truths };
        db.write_labels("m", labels).unwrap().wait().unwrap();
    };
    for day in 0..3 {
        let first = day * ROWS;
        let time = |n: usize| day as i64 * DAY_MICROS + n as i64 * 11 * MINUTE_MICROS;
        let (ids, times) = (ids(first, ROWS), (0..ROWS).map(time).collect());
        let batch = PredictionBatch { ids, times, columns: columns() };
        db.write_predictions("m", "1", batch).unwrap().wait().unwrap();
        label(self::ids(first, 7), 5);
        label(self::ids(first, 3), 6_000_000);
        label(self::ids(first + 10_000, 5), 7);
        look(dir);
        db.seal().unwrap();
        label(self::ids(first + 5, 9), 9);
        db.seal().unwrap();
        look(dir);
    }
    db.delete_predictions("m", &ids(3, 4)).unwrap();
    let record =
        |table: &str, key: &[u8], value: &[u8]| (table.to_owned(), key.into(), value.into());
    let put = vec![
        record("states", b"rule\0x", br#"{"state":"firing","since":1767225600000000,"value":0.3}"#),
        record("outbox", &7_u64.to_be_bytes(), br#"{"channel":"ops","tries":[1,2,null]}"#),
        record("outbox", b"", b""),
        record("bytes", &[0, 0xff], &[1, 2, 3]),
    ];
    db.ledger().commit(&LedgerChange { put, remove: Vec::new() }).unwrap();
    look(dir);
    db.compact(&mut || ()).unwrap();
    look(dir);
}
