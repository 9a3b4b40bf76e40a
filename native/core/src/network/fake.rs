//! A network that writes down what it is told to do, and answers as a test wishes.

use std::{
    collections::VecDeque,
    net::{IpAddr, SocketAddr},
};

use super::{InterfaceAddress, InterfaceNews, Network, RecvMeta, ScannedAddress};
use crate::{
    JoinError,
    event::{SocketStep, SystemError},
};

/// The group of tests.
pub(crate) const GROUP: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(233, 252, 1, 32));

/// The port of tests.
pub(crate) const PORT: u16 = 45_892;

/// Every call succeeds whose text is not among the refused ones.
#[derive(Default)]
pub(crate) struct FakeNetwork {
    pub(crate) addresses: Vec<ScannedAddress>,
    pub(crate) routed: Option<IpAddr>,
    pub(crate) refused: Vec<String>,
    pub(crate) scans: usize,
    /// What the system says of changes until a test has it say something else.
    pub(crate) news: InterfaceNews,
    pub(crate) removed: Vec<u32>,
    /// On how many interfaces the system lets a socket join.
    pub(crate) most_memberships: Option<usize>,
    memberships: usize,
    /// An interface for which the system has no membership left.
    pub(crate) is_full_for: Option<String>,
    /// What the network will say of heartbeats to seeds.
    pub(crate) lost: VecDeque<(SocketAddr, SystemError)>,
    calls: Vec<String>,
}

impl FakeNetwork {
    /// A host with these interfaces, all of them up.
    pub(crate) fn of(interfaces: &[InterfaceAddress]) -> Self {
        let mut network = Self::default();
        network.has(interfaces);
        network
    }

    /// From now on the host has these interfaces, all of them up.
    pub(crate) fn has(&mut self, interfaces: &[InterfaceAddress]) {
        let up = |interface: &InterfaceAddress| {
            let interface = interface.clone();
            ScannedAddress { interface, is_up: true }
        };
        self.addresses = interfaces.iter().map(up).collect();
    }

    /// From now on these calls fail, and no others.
    pub(crate) fn refuse(&mut self, calls: &[&str]) {
        self.refused = calls.iter().map(|call| (*call).to_owned()).collect();
    }

    /// What was called since the last time, without scans.
    pub(crate) fn take_calls(&mut self) -> Vec<String> {
        std::mem::take(&mut self.calls)
    }

    fn answer(&self, call: &str) -> Result<(), SystemError> {
        if self.refused.iter().any(|refused| refused == call) { Err(error()) } else { Ok(()) }
    }

    fn call(&mut self, call: String) -> Result<(), SystemError> {
        let answer = self.answer(&call);
        self.calls.push(call);
        answer
    }
}

impl Network for FakeNetwork {
    fn open(&mut self) -> Result<(), (SocketStep, SystemError)> {
        self.call("open".into()).map_err(|error| (SocketStep::Bind, error))
    }

    fn close(&mut self) {
        self.calls.push("close".into());
    }

    fn interfaces(&mut self) -> Result<Vec<ScannedAddress>, SystemError> {
        self.scans += 1;
        self.answer("interfaces").map(|()| self.addresses.clone())
    }

    fn interface_news(&mut self) -> InterfaceNews {
        self.news
    }

    fn take_removed(&mut self) -> Vec<u32> {
        std::mem::take(&mut self.removed)
    }

    fn route(&mut self, _: SocketAddr) -> Result<Option<IpAddr>, SystemError> {
        self.answer("route").map(|()| self.routed)
    }

    fn join(&mut self, _: IpAddr, interface: &InterfaceAddress) -> Result<(), JoinError> {
        self.call(format!("join on {}", interface.name))?;
        let is_full_for = self.is_full_for.as_ref() == Some(&interface.name);
        if is_full_for || self.most_memberships.is_some_and(|most| self.memberships >= most) {
            return Err(JoinError::Limit(limit()));
        }
        self.memberships += 1;
        Ok(())
    }

    fn leave(&mut self, _: IpAddr, interface: &InterfaceAddress) {
        self.memberships = self.memberships.saturating_sub(1);
        self.calls.push(format!("leave on {}", interface.name));
    }

    fn send_by(
        &mut self,
        interface: &InterfaceAddress,
        _: &[u8],
        target: SocketAddr,
    ) -> Result<(), SystemError> {
        assert_eq!(target.port(), PORT);
        self.call(format!("send by {}", interface.name))
    }

    fn send_to(&mut self, _: &[u8], target: SocketAddr) -> Result<(), SystemError> {
        self.call(format!("send to {target}"))
    }

    fn seed_error(&mut self) -> Option<(SocketAddr, SystemError)> {
        self.lost.pop_front()
    }
}

/// How every refused call ends.
pub(crate) fn error() -> SystemError {
    SystemError { code: Some(1), text: "not permitted".into() }
}

/// How a join ends where the system allows no more.
pub(crate) fn limit() -> SystemError {
    SystemError { code: Some(105), text: "no buffer space".into() }
}

/// An interface with this index and address.
pub(crate) fn interface(name: &str, index: u32, address: impl Into<IpAddr>) -> InterfaceAddress {
    InterfaceAddress { name: name.into(), index, address: address.into() }
}

/// How something came that was sent from this address to the group.
pub(crate) fn meta(source: impl Into<IpAddr>, interface: Option<u32>) -> RecvMeta {
    let source = SocketAddr::new(source.into(), PORT);
    RecvMeta { source, destination: Some(GROUP), interface }
}
