//! What is to be logged: each trouble once, and once that it is over.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use native_gossip_core::{NodeName, Refusal, Time, budget::RefusalLog};

use crate::{interfaces::Interface, trouble::Trouble};

/// Of each part one trouble is said in this time, whatever comes and goes, and its end.
const SAY_AGAIN: Duration = Duration::from_secs(60);

/// So many changes of an interface are said in that time: a loose cable is not to fill the log.
const CHANGES: u32 = 10;

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
    /// No other host was heard on this interface for long: the group was joined anew.
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
    /// Of each interface that changed: since when, and how many changes were said.
    changes: BTreeMap<String, (Time, u32)>,
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

    /// Says what became of the membership of a group on an interface.
    pub(crate) fn changed(
        &mut self,
        now: Time,
        change: fn(IpAddr, Interface) -> Notice,
        group: IpAddr,
        interface: &Interface,
    ) {
        self.changes.retain(|_, (since, _)| now < *since + SAY_AGAIN);
        let (_, said) = self.changes.entry(interface.name.clone()).or_insert((now, 0));
        if *said < CHANGES {
            *said += 1;
            self.notices.push(change(group, interface.clone()));
        }
    }

    /// Says what is wrong, unless it was said before.
    pub(crate) fn complain(&mut self, now: Time, part: Part, trouble: Trouble) {
        let Some(state) = self.states.get_mut(&part) else {
            self.notices.push(Notice::Trouble(trouble.clone()));
            let state = State { trouble, is_over: false, said: true, said_at: now };
            self.states.insert(part, state);
            return;
        };
        // What was said is not taken back by another cause that may not be said yet: its end will be.
        let may_say = now >= state.said_at + SAY_AGAIN;
        if !state.is_over && state.said && (state.trouble == trouble || !may_say) {
            return;
        }
        *state = State { trouble, is_over: false, said: may_say, said_at: state.said_at };
        if may_say {
            state.said_at = now;
            self.notices.push(Notice::Trouble(state.trouble.clone()));
        }
    }

    /// Says that a part works again, where it was said that it does not.
    pub(crate) fn mend(&mut self, part: &Part) {
        if let Some(state) = self.states.get_mut(part)
            && !state.is_over
        {
            state.is_over = true;
            if state.said {
                self.notices.push(Notice::Mended(state.trouble.clone()));
            }
        }
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

    /// Parts that are no more have no trouble either. When they spoke last is not forgotten at once.
    pub(crate) fn forget(&mut self, now: Time, is_gone: impl Fn(&Part) -> bool) {
        self.states.retain(|part, state| {
            state.is_over |= is_gone(part);
            !state.is_over || now < state.said_at + SAY_AGAIN
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secs(s: u64) -> Time {
        Time::after(Duration::from_secs(s))
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
                false => journal.mend(&Part::Socket),
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
    fn causes_that_take_turns_are_said_once_a_minute_and_one_that_stays_after_it() {
        let mut journal = Journal::default();
        for s in 0..100 {
            let cause = ["no route", "not permitted"][s % 2];
            journal.complain(secs(s as u64), Part::Socket, Trouble::new("send", cause));
        }
        assert_eq!(journal.take().len(), 2);
        journal.complain(secs(101), Part::Socket, Trouble::new("send", "too long"));
        assert!(journal.is_empty());
        journal.complain(secs(120), Part::Socket, Trouble::new("send", "too long"));
        journal.complain(secs(121), Part::Socket, Trouble::new("send", "too long"));
        assert_eq!(journal.take().len(), 1);
    }

    #[test]
    fn a_part_that_goes_and_comes_back_in_trouble_is_said_once_a_minute_too() {
        let mut journal = Journal::default();
        for s in 0..120 {
            journal.complain(secs(s), Part::Socket, trouble());
            journal.forget(secs(s), |part| *part == Part::Socket);
        }
        assert_eq!(journal.take(), [Notice::Trouble(trouble()), Notice::Trouble(trouble())]);
        journal.forget(secs(1000), |_| false);
        assert!(journal.states.is_empty());
    }

    #[test]
    fn the_end_of_a_trouble_is_said_whatever_its_cause_was_in_the_end() {
        let mut journal = Journal::default();
        journal.complain(secs(0), Part::Socket, trouble());
        journal.complain(secs(1), Part::Socket, Trouble::new("send", "not permitted"));
        journal.mend(&Part::Socket);
        assert_eq!(journal.take(), [Notice::Trouble(trouble()), Notice::Mended(trouble())]);
    }

    #[test]
    fn ten_changes_of_an_interface_are_said_in_a_minute() {
        let interfaces = ["e", "f"].map(|name| Interface {
            name: name.into(),
            index: 1,
            address: [10, 0, 0, 1].into(),
        });
        let mut journal = Journal::default();
        for s in 0..120 {
            for interface in &interfaces {
                let group = IpAddr::from([233, 252, 1, 32]);
                journal.changed(secs(s), Notice::Joined, group, interface);
            }
        }
        assert_eq!(journal.take().len(), 40);
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
