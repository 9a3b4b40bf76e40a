//! Whether the interfaces have changed, as far as the system tells.

use std::{io, net::IpAddr};

use native_gossip_core::InterfaceNews;

use crate::{poller::Poller, sys::InterfaceMonitor};

/// What was said ends one sleep of the loop at most until the next scan, however much is said.
pub(crate) struct News {
    /// Where there is none, the system is not asked again before [`open`](Self::open).
    monitor: Option<InterfaceMonitor>,
    has_come: bool,
}

impl News {
    pub(crate) fn new() -> Self {
        Self { monitor: None, has_come: false }
    }

    /// Asks the system to tell, unless it does.
    pub(crate) fn open(&mut self, group: IpAddr, poller: &Poller) {
        if self.monitor.is_none() {
            self.monitor = watched(InterfaceMonitor::open(group), poller).ok();
            self.has_come = false;
        }
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
    pub(crate) fn has_come(&mut self, poller: &Poller) {
        self.has_come = true;
        self.keep(|monitor| poller.ignore_news(monitor));
    }

    /// The interfaces are scanned now: what is said from here on is news again.
    pub(crate) fn begin_scan(&mut self, poller: &Poller) {
        let was_ignored = std::mem::take(&mut self.has_come);
        self.keep(|monitor| {
            if was_ignored {
                poller.watch_news(monitor)?;
            }
            monitor.skip()
        });
    }

    /// A monitor that is of no use any more is closed: interfaces are scanned as if there were none.
    fn keep(&mut self, act: impl FnOnce(&mut InterfaceMonitor) -> io::Result<()>) {
        if self.monitor.as_mut().is_some_and(|monitor| act(monitor).is_err()) {
            self.monitor = None;
        }
    }
}

fn watched(monitor: io::Result<InterfaceMonitor>, poller: &Poller) -> io::Result<InterfaceMonitor> {
    let mut monitor = monitor?;
    poller.watch_news(&mut monitor)?;
    Ok(monitor)
}
