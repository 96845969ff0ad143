//! Listening: a runtime in the background, a free port when the asked one is taken, a clean stop.

use crate::app::App;
use crate::{Error, routes};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;

/// A server at work. Dropping it stops it.
#[derive(Debug)]
pub struct Serving {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    runtime: Runtime,
}

/// Starts to serve on loopback. When `port` is taken a free one is chosen.
///
/// # Errors
/// When no port can be had or the runtime cannot start.
pub fn start(app: App, port: u16) -> Result<Serving, Error> {
    let listen = |source| Error::Listen {
        address: format!("127.0.0.1:{port}"),
        source,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(listen)?;
    let listener = runtime.block_on(bind(port)).map_err(listen)?;
    let address = listener.local_addr().map_err(listen)?;
    let (stop, stopped) = oneshot::channel::<()>();
    let router = routes::router(Arc::new(app));
    runtime.spawn(async move {
        let until = async {
            // An error means that the sender is gone, which also asks for a stop.
            drop(stopped.await);
        };
        let served = axum::serve(listener, router)
            .with_graceful_shutdown(until)
            .await;
        debug_assert!(served.is_ok(), "axum's serve ends only when it is stopped");
    });
    Ok(Serving {
        address,
        stop: Some(stop),
        runtime,
    })
}

async fn bind(port: u16) -> std::io::Result<TcpListener> {
    match TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await {
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await
        }
        other => other,
    }
}

impl Serving {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops and waits up to two seconds for requests under way.
    pub fn stop(mut self) {
        if let Some(stop) = self.stop.take() {
            // An error means that the receiver is gone: it has stopped already.
            let _stopped_before = stop.send(()).is_err();
        }
        self.runtime
            .shutdown_timeout(std::time::Duration::from_secs(2));
    }
}
