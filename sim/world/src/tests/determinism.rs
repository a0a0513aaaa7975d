//! Same seed, same run; and a clone goes on to the same hash.

use klamm_node::Span;
use klamm_node::disk::memory::Loss;
use klamm_scenario::model::{Disk as DiskSpeed, Network};

use super::*;
use crate::Ping;

const ROUGH: Network = Network {
    latency_low: Span::micros(100),
    latency_high: Span::millis(30),
    bandwidth: 5_000_000,
};

fn busy(seed: u64) -> Lab {
    let disk = DiskSpeed { read: Span::micros(5), write: Span::micros(20), sync: Span::millis(3) };
    let mut puppets: Vec<(String, Puppet)> =
        (0..3).map(|n| (format!("server-{n}"), Puppet::server(Store::Sync))).collect();
    puppets.extend(
        (0..6).map(|n| (format!("client-{n}"), Puppet::client(&format!("server-{}", n % 3)))),
    );
    let puppets = puppets.iter().map(|(name, puppet)| (name.as_str(), puppet.clone())).collect();
    lab_on(seed, ROUGH, disk, puppets)
}

/// Two simulated seconds with something of everything.
fn play(mut lab: Lab, mut each: impl FnMut(u64, &mut Lab)) -> Lab {
    for tick in 0..200 {
        let to = ms(tick * 10);
        run_to(&mut lab, to);
        for client in 3..9 {
            say(&mut lab, id(client), format!("{tick}-{client}"));
        }
        match tick {
            20 => lab.apply(&Verb::Cut(vec![(id(3), id(0)), (id(0), id(3))]), None, None),
            40 => lab.apply(&Verb::Crash(id(1)), None, None),
            60 => lab.apply(&Verb::Start(id(1)), None, None),
            70 => lab.apply(&Verb::Heal(vec![(id(3), id(0)), (id(0), id(3))]), None, None),
            80 => {
                lab.apply(&Verb::PowerOff { nodes: vec![id(2)], loss: Loss::Part }, None, None);
            }
            100 => lab.apply(&Verb::Start(id(2)), None, None),
            120 => lab.apply(&Verb::Pause(id(0)), None, None),
            150 => lab.apply(&Verb::Resume(id(0)), None, None),
            _ => {}
        }
        each(tick, &mut lab);
    }
    run_to(&mut lab, ms(20_000));
    lab
}

#[test]
fn the_same_seed_gives_the_same_hash_and_another_seed_another() {
    let (one, two, other) =
        (play(busy(1), |_, _| {}), play(busy(1), |_, _| {}), play(busy(2), |_, _| {}));
    assert_eq!(one.hash(), two.hash());
    assert_ne!(one.hash(), other.hash());
    assert!(one.recorder().last_seq().0 > 1000, "a run worth comparing");
}

#[test]
fn a_clone_goes_on_to_the_same_hash_from_every_moment() {
    let whole = play(busy(5), |_, _| {}).hash();
    // From each of these moments on, the clone replaces the original.
    for at in [0, 20, 41, 85, 119, 130, 199] {
        let hash = play(busy(5), |tick, lab| {
            if tick == at {
                let mut clone = lab.clone();
                // The original goes astray; the clone must not notice.
                std::mem::swap(lab, &mut clone);
                run_to(&mut clone, ms(30_000));
            }
        })
        .hash();
        assert_eq!(hash, whole, "cloned at tick {at}");
    }
}

#[test]
fn one_more_machine_changes_nobody_elses_dice() {
    let arrivals = |extra: bool| {
        let mut puppets = vec![("client", Puppet::client("server")), ("server", Puppet::default())];
        if extra {
            puppets.push(("bystander", Puppet::client("server")));
        }
        let mut lab = lab_on(11, ROUGH, DISK, puppets);
        for tick in 0..50 {
            run_to(&mut lab, ms(100 + tick * 7));
            say(&mut lab, CLIENT, format!("{tick}"));
        }
        run_to(&mut lab, ms(2000));
        puppet(&lab, SERVER).got.clone()
    };
    assert_eq!(arrivals(false), arrivals(true));
}

#[test]
fn ping_nodes_keep_frames_in_the_air() {
    let mut lab = crate::bare(4, 2, 64, 1, Keep::HASH);
    run_to(&mut lab, ms(100));
    assert!(lab.recorder().last_seq().0 > 500);
    let Some(NodeKind::Ping(Ping { .. })) = lab.machine(NodeId(0)).and_then(|m| m.process()) else {
        panic!("a ping node runs");
    };
}
