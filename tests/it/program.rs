//! The `driftline` program as a test sees it: arguments in, output and exit code out, and a server
//! that is stopped when the test ends.

use std::{
    ffi::OsStr,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};

use serde_json::Value;

/// Where commands go.
pub enum Target {
    DataDir(PathBuf),
    Server(String),
}

impl Target {
    fn args(&self) -> [&OsStr; 2] {
        match self {
            Self::DataDir(dir) => [OsStr::new("--data-dir"), dir.as_os_str()],
            Self::Server(url) => [OsStr::new("--server"), OsStr::new(url)],
        }
    }
}

pub fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_driftline"));
    command.env_remove("DRIFTLINE_SERVER").env("RUST_LOG", "warn");
    command
}

/// Runs a command against a target, whatever its exit code.
pub fn try_run(target: &Target, args: &[&str]) -> Output {
    program().args(args).args(target.args()).stdin(Stdio::null()).output().unwrap()
}

/// Runs a command that must succeed. Returns its standard output.
pub fn run(target: &Target, args: &[&str]) -> String {
    let output = try_run(target, args);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{args:?} failed: {stderr}");
    String::from_utf8(output.stdout).unwrap()
}

/// Runs a command that must succeed and print one JSON object.
pub fn run_json(target: &Target, args: &[&str]) -> Value {
    let mut args = args.to_vec();
    args.extend(["--format", "json"]);
    let text = run(target, &args);
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{args:?}: {error}: {text}"))
}

/// Runs a command that must fail. Returns its exit code and standard error.
pub fn run_err(target: &Target, args: &[&str]) -> (i32, String) {
    let output = try_run(target, args);
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success(), "{args:?} must fail");
    (output.status.code().unwrap_or(-1), stderr)
}

/// A server on free ports, killed when dropped.
pub struct Server {
    child: Child,
    pub grpc: String,
    pub http: String,
}

impl Server {
    /// Starts a server and waits until it tells its address.
    pub fn start(data_dir: &Path) -> Self {
        Self::start_with(data_dir, &[])
    }

    /// The same with more arguments.
    pub fn start_with(data_dir: &Path, more: &[&str]) -> Self {
        let mut child = program()
            .args(["serve", "--grpc-addr", "127.0.0.1:0", "--http-addr", "127.0.0.1:0"])
            .args(more)
            .arg("--data-dir")
            .arg(data_dir)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        // gRPC first, then HTTP.
        let mut urls = lines.filter_map(|line| {
            let line = line.unwrap();
            line.split_whitespace().find(|word| word.starts_with("http://")).map(str::to_owned)
        });
        let (grpc, http) = (urls.next().unwrap(), urls.next().unwrap());
        Self { child, grpc, http }
    }

    pub fn target(&self) -> Target {
        Target::Server(self.grpc.clone())
    }

    /// Ends the process with SIGTERM, which it obeys.
    pub fn stop(mut self) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        assert!(self.child.wait().unwrap().success());
    }

    /// Ends the process with SIGKILL.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The shared data sets and golden values, or a word that the test was skipped.
pub fn shared(test: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("DRIFTLINE_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared"), PathBuf::from);
    if folder.join("golden").is_dir() && folder.join("data").is_dir() {
        return Some(folder);
    }
    println!("skipped: {test} needs the shared data sets, which are not there");
    None
}
