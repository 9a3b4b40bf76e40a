//! The resource: a driver, the way to speak to it while it is served, and its end.

use std::{
    io,
    sync::{
        Mutex, MutexGuard, PoisonError, TryLockError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use native_gossip_core::{Config, Event, NetworkConfig, NodeName};
use native_gossip_net::{Answer, Asker, Driver, Handle, Listener, Question, Served, Slice};
use rustler::{Env, LocalPid, Monitor, Resource, ResourceArc};

use crate::{snapshot::Snapshot, terms};

/// Announcements of one call: the terms that a call sends are freed when it returns.
const ANNOUNCEMENTS: usize = 256;

/// Loops of this BEAM. Each holds a dirty IO scheduler while it is served.
static LOOPS: AtomicUsize = AtomicUsize::new(0);

/// How many loops there are in this BEAM.
pub(crate) fn loops() -> usize {
    LOOPS.load(Ordering::Relaxed)
}

/// A loop that a process of the BEAM serves.
///
/// Two processes are monitored: the owner, which hears of peers, and the one that serves. When
/// either ends, the thread inside is told to leave and the descriptors are closed; where there is
/// no thread inside, they are closed at once. Where neither happens, the destructor closes them.
pub(crate) struct GossipLoop {
    driver: Mutex<Option<CountedDriver>>,
    handle: Handle,
    owner: LocalPid,
    server_is_monitored: AtomicBool,
}

/// A driver that is counted until its descriptors are closed: fields end in their order.
struct CountedDriver {
    driver: Driver,
    _count: Count,
}

struct Count;

impl Count {
    fn new() -> Self {
        LOOPS.fetch_add(1, Ordering::Relaxed);
        Self
    }
}

impl Drop for Count {
    fn drop(&mut self) {
        LOOPS.fetch_sub(1, Ordering::Relaxed);
    }
}

#[rustler::resource_impl]
impl Resource for GossipLoop {
    const IMPLEMENTS_DOWN: bool = true;

    fn down<'a>(&'a self, _env: Env<'a>, _pid: LocalPid, _monitor: Monitor) {
        self.handle.stop();
        self.close_if_stopped();
    }
}

impl GossipLoop {
    /// A loop whose owner is the calling process.
    pub(crate) fn open(
        env: Env<'_>,
        config: Config,
        network: NetworkConfig,
    ) -> io::Result<ResourceArc<Self>> {
        let (driver, handle) = Driver::new(config, network)?;
        let driver = CountedDriver { driver, _count: Count::new() };
        let gossip_loop = ResourceArc::new(Self {
            driver: Mutex::new(Some(driver)),
            handle,
            owner: env.pid(),
            server_is_monitored: AtomicBool::new(false),
        });
        env.monitor(&gossip_loop, &env.pid());
        Ok(gossip_loop)
    }

    /// The way to speak to the driver.
    pub(crate) fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Has the calling process be sent `{:gossip_snapshot, snapshot}`. Says whether it will.
    pub(crate) fn ask(&self, env: Env<'_>, question: Question) -> bool {
        self.handle.ask(question, Box::new(env.pid()))
    }

    /// Serves the driver for a slice of this time, on the thread of the calling process.
    pub(crate) fn serve(
        this: &ResourceArc<Self>,
        env: Env<'_>,
        identity: Option<NodeName>,
        debug: bool,
        time: Duration,
    ) -> io::Result<(Served, Vec<Event>)> {
        if !this.server_is_monitored.swap(true, Ordering::Relaxed) {
            env.monitor(this, &env.pid());
        }
        let mut listener = Messenger { env, owner: this.owner, events: Vec::new() };
        let slice = Slice { time, announcements: ANNOUNCEMENTS };
        let served = match this.lock().as_mut() {
            Some(driver) => driver.driver.serve(identity, debug, slice, &mut listener),
            None => Ok(Served::Stopped),
        };
        // The lock is free again: a process that ended meanwhile could not close.
        this.close_if_stopped();
        Ok((served?, listener.events))
    }

    /// A panic leaves the driver as it was after its last whole step; its process ends with it.
    fn lock(&self) -> MutexGuard<'_, Option<CountedDriver>> {
        self.driver.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Closes the descriptors, unless a thread is inside, which will do so when it leaves.
    fn close_if_stopped(&self) {
        if self.handle.is_stopped() {
            let driver = match self.driver.try_lock() {
                Ok(mut driver) => driver.take(),
                Err(TryLockError::Poisoned(driver)) => driver.into_inner().take(),
                Err(TryLockError::WouldBlock) => None,
            };
            drop(driver);
        }
    }
}

/// Sends peers to the owner at once, and keeps events until the call returns: so nothing but peers
/// ever waits in a mailbox.
struct Messenger<'a> {
    env: Env<'a>,
    owner: LocalPid,
    events: Vec<Event>,
}

impl Listener for Messenger<'_> {
    fn announce(&mut self, node: &NodeName) {
        #[cfg(feature = "fault_injection")]
        crate::fault_injection::panic_if_named("panic-serve@", node);
        if let Ok(atom) = terms::node_atom(self.env, node) {
            // An owner that has ended takes this loop with it.
            let _ = self.env.send(&self.owner, (terms::gossip_peer(), atom));
        }
    }

    fn event(&mut self, event: Event) {
        self.events.push(event);
    }

    // The message is small, and whoever reads it makes terms of what it stands for.
    fn answer(&mut self, asker: Asker, answer: Answer) {
        if let Ok(asker) = asker.downcast::<LocalPid>() {
            let snapshot = ResourceArc::new(Snapshot::new(answer));
            // Who has ended meanwhile wants no answer.
            let _ = self.env.send(&asker, (terms::gossip_snapshot(), snapshot));
        }
    }
}
