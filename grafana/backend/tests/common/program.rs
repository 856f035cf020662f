//! `driftline` as a user runs it, from a test or a benchmark of this package.
//!
//! Cargo tells a test where the binaries of its own package are, not those of another one. So the test
//! program itself becomes `driftline` when it is started with a variable of the environment: it then
//! calls the same function as `src/main.rs` of that package, and nothing else.
#![allow(dead_code, reason = "no test file uses all of it")]

use std::{
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

use serde_json::Value;

/// The variable.
const AS_PROGRAM: &str = "DRIFTLINE_TEST_AS_PROGRAM";

/// Whether this process is to be `driftline`; `main` asks first of all.
pub fn is_asked_for() -> bool {
    std::env::var_os(AS_PROGRAM).is_some()
}

fn program() -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.env(AS_PROGRAM, "1").env_remove("DRIFTLINE_SERVER").env("RUST_LOG", "warn");
    command
}

/// Runs a command that must succeed. Returns its standard output.
pub fn run(args: &[&str]) -> String {
    let output = program().args(args).stdin(Stdio::null()).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "driftline {args:?} failed: {stderr}");
    String::from_utf8(output.stdout).unwrap()
}

/// A server on free ports, killed when dropped.
pub struct Server {
    process: Child,
    /// `http://HOST:PORT` of gRPC.
    pub grpc: String,
    /// The same of HTTP.
    pub http: String,
}

impl Server {
    /// Serves a directory; ready when it returns.
    pub fn start(directory: &Path) -> Self {
        let mut process = program()
            .args(["serve", "--grpc-addr", "127.0.0.1:0", "--http-addr", "127.0.0.1:0"])
            .arg("--data-dir")
            .arg(directory)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        // gRPC first, then HTTP.
        let mut urls = lines.filter_map(|line| {
            let line = line.unwrap();
            line.split_whitespace().find(|word| word.starts_with("http://")).map(str::to_owned)
        });
        let (grpc, http) = (urls.next().unwrap(), urls.next().unwrap());
        Self { process, grpc, http }
    }

    /// The number of its process.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Runs a command against it that must succeed and print one JSON object.
    pub fn json(&self, args: &[&str]) -> Value {
        let text = run(&[args, &["--server", &self.grpc, "--format", "json"]].concat());
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{args:?}: {error}: {text}"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
