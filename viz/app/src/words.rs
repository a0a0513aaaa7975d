//! Everything that the window itself says, in both languages. What pictures say is in [`klamm_scene::Phrase`].

use std::fmt::Display;

use klamm_scene::{Language, filled};

macro_rules! catalogue {
    ($($name:ident: $english:literal, $korean:literal;)+) => {
        /// Something that is said. Values are written `{0}`, Korean particles `<을/를>`, as in [`klamm_scene::Phrase`].
        #[expect(missing_docs, reason = "a word's English text says what it is")]
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
        pub enum Word { $($name,)+ }

        impl Word {
            /// Every one.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// Its text in a language, with the places of its values.
            pub const fn text(self, language: Language) -> &'static str {
                match (self, language) {$(
                    (Self::$name, Language::English) => $english,
                    (Self::$name, Language::Korean) => $korean,
                )+}
            }
        }
    };
}

impl Word {
    /// Its text with its values.
    pub fn say(self, language: Language, values: &[&dyn Display]) -> String {
        let values: Vec<String> = values.iter().map(ToString::to_string).collect();
        filled(self.text(language), &values).into_iter().map(|(text, _)| text).collect()
    }
}

catalogue! {
    // The library.
    Library: "Library", "라이브러리";
    ChapterLessons: "Lessons", "수업";
    ChapterQuestions: "Questions", "질문";
    ChapterRegressions: "Regressions", "되짚어 보는 오류";
    ChapterSchedules: "Schedules of known bugs", "알려진 오류의 순서";
    ChapterNemesis: "Random faults", "무작위 장애";
    Search: "Search", "검색";
    SearchHint: "words of a title, a question or a name", "제목, 질문, 이름의 낱말";
    Recent: "Recent files", "최근 파일";
    NothingFound: "No scenario has all of these words", "이 낱말이 모두 있는 시나리오가 없습니다";
    DropHint: "Drop a scenario or a trace on the window to open it.", "시나리오나 트레이스를 창에 끌어다 놓으면 열립니다.";
    Opening: "Opening {0}", "{0} 여는 중";
    OpeningAt: "{0} of {1} events", "이벤트 {1}개 중 {0}개";
    Cancel: "Cancel", "취소";
    CanNotOpen: "{0} can't be opened", "{0}<을/를> 열 수 없습니다";
    MistakesFound: "{0} mistakes", "잘못된 곳 {0}개";
    AtLine: "line {0}, column {1}", "{0}행 {1}열";
    TryAgain: "Try again", "다시 열기";

    // Actions.
    AboutTime: "Time", "시간";
    AboutLook: "Looking", "보기";
    AboutAsk: "Asking", "묻기";
    AboutProgram: "Program", "프로그램";
    PlayPause: "Play or pause", "재생 또는 멈춤";
    NextEvent: "Next event", "다음 이벤트";
    PreviousEvent: "Previous event", "이전 이벤트";
    NextTen: "Ten events on", "이벤트 열 개 앞으로";
    PreviousTen: "Ten events back", "이벤트 열 개 뒤로";
    NextInteresting: "Next event of note", "다음 주목할 이벤트";
    PreviousInteresting: "Previous event of note", "이전 주목할 이벤트";
    NextMessage: "Next message", "다음 메시지";
    PreviousMessage: "Previous message", "이전 메시지";
    NextBeat: "Next step of the scenario", "시나리오의 다음 단계";
    PreviousBeat: "Previous step of the scenario", "시나리오의 이전 단계";
    NextOfNode: "Next event at the picked node", "고른 노드의 다음 이벤트";
    PreviousOfNode: "Previous event at the picked node", "고른 노드의 이전 이벤트";
    First: "To the start", "처음으로";
    Last: "To the end", "끝으로";
    GoTo: "Go to a place", "위치로 이동";
    Faster: "Faster", "더 빠르게";
    Slower: "Slower", "더 느리게";
    PlayByEvent: "Play event by event", "이벤트 단위로 재생";
    PlayByMessage: "Play message by message", "메시지 단위로 재생";
    PlayByBeat: "Play step by step", "단계 단위로 재생";
    PlayByInteresting: "Play what is of note", "주목할 것만 재생";
    Bookmark: "Set or take away a bookmark", "책갈피 넣기 또는 빼기";
    NextBookmark: "Next bookmark", "다음 책갈피";
    PreviousBookmark: "Previous bookmark", "이전 책갈피";
    Break: "Set or take away a breakpoint", "중단점 넣기 또는 빼기";
    HideFuture: "Hide or show the future", "앞일 감추기 또는 보이기";
    ShowCluster: "Show the cluster", "클러스터 보기";
    ShowLogs: "Show the logs", "로그 보기";
    ShowSequence: "Show the sequence", "순서도 보기";
    ShowGroups: "Show the groups", "그룹 보기";
    ShowQuorum: "Show the quorum", "쿼럼 보기";
    Nearer: "Nearer", "가까이";
    Farther: "Farther", "멀리";
    Presenter: "Presenter's view", "발표 보기";
    FullScreen: "Full screen", "전체 화면";
    ArrangeLearn: "Arrange panes to learn", "학습용 배치";
    ArrangeDebug: "Arrange panes to debug", "디버깅용 배치";
    ArrangePresent: "Arrange panes to present", "발표용 배치";
    UndoLayout: "Take back the last change of panes", "마지막 배치 변경 되돌리기";
    GiveAnswer: "Give the answer", "답하기";
    SkipQuestion: "Skip the question", "질문 건너뛰기";
    AskQuestions: "Ask the scenario's questions, or do not", "시나리오의 질문 하기 또는 하지 않기";
    NextValue: "Mark the next value", "다음 값 짚기";
    PreviousValue: "Mark the previous value", "이전 값 짚기";
    AskWhy: "Why is the marked value so?", "짚은 값은 왜 이런가요?";
    WhyBack: "Back to the last question", "이전 질문으로";
    InspectEvent: "Inspect the event", "이벤트 살펴보기";
    InspectState: "Inspect the state", "상태 살펴보기";
    InspectDiff: "Inspect what changed", "바뀐 것 살펴보기";
    Clear: "Close or pick nothing", "닫기 또는 선택 해제";
    Commands: "Find a command", "명령 찾기";
    Shortcuts: "Keys", "단축키";
    CopyCommand: "Copy the command for this view", "이 화면을 여는 명령 복사";
    OtherLanguage: "한국어", "English";
    OtherPalette: "Light or dark", "밝게 또는 어둡게";
    Larger: "Larger text", "글자 크게";
    Smaller: "Smaller text", "글자 작게";
    ToLibrary: "Open the library", "라이브러리 열기";

    // What is said.
    NothingThere: "There is nothing there", "거기에는 아무것도 없습니다";
    StoppedAtEnd: "Stopped: the run is over", "멈춤: 실행이 끝났습니다";
    StoppedAtViolation: "Stopped: an invariant is violated here", "멈춤: 여기서 불변 조건이 깨졌습니다";
    StoppedAtBreakpoint: "Stopped: a breakpoint holds here", "멈춤: 여기서 중단점 조건이 맞습니다";
    StoppedAtQuestion: "Stopped: what do you expect?", "멈춤: 어떻게 될까요?";
    StoppedAtVerdict: "Stopped: your answer is judged here", "멈춤: 여기서 답이 판정됩니다";
    AnswerFirst: "Answer the question first, or skip it", "먼저 질문에 답하거나 건너뛰세요";
    ChooseFirst: "The answer is not complete yet", "아직 답이 다 되지 않았습니다";
    QuestionsOn: "Questions are asked", "질문을 합니다";
    QuestionsOff: "Questions are not asked", "질문을 하지 않습니다";
    Copied: "Copied: {0}", "복사함: {0}";
    SettingsUnreadable: "Your settings could not be read, so these are the usual ones: {0}", "설정을 읽을 수 없어 기본값으로 시작합니다: {0}";
    SettingsNotKept: "Your settings could not be kept: {0}", "설정을 저장할 수 없습니다: {0}";
    PlaceHelp: "Write an event's number, a time like 12.5s, beat:3, end, or the name of a node, partition or group", "이벤트 번호, 12.5s 같은 시간, beat:3, end, 또는 노드나 파티션이나 그룹의 이름을 쓰세요";
    NoSuchMoment: "The run has no such moment", "실행에 그런 순간이 없습니다";
    NoSuchBeat: "The run came to no such step", "실행이 그런 단계에 이르지 않았습니다";
    Go: "Go", "이동";
    BreakHelp: "Write isr orders-0 < 2 (or hw, end, epoch, leader), lag GROUP orders-0 > 9, an event's name with or without a node, or violation", "isr orders-0 < 2 (또는 hw, end, epoch, leader), lag 그룹 orders-0 > 9, 노드가 붙거나 붙지 않은 이벤트 이름, violation 중 하나를 쓰세요";
    SetBreak: "Set", "넣기";
    NoSuchPartition: "There is no such partition in the run", "실행에 그런 파티션이 없습니다";
    NoSuchGroup: "There is no such group at the end of the run", "실행 끝에 그런 그룹이 없습니다";
    NoSuchEvent: "There is no such event", "그런 이벤트가 없습니다";
    NoSuchNode: "There is no such node in the run", "실행에 그런 노드가 없습니다";
    NoSuchRelation: "This is none of < <= = != >= >", "< <= = != >= > 가운데 하나가 아닙니다";
    NoNumber: "This is no number", "숫자가 아닙니다";
    TooMuch: "Nothing may follow here", "여기 뒤에는 아무것도 올 수 없습니다";
    Breakpoints: "Breakpoints", "중단점";
    Bookmarks: "Bookmarks", "책갈피";
    BookmarkAt: "event {0} at {1} s", "{1}초의 이벤트 {0}";

    // Predictions.
    Predict: "What do you expect?", "어떻게 될까요?";
    PredictionScore: "Predictions: {0} of {1} right, {2} skipped, {3} in all", "예측: {1}개 중 {0}개 맞음, 건너뜀 {2}개, 모두 {3}개";
    YouAnswered: "Your answer: {0}", "내 답: {0}";
    NotJudgedYet: "It is judged later: go on", "나중에 판정됩니다. 계속 가세요";
    RunNotOver: "It is judged once the run is over", "실행이 끝나면 판정됩니다";
    AnsweredRight: "Right: {0}", "맞았습니다: {0}";
    AnsweredWrong: "Not so: it is {0}", "아닙니다: {0}";
    AnswerWas: "The answer: {0}", "답: {0}";
    HandsRight: "{0} of {1} hands were right", "손 {1}개 중 {0}개가 맞았습니다";
    OtherRun: "In this run it came out otherwise than the scenario's texts explain", "이 실행에서는 시나리오의 설명과 다르게 되었습니다";
    NeverDecided: "This run never came to what the question is about", "이 실행은 질문이 묻는 일에 이르지 않았습니다";
    NoSuchValue: "In this run there is no such value", "이 실행에는 그런 값이 없습니다";
    SkippedQuestion: "Skipped", "건너뛰었습니다";
    NumberHint: "a number", "숫자";
    Nobody: "nobody", "아무도 없음";
    BrokerNumber: "broker {0}", "브로커 {0}";
    MoveUp: "Move up: {0}", "위로: {0}";
    MoveDown: "Move down: {0}", "아래로: {0}";
    ShiftUp: "up", "위로";
    ShiftDown: "down", "아래로";
    NoOption: "none of these", "이 가운데 없음";
    HandsFor: "Hands for: {0}", "손 든 사람: {0}";
    HandsOf: "{0} hands", "손 {0}개";
    QuestionAhead: "A question waits at {0} s", "{0}초에 질문이 기다립니다";
    WhyThisAnswer: "Why is it so?", "왜 그런가요?";

    // Branches.
    AboutDeeds: "Breaking it", "고장 내기";
    DeedCrash: "Crash the picked node", "고른 노드 크래시";
    DeedRestart: "Start the picked node", "고른 노드 시작";
    DeedPowerOff: "Cut the power of the picked node", "고른 노드 전원 끊기";
    DeedStop: "Stop the picked node in order", "고른 노드 정상 종료";
    DeedPause: "Freeze the picked node", "고른 노드 얼리기";
    DeedResume: "Let the picked node go on", "고른 노드 다시 움직이기";
    DeedIsolate: "Cut the picked node off", "고른 노드 고립시키기";
    DeedHeal: "Heal the network", "네트워크 복구";
    SaveBranch: "Save as a scenario", "시나리오로 저장";
    Branches: "Branches", "갈래";
    BranchAt: "{0} at {1} s", "{1}초: {0}";
    BranchRoot: "the run as it was", "처음 실행";
    PickNode: "Pick a node on the stage first", "먼저 무대에서 노드를 고르세요";
    StepRefused: "The step can't be added: {0}", "단계를 더할 수 없습니다: {0}";
    StepNumbered: "No step can be added before one that names others by their number (Same)", "다른 단계를 번호(Same)로 가리키는 단계 앞에는 단계를 더할 수 없습니다";
    NoBranch: "This run can't branch: its trace was made with planted faults", "심은 오류로 만든 트레이스라서 갈래를 만들 수 없습니다";
    SaveHelp: "Write the name of a new file; one that is there is not replaced", "새 파일 이름을 쓰세요. 이미 있는 파일은 바꾸지 않습니다";
    Save: "Save", "저장";
    Saved: "Saved as {0}", "{0}<으로/로> 저장했습니다";
    SaveFirst: "Save this branch first: the command needs its file", "먼저 이 갈래를 저장하세요. 명령에 그 파일이 필요합니다";
    AtThisMoment: "At this moment, to {0}:", "이 순간 {0}에:";

    // The lab.
    Guide: "Guide", "안내";
    StagePane: "Stage", "무대";
    Inspector: "Inspector", "살펴보기";
    Timeline: "Timeline", "시간표";
    Position: "{0} s, event {1} of {2}", "{0}초, 이벤트 {2}개 중 {1}";
    RunsUntil: "runs, {0} of {1} s", "실행 중, {1}초 중 {0}초";
    Speed: "speed {0}", "속도 {0}";
    UnitMessage: "Message", "메시지";
    UnitInteresting: "Of note", "주목";
    UnitBeat: "Step", "단계";
    UnitFuture: "Hide future", "앞일 감추기";
    OtherMotion: "More or less motion", "움직임 늘리기 또는 줄이기";
    MotionFull: "Steps are shown on their way", "단계가 진행되는 모습을 보여 줍니다";
    MotionReduced: "Nothing moves; what changed has a ring for a second", "움직이지 않고, 바뀐 것에 1초 동안 고리를 표시합니다";
    MotionOff: "Nothing moves", "아무것도 움직이지 않습니다";
    UnitPalette: "Light/dark", "밝게/어둡게";
    FutureHidden: "the future is hidden", "앞일을 감춤";
    Seed: "seed {0}", "시드 {0}";
    Passed: "the whole run: everything held", "전체 실행: 모두 지켜짐";
    NotPassed: "{0} expectations or invariants did not hold", "지켜지지 않은 기대와 불변 조건 {0}개";
    Violations: "Violations", "위반";
    ViolationAt: "{0} at {1} s: {2}", "{1}초 {0}: {2}";
    Steps: "Steps of the scenario", "시나리오의 단계";
    StepAt: "{0} s: {1}", "{0}초: {1}";
    NoSteps: "The scenario has no steps", "시나리오에 단계가 없습니다";
    NotYet: "The rest is still to come", "나머지는 아직 오지 않았습니다";
    ServersDown: "down {0}", "꺼짐 {0}";
    Health: "under-replicated {0}, under min ISR {1}, leaderless {2}, violations {3}", "복제 부족 {0}, 최소 ISR 미달 {1}, 리더 없음 {2}, 위반 {3}";
    NoEvent: "Nothing has happened yet", "아직 아무 일도 없었습니다";
    EventHead: "event {0}: {1}", "이벤트 {0}: {1}";
    EventPlace: "at {0}, {1} s", "{0}, {1}초";
    Because: "Because", "원인";
    ScenarioLine: "the scenario's line {0}", "시나리오 {0}행";
    Caused: "It led to", "결과";
    Nothing: "nothing", "없음";
    InspectTabEvent: "Event", "이벤트";
    InspectTabState: "State", "상태";
    InspectTabWhy: "Why?", "왜?";
    InspectTabDiff: "Diff", "차이";
    StateHelp: "Pick a node or a partition on the stage", "무대에서 노드나 파티션을 고르세요";
    WhyHelp: "Pick a number on the stage, or mark one with the arrow keys and press W", "무대에서 숫자를 고르거나, 화살표 키로 짚고 W를 누르세요";
    WhyGone: "There is no such value at this step", "이 시점에는 그런 값이 없습니다";
    WhyIs: "{0} is {1}", "{0}: {1}";
    NeverChanged: "It has not changed since the start", "처음부터 바뀌지 않았습니다";
    SinceEvent: "since the event before", "이전 이벤트부터";
    SinceBookmark: "since the bookmark before", "이전 책갈피부터";
    NothingChanged: "Nothing that is shown changed since event {0}", "이벤트 {0} 뒤로 보이는 것은 바뀌지 않았습니다";
    ChangedFrom: "{0}: {1} before, now {2}", "{0}: 전에는 {1}, 지금은 {2}";
    StretchMore: "Stretch the timeline", "시간표 늘이기";
    StretchLess: "Shrink the timeline", "시간표 줄이기";
    BandSteps: "Steps", "단계";
    BandController: "Controller", "컨트롤러";
    BandFaults: "Faults", "장애";
    BandGroups: "Rebalances", "리밸런스";
    BandViolations: "Violations", "위반";
    BandControllerIs: "active controller {0}", "활성 컨트롤러 {0}";
    BandNobody: "nobody", "없음";
    BandPartition: "{0}: leader {1}, {2} of {3} in sync", "{0}: 리더 {1}, 레플리카 {3}개 중 {2}개 동기화";
    BandNoPartition: "{0}: not there", "{0}: 없음";
    BandCount: "{0}: {1}", "{0}: {1}";
    FaultDown: "{0} is down", "{0} 정지";
    FaultPaused: "{0} is paused", "{0} 일시 정지";
    FaultCut: "{0} to {1} is cut", "{0}에서 {1}<으로/로> 단절";
    FaultCutBoth: "{0} and {1} are cut apart", "{0}, {1} 사이 양방향 단절";
    FaultLink: "{0} to {1} is impaired", "{0}에서 {1}<으로/로> 품질 저하";
    FaultDisk: "the disk of {0}", "{0}의 디스크";
    FaultClock: "the clock of {0}", "{0}의 시계";
    Close: "Close", "닫기";

    // Numbers, in lists.
    OfLeader: "leader", "리더";
    OfLeaderEpoch: "leader epoch", "리더 에포크";
    OfIsr: "ISR", "ISR";
    OfElr: "ELR", "ELR";
    OfMinIsr: "min ISR", "최소 ISR";
    OfReplicaRole: "role", "역할";
    OfReplicaEpoch: "epoch of its role", "역할의 에포크";
    OfLogStart: "log start", "로그 시작";
    OfLogEnd: "log end", "로그 끝";
    OfHighWatermark: "high watermark", "하이 워터마크";
    OfSynced: "durable up to", "디스크에 기록된 곳";
    OfEpochs: "leader epochs", "리더 에포크 목록";
    OfFollowerEnd: "log end as the leader knows it", "리더가 아는 로그 끝";
    OfCommitted: "committed offset", "커밋된 오프셋";
    OfPosition: "position", "위치";
    OfLag: "lag", "랙";
    OfProcess: "process", "프로세스";
    OfFenced: "registration", "등록";
    OfApplied: "applied metadata", "적용한 메타데이터";
    OfQuorumRole: "quorum role", "쿼럼 역할";
    OfQuorumEpoch: "quorum epoch", "쿼럼 에포크";
    OfMetadataEnd: "metadata log end", "메타데이터 로그 끝";
    OfMetadataCommitted: "metadata committed", "커밋된 메타데이터";
    OfBelievedLeader: "believed leader", "리더로 믿는 쪽";
    OfCount: "acknowledged/read", "확인/읽음";
    OfGroupState: "state", "상태";
    OfGroupEpoch: "epoch", "에포크";
    OfInFlight: "frames on their way", "전송 중인 프레임";
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn values(pattern: &str) -> BTreeSet<&str> {
        pattern.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(n, _)| n).collect()
    }

    #[test]
    fn every_word_is_there_in_both_languages_with_the_same_values() {
        for word in Word::ALL {
            let (english, korean) = (word.text(Language::English), word.text(Language::Korean));
            assert!(!english.is_empty() && !korean.is_empty(), "{word:?}");
            assert_eq!(values(english), values(korean), "{word:?}");
            for tail in ["}을 ", "}를 ", "}은 ", "}는 ", "}이 ", "}가 ", "}로 ", "}으로 "]
            {
                assert!(!korean.contains(tail), "{word:?}: {tail} does not follow the value");
            }
        }
    }

    #[test]
    fn values_are_put_in_and_particles_follow_them() {
        let said = Word::CanNotOpen.say(Language::Korean, &[&"a.ron"]);
        assert_eq!(said, "a.ron을 열 수 없습니다");
        assert_eq!(Word::Speed.say(Language::English, &[&"1/4"]), "speed 1/4");
    }
}
