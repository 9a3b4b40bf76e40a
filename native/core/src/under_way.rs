//! The connects that are under way, as far as the engine knows.

use std::net::IpAddr;

use crate::{
    NodeName, Time,
    budget::{CONNECTS_AT_ONCE, CONNECTS_OF_ONE_SOURCE},
};

/// A peer whose connect brought no report is announced again: the message may have died with its
/// receiver.
pub(crate) const REPORT_WITHIN: Time = Time::from_secs(30);

/// The peers that were announced and not reported on.
#[derive(Debug, Default)]
pub(crate) struct UnderWay(Vec<Connect>);

#[derive(Debug)]
struct Connect {
    node: NodeName,
    source: IpAddr,
    ends: Time,
}

impl UnderWay {
    /// Whether `node` may be announced: one more, or one that is under way already.
    pub(crate) fn has_room(&mut self, now: Time, source: IpAddr, node: &NodeName) -> bool {
        self.0.retain(|connect| connect.ends > now);
        let others = || self.0.iter().filter(|connect| connect.node != *node);
        others().count() < CONNECTS_AT_ONCE
            && others().filter(|connect| connect.source == source).count() < CONNECTS_OF_ONE_SOURCE
    }

    pub(crate) fn start(&mut self, now: Time, source: IpAddr, node: &NodeName) {
        self.end(node);
        self.0.push(Connect { node: node.clone(), source, ends: now + REPORT_WITHIN });
    }

    pub(crate) fn end(&mut self, node: &NodeName) {
        self.0.retain(|connect| connect.node != *node);
    }
}
