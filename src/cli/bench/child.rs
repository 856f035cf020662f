//! A server in a process of its own, so that its CPU time and memory are not those of its client.

use std::{
    collections::{BTreeMap, HashMap},
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use driftline_storage::{Error, ErrorKind, Result};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};

use super::measure::{child_cpu_time, child_peak_rss_mb, child_threads};
use crate::client::Client;

/// How often a server that is stopping is looked at: what it used last is not told afterwards.
const STOP_POLL: Duration = Duration::from_millis(2);

/// A running server.
#[derive(Debug)]
pub(super) struct ChildServer {
    process: Child,
    url: String,
    peak_rss_mb: Option<f64>,
    /// Name and CPU time of each thread that was seen.
    threads: HashMap<u32, (String, Duration)>,
}

/// What a server used since its start.
#[derive(Debug, Clone)]
pub(super) struct Used {
    pub(super) cpu: Option<Duration>,
    pub(super) peak_rss_mb: Option<f64>,
    /// CPU time by the name of threads, of those that were seen.
    pub(super) threads: BTreeMap<String, Duration>,
}

impl ChildServer {
    /// Serves a directory on free ports.
    pub(super) fn start(directory: &Path) -> Result<Self> {
        let program = std::env::current_exe().map_err(|error| io("find this program", &error))?;
        let mut process = Command::new(program)
            .args(["serve", "--grpc-addr", "127.0.0.1:0", "--http-addr", "127.0.0.1:0"])
            .arg("--data-dir")
            .arg(directory)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| io("start a server", &error))?;
        let mut said = String::new();
        if let Some(out) = process.stdout.as_mut() {
            let read = BufReader::new(out).read_line(&mut said);
            read.map_err(|error| io("read what the server says", &error))?;
        }
        let Some((_, url)) = said.trim().split_once("gRPC on ") else {
            let _ = process.kill();
            let _ = process.wait();
            let text = format!("the server did not start; it said {:?}", said.trim());
            return Err(Error::new(ErrorKind::Io, text));
        };
        Ok(Self { url: url.to_owned(), process, peak_rss_mb: None, threads: HashMap::new() })
    }

    /// A client of it.
    pub(super) fn client(&self) -> Result<Client> {
        Client::connect(&self.url)
    }

    /// What it used so far.
    pub(super) fn used(&mut self) -> Used {
        self.peak_rss_mb = child_peak_rss_mb(&self.process).or(self.peak_rss_mb);
        for (number, name, cpu) in child_threads(&self.process) {
            self.threads.insert(number, (name, cpu));
        }
        let mut threads: BTreeMap<String, Duration> = BTreeMap::new();
        for (name, cpu) in self.threads.values() {
            *threads.entry(name.clone()).or_default() += *cpu;
        }
        Used { cpu: child_cpu_time(&self.process), peak_rss_mb: self.peak_rss_mb, threads }
    }

    /// Stops it as an operator would, which seals what it has in memory, and waits for its end.
    pub(super) fn stop(mut self) -> Result<Used> {
        self.signal(Signal::TERM)?;
        let mut used = self.used();
        while !self.has_ended()? {
            used = self.used();
            std::thread::sleep(STOP_POLL);
        }
        // An ended process that nobody waited for still tells its CPU time.
        used.cpu = child_cpu_time(&self.process).or(used.cpu);
        let status = self.process.wait().map_err(|error| io("wait for the server", &error))?;
        if !status.success() {
            return Err(Error::new(ErrorKind::Io, format!("the server ended with {status}")));
        }
        Ok(used)
    }

    /// Kills it, as a power cut would.
    pub(super) fn kill(mut self) -> Result<()> {
        self.process.kill().map_err(|error| io("kill the server", &error))?;
        self.process.wait().map_err(|error| io("wait for the server", &error))?;
        Ok(())
    }

    fn signal(&self, signal: Signal) -> Result<()> {
        let sent = kill_process(Pid::from_child(&self.process), signal);
        sent.map_err(|error| io("signal the server", &error.into()))
    }

    fn has_ended(&self) -> Result<bool> {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        let ended = waitid(WaitId::Pid(Pid::from_child(&self.process)), options);
        ended.map(|ended| ended.is_some()).map_err(|error| io("watch the server", &error.into()))
    }
}

impl Drop for ChildServer {
    fn drop(&mut self) {
        // One that has ended already is not killed again.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn io(what: &str, error: &std::io::Error) -> Error {
    Error::new(ErrorKind::Io, format!("{what}: {error}"))
}
