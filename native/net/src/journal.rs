//! What is to be logged: each trouble once, and once that it is over.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
};

use native_gossip_core::{NodeName, Refusal, Time, budget::RefusalLog};

use crate::{interfaces::Interface, trouble::Trouble};

/// A trouble that comes and goes is said so often, and so is its end.
const SAY_AGAIN: Time = Time::from_secs(60);

/// Something that a person may want to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// A heartbeat was sent. Only where details are asked for.
    Sent,
    /// A heartbeat of another node was heard. Only where details are asked for.
    Heard {
        /// Whose.
        node: NodeName,
        /// The name of the interface that it came by, where the system tells.
        interface: Option<String>,
    },
    /// Packets were refused. Said rarely.
    Refused {
        /// For this cause.
        cause: Refusal,
        /// So many, since it was said last.
        packets: u64,
        /// Where the last of them came from.
        source: SocketAddr,
        /// The name of the interface that it came by, where the system tells.
        interface: Option<String>,
    },
    /// The group is heard on this interface from now on.
    Joined(IpAddr, Interface),
    /// The group is heard no more on this interface, which has gone, changed, or is not meant.
    Left(IpAddr, Interface),
    /// Nobody but ourselves was heard on this interface for long: the group was joined anew.
    Silent(IpAddr, Interface),
    /// Something does not work until this is mended. Said once.
    Trouble(Trouble),
    /// What was the trouble is mended.
    Mended(Trouble),
}

/// What can be in trouble, each by itself.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Part {
    /// Opening the socket, and receiving.
    Socket,
    /// Listing the interfaces.
    Look,
    /// An interface that is meant, and is not there; with the step that it keeps from being made.
    Missing(String),
    /// Joining on the interface of this name.
    Join(String),
    /// Hearing ourselves on the interface of this name.
    Echo(String),
    /// Sending by the interface of this name.
    SendBy(String),
    /// Sending to this address.
    SendTo(SocketAddr),
}

struct State {
    trouble: Trouble,
    is_over: bool,
    /// Whether this time of it was said.
    said: bool,
    said_at: Time,
}

/// What waits to be logged, and what has been.
#[derive(Default)]
pub(crate) struct Journal {
    details: bool,
    notices: Vec<Notice>,
    states: BTreeMap<Part, State>,
    refusals: RefusalLog,
}

impl Journal {
    /// Whether each heartbeat is to be noticed.
    pub(crate) fn set_details(&mut self, details: bool) {
        self.details = details;
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.notices.is_empty()
    }

    pub(crate) fn take(&mut self) -> Vec<Notice> {
        std::mem::take(&mut self.notices)
    }

    pub(crate) fn sent(&mut self) {
        if self.details {
            self.notices.push(Notice::Sent);
        }
    }

    pub(crate) fn heard(&mut self, node: &NodeName, interface: impl FnOnce() -> Option<String>) {
        if self.details {
            self.notices.push(Notice::Heard { node: node.clone(), interface: interface() });
        }
    }

    pub(crate) fn refused(
        &mut self,
        now: Time,
        cause: Refusal,
        source: SocketAddr,
        interface: impl FnOnce() -> Option<String>,
    ) {
        if let Some(packets) = self.refusals.note(now, cause) {
            let interface = interface();
            self.notices.push(Notice::Refused { cause, packets, source, interface });
        }
    }

    pub(crate) fn joined(&mut self, group: IpAddr, interface: &Interface) {
        self.notices.push(Notice::Joined(group, interface.clone()));
    }

    pub(crate) fn left(&mut self, group: IpAddr, interface: &Interface) {
        self.notices.push(Notice::Left(group, interface.clone()));
    }

    pub(crate) fn silent(&mut self, group: IpAddr, interface: &Interface) {
        self.notices.push(Notice::Silent(group, interface.clone()));
    }

    /// Says what is wrong, unless it was said before.
    pub(crate) fn complain(&mut self, now: Time, part: Part, trouble: Trouble) {
        if let Some(state) = self.states.get_mut(&part)
            && state.trouble == trouble
        {
            let was_over = std::mem::replace(&mut state.is_over, false);
            let is_said_now = now >= state.said_at + SAY_AGAIN && (was_over || !state.said);
            state.said = is_said_now || (state.said && !was_over);
            if is_said_now {
                state.said_at = now;
                self.notices.push(Notice::Trouble(trouble));
            }
            return;
        }
        self.notices.push(Notice::Trouble(trouble.clone()));
        self.states.insert(part, State { trouble, is_over: false, said: true, said_at: now });
    }

    /// Says that a part works again, where it was said that it does not. Returns whether it did not.
    pub(crate) fn mend(&mut self, part: &Part) -> bool {
        let Some(state) = self.states.get_mut(part).filter(|state| !state.is_over) else {
            return false;
        };
        state.is_over = true;
        if state.said {
            self.notices.push(Notice::Mended(state.trouble.clone()));
        }
        true
    }

    /// Of interfaces that are meant, these are missing, and no others.
    pub(crate) fn missing(&mut self, now: Time, missing: Vec<Trouble>) {
        let is_there = |part: &&Part| match part {
            Part::Missing(step) => missing.iter().all(|trouble| trouble.step != *step),
            _ => false,
        };
        for part in self.states.keys().filter(is_there).cloned().collect::<Vec<_>>() {
            self.mend(&part);
        }
        for trouble in missing {
            self.complain(now, Part::Missing(trouble.step.clone()), trouble);
        }
    }

    /// Parts that are no more have no trouble either.
    pub(crate) fn forget(&mut self, is_gone: impl Fn(&Part) -> bool) {
        self.states.retain(|part, _| !is_gone(part));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secs(s: u64) -> Time {
        Time::from_secs(s)
    }

    fn trouble() -> Trouble {
        Trouble::new("send", "no route")
    }

    /// What is said when the socket fails (true) or works (false) at these seconds.
    fn said(of: &[(u64, bool)]) -> Vec<(u64, bool)> {
        let mut journal = Journal::default();
        let mut said = Vec::new();
        for (s, fails) in of {
            match fails {
                true => journal.complain(secs(*s), Part::Socket, trouble()),
                false => drop(journal.mend(&Part::Socket)),
            }
            said.extend(journal.take().into_iter().map(|notice| match notice {
                Notice::Trouble(_) => (*s, true),
                _ => (*s, false),
            }));
        }
        said
    }

    #[test]
    fn a_trouble_is_said_once_and_its_end_once() {
        let of = [(0, true), (1, true), (1000, true), (1001, false), (1002, false)];
        assert_eq!(said(&of), [(0, true), (1001, false)]);
    }

    #[test]
    fn what_works_from_the_start_is_not_worth_a_word() {
        assert_eq!(said(&[(0, false), (1, false)]), []);
    }

    #[test]
    fn a_trouble_that_comes_and_goes_is_said_once_a_minute() {
        let of: Vec<_> = (0..120).map(|s| (s, s % 2 == 0)).collect();
        assert_eq!(said(&of), [(0, true), (1, false), (60, true), (61, false)]);
    }

    #[test]
    fn a_trouble_that_came_back_within_the_minute_and_stays_is_said_after_it() {
        let of = [(0, true), (1, false), (2, true), (59, true), (60, true), (61, true)];
        assert_eq!(said(&of), [(0, true), (1, false), (60, true)]);
    }

    #[test]
    fn another_cause_is_another_trouble() {
        let mut journal = Journal::default();
        journal.complain(secs(0), Part::Socket, trouble());
        journal.complain(secs(1), Part::Socket, Trouble::new("send", "not permitted"));
        assert_eq!(journal.take().len(), 2);
    }

    #[test]
    fn of_missing_interfaces_each_is_said_to_be_missing_and_then_to_be_there() {
        let (one, other) = (Trouble::new("join on a", "no"), Trouble::new("join on b", "no"));
        let mut journal = Journal::default();
        journal.missing(secs(0), vec![one.clone(), other.clone()]);
        journal.missing(secs(2), vec![other.clone()]);
        journal.missing(secs(4), vec![other.clone()]);
        let said = [Notice::Trouble(one.clone()), Notice::Trouble(other), Notice::Mended(one)];
        assert_eq!(journal.take(), said);
    }
}
