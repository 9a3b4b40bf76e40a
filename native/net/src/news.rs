//! Whether the interfaces have changed, as far as the system tells.

use std::{collections::BTreeSet, io, net::IpAddr};

use native_gossip_core::InterfaceNews;

use crate::{poller::Poller, sys::InterfaceMonitor};

/// What was said ends one sleep of the loop at most until the next scan, however much is said.
pub(crate) struct News {
    /// Where there is none, the next scan tries to open it.
    monitor: Option<InterfaceMonitor>,
    has_come: bool,
    removed: BTreeSet<u32>,
}

impl News {
    pub(crate) fn new() -> Self {
        Self { monitor: None, has_come: false, removed: BTreeSet::new() }
    }

    /// What is to be done about the interfaces.
    pub(crate) fn get(&self) -> InterfaceNews {
        match self.monitor {
            None => InterfaceNews::NotTold,
            Some(_) if self.has_come => InterfaceNews::Changed,
            Some(_) => InterfaceNews::Unchanged,
        }
    }

    /// Something was said.
    pub(crate) fn note(&mut self, poller: &Poller) {
        self.has_come = true;
        self.close_unless(|monitor| poller.ignore_news(monitor));
    }

    /// The indices of interfaces that were removed before the last scan, and not taken yet.
    pub(crate) fn take_removed(&mut self) -> Vec<u32> {
        std::mem::take(&mut self.removed).into_iter().collect()
    }

    /// The interfaces are scanned now: what is said from here on is news again. Where the system does not tell of
    /// them, it is asked to.
    pub(crate) fn begin_scan(&mut self, group: IpAddr, poller: &Poller) {
        let was_ignored = std::mem::take(&mut self.has_come);
        let mut removed = std::mem::take(&mut self.removed);
        self.close_unless(|monitor| {
            if was_ignored {
                poller.watch_news(monitor)?;
            }
            monitor.read(&mut removed)
        });
        self.removed = removed;
        if self.monitor.is_none() {
            self.monitor = watched(InterfaceMonitor::open(group), poller).ok();
        }
    }

    /// A monitor that is of no use any more is closed: interfaces are scanned as if there were none.
    fn close_unless(&mut self, works: impl FnOnce(&mut InterfaceMonitor) -> io::Result<()>) {
        if self.monitor.as_mut().is_some_and(|monitor| works(monitor).is_err()) {
            self.monitor = None;
        }
    }
}

fn watched(monitor: io::Result<InterfaceMonitor>, poller: &Poller) -> io::Result<InterfaceMonitor> {
    let mut monitor = monitor?;
    poller.watch_news(&mut monitor)?;
    Ok(monitor)
}
