//! What each invariant means, in both languages. In English the trace's own catalogue says it; here is the Korean of it.
//!
//! *Flows in*: an invariant. *Flows out*: a sentence or two. *Must never*: say more or less than the catalogue does.

use klamm_scene::Language;
use klamm_trace::{InvariantId, InvariantInfo};

/// What an invariant means.
pub(crate) fn meaning(info: &InvariantInfo, language: Language) -> String {
    match language {
        Language::English => info.doc.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" "),
        Language::Korean => korean(info.id).to_owned(),
    }
}

fn korean(id: InvariantId) -> &'static str {
    match id {
        InvariantId::AckedDurable => "acks=all로 확인된 레코드는 실제로 리더인 쪽의 로그에 있다.",
        InvariantId::LeaderCompleteness => "새 리더는 한 번이라도 커밋된 것을 모두 가지고 있다.",
        InvariantId::CandidateCompleteness => {
            "ISR에서 실행 중인 모든 레플리카는 리더의 하이 워터마크 아래에 있는 것을 모두 가지고 있다."
        }
        InvariantId::WeakIsr => {
            "리더가 믿는 ISR에서 실행 중인 모든 레플리카는 그 리더의 하이 워터마크 아래에 있는 것을 모두 가지고 있다."
        }
        InvariantId::QuorumSuperset => {
            "리더가 기준으로 삼는 ISR은 컨트롤러의 ISR을 포함하고, 리더가 응답으로 받은 것은 커밋되어 있다."
        }
        InvariantId::CommittedPrefixAgreement => {
            "두 로그는 두 하이 워터마크보다 아래에서는 언제나 같다."
        }
        InvariantId::ReconciledPrefix => {
            "리더가 팔로워의 fetch 위치를 받아들인 뒤에는 그 아래에서 팔로워의 로그가 리더의 로그와 같다."
        }
        InvariantId::EpochOffsetUnique => {
            "에포크 하나와 오프셋 하나는 어디에 있든 배치 하나를 가리킨다."
        }
        InvariantId::EpochCacheExact => {
            "리더 에포크 캐시는 로그에서 각 에포크가 시작하는 곳을 정확히 말한다."
        }
        InvariantId::WatermarkSanity => {
            "하이 워터마크는 로그 안에 있고, 리더가 리더인 동안 낮아지지 않으며, 충분한 레플리카가 있을 때만 높아진다. 클라이언트가 들은 끝은 뒤로 가지 않는다."
        }
        InvariantId::RepeatableRead => {
            "한 컨슈머가 어떤 오프셋에서 읽은 것은 모든 컨슈머가 거기에서 읽는 것이다."
        }
        InvariantId::MetadataMonotone => {
            "파티션의 에포크는 낮아지지 않고, 에포크 하나에는 리더가 하나다."
        }
        InvariantId::MembershipEligible => {
            "등록되어 있고 펜싱되지 않은 레플리카만 ISR에 있거나 리더가 된다."
        }
        InvariantId::ElrValid => {
            "ELR의 레플리카는 ISR이 너무 작아진 뒤에 ISR을 떠났고 디스크를 믿을 수 있는 레플리카다."
        }
        InvariantId::OffsetsDense => {
            "오프셋은 겹치거나 비지 않고 이어지며, 프로듀서는 실제로 저장된 오프셋을 듣는다."
        }
        InvariantId::NoDuplicates => {
            "리더는 배치를 프로듀서가 보낸 횟수보다 많이 저장하지 않고, 멱등 프로듀서가 번호를 붙인 것은 한 번만, 순서대로 저장한다."
        }
        InvariantId::NoDirtyRead => "컨슈머에게 커밋되지 않은 것은 보이지 않는다.",
        InvariantId::OwnershipExclusive => {
            "그룹에서 파티션 하나는 한 세대 또는 한 멤버 에포크에 주인이 하나다."
        }
        InvariantId::CommitFenced => {
            "받아들여진 커밋은 그 세대 또는 에포크의 멤버가 한 것이고, 받아들여진 것은 유지된다."
        }
        InvariantId::OffsetRetention => {
            "커밋된 오프셋은 그룹이 그만큼 오래 비어 있었거나 토픽을 읽지 않았을 때만 보존 기간으로 사라진다."
        }
        InvariantId::ConsumerProgress => {
            "위치를 따로 정하지 않았다면 컨슈머는 멈춘 곳부터, 그룹은 커밋한 곳부터 이어 읽는다."
        }
        InvariantId::Raft => "메타데이터 쿼럼은 올바른 Raft다.",
        InvariantId::MetadataImage => {
            "모든 노드의 메타데이터 이미지는 같은 커밋된 레코드를 같은 순서로 따른 것이다."
        }
        InvariantId::CrashRecovery => {
            "크래시 뒤에 로그는 반드시 지켜야 했던 것을 모두 가지고 돌아온다."
        }
        InvariantId::TopicIdentity => {
            "레플리카가 가진 것은 지금 맡은 토픽의 것이지, 이름이 같은 옛 토픽의 것이 아니다."
        }
        InvariantId::CommittedMeansProcessed => {
            "그룹의 애플리케이션이 받았고 그룹의 커밋된 오프셋이 지나간 레코드는 처리되어 있다."
        }
        InvariantId::ProcessOnlyOwned => {
            "애플리케이션은 내놓은 파티션 가운데 그룹의 다른 멤버가 주인인 것은 처리하지 않는다."
        }
        InvariantId::IsrHeals => {
            "클러스터가 회복되면 실행 중인 모든 브로커는 펜싱이 풀려 있고, 그 레플리카는 모두 ISR에 있다."
        }
        InvariantId::LeaderEventually => {
            "클러스터가 회복되면 리더가 있을 수 있는 모든 파티션에 리더가 있고, 메타데이터 쿼럼에도 있다."
        }
        InvariantId::ProduceResolves => {
            "프로듀서는 레코드를 빠뜨리지 않고, 순서를 지키며, 각 레코드의 결과를 한 번, 제때 알린다."
        }
        InvariantId::GroupStabilises => {
            "클러스터가 회복되면 멤버가 있는 모든 그룹은 안정되어 있고, 구독한 모든 파티션에 주인이 있다."
        }
        InvariantId::AlterPartitionResolves => {
            "클러스터가 회복되면 AlterPartition의 응답을 기다리는 리더가 없다."
        }
        InvariantId::MetadataConverges => {
            "클러스터가 회복되면 실행 중인 모든 브로커는 각 파티션에 대해 커밋된 것을 믿는다."
        }
        InvariantId::FollowersCatchUp => {
            "클러스터가 회복되면 동기화된 레플리카는 리더의 로그 끝과 하이 워터마크를 가지고, 멈춰 선 fetch가 없다."
        }
        InvariantId::ReassignmentEnds => "클러스터가 회복되면 진행 중인 재할당이 없다.",
        InvariantId::AckedReadable => "실행이 끝날 때 확인된 모든 레코드를 리더에서 읽을 수 있다.",
        InvariantId::ReplicasAgree => {
            "실행이 끝날 때 살아 있는 모든 레플리카는 하이 워터마크 아래에서 서로 같다."
        }
    }
}

#[cfg(test)]
mod tests {
    use klamm_trace::INVARIANTS;

    use super::*;

    #[test]
    fn each_has_a_meaning_of_its_own_in_either_language() {
        for language in Language::ALL {
            let mut all: Vec<String> =
                INVARIANTS.iter().map(|info| meaning(info, language)).collect();
            assert!(all.iter().all(|text| text.ends_with('.') && text.chars().count() > 12));
            let hangul = |text: &String| text.chars().any(|sign| ('가'..='힣').contains(&sign));
            assert!(all.iter().all(|text| hangul(text) == (language == Language::Korean)));
            all.sort();
            all.dedup();
            assert_eq!(all.len(), INVARIANTS.len());
        }
    }
}
