//! Messages of Grafana's plugin protocol as they are generated.

/// Data, resources and health.
#[allow(missing_docs, clippy::all, clippy::pedantic)]
pub mod pluginv2 {
    tonic::include_proto!("pluginv2");
}

/// The life of the process.
#[allow(missing_docs, clippy::all, clippy::pedantic)]
pub mod plugin {
    tonic::include_proto!("plugin");
}
