//! Everything that is said in pictures, in both languages.

use super::Language;

macro_rules! catalogue {
    ($($name:ident: $english:literal, $korean:literal;)+) => {
        /// Something that is said; see the module for how values and particles are written.
        #[expect(missing_docs, reason = "a phrase's English text says what it is")]
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
        pub enum Phrase { $($name,)+ }

        impl Phrase {
            /// Every phrase.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// Its text in a language, with the places of its values.
            pub const fn pattern(self, language: Language) -> &'static str {
                match (self, language) {$(
                    (Self::$name, Language::English) => $english,
                    (Self::$name, Language::Korean) => $korean,
                )+}
            }
        }
    };
}

catalogue! {
    // Around the picture.
    SceneTitle: "{0} of {1} at {2} s", "{1}의 {0}, {2}초";
    TabCluster: "Cluster", "클러스터";
    TabLogs: "Logs", "로그";
    TabSequence: "Sequence", "순서도";
    TabGroups: "Groups", "그룹";
    TabQuorum: "Quorum", "쿼럼";
    CaptionTime: "{0} s", "{0}초";
    CaptionEvent: "event {0}: {1} at {2}", "이벤트 {0}: {2}의 {1}";
    Because: "because of {0} at {1}", "{1}의 {0} 때문";
    Legend: "Legend", "범례";
    Time: "time", "시간";
    NoPartition: "There is no partition yet", "아직 파티션이 없습니다";
    NoGroups: "There is no group yet", "아직 그룹이 없습니다";
    NoMessages: "No message has passed yet", "아직 오간 메시지가 없습니다";
    NoMembers: "The group has no members", "그룹에 멤버가 없습니다";
    NoCoordinator: "{0}: no coordinator answers for it", "{0}: 응답하는 코디네이터가 없습니다";

    // Processes.
    NotStarted: "not started", "시작 전";
    Up: "running", "실행 중";
    Paused: "paused", "일시 정지";
    Crashed: "crashed", "크래시";
    WithoutPower: "without power", "전원 꺼짐";
    Stopped: "stopped", "종료됨";
    Fenced: "fenced", "펜싱됨";
    NotFencedYet: "the controller does not know yet", "컨트롤러는 아직 모름";
    NotFencedShort: "not fenced", "펜싱 안 됨";
    NotRegistered: "not registered", "미등록";
    ShuttingDown: "shutting down", "종료하는 중";
    Rack: "rack {0}", "랙 {0}";
    ActiveController: "active controller", "활성 컨트롤러";
    MetadataShort: "metadata {0}", "메타데이터 {0}";
    BrokerCard: "{0}, {1}, {2}", "{0}, {1}, {2}";
    AckedCount: "acknowledged {0}", "확인됨 {0}";
    ReadCount: "read {0}", "읽음 {0}";

    // The quorum.
    Unattached: "unattached", "소속 없음";
    Prospective: "prospective", "예비 후보";
    Candidate: "candidate", "후보";
    Resigned: "resigned", "사임";
    Observer: "observer", "옵서버";
    Voters: "Voters", "투표자(voter)";
    Observers: "Observers", "옵서버(observer)";
    VotedFor: "voted for {0}", "{0}에 투표";
    AppliedIs: "applied {0}", "적용 {0}";
    CommittedUpTo: "committed up to {0}", "{0}까지 커밋";

    // Partitions and replicas.
    Leader: "leader", "리더";
    Follower: "follower", "팔로워";
    Nobody: "nobody", "없음";
    LeaderEpoch: "leader epoch", "리더 에포크";
    Isr: "ISR", "ISR";
    Elr: "ELR", "ELR";
    MinIsr: "min ISR", "최소 ISR";
    Leaderless: "leaderless", "리더 없음";
    UnderMinIsr: "under min ISR", "최소 ISR 미달";
    UnderReplicated: "under-replicated", "복제 부족";
    Partitions: "Partitions", "파티션";
    InIsr: "in ISR", "ISR 안";
    OutOfIsr: "out of ISR", "ISR 밖";
    InElr: "in ELR", "ELR 안";
    Adding: "being added", "추가되는 중";
    NoReplicaAnyMore: "no replica any more", "더는 레플리카 아님";
    NoReplicaYet: "holds nothing yet", "아직 가진 것 없음";
    BelievesToLead: "believes it leads", "자신을 리더로 믿음";
    BelievesToFollow: "still follows {0}", "아직 {0}<을/를> 따름";
    FollowerOf: "follower of {0}", "{0}의 팔로워";
    WaitsForLeader: "waits for a leader", "리더를 기다림";
    NotOpenedYet: "log not opened yet", "로그를 아직 안 엶";
    EmptyLog: "empty", "비어 있음";
    BelievesLeader: "{0}: believes {1} leads", "{0}: {1}<을/를> 리더로 믿음";
    BelievesNoLeader: "{0}: believes nobody leads", "{0}: 리더가 없다고 믿음";
    ChipName: "{0} on broker {1}, {2}, log end {3}, high watermark {4}", "브로커 {1}의 {0}, {2}, 로그 끝 {3}, 하이 워터마크 {4}";
    PartitionRow: "{0}, leader {1}, ISR {2}, high watermark {3}, log end {4}", "{0}, 리더 {1}, ISR {2}, 하이 워터마크 {3}, 로그 끝 {4}";
    BlockName: "{0} on broker {1}: {2} replicas, {3} lead, {4} out of ISR", "브로커 {1}의 {0}: 레플리카 {2}개, 리더 {3}개, ISR 밖 {4}개";
    CountOut: "{0} out of ISR", "ISR 밖 {0}개";
    CountLead: "{0} lead", "리더 {0}개";
    TopicSum: "{0}: {1} partitions, {2} leaderless, {3} under min ISR, {4} under-replicated", "{0}: 파티션 {1}개, 리더 없음 {2}개, 최소 ISR 미달 {3}개, 복제 부족 {4}개";
    IsrIs: "ISR {0}", "ISR {0}";
    BehindBy: "slowest {0} behind", "가장 느린 쪽 {0} 뒤짐";

    // Numbers of logs.
    Offset: "offset", "오프셋";
    AxisName: "offsets {0} to {1}", "오프셋 {0}부터 {1}까지";
    HwFlag: "HW {0}", "HW {0}";
    HwName: "high watermark {0}, as leader {1} has it", "하이 워터마크 {0}, 리더 {1} 기준";
    EndShort: "end {0}", "끝 {0}";
    HwShort: "HW {0}", "HW {0}";
    SyncedShort: "synced {0}", "동기화 {0}";
    EpochShort: "epoch {0}", "에포크 {0}";
    EpochBand: "epoch {0}", "에포크 {0}";
    EpochFrom: "epoch {0} from offset {1}", "오프셋 {1}부터 에포크 {0}";
    LeaderEpochIs: "leader epoch {0}", "리더 에포크 {0}";
    LogStartIs: "log start {0}", "로그 시작 {0}";
    LogEndIs: "log end {0}", "로그 끝 {0}";
    OwnHwIs: "knows high watermark {0}", "아는 하이 워터마크 {0}";
    SyncedIs: "durable up to {0}", "{0}까지 디스크에 기록됨";
    RecordName: "offset {0}, epoch {1}, {2}", "오프셋 {0}, 에포크 {1}, {2}";
    BatchName: "offsets {0} to {1}, epoch {2}, {3}", "오프셋 {0}부터 {1}까지, 에포크 {2}, {3}";
    RecordCommitted: "committed", "커밋됨";
    RecordUncommitted: "not committed yet", "아직 커밋 안 됨";
    RecordForeign: "not in the leader's log", "리더 로그에 없음";
    LegendCommitted: "committed", "커밋됨";
    LegendUncommitted: "not committed yet", "아직 커밋 안 됨";
    LegendForeign: "not in the leader's log", "리더 로그에 없음";
    LegendOwnHw: "the HW that this replica knows", "이 레플리카가 아는 HW";
    LegendSynced: "synced to disk", "디스크에 동기화됨";
    LegendKey: "the end of the record's key", "레코드 키의 끝 글자";

    // Groups.
    GroupNamed: "group {0}", "그룹 {0}";
    NoGroup: "consumers", "컨슈머";
    NoCommit: "no commit", "커밋 없음";
    Committed: "committed", "커밋";
    CommittedIs: "committed {0}", "커밋 {0}";
    PositionIs: "{0} at {1}", "{0}의 위치 {1}";
    Lag: "lag to HW", "랙(HW 기준)";
    LagIs: "lag {0}", "랙 {0}";
    State: "state", "상태";
    Generation: "generation", "세대";
    GroupEpoch: "group epoch", "그룹 에포크";
    Coordinator: "coordinator", "코디네이터";
    Protocol: "protocol", "프로토콜";
    MemberName: "member {0}, epoch {1}, has {2}", "멤버 {0}, 에포크 {1}, 할당 {2}";
    MemberNameClassic: "member {0}, generation {1}, has {2}", "멤버 {0}, 세대 {1}, 할당 {2}";
    MemberEpochShort: "epoch {0} {1}", "에포크 {0} {1}";
    MemberGenerationShort: "generation {0} {1}", "세대 {0} {1}";
    MemberReplaced: "came back as another", "다른 멤버로 돌아옴";
    CoordinatorUnaware: "the coordinator does not know yet", "코디네이터는 아직 모름";
    GivesUp: "gives up {0}", "{0} 반납 중";
    IsToHave: "is to have {0}", "목표 {0}";
    SlotHas: "has {0}", "{0} 보유";
    SlotGivesUp: "gives up {0}", "{0} 반납 중";
    SlotUnread: "nobody reads {0}", "{0}<을/를> 읽는 멤버 없음";
    SlotComes: "is to have {0}", "{0} 받을 예정";

    // Messages.
    FamilyData: "data", "데이터";
    FamilyReplication: "replication", "복제";
    FamilyGroup: "groups", "그룹";
    FamilyMetadata: "metadata", "메타데이터";
    FamilyTransaction: "transactions", "트랜잭션";
    InFlight: "{0} frames on their way", "전송 중인 프레임 {0}개";
    FramesBetween: "{0} frames from {1} to {2}", "{1}에서 {2}<으로/로> 가는 프레임 {0}개";
    RequestOnItsWay: "{0} request from {1} to {2}, on its way", "{1}에서 {2}<으로/로> 가는 {0} 요청";
    ResponseOnItsWay: "{0} response from {1} to {2}, on its way", "{1}에서 {2}<으로/로> 가는 {0} 응답";
    RequestArrived: "{0} request from {1} to {2}", "{1}에서 {2}<으로/로> 간 {0} 요청";
    ResponseArrived: "{0} response from {1} to {2}", "{1}에서 {2}<으로/로> 간 {0} 응답";
    FrameLost: "{0} from {1} never reached {2}", "{1}에서 보낸 {0}, {2}에 닿지 못함";
    CutBoth: "the link between {0} and {1} is cut both ways", "{0}<과/와> {1} 사이 양방향 단절";
    FramesWait: "{0} frames wait at the cut from {1} to {2}", "{1}에서 {2}<으로/로> 가는 길의 끊긴 곳에서 기다리는 프레임 {0}개";
    WaitingAtCut: "waiting: {0}", "대기 {0}개";
    CutOneWay: "nothing passes from {0} to {1}", "{0}에서 {1}<으로/로> 단방향 단절";
    SlowWay: "from {0} to {1}: {2}", "{0}에서 {1}<으로/로>: {2}";
    Loses: "loses {0} in 1000", "1000개 중 {0}개 유실";
    Doubles: "doubles {0} in 1000", "1000개 중 {0}개 중복";
    Overtakes: "overtakes {0} in 1000", "1000개 중 {0}개 순서 바뀜";

    // Why?
    WhyHwLeader: "The high watermark is the least log end of all replicas that count. The leader counts itself and the ISR, and whom it has asked to add to it:", "하이 워터마크는 계산에 드는 모든 레플리카의 로그 끝 가운데 가장 작은 값입니다. 리더는 자신과 ISR, 그리고 ISR에 더해 달라고 요청한 레플리카를 셉니다:";
    WhyHwOne: "{0} has {1};", "{0}: {1};";
    WhyHwLeast: "the least is {0}.", "가장 작은 값은 {0}입니다.";
    WhyHwNotBack: "It was {0} already and never moves back.", "이미 {0}이었고 뒤로 가지 않습니다.";
    WhyHwMinIsr: "While the ISR {0} is smaller than min.insync.replicas {1} it does not advance (KIP-966).", "ISR {0}<이/가> min.insync.replicas {1}보다 작은 동안에는 나아가지 않습니다(KIP-966).";
    WhyNotCounted: "{0} does not count: it is not in the ISR.", "{0}<은/는> ISR에 없으므로 세지 않습니다.";
    WhyHwFollower: "A follower learns the high watermark from the leader's answers to its fetches, and never holds it above its own log end {0}. The leader {1} has {2}.", "팔로워는 fetch 응답으로 리더의 하이 워터마크를 배우며, 자신의 로그 끝 {0}보다 높게 두지 않습니다. 리더 {1}의 값은 {2}입니다.";
    WhyHwIdle: "It is what the replica knew last: its process does not run, or has not opened the log yet. From its checkpoint it may come back lower.", "레플리카가 마지막으로 알던 값입니다. 프로세스가 실행 중이 아니거나 아직 로그를 열지 않았습니다. 체크포인트에서 더 낮게 돌아올 수 있습니다.";
    WhyLogEnd: "The log end is the offset behind the last record: the last batch holds offsets {0} to {1}, written in leader epoch {2}.", "로그 끝은 마지막 레코드의 다음 오프셋입니다. 마지막 배치는 오프셋 {0}부터 {1}까지이고 리더 에포크 {2}에 쓰였습니다.";
    WhyLogEndEmpty: "The log holds no record: it ends where it starts, at {0}.", "로그에 레코드가 없습니다. 시작한 곳인 {0}에서 끝납니다.";
    WhyLogStart: "The log starts at the first record that is kept: what was below is deleted by retention or by request.", "로그는 남아 있는 첫 레코드에서 시작합니다. 그 아래는 보존 기간이나 요청에 따라 삭제되었습니다.";
    WhySynced: "Everything below {0} was flushed to disk; what lies from there to the log end {1} is in the page cache and is lost if the machine loses power.", "{0}보다 아래는 디스크에 기록되었습니다. 거기부터 로그 끝 {1}까지는 페이지 캐시에 있어 전원이 나가면 잃습니다.";
    WhyLeader: "Record {0} of the metadata log says so: leader {1} in leader epoch {2}, ISR {3}.", "메타데이터 로그의 레코드 {0}에 따릅니다: 리더 {1}, 리더 에포크 {2}, ISR {3}.";
    WhyNoPartition: "No metadata record about the partition was applied yet.", "이 파티션에 관한 메타데이터 레코드가 아직 적용되지 않았습니다.";
    WhyLeaderEpoch: "The leader epoch grows by one whenever the controller elects a leader; record {0} of the metadata log has it.", "리더 에포크는 컨트롤러가 리더를 뽑을 때마다 1씩 커집니다. 메타데이터 로그의 레코드 {0}에 있습니다.";
    WhyIsr: "In the ISR are the leader {0} and the followers that were level with its log end within replica.lag.time.max.ms. The leader asks for a change, the controller decides; record {1} of the metadata log has it.", "ISR에는 리더 {0}<과/와>, replica.lag.time.max.ms 안에 리더의 로그 끝을 따라잡은 팔로워가 있습니다. 변경은 리더가 요청하고 컨트롤러가 정하며, 메타데이터 로그의 레코드 {1}에 있습니다.";
    WhyElr: "They left the ISR when it was or became smaller than min.insync.replicas {0}: they hold everything that was committed and may lead if the ISR is empty (KIP-966).", "ISR이 min.insync.replicas {0}보다 작아질 때 빠진 레플리카입니다. 커밋된 것을 모두 가지고 있어 ISR이 비면 리더가 될 수 있습니다(KIP-966).";
    WhyMinIsrTopic: "The topic's own config min.insync.replicas says so.", "토픽 자체 설정 min.insync.replicas의 값입니다.";
    WhyMinIsrDefault: "No config of the topic says otherwise: it is the cluster's or the brokers' min.insync.replicas.", "토픽 설정이 따로 없으므로 클러스터나 브로커의 min.insync.replicas 값입니다.";
    WhyRole: "The broker has applied the metadata log up to {0} and takes {1} for the leader; the truth by record {2} is leader {3}.", "브로커는 메타데이터 로그를 {0}까지 적용했고 {1}<을/를> 리더로 봅니다. 레코드 {2}에 따른 사실은 리더 {3}입니다.";
    WhyRoleDown: "Its process does not run: {0}. By the metadata log the leader is {1} and the ISR is {2}.", "프로세스가 실행 중이 아닙니다: {0}. 메타데이터 로그에 따르면 리더는 {1}, ISR은 {2}입니다.";
    WhyReplicaEpoch: "It is the leader epoch in which the replica became what it is; the newest one is {0}.", "레플리카가 지금 역할을 맡은 리더 에포크입니다. 가장 새로운 값은 {0}입니다.";
    WhyEpochs: "Every batch bears the leader epoch in which it was written. With these a follower finds where its log parts from the leader's (KIP-101, KIP-279): {0}.", "배치마다 쓰일 때의 리더 에포크가 찍힙니다. 팔로워는 이것으로 리더의 로그와 갈라지는 곳을 찾습니다(KIP-101, KIP-279): {0}.";
    WhyFollowerEnd: "A fetch from offset {0} told the leader that the follower has everything below.", "오프셋 {0}부터의 fetch가 그 아래를 모두 가졌음을 리더에게 알렸습니다.";
    WhyCommitted: "Member {0} asked in epoch {1} to keep it: the next offset to read. It stands at offset {2} of __consumer_offsets-{3}.", "멤버 {0}<이/가> 에포크 {1}에 커밋한 다음 읽을 오프셋입니다. __consumer_offsets-{3}의 오프셋 {2}에 있습니다.";
    WhyNoCommit: "The group has committed nothing for the partition; that is not the same as 0.", "그룹이 이 파티션에 커밋한 것이 없습니다. 0과는 다릅니다.";
    WhyPosition: "The position is the next offset that {0} will fetch: one behind the last record it got, or where it was set. The log ends at {1}.", "위치는 {0}<이/가> 다음에 가져올 오프셋입니다. 마지막으로 받은 레코드의 다음이거나 따로 설정된 곳입니다. 로그 끝은 {1}입니다.";
    WhyLag: "The high watermark {0} less the committed offset {1}, both at this step.", "이 시점의 하이 워터마크 {0}에서 커밋된 오프셋 {1}<을/를> 뺀 값입니다.";
    WhyProcess: "The process is {0} since then; it was started {1} times.", "그때부터 프로세스 상태는 {0}입니다. 시작 횟수는 {1}입니다.";
    WhyFenced: "The registration of the broker in the metadata log, record {0}: fenced {1}, shutting down {2}. A broker is fenced when no heartbeat comes for broker.session.timeout.ms, and unfenced when it has caught up with the metadata.", "메타데이터 로그 레코드 {0}의 브로커 등록: 펜싱 {1}, 종료 중 {2}. broker.session.timeout.ms 동안 하트비트가 없으면 펜싱되고, 메타데이터를 따라잡으면 풀립니다.";
    WhyNotRegistered: "No record of the metadata log registers the broker.", "메타데이터 로그에 이 브로커를 등록하는 레코드가 없습니다.";
    WhyApplied: "The last record of the metadata log that the node has applied; any node has applied {0} at most.", "노드가 적용한 메타데이터 로그의 마지막 레코드입니다. 가장 앞선 노드는 {0}까지 적용했습니다.";
    WhyQuorumRole: "Its place in the metadata quorum (KIP-595): it is in epoch {0}, knows leader {1} and voted for {2}.", "메타데이터 쿼럼에서의 역할입니다(KIP-595): 에포크 {0}, 아는 리더 {1}, 투표한 후보 {2}.";
    WhyQuorumEpoch: "The newest epoch of the quorum that it knows; every election that comes to a vote begins a new one.", "노드가 아는 쿼럼의 가장 새로운 에포크입니다. 투표에 이르는 선거마다 새 에포크가 시작됩니다.";
    WhyMetadataEnd: "The offset behind its last metadata record; it knows {0} to be committed.", "마지막 메타데이터 레코드의 다음 오프셋입니다. {0}까지 커밋된 것을 압니다.";
    WhyMetadataCommitted: "A majority of the voters holds everything below; the leader tells it with its answers to fetches.", "투표자 과반이 그 아래를 모두 가지고 있습니다. 리더가 fetch 응답으로 알려 줍니다.";
    WhyBelief: "It last heard of leader {0}; by the metadata log it is {1}. Until it learns of that, its requests go to the wrong broker and are refused.", "마지막으로 들은 리더는 {0}입니다. 메타데이터 로그에 따르면 {1}입니다. 이를 알기 전까지 요청은 엉뚱한 브로커로 가서 거절됩니다.";
    WhyAcked: "Of {0} records that it accepted so many were acknowledged; {1} were given up, {2} requests were tried again.", "받아들인 레코드 {0}개 가운데 확인된 수입니다. 포기 {1}, 재시도 요청 {2}.";
    WhyRead: "So many records it has got; its position was set {0} times because the old one was gone.", "가져온 레코드 수입니다. 이전 위치가 사라져 위치를 다시 잡은 횟수는 {0}입니다.";
    WhyGroupState: "As its coordinator {0} holds it, with {1} members.", "코디네이터 {0} 기준이며 멤버는 {1}명입니다.";
    WhyGroupEpoch: "It grows with every change of members or what they subscribe to: classic groups call it the generation.", "멤버나 구독이 바뀔 때마다 커집니다. 클래식 그룹에서는 세대라고 부릅니다.";
    WhyInFlight: "Frames that left their sender and have neither arrived nor been lost.", "보내졌지만 아직 도착하지도 유실되지도 않은 프레임입니다.";
    WhyChanged: "It was {0} before event {1} at {2} s: {3}", "{2}초의 이벤트 {1} 전에는 {0}: {3}";
}
