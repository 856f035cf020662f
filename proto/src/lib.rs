//! The protocol `driftline.v1` as Rust types, with the clients and servers of its services.
//!
//! Only the `wire`, `server` and `client` modules of the `driftline` crate use these types; what the
//! messages mean is said in the `.proto` files, from which the comments here are copied.

/// Messages and services of the package `driftline.v1`.
// The generator copies comments word by word, and its enums are as large as their messages.
#[allow(clippy::all, rustdoc::all)]
pub mod v1 {
    tonic::include_proto!("driftline.v1");
}

/// The compiled descriptors of all files, for reflection.
pub const FILE_DESCRIPTOR_SET: &[u8] =
    include_bytes!(concat!(env!("OUT_DIR"), "/driftline_descriptor.bin"));
