//! What other threads may say to the driver, and ask of it, without waiting for it.

use std::{
    any::Any,
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use crossbeam_channel::{Receiver, Sender, bounded};
use mio::Waker;
use native_gossip_core::{Counters, NodeName, Report, trust::Readiness};

/// Commands that wait for the loop. One that finds no place is dropped, and made good: the node is told
/// that reports were lost, and seeds are told again and again.
const COMMANDS: usize = 8192;

/// Questions that wait for the loop, which answers one a turn. Each may take a millisecond or two, so all of
/// them are answered within a second.
const QUESTIONS: usize = 64;

/// Who asks, as the listener knows it; nobody else looks at it.
pub type Asker = Box<dyn Any + Send>;

/// What another thread wants to know of the node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// How the node is.
    Status,
    /// Which peers it has.
    Peers,
}

/// A handle to a [`Driver`](crate::Driver) for other threads.
#[derive(Clone)]
pub struct Handle {
    shared: Arc<Shared>,
    commands: Sender<Command>,
    questions: Sender<(Question, Asker)>,
}

pub(crate) struct Shared {
    waker: Waker,
    stopped: AtomicBool,
    lost_reports: AtomicBool,
    is_to_drain: AtomicBool,
    published: Mutex<Published>,
}

/// What the loop says of itself to others.
#[derive(Default)]
struct Published {
    counters: Counters,
    readiness: Readiness,
}

/// The driver's end.
pub(crate) struct CommandQueue {
    shared: Arc<Shared>,
    commands: Receiver<Command>,
    questions: Receiver<(Question, Asker)>,
}

/// What another thread has to say.
pub(crate) enum Command {
    /// What became of a peer.
    Report(NodeName, Report),
    /// The seeds of now, instead of those of before.
    Seeds(Vec<SocketAddr>),
}

pub(crate) fn pair(waker: Waker) -> (Handle, CommandQueue) {
    let (sender, receiver) = bounded(COMMANDS);
    let (asking, questions) = bounded(QUESTIONS);
    let shared = Arc::new(Shared {
        waker,
        stopped: AtomicBool::new(false),
        lost_reports: AtomicBool::new(false),
        is_to_drain: AtomicBool::new(false),
        published: Mutex::new(Published::default()),
    });
    let queue = CommandQueue { shared: Arc::clone(&shared), commands: receiver, questions };
    (Handle { shared, commands: sender, questions: asking }, queue)
}

impl Handle {
    /// Says what became of a peer that was announced.
    pub fn report(&self, node: NodeName, report: Report) {
        self.command(Command::Report(node, report));
    }

    /// Says to whom heartbeats go besides the group, from now on. To be said again from time to
    /// time: what has not changed costs nothing.
    pub fn set_seeds(&self, seeds: Vec<SocketAddr>) {
        self.command(Command::Seeds(seeds));
    }

    /// Has the node say that it is about to stop, and then be silent, for good.
    pub fn drain(&self) {
        self.shared.is_to_drain.store(true, Ordering::Release);
        self.wake();
    }

    /// Ends the driver's work for good: the call of [`serve`](crate::Driver::serve) that is under
    /// way returns within milliseconds, and so does every later one.
    pub fn stop(&self) {
        self.shared.stopped.store(true, Ordering::Release);
        self.wake();
    }

    /// Whether it was [stopped](Self::stop).
    pub fn is_stopped(&self) -> bool {
        self.shared.stopped.load(Ordering::Acquire)
    }

    /// What was counted up to the last turn of the loop.
    pub fn counters(&self) -> Counters {
        self.shared.published().counters
    }

    /// Has the loop [answer](crate::Listener::answer) this between two batches of packets, while it is served. Says whether
    /// it will: where too many wait, it will not.
    pub fn ask(&self, question: Question, asker: Asker) -> bool {
        let is_asked = self.questions.try_send((question, asker)).is_ok();
        self.wake();
        is_asked
    }

    /// Which names sign, up to a second and a slice ago, while the driver is served.
    pub fn readiness(&self) -> Readiness {
        self.shared.published().readiness.clone()
    }

    fn command(&self, command: Command) {
        if let Err(error) = self.commands.try_send(command)
            && matches!(error.into_inner(), Command::Report(..))
        {
            self.shared.lost_reports.store(true, Ordering::Release);
        }
        self.wake();
    }

    fn wake(&self) {
        // A wake-up that fails is made good by the end of the slice.
        let _ = self.shared.waker.wake();
    }
}

impl CommandQueue {
    pub(crate) fn is_stopped(&self) -> bool {
        self.shared.stopped.load(Ordering::Acquire)
    }

    pub(crate) fn waiting(&self) -> impl Iterator<Item = Command> {
        self.commands.try_iter()
    }

    /// The question that waits longest.
    pub(crate) fn question(&self) -> Option<(Question, Asker)> {
        self.questions.try_recv().ok()
    }

    /// Whether somebody waits for an answer.
    pub(crate) fn has_questions(&self) -> bool {
        !self.questions.is_empty()
    }

    /// Whether reports found no place since this was asked last. To be asked after the commands that
    /// wait were carried out: what is lost is later than those.
    pub(crate) fn lost_reports(&self) -> bool {
        self.shared.lost_reports.swap(false, Ordering::AcqRel)
    }

    /// Whether the node is to say that it is about to stop.
    pub(crate) fn is_to_drain(&self) -> bool {
        self.shared.is_to_drain.load(Ordering::Acquire)
    }

    pub(crate) fn publish(&self, counters: Counters) {
        self.shared.published().counters = counters;
    }

    pub(crate) fn publish_readiness(&self, readiness: Readiness) {
        self.shared.published().readiness = readiness;
    }
}

impl Shared {
    fn published(&self) -> MutexGuard<'_, Published> {
        self.published.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
