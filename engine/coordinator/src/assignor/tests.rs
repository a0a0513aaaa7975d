//! The assignors against a table of cases, and by chance.
//!
//! A line of the table: the assignor; topics with their partitions; each member with what it reads and, in brackets, what it was
//! to have; what follows; where the expectation comes from. A topic is a letter, and its id follows the alphabet.
//!
//! * `kafka: NAME` is the situation and the outcome of a test of Kafka's own, with topics named so that their order is the one
//!   which that test happens to see.
//! * `kip-848` is what the KIP says of the assignor; `rule` is what the algorithm's rule says, worked out by hand.

use std::collections::{BTreeMap, BTreeSet};

use klamm_node::{MemberId, TopicId};
use proptest::prelude::*;

use super::{Partitions, RANGE, Spec, Subscriber, UNIFORM, assign};

const CASES: &str = "
# Ranges: each topic on its own, in the order of the members.
range   | a=3     | A: -                                       | A -                                   | kafka: OneMemberNoTopic
range   | a=3 b=2 | A: ab; B: ab                               | A a01 b0; B a2 b1                     | kafka: FirstAssignmentTwoMembersTwoTopicsSameSubscriptions
range   | a=3 b=3 c=2 | A: ab; B: c; C: bc                     | A a012 b01; B c0; C b2 c1             | kafka: FirstAssignmentThreeMembersThreeTopicsDifferentSubscriptions
range   | a=3 b=2 | A: ab; B: ab; C: ab                        | A a0 b0; B a1 b1; C a2                | kafka: FirstAssignmentNumMembersGreaterThanNumPartitions
range   | a=2 b=2 | A: ab [a0 b0]; B: ab [a1 b1]; C: ab        | A a0 b0; B a1 b1; C -                 | kafka: ReassignmentNumMembersGreaterThanNumPartitionsWhenOneMemberAdded
range   | a=4 b=4 | A: ab [a01 b01]; B: ab [a2 b2]             | A a01 b01; B a23 b23                  | kafka: ReassignmentWhenOnePartitionAddedForTwoMembersTwoTopics
range   | a=3 b=3 | A: ab [a01 b01]; B: ab [a2 b2]; C: ab      | A a0 b0; B a1 b1; C a2 b2             | kafka: ReassignmentWhenOneMemberAddedAfterInitialAssignmentWithTwoMembersTwoTopics
range   | a=4 b=3 | A: ab [a01 b01]; B: ab [a2 b2]; C: a       | A a01 b01; B a2 b2; C a3              | kafka: ReassignmentWhenOneMemberAddedAndOnePartitionAfterInitialAssignmentWithTwoMembersTwoTopics
range   | a=3 b=3 | B: ab [a2 b2]                              | B a012 b012                           | kafka: ReassignmentWhenOneMemberRemovedAfterInitialAssignmentWithTwoMembersTwoTopics
range   | a=3 b=3 c=2 | A: a [a012 b0]; B: abc [b1]; C: b [b2 c01] | A a01; B a2 b01 c01; C b2          | kafka: ReassignmentWhenMultipleSubscriptionsRemovedAfterInitialAssignmentWithThreeMembersTwoTopics
range   | a=3     | B/i2: a; Z/i1: a                           | B a2; Z a01                           | kafka: StaticMembership (the order of instance ids)
range   | a=5     | A: a; B/i9: a                              | B a012; A a34                         | kafka: MixedStaticMembership (static members first)
range   | a=1     | A: a; B: a                                 | A a0; B -                             | kip-848
range   | a=7     | A: a; B: a; C: a                           | A a012; B a34; C a56                  | kip-848
range   | a=4 b=4 | A: ab; B: ab                               | A a01 b01; B a23 b23                  | kip-848 (partitions of the same number are together)

# Uniform, everybody reads the same.
uniform | a=3     | A: -                                       | A -                                   | kafka: OneMemberNoTopicSubscription
uniform | a=2 b=3 | A: ab; B: ab                               | A a01; B b012                         | kafka: FirstAssignmentTwoMembersTwoTopicsNoMemberRacks
uniform | a=2     | A: a; B: a; C: a                           | A -; B a0; C a1                       | kafka: FirstAssignmentNumMembersGreaterThanTotalNumPartitions
uniform | a=3 b=3 | A: ab [a01 b01]; B: ab [a2 b2]             | A a01 b0; B a2 b12                    | kafka: ReassignmentForTwoMembersTwoTopicsGivenUnbalancedPrevAssignment
uniform | a=3 b=3 | A: ab [a02 b0]; B: ab [a1 b12]; C: ab      | A a02; B a1 b1; C b02                 | kafka: ReassignmentWhenOneMemberAddedAfterInitialAssignmentWithTwoMembersTwoTopics
uniform | a=2 b=2 | A: b [a0 b0]; B: b [a1 b1]                 | A b0; B b1                            | kafka: ReassignmentWhenOneSubscriptionRemovedAfterInitialAssignmentWithTwoMembersTwoTopics
uniform | a=5     | A: a [a03]; B: a [a1]; C: a [a24]          | A a03; B a1; C a24                    | kafka: ReassignmentStickinessWhenAlreadyBalanced
uniform | a=3 b=3 | A: ab [a0 b0]; B: ab [a1 b1]               | A a02 b0; B a1 b12                    | rule (one of the orders of Kafka's ReassignmentWhenOneMemberRemoved…)
uniform | a=4     | A: a                                       | A a0123                               | kip-848
uniform | a=4     | A: a [a0123]; B: a                         | A a01; B a23                          | kip-848 (balance before stickiness)
uniform | a=3     | A: a [a012]; B: a                          | A a01; B a2                           | rule (who has one more keeps it)
uniform | a=3     | A: a; B: a [a012]                          | A a2; B a01                           | rule (the claim is given up for somebody who has one more)
uniform | a=6     | A: a [a01]; B: a [a23]                     | A a014; B a235                        | kip-848 (a member left; nobody else loses anything)
uniform | a=2     | A: a [a0]; B: a [a1]; C: a                 | A a0; B a1; C -                       | kip-848
uniform | a=4     | A: a [a0 z0]; B: a [a1]                    | A a02; B a13                          | rule (what is not read any more does not count)

# Uniform, members read different topics.
uniform | a=3 c=6 | A: ac; B: c                                | A a012 c4; B c01235                   | kafka: FirstAssignmentTwoMembersTwoTopics
uniform | a=2 c=1 | A: c; B: c; C: a                           | A c0; B -; C a01                      | kafka: FirstAssignmentNumMembersGreaterThanTotalNumPartitions
uniform | a=6 b=4 c=4 | A: a [a012]; B: ab [a3 b0]; C: abc [a45 b123 c0123] | A a0125; B a3 b0123; C a4 c0123 | kafka: ReassignmentForTwoMembersThreeTopicsGivenUnbalancedPrevAssignment
uniform | a=6 b=5 c=3 d=3 | A: ac [a0123 c01]; B: abcd [b012 d012] | A a012345 c012; B b01234 d012     | kafka: ReassignmentWhenPartitionsAreAddedForTwoMembers
uniform | a=6 b=7 | A: a [a02 b0]; B: ab [a1 b12]; C: ab       | A a02345; B a1 b126; C b0345          | kafka: ReassignmentWhenOneMemberAddedAndPartitionsAddedTwoMembersTwoTopics
uniform | a=3 b=8 c=3 | A: ac [a012 c01]; B: b [b3456]         | A a012 c012; B b01234567              | kafka: ReassignmentWhenOneMemberRemovedAfterInitialAssignmentWithThreeMembersThreeTopics
uniform | a=3 b=5 | A: a [a02 b13]; B: ab [a1 b024]            | A a012; B b01234                      | kafka: ReassignmentWhenOneSubscriptionRemovedAfterInitialAssignmentWithTwoMembersTwoTopics
uniform*| a=2 b=2 c=2 | A: abc [a01 b01 c01]; B: abc           | A b0 c01; B a01 b1                    | kafka: ReassignmentWhenTopicPartitionsRunOutAndMembersHaveNoPartitions
uniform | a=3     | A: a; B: -                                 | A a012; B -                           | kafka: FirstAssignmentWithTwoMembersIncludingOneWithoutSubscriptions
uniform | a=4 b=2 | A: a; B: ab                                | A a012; B a3 b01                      | rule (topics with few readers first)
";

/// A case, as it is read.
struct Case {
    line: String,
    assignor: &'static str,
    spec: Spec,
    expected: BTreeMap<MemberId, Partitions>,
}

fn topic(letter: char) -> TopicId {
    TopicId(u128::from(u32::from(letter)))
}

/// `a01 b0`, with partitions of one digit.
fn partitions(text: &str) -> Partitions {
    let topics = text.split_whitespace().filter(|part| *part != "-").map(|part| {
        let (letter, numbers) = part.split_at(1);
        let number =
            |digit: char| i32::try_from(digit.to_digit(10).expect("a digit")).expect("small");
        let letter = letter.chars().next().expect("a letter");
        (topic(letter), numbers.chars().map(number).collect())
    });
    topics.collect()
}

fn member(text: &str) -> (MemberId, Subscriber) {
    let (name, rest) = text.split_once(':').expect("NAME: topics");
    let (name, instance) = match name.trim().split_once('/') {
        Some((name, instance)) => (name, Some(instance.into())),
        None => (name.trim(), None),
    };
    let (reads, had) = rest.split_once('[').unwrap_or((rest, ""));
    let topics = reads.trim().chars().filter(|letter| *letter != '-').map(topic).collect();
    let target = partitions(had.trim().trim_end_matches(']'));
    (name.into(), Subscriber { instance, topics, target })
}

fn case(line: &str) -> Case {
    let parts: Vec<&str> = line.split('|').map(str::trim).collect();
    let [assignor, topics, members, expected, _source] = parts.as_slice() else {
        panic!("five columns: {line}")
    };
    let sizes = topics.split_whitespace().map(|part| {
        let (letter, count) = part.split_once('=').expect("a=3");
        (topic(letter.chars().next().expect("a letter")), count.parse().expect("a number"))
    });
    let members: BTreeMap<MemberId, Subscriber> = members.split(';').map(member).collect();
    let reads: BTreeSet<_> = members.values().map(|member| &member.topics).collect();
    let is_homogeneous = reads.len() <= 1 && !assignor.ends_with('*');
    let expected = expected.split(';').map(|part| {
        let (name, rest) = part.trim().split_once(' ').expect("NAME partitions");
        (MemberId::from(name), partitions(rest))
    });
    Case {
        line: line.to_owned(),
        assignor: if assignor.starts_with(RANGE) { RANGE } else { UNIFORM },
        expected: expected.collect(),
        spec: Spec { partitions: sizes.collect(), members, is_homogeneous },
    }
}

#[test]
fn the_table() {
    let lines = CASES.lines().filter(|line| line.contains('|'));
    let cases: Vec<Case> = lines.map(case).collect();
    assert!(cases.len() >= 30, "{}", cases.len());
    let mut wrong = Vec::new();
    for case in cases {
        let assigned = assign(case.assignor, &case.spec);
        if assigned != case.expected {
            wrong.push(format!("{}\n   is {assigned:?}", case.line));
        }
        valid(&case.spec, &assigned);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Every partition that somebody reads is somebody's who reads it, and one's only.
fn valid(spec: &Spec, assigned: &BTreeMap<MemberId, Partitions>) {
    assert!(assigned.keys().eq(spec.members.keys()), "everybody is in it");
    let mut taken = BTreeSet::new();
    for (member, partitions) in assigned {
        for (topic, numbers) in partitions {
            assert!(spec.members[member].topics.contains(topic), "{member} reads {topic}");
            assert!(!numbers.is_empty(), "no topic without partitions");
            for number in numbers {
                assert!((0..spec.partitions[topic]).contains(number), "it exists");
                assert!(taken.insert((*topic, *number)), "{topic}-{number} has one owner");
            }
        }
    }
    let read: BTreeSet<TopicId> =
        spec.members.values().flat_map(|member| member.topics.iter().copied()).collect();
    let all = read.iter().map(|topic| usize::try_from(spec.partitions[topic]).expect("a count"));
    assert_eq!(taken.len(), all.sum::<usize>(), "nothing is left over");
}

fn size(partitions: &Partitions) -> usize {
    partitions.values().map(BTreeSet::len).sum()
}

/// Of the readers of one topic, nobody has two more than another while having some of it to give: what could be evened out by
/// one move.
fn even(spec: &Spec, assigned: &BTreeMap<MemberId, Partitions>) -> bool {
    spec.partitions.keys().all(|topic| {
        let readers: Vec<_> =
            spec.members.iter().filter(|(_, member)| member.topics.contains(topic)).collect();
        let least = readers.iter().map(|(id, _)| size(&assigned[*id])).min().unwrap_or(0);
        readers
            .iter()
            .filter(|(id, _)| assigned[*id].contains_key(topic))
            .all(|(id, _)| size(&assigned[*id]) <= least + 1)
    })
}

fn kept(spec: &Spec, assigned: &BTreeMap<MemberId, Partitions>) -> usize {
    let of = |(id, member): (&MemberId, &Subscriber)| {
        let held = |topic: &TopicId, number: &i32| {
            member.target.get(topic).is_some_and(|numbers| numbers.contains(number))
        };
        let partitions = assigned[id].iter();
        partitions
            .map(|(topic, numbers)| numbers.iter().filter(|number| held(topic, number)).count())
            .sum::<usize>()
    };
    spec.members.iter().map(of).sum()
}

/// Topics with sizes; members with what they read.
fn specs() -> impl Strategy<Value = (Spec, u8)> {
    let sizes = prop::collection::vec(1_i32..6, 1..5);
    let reads = prop::collection::vec((0_u8..32, any::<bool>()), 1..7);
    (sizes, reads, any::<bool>(), any::<u8>()).prop_map(|(sizes, reads, same, then)| {
        let ids: Vec<TopicId> = ('a'..='z').take(sizes.len()).map(topic).collect();
        let partitions = ids.iter().copied().zip(sizes).collect();
        let members = reads.iter().enumerate().map(|(index, (bits, is_static))| {
            let bits = if same { reads[0].0 } else { *bits };
            let topics = ids.iter().enumerate().filter(|(at, _)| bits & (1 << at) != 0);
            let subscriber = Subscriber {
                instance: is_static.then(|| format!("i{}", 9 - index).into()),
                topics: topics.map(|(_, id)| *id).collect(),
                target: Partitions::new(),
            };
            (MemberId::from(format!("m{index}")), subscriber)
        });
        let members: BTreeMap<_, _> = members.collect();
        let reads: BTreeSet<_> = members.values().map(|member| &member.topics).collect();
        let is_homogeneous = reads.len() <= 1;
        (Spec { partitions, members, is_homogeneous }, then)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3_000, ..ProptestConfig::default() })]

    /// From nothing, and again after a member has gone, come or changed what it reads.
    #[test]
    fn assignments_are_valid_even_and_sticky((spec, then) in specs()) {
        for assignor in [UNIFORM, RANGE] {
            let mut spec = spec.clone();
            let first = assign(assignor, &spec);
            valid(&spec, &first);
            if assignor == UNIFORM {
                prop_assert!(even(&spec, &first), "{first:?}");
                if spec.is_homogeneous {
                    let sizes: Vec<usize> = first.values().map(size).collect();
                    let (least, most) = (sizes.iter().min(), sizes.iter().max());
                    prop_assert!(most.zip(least).is_none_or(|(most, least)| most - least <= 1));
                }
            }
            for (id, member) in &mut spec.members {
                member.target = first[id].clone();
            }
            // Asked again, it says the same.
            prop_assert_eq!(&assign(assignor, &spec), &first);
            let before: usize = first.values().map(size).sum();
            let names: Vec<MemberId> = spec.members.keys().cloned().collect();
            let at = usize::from(then) % names.len();
            if then % 2 == 0 && names.len() > 1 {
                // Somebody goes: who stays keeps everything.
                let gone = spec.members.remove(&names[at]).expect("there");
                let second = assign(assignor, &spec);
                valid(&spec, &second);
                if assignor == UNIFORM && spec.is_homogeneous {
                    prop_assert_eq!(kept(&spec, &second), before - size(&gone.target));
                }
            } else {
                // Somebody comes who reads what the first does: nobody loses more than the newcomer gets.
                let topics = spec.members[&names[0]].topics.clone();
                spec.members.insert("zz".into(), Subscriber { topics, ..Subscriber::default() });
                let second = assign(assignor, &spec);
                valid(&spec, &second);
                if assignor == UNIFORM && spec.is_homogeneous {
                    prop_assert!(kept(&spec, &second) + size(&second["zz"]) >= before);
                }
            }
        }
    }
}
