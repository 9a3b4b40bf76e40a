//! Joins that the system refuses.

use native_gossip_core::{Event, Fault, InterfaceAddress};

use crate::{
    SCAN, SEEDS, THREE_ECHOES, cleared, heard_again, raised, replace, settled,
    simulation::{
        GROUP,
        errors::{ENOBUFS, ENODEV, error},
        host::ETH0,
        mesh::secs,
        port::Call,
    },
};

/// What is told of the one interface where the group is not joined. Linux says with ENOBUFS that the
/// socket has as many memberships as it may have.
fn refused(code: i32, interface: &InterfaceAddress) -> Fault {
    let (group, interface, error) = (GROUP, interface.clone(), error(code));
    match code {
        ENOBUFS => Fault::JoinLimit { group, missing: 1, of: 1, some: vec![interface], error },
        _ => Fault::Join { group, interface, error },
    }
}

#[test]
fn a_join_that_fails_is_told_once_and_tried_at_every_scan() {
    for code in [ENOBUFS, ENODEV] {
        for seed in SEEDS {
            let mut mesh = settled(2, seed);
            mesh.strike(0, |host| {
                host.refuses.join = Some(code);
                replace(host, true, false);
            });
            mesh.pass(secs(100));
            let interface = mesh.net.hosts[0].interface(ETH0);
            let fault = refused(code, &interface);
            let raised = raised(&mesh, 0).into_iter();
            let of_joins: Vec<_> = raised.filter(|raised| raised.name() == fault.name()).collect();
            assert_eq!(of_joins, [&fault]);
            let tried = mesh.called(0, |call| matches!(call, Call::Join { works: false, .. }));
            assert!((49..=51).contains(&tried.len()), "{}", tried.len());
            assert!(tried.windows(2).all(|pair| pair[1] - pair[0] <= SCAN));

            mesh.strike(0, |host| host.refuses = Default::default());
            mesh.pass(SCAN);
            assert!(mesh.is_member(0));
            assert!(cleared(&mesh, 0).contains(&&fault));
            assert!(mesh.said(0).contains(&&Event::GroupJoined(GROUP, interface)));
        }
    }
}

#[test]
fn a_lost_membership_that_cannot_be_made_again_at_once_is_made_by_a_scan() {
    for seed in SEEDS {
        let mut mesh = settled(2, seed);
        mesh.strike(0, |host| {
            host.refuses.join = Some(ENODEV);
            host.lose_membership(0, ETH0);
        });
        mesh.pass(secs(30));
        let names: Vec<_> = raised(&mesh, 0).iter().map(|fault| fault.name()).collect();
        assert_eq!(names, ["no_echo", "join"], "seed {seed}");
        let tried = mesh.called(0, |call| matches!(call, Call::Join { works: false, .. }));
        assert_eq!(tried[1], tried[0], "a scan follows at once");
        // Who is a member of nothing sends nothing to the group.
        let sent = mesh.called(0, |call| matches!(call, Call::SendBy { .. }));
        assert!(sent.iter().all(|at| *at <= tried[0]), "seed {seed}");

        mesh.strike(0, |host| host.refuses = Default::default());
        mesh.pass(SCAN + secs(1));
        assert!(mesh.is_member(0));
        let mut names: Vec<_> = cleared(&mesh, 0).iter().map(|fault| fault.name()).collect();
        names.sort();
        assert_eq!(names, ["join", "no_echo"], "seed {seed}");
    }
}

#[test]
fn a_fault_of_an_interface_that_has_gone_is_not_told_to_be_over() {
    let mut mesh = settled(2, 0);
    mesh.strike(0, |host| host.nics[ETH0].is_filtered = true);
    mesh.pass(THREE_ECHOES);
    assert_eq!(raised(&mesh, 0).len(), 1);
    mesh.strike(0, |host| host.remove(ETH0));
    mesh.pass(secs(10));
    mesh.strike(0, |host| host.nics[ETH0].is_filtered = false);
    mesh.strike(0, |host| replace(host, true, true));
    assert!(heard_again(&mut mesh, 0).is_some());
    assert!(cleared(&mesh, 0).iter().all(|fault| fault.name() != "no_echo"));
}
