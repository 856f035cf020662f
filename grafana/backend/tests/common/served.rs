//! A server in the process of a test.
#![allow(dead_code, reason = "no test file uses all of it")]

use std::{net::SocketAddr, sync::Arc, thread::JoinHandle};

use driftline::{
    Monitor,
    server::{Server, ServerOptions},
};
use tokio::{runtime::Runtime, sync::oneshot};

/// A server of gRPC, stopped when dropped.
pub struct Served {
    pub address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Served {
    /// Serves a database at an address; port 0 takes a free one.
    pub fn start(monitor: Arc<Monitor>, address: SocketAddr) -> Self {
        Self::start_with(monitor, address, None)
    }

    /// The same with HTTP beside it.
    pub fn start_with(
        monitor: Arc<Monitor>,
        grpc_addr: SocketAddr,
        http_addr: Option<SocketAddr>,
    ) -> Self {
        let options = ServerOptions { grpc_addr, http_addr, gauge_window: None };
        let (stop, stopped) = oneshot::channel::<()>();
        let (tell, told) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            Runtime::new().unwrap().block_on(async move {
                let server = Server::bind(monitor, options).await.unwrap();
                tell.send(server.addresses().grpc_addr).unwrap();
                let stopped = async move {
                    let _ = stopped.await;
                };
                server.run(stopped).await.unwrap();
            });
        });
        let address = told.recv().unwrap();
        Self { address, stop: Some(stop), thread: Some(thread) }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}
