//! Compiles `driftline/v1/*.proto` in pure Rust (protox), so that no `protoc` is needed.

use std::{env, error::Error, fs, path::PathBuf};

use prost::Message as _;

const FILES: [&str; 7] = [
    "driftline/v1/types.proto",
    "driftline/v1/ingest.proto",
    "driftline/v1/model.proto",
    "driftline/v1/query.proto",
    "driftline/v1/admin.proto",
    "driftline/v1/rule.proto",
    "driftline/v1/alert.proto",
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=driftline");
    let descriptors = protox::compile(FILES, ["."])?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out.join("driftline_descriptor.bin"), descriptors.encode_to_vec())?;
    tonic_prost_build::configure().compile_fds(descriptors)?;
    Ok(())
}
