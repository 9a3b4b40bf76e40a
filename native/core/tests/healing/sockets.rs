//! Sockets that cannot be opened, or fail, or get more than is looked at.

use native_gossip_core::{Config, Event, Fault, Now, event::SocketStep};

use crate::{
    GAP, SEEDS, THREE_ECHOES, cleared, heard_again, member_again, raised, settled,
    simulation::{
        PORT, RECEIVE_LIMIT,
        errors::{EADDRINUSE, EMFILE, ENOBUFS, error},
        host::ETH0,
        mesh::{Mesh, millis, secs},
        port::Call,
    },
};

fn fault(step: SocketStep, code: i32) -> Fault {
    Fault::Socket { step, address: ([0, 0, 0, 0], PORT).into(), error: error(code) }
}

#[test]
fn a_socket_that_fails_is_opened_again_and_hears() {
    for seed in SEEDS {
        let mut mesh = settled(2, seed);
        mesh.net.break_socket(0, ENOBUFS);
        assert!(!mesh.is_member(0));
        let after = member_again(&mut mesh, 0);
        assert_eq!(after, Some(millis(250)), "seed {seed}");
        // It tells everybody at once that it is here.
        mesh.pass(millis(1100));
        assert!(mesh.heard.iter().filter(|(_, _, from)| *from == 0).count() >= 3);
        assert!(heard_again(&mut mesh, 0).is_some_and(|after| after <= GAP));
        let fault = fault(SocketStep::Receive, ENOBUFS);
        assert_eq!(raised(&mesh, 0), [&fault]);
        assert_eq!(cleared(&mesh, 0), [&fault]);
        // Another socket is a member of what it joins.
        assert!(mesh.said(0).iter().any(|event| matches!(event, Event::GroupJoined(..))));
    }
}

#[test]
fn a_socket_that_cannot_be_opened_is_tried_after_pauses_that_double_to_four_seconds() {
    for code in [EADDRINUSE, EMFILE] {
        let mut mesh = settled(2, 0);
        mesh.strike(0, |host| host.refuses.open = Some(code));
        mesh.net.break_socket(0, ENOBUFS);
        let broken_at = mesh.net.now;
        mesh.pass(secs(100));
        let tried = mesh.called(0, |call| *call == Call::Open { works: false });
        let times = [broken_at].into_iter().chain(tried);
        let times: Vec<_> = times.collect();
        let pauses: Vec<_> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert_eq!(pauses[..6], [250, 500, 1000, 2000, 4000, 4000].map(millis));
        // Nothing else is done meanwhile.
        assert!(mesh.called(0, |call| matches!(call, Call::Scan { .. })).is_empty());
        assert_eq!(crate::attempts(&mesh, 0), 0);
        assert_eq!(raised(&mesh, 0).len(), 2);

        mesh.strike(0, |host| host.refuses = Default::default());
        assert!(member_again(&mut mesh, 0).is_some_and(|after| after <= secs(4)));
        assert_eq!(cleared(&mesh, 0).last(), Some(&&fault(SocketStep::Bind, code)));
        // And the pauses are short again.
        mesh.net.break_socket(0, ENOBUFS);
        assert_eq!(member_again(&mut mesh, 0), Some(millis(250)));
    }
}

#[test]
fn a_node_that_loses_its_name_is_silent_and_hears_and_is_back_at_once() {
    let mut mesh = settled(2, 0);
    let now = Now { time: mesh.net.now, ..Default::default() };
    mesh.net.nodes[0].set_identity(now, None);
    mesh.pass(secs(60));
    assert_eq!(crate::attempts(&mesh, 0), 0);
    assert!(mesh.has_heard(0, 1));
    assert!(mesh.rejoined(0).is_empty());
    mesh.net.start(0);
    mesh.pass(secs(1));
    assert!(mesh.has_heard(1, 0));
}

/// A flood of four times the limit, for this many hundredths of a second.
pub(crate) fn flood(mesh: &mut Mesh, hundredths: u32) {
    for _ in 0..hundredths {
        mesh.net.flood(0, 4 * RECEIVE_LIMIT as usize / 100);
        mesh.pass(millis(10));
    }
}

#[test]
fn of_a_flood_no_more_is_looked_at_than_the_limit_and_three_heartbeats_a_second_go_out() {
    for seed in SEEDS {
        let mut mesh = settled(2, seed);
        let before = mesh.counters(0);
        flood(&mut mesh, 1000);
        let after = mesh.counters(0);
        let received = after.received - before.received;
        let most = u64::from(RECEIVE_LIMIT) * 10;
        assert!((most * 95 / 100..=most + 100).contains(&received), "seed {seed}: {received}");
        let sent = after.sent - before.sent;
        assert!((20..=35).contains(&sent), "seed {seed}: {sent}");
    }
}

#[test]
fn what_waits_because_of_the_limit_is_looked_at_as_soon_as_there_is_more_of_it() {
    for seed in SEEDS {
        let mut mesh = settled(2, seed);
        let before = mesh.counters(0);
        // Of 200 the limit takes 50 in a hundredth of a second.
        mesh.net.flood(0, 100);
        mesh.pass(millis(40));
        let received = mesh.counters(0).received - before.received;
        assert!(received >= 200, "seed {seed}: {received}");
    }
}

#[test]
fn what_a_flood_drowned_is_not_missed() {
    for seed in SEEDS {
        let mut mesh = settled(2, seed);
        // Nothing that is worth hearing comes through.
        mesh.strike(0, |host| host.nics[ETH0].is_filtered = true);
        flood(&mut mesh, 3000);
        assert!(mesh.called(0, |call| matches!(call, Call::Leave { .. })).is_empty());
        assert!(raised(&mesh, 0).is_empty(), "seed {seed}");
    }
}

#[test]
fn what_is_lost_in_a_flood_is_missed_after_it() {
    for seed in SEEDS {
        let mut mesh = settled(2, seed);
        flood(&mut mesh, 100);
        mesh.strike(0, |host| host.lose_membership(0, ETH0));
        flood(&mut mesh, 300);
        let after = member_again(&mut mesh, 0);
        assert!(after.is_some_and(|after| after <= THREE_ECHOES), "seed {seed}: {after:?}");
    }
}

#[test]
fn a_socket_that_fails_under_a_flood_is_opened_again_and_hears() {
    let mut mesh = Mesh::new(2, 0, &Config::default());
    mesh.pass(secs(10));
    mesh.net.flood(0, 4 * RECEIVE_LIMIT as usize);
    mesh.net.break_socket(0, ENOBUFS);
    mesh.pass(secs(6));
    assert!(mesh.is_member(0));
    assert!(heard_again(&mut mesh, 0).is_some_and(|after| after <= GAP));
}
