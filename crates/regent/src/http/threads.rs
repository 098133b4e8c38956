//! The threads that connections are served on: one for each core, with a runtime of its own.
//!
//! A request is read, worked on and answered by one thread. No other is woken for it, and requests that
//! have come at the same time share the write of their audit records. What takes long is handed to the
//! runtime of everything else, so that the thread's other connections need not wait. What a connection
//! does is [`super`]'s business.

use std::future::{Future, pending};
use std::io;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;

use tokio::net::TcpStream;
use tokio::runtime::Handle;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;

use super::Server;
use crate::audit_log::Together;

/// What the connections of one thread have in common.
#[derive(Debug)]
pub struct Desk {
    pub server: Arc<Server>,
    /// The audit records of the requests that are answered here.
    pub records: Together,
    pub elsewhere: Elsewhere,
}

/// Where what takes long is done: the runtime of everything else.
#[derive(Debug)]
pub struct Elsewhere(Handle);

impl Elsewhere {
    /// Does what takes long, and waits for it. It ends with the one who waits, and its panic is a panic
    /// here.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> T {
        let mut running = JoinSet::new();
        running.spawn_on(work, &self.0);
        match running.join_next().await {
            Some(Ok(done)) => done,
            Some(Err(cause)) if cause.is_panic() => resume_unwind(cause.into_panic()),
            // The other runtime is ending, and this one with it.
            Some(Err(_)) | None => pending().await,
        }
    }
}

type Connection = Pin<Box<dyn Future<Output = ()> + Send>>;
type Begin = Box<dyn FnOnce(&Arc<Desk>) -> io::Result<Connection> + Send>;

/// All threads.
pub struct Threads(Vec<Thread>);

struct Thread {
    begin: UnboundedSender<Begin>,
    connections: Connections,
    running: JoinHandle<()>,
}

impl Threads {
    /// Starts them. The runtime that this is called in is the one of everything else.
    pub fn start(server: &Arc<Server>) -> io::Result<Self> {
        let count = std::thread::available_parallelism().map_or(1, usize::from);
        let threads = (0..count).map(|number| Thread::start(number, server));
        threads.collect::<io::Result<_>>().map(Self)
    }

    /// Has a connection served by the thread that has the fewest.
    pub fn hand<F: Future<Output = ()> + Send + 'static>(
        &self,
        stream: TcpStream,
        serve: impl FnOnce(Arc<Desk>, TcpStream) -> F + Send + 'static,
    ) {
        let Some(thread) = self.0.iter().min_by_key(|thread| thread.connections.count()) else {
            return;
        };
        let place = thread.connections.begin();
        let Ok(stream) = stream.into_std() else { return };
        let begin: Begin = Box::new(move |desk| {
            let stream = TcpStream::from_std(stream)?;
            let serving = serve(Arc::clone(desk), stream);
            Ok(Box::pin(async move {
                serving.await;
                drop(place);
            }))
        });
        // A thread that is gone has dropped its connections, and drops this one.
        let _ = thread.begin.send(begin);
    }

    /// Ends them. Connections that are left are dropped.
    pub async fn end(self) {
        let (begins, running): (Vec<_>, Vec<_>) =
            self.0.into_iter().map(|thread| (thread.begin, thread.running)).unzip();
        drop(begins);
        let panicked = tokio::task::spawn_blocking(|| {
            running.into_iter().map(JoinHandle::join).filter(Result::is_err).count()
        });
        if panicked.await.is_ok_and(|count| count > 0) {
            tracing::error!("a thread that serves connections has panicked");
        }
    }
}

impl Thread {
    fn start(number: usize, server: &Arc<Server>) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let desk = Arc::new(Desk {
            server: Arc::clone(server),
            records: Together::new(Arc::clone(&server.audit)),
            elsewhere: Elsewhere(Handle::current()),
        });
        let (begin, begins) = unbounded_channel();
        let running = std::thread::Builder::new()
            .name(format!("connections-{number}"))
            .spawn(move || runtime.block_on(run(desk, begins)))?;
        Ok(Self { begin, connections: Connections::default(), running })
    }
}

/// Serves until nothing more can come.
async fn run(desk: Arc<Desk>, mut begins: UnboundedReceiver<Begin>) {
    let writer = Arc::clone(&desk);
    tokio::spawn(async move { writer.records.write_as_they_come().await });
    while let Some(begin) = begins.recv().await {
        match begin(&desk) {
            Ok(connection) => {
                tokio::spawn(connection);
            }
            Err(cause) => tracing::warn!(%cause, "a connection could not be served"),
        }
    }
}

/// How many connections a thread has.
#[derive(Debug, Clone, Default)]
struct Connections(Arc<AtomicUsize>);

impl Connections {
    fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    /// Counts one until what is returned is dropped.
    fn begin(&self) -> Counted {
        self.0.fetch_add(1, Ordering::Relaxed);
        Counted(self.clone())
    }
}

struct Counted(Connections);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::thread;

    use tokio::sync::oneshot;

    use super::*;
    use crate::http::exchange::caught;

    #[test]
    fn a_connection_counts_for_as_long_as_it_is_there() {
        let connections = Connections::default();
        let (first, second) = (connections.begin(), connections.begin());
        assert_eq!(connections.count(), 2);
        drop((first, second));
        assert_eq!(connections.count(), 0);
    }

    #[test]
    fn what_takes_long_is_done_elsewhere_for_as_long_as_it_is_waited_for() {
        let others = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
        let elsewhere = Elsewhere(others.handle().clone());
        let own = tokio::runtime::Builder::new_current_thread().build().unwrap();
        own.block_on(async {
            let other = elsewhere.run(async { thread::current().id() }).await;
            assert_ne!(other, thread::current().id());
            assert!(caught(pin!(elsewhere.run(async { panic!("a bug") }))).await.is_err());
            let (begun, beginning) = oneshot::channel();
            let (held, released) = oneshot::channel::<()>();
            let endless = elsewhere.run(async move {
                let _ = begun.send(());
                pending::<()>().await;
                drop(held);
            });
            tokio::select! {
                () = endless => unreachable!(),
                begun = beginning => begun.unwrap(),
            }
            assert!(released.await.is_err(), "it ends with the one who waited");
        });
    }
}
