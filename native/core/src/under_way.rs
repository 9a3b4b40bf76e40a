//! The connects that are under way, as far as the engine knows.

use std::{net::IpAddr, time::Duration};

use crate::{
    NodeName, Time,
    budget::{CONNECTS_AT_ONCE, CONNECTS_OF_ONE_SOURCE, CONNECTS_OF_RETRIES},
};

/// A peer whose connect brought no report is announced again: the message may have died with its
/// receiver.
pub(crate) const REPORT_WITHIN: Duration = Duration::from_secs(30);

/// The peers that were announced and not reported on.
#[derive(Debug, Default)]
pub(crate) struct UnderWay(Vec<Connect>);

/// A connect, wanted or under way.
#[derive(Debug)]
pub(crate) struct Connect {
    node: NodeName,
    /// Whose packet asked for it.
    source: IpAddr,
    /// The last one to the same peer failed.
    is_retry: bool,
    ends: Time,
}

impl Connect {
    pub(crate) fn new(now: Time, source: IpAddr, node: &NodeName, is_retry: bool) -> Self {
        Self { node: node.clone(), source, is_retry, ends: now + REPORT_WITHIN }
    }
}

impl UnderWay {
    /// Whether a connect may start: one more, or one to a peer that has one under way.
    pub(crate) fn has_room(&mut self, now: Time, wanted: &Connect) -> bool {
        self.0.retain(|connect| connect.ends > now);
        let others = || self.0.iter().filter(|connect| connect.node != wanted.node);
        let of_source = others().filter(|connect| connect.source == wanted.source).count();
        let retries = others().filter(|connect| connect.is_retry).count();
        others().count() < CONNECTS_AT_ONCE
            && of_source < CONNECTS_OF_ONE_SOURCE
            && (!wanted.is_retry || retries < CONNECTS_OF_RETRIES)
    }

    pub(crate) fn start(&mut self, connect: Connect) {
        self.end(&connect.node);
        self.0.push(connect);
    }

    pub(crate) fn end(&mut self, node: &NodeName) {
        self.0.retain(|connect| connect.node != *node);
    }
}
