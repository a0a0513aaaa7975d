//! Where replicas go (KIP-36): over racks, over brokers, and away from those that are fenced.

use std::collections::{BTreeMap, BTreeSet};

use klamm_controller::MetadataImage;
use klamm_node::BrokerId;

use super::bench::Bench;

/// Brokers and the rack of each; fenced ones stay fenced.
fn placed(
    brokers: &[(i32, Option<&str>)],
    fenced: &[i32],
    partitions: usize,
    replicas: usize,
) -> (MetadataImage, String) {
    let mut bench = Bench::new(&[]);
    for (id, rack) in brokers {
        let rack = rack.map(|rack| format!(" rack={rack}")).unwrap_or_default();
        bench.run(&format!("register {id}{rack}"));
        if !fenced.contains(id) {
            bench.run(&format!("heartbeat {id}"));
        }
    }
    bench.transcript.clear();
    let line = format!("create orders partitions={partitions} replicas={replicas}");
    let transcript = bench.run(&line);
    (bench.image().clone(), transcript)
}

fn replicas(image: &MetadataImage) -> Vec<Vec<i32>> {
    let partitions = &image.topic("orders").expect("it was created").partitions;
    partitions.values().map(|p| p.replicas.iter().map(|id| id.0).collect()).collect()
}

const RACKS: &[(i32, Option<&str>)] = &[
    (1, Some("a")),
    (2, Some("a")),
    (3, Some("a")),
    (4, Some("b")),
    (5, Some("b")),
    (6, Some("b")),
    (7, Some("c")),
    (8, Some("c")),
    (9, Some("c")),
];

fn rack_of(id: i32) -> &'static str {
    RACKS.iter().find(|(broker, _)| *broker == id).and_then(|(_, rack)| *rack).expect("a rack")
}

#[test]
fn each_partition_has_a_replica_in_every_rack_and_every_rack_leads_as_often() {
    let (image, _) = placed(RACKS, &[], 18, 3);
    let placed = replicas(&image);
    let mut leaders = BTreeMap::new();
    for replicas in &placed {
        let racks: BTreeSet<_> = replicas.iter().map(|id| rack_of(*id)).collect();
        assert_eq!(racks.len(), 3, "{replicas:?}");
        *leaders.entry(rack_of(replicas[0])).or_insert(0) += 1;
    }
    // Not every broker leads: with as many racks as brokers in each, both wheels come round together. So it is in Kafka.
    assert!(leaders.len() == 3 && leaders.values().all(|count| *count == 6), "{leaders:?}");
    let different: BTreeSet<_> = placed
        .iter()
        .map(|replicas| {
            let mut replicas = replicas.clone();
            replicas.sort_unstable();
            replicas
        })
        .collect();
    assert!(different.len() > 3, "the same brokers always meet: {different:?}");
}

#[test]
fn without_racks_every_broker_leads_as_often() {
    let brokers: Vec<_> = (1..=5).map(|id| (id, None)).collect();
    let (image, _) = placed(&brokers, &[], 10, 3);
    for id in 1..=5 {
        let led = image.partitions().filter(|(_, _, p)| p.leader == BrokerId(id)).count();
        assert_eq!(led, 2, "broker {id}");
    }
}

#[test]
fn racks_share_when_there_are_fewer_than_replicas() {
    let two = [(1, Some("a")), (2, Some("a")), (3, Some("b")), (4, Some("b"))];
    let (image, _) = placed(&two, &[], 8, 3);
    for replicas in replicas(&image) {
        let in_a = replicas.iter().filter(|id| **id <= 2).count();
        assert!((1..=2).contains(&in_a), "{replicas:?}");
        let distinct: BTreeSet<_> = replicas.iter().collect();
        assert_eq!(distinct.len(), 3, "{replicas:?}");
    }
}

#[test]
fn fenced_brokers_come_last_in_their_rack_and_never_lead() {
    let (image, _) = placed(RACKS, &[3, 4, 5, 6], 18, 3);
    for (topic, index, partition) in image.partitions() {
        assert!(!partition.replicas.contains(&BrokerId(3)), "{}", topic.name_of(index));
        // Rack b is fenced as a whole: it still gets its replica, which is not in sync.
        let in_b: Vec<_> =
            partition.replicas.iter().copied().filter(|id| (4..=6).contains(&id.0)).collect();
        assert_eq!(in_b.len(), 1, "{:?}", partition.replicas);
        assert!(!partition.isr.contains(&in_b[0]) && partition.leader != in_b[0]);
        assert_eq!(partition.leader, partition.replicas[0]);
    }
}

#[test]
fn one_unfenced_broker_leads_everything() {
    let (image, _) = placed(&RACKS[..3], &[2, 3], 5, 2);
    for (_, _, partition) in image.partitions() {
        assert_eq!(partition.leader, BrokerId(1));
        assert_eq!(partition.isr, [BrokerId(1)]);
        assert_eq!(partition.replicas.len(), 2);
    }
}

#[test]
fn placement_is_refused_for_these_reasons() {
    let (_, fenced) = placed(&RACKS[..2], &[1, 2], 1, 1);
    let (_, wide) = placed(&RACKS[..2], &[2], 1, 3);
    insta::assert_snapshot!("placement_is_refused_for_these_reasons", format!("{fenced}{wide}"));
}

#[test]
fn racks_and_brokers_as_they_were_drawn() {
    let (image, _) = placed(RACKS, &[], 12, 3);
    let lines = replicas(&image).into_iter().map(|replicas| format!("{replicas:?}\n"));
    insta::assert_snapshot!("racks_and_brokers_as_they_were_drawn", lines.collect::<String>());
}
