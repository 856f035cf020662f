//! Connections that are cut at any byte: a stream sent again under its name is stored once.

use std::{
    io::{Read as _, Write as _},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, Ordering::SeqCst},
    },
    thread::JoinHandle,
};

use driftline::{
    client::Client,
    storage::{Column, Declaration, Field, Kind, PredictionBatch, Producer, Result, Schema, Task},
};

use crate::program::Server;

const BATCHES: u32 = 3;
const ROWS: u32 = 20;
/// Places of a cut in each direction.
const CUTS: i64 = 16;

/// Stands between client and server until so many bytes have passed in one of the directions.
struct Wire {
    url: String,
    left: Arc<[AtomicI64; 2]>,
    closing: Arc<AtomicBool>,
    accepting: Option<JoinHandle<()>>,
}

impl Wire {
    fn new(server: &str, bytes: [i64; 2]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = server.trim_start_matches("http://").to_owned();
        let left = Arc::new(bytes.map(AtomicI64::new));
        let closing = Arc::new(AtomicBool::new(false));
        let (passing, ended) = (left.clone(), closing.clone());
        let accepting = std::thread::spawn(move || {
            let mut pumps = Vec::new();
            for client in listener.incoming() {
                if ended.load(SeqCst) {
                    break;
                }
                let (client, server) = (client.unwrap(), TcpStream::connect(&server).unwrap());
                for (direction, from, to) in [(0, &client, &server), (1, &server, &client)] {
                    let (from, to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                    let left = passing.clone();
                    pumps.push(std::thread::spawn(move || pump(from, to, &left[direction])));
                }
            }
            pumps.into_iter().for_each(|pump| pump.join().unwrap());
        });
        Self { url: format!("http://{address}"), left, closing, accepting: Some(accepting) }
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.closing.store(true, SeqCst);
        self.left.iter().for_each(|left| left.store(0, SeqCst));
        drop(TcpStream::connect(self.url.trim_start_matches("http://")));
        self.accepting.take().into_iter().for_each(|thread| thread.join().unwrap());
    }
}

/// Passes bytes on until an end or the cut, then ends both ways.
fn pump(mut from: TcpStream, mut to: TcpStream, left: &AtomicI64) {
    let mut bytes = [0; 4_096];
    while let Ok(count @ 1..) = from.read(&mut bytes) {
        let before = left.fetch_sub(count as i64, SeqCst).max(0);
        let passed = (before as usize).min(count);
        if to.write_all(&bytes[..passed]).is_err() || passed < count {
            break;
        }
    }
    for end in [from, to] {
        let _ = end.shutdown(Shutdown::Both);
    }
}

fn schema() -> Schema {
    let features = vec![Field { name: "x".to_owned(), kind: Kind::Numeric }];
    Schema::new(Task::Regression, features, None).unwrap()
}

/// Sends the batches of a stream. Returns how many rows were accepted and how many were there.
fn send(url: &str, stream: i64) -> Result<(u64, u64)> {
    let rows = ROWS as usize;
    let client = Client::connect(url)?;
    let producer = Producer { id: format!("sender {stream}"), sequence: 0 };
    let mut writer = client.prediction_writer_as("m", producer)?;
    for batch in 0..BATCHES {
        let numbers = batch * ROWS..(batch + 1) * ROWS;
        let batch = PredictionBatch {
            ids: numbers.clone().map(|n| format!("{stream} {n}")).collect(),
            times: numbers.clone().map(|n| i64::from(n) * 1_000_000).collect(),
            columns: vec![
                Column::Numeric(numbers.map(f64::from).collect()),
                Column::nulls(true, rows),
                Column::nulls(true, rows),
                Column::nulls(true, rows),
                Column::nulls(false, rows),
            ],
        };
        writer.write("1", &batch, &schema())?;
    }
    let (total, ended) = writer.finish();
    ended.map(|()| (total.accepted, total.duplicates))
}

#[test]
fn a_stream_cut_at_any_byte_and_sent_again_is_stored_once_and_answered_alike() {
    let desk = tempfile::tempdir().unwrap();
    let server = Server::start(desk.path());
    let direct = Client::connect(&server.grpc).unwrap();
    direct.create_model("m", &Declaration::default(), Some(&schema())).unwrap();
    let all = u64::from(BATCHES * ROWS);
    // How many bytes pass when nothing is cut.
    let whole = Wire::new(&server.grpc, [i64::MAX; 2]);
    assert_eq!(send(&whole.url, 0).unwrap(), (all, 0));
    let passed = [0, 1].map(|direction| i64::MAX - whole.left[direction].load(SeqCst));
    drop(whole);
    assert!(passed[0] > 1_000 && passed[1] > 50, "{passed:?}");
    let mut broken = 0;
    for cut in 0..2 * CUTS {
        let direction = (cut % 2) as usize;
        let mut bytes = [i64::MAX; 2];
        bytes[direction] = passed[direction] * (cut / 2) / CUTS;
        let wire = Wire::new(&server.grpc, bytes);
        broken += usize::from(send(&wire.url, cut + 1).is_err());
        drop(wire);
        assert_eq!(send(&server.grpc, cut + 1).unwrap(), (all, 0), "cut {cut} of {passed:?}");
        let stored = direct.model_stats("m").unwrap().head_rows;
        assert_eq!(stored, all * (cut as u64 + 2), "cut {cut} of {passed:?}");
    }
    assert!(broken > 20, "{broken} streams were cut");
}
