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
    SearchHint: "words of a title, a question or a name, or a replay code", "제목, 질문, 이름의 낱말 또는 재현 코드";
    Recent: "Recent files", "최근 파일";
    Aside: "Branches made before", "전에 만든 갈래";
    AsideOf: "{0}: branches {1}", "{0}: 갈래 {1}개";
    NothingFound: "No scenario has all of these words", "이 낱말이 모두 있는 시나리오가 없습니다";
    DropHint: "Drop a scenario or a trace on the window to open it.", "시나리오나 트레이스를 창에 끌어다 놓으면 열립니다.";
    Opening: "Opening {0}", "{0} 여는 중";
    OpeningAt: "{0} of {1} events", "이벤트 {1}개 중 {0}개";
    Cancel: "Cancel", "취소";
    CanNotOpen: "{0} can't be opened", "{0}<을/를> 열 수 없습니다";
    MistakesFound: "Mistakes: {0}", "잘못된 곳 {0}개";
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
    NextViolation: "Next violation", "다음 위반";
    PreviousViolation: "Previous violation", "이전 위반";
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
    Compare: "Compare with another run, or no more", "다른 실행과 비교 또는 비교 끝내기";
    CompareHelp: "A branch, or a seed's number", "갈래 또는 시드 번호";
    NotCompared: "The other run can't be shown: {0}", "다른 실행을 보일 수 없습니다: {0}";
    SideFirst: "A: {0}", "A: {0}";
    SideSecond: "B: {0}", "B: {0}";
    SideAt: "{0} · {1} s, event {2}", "{0} · {1}초, 이벤트 {2}";
    StillRuns: "It still runs", "아직 실행 중입니다";
    SameRun: "Both are the same run, event for event", "이벤트 하나하나까지 같은 실행입니다";
    PartAt: "They part at event {0}, in its {1}", "이벤트 {0}의 {1}에서 갈라집니다";
    PartNoted: "The cluster did otherwise first here: {0}: A {1}, B {2}", "클러스터가 처음 다르게 움직인 곳: {0}: A {1}, B {2}";
    PartTurn: "{0} at {1} s", "{1}초에 {0}";
    PartStays: "stays as it was", "그대로";
    PartInTimes: "The cluster did the same in both, only at other times: leaders, ISRs, groups, records acknowledged and given up", "두 실행에서 클러스터가 한 일은 같고 시각만 다릅니다: 리더, ISR, 그룹, 확인되거나 포기된 레코드";
    RecordNumbered: "record {0}", "레코드 {0}";
    EndsHere: "it ends here", "여기서 끝납니다";
    Differences: "{0} numbers differ here", "여기서 다른 숫자 {0}개";
    DiffersBy: "{0}: A {1}, B {2}", "{0}: A {1}, B {2}";
    DiffersHere: "{0}, differs between A and B", "{0}, A와 B가 다름";
    InspectInvariants: "Inspect the invariants", "불변 조건 살펴보기";
    InspectDiff: "Inspect what changed", "바뀐 것 살펴보기";
    Clear: "Close or pick nothing", "닫기 또는 선택 해제";
    Commands: "Find a command", "명령 찾기";
    Shortcuts: "Keys", "단축키";
    CopyCommand: "Copy the command for this view", "이 화면을 여는 명령 복사";
    CopyMessage: "Copy a message about this view", "이 화면을 알리는 메시지 복사";
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
    OtherRun: "The scenario's texts explain its own run, and this is another", "시나리오의 설명은 원래 실행에 대한 것이고, 이것은 다른 실행입니다";
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
    HandsHere: "hands", "손 든 수";
    HandsForThis: "Hands for this order", "이 순서에 손 든 사람";
    AddHands: "Add", "더하기";
    HandsForNumber: "Hands for number {0}", "{0}번째 숫자에 손 든 사람";
    ProposedNumber: "Number {0} that the class proposes", "학생들이 말한 {0}번째 숫자";
    HandsCounted: "{0}: {1}", "{0}: {1}";
    HandsCountedRight: "{0}: {1}, right", "{0}: {1}, 맞음";
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
    DeedCut: "Cut the way between two nodes", "두 노드 사이 끊기";
    DeedCutOneWay: "Cut the way from one node to another", "한 방향만 끊기";
    DeedSlowLink: "Slow the way between two nodes", "두 노드 사이 느리게";
    DeedNormalLink: "Give the way between two nodes its speed back", "두 노드 사이 속도 되돌리기";
    DeedSlowDisk: "Slow the disk of the picked node", "고른 노드 디스크 느리게";
    DeedNormalDisk: "Give the disk of the picked node its speed back", "고른 노드 디스크 속도 되돌리기";
    DeedProduce: "Produce a record", "레코드 보내기";
    DeedAddConsumer: "Add a consumer to a group", "그룹에 컨슈머 더하기";
    DeedKillMember: "Kill a member of a group", "그룹 멤버 크래시";
    DeedElectPreferred: "Elect the preferred leader", "선호 리더 선출";
    DeedElectUnclean: "Elect any leader, unclean", "아무 리더나 선출(unclean)";
    DidCrash: "{0} crashes", "{0} 크래시";
    DidRestart: "{0} starts", "{0} 시작";
    DidPowerOff: "{0} loses power", "{0} 전원 끊김";
    DidStop: "{0} stops in order", "{0} 정상 종료";
    DidPause: "{0} freezes", "{0} 얼림";
    DidResume: "{0} goes on", "{0} 다시 움직임";
    DidIsolate: "{0} is cut off", "{0} 고립";
    DidCut: "{0} and {1} are cut", "{0}, {1} 사이 단절";
    DidCutOneWay: "cut from {0} to {1}", "{0}에서 {1}<으로/로> 단절";
    DidSlowLink: "slow between {0} and {1}", "{0}, {1} 사이 느림";
    DidNormalLink: "normal speed between {0} and {1}", "{0}, {1} 사이 정상 속도";
    DidSlowDisk: "the disk of {0} is slow", "{0} 디스크 느림";
    DidNormalDisk: "the disk of {0} is as at first", "{0} 디스크 정상";
    DidProduce: "{0} sends {2} to {1}", "{0}<이/가> {1}<으로/로> {2} 보냄";
    DidAddConsumer: "{0} joins {1}", "{0}<이/가> {1}에 들어옴";
    DidElectPreferred: "preferred election of {0}", "{0} 선호 리더 선출";
    DidElectUnclean: "unclean election of {0}", "{0} unclean 선출";
    EveryPartition: "every partition", "모든 파티션";
    IsDown: "It is down already", "이미 멈춰 있습니다";
    IsUp: "It runs already", "이미 실행 중입니다";
    IsPaused: "It is frozen already", "이미 얼어 있습니다";
    IsNotPaused: "It is not frozen", "얼어 있지 않습니다";
    IsCut: "It is cut already", "이미 끊겨 있습니다";
    NothingIsCut: "Nothing is cut", "끊긴 곳이 없습니다";
    IsNormal: "Its speed is as at first", "속도가 처음 그대로입니다";
    HasNoDisk: "A client has no disk", "클라이언트에는 디스크가 없습니다";
    NoScenario: "This version can't read the scenario of this run", "이 버전은 이 실행의 시나리오를 읽을 수 없습니다";
    NoTopic: "There is no topic yet", "아직 토픽이 없습니다";
    NoGroup: "The scenario has no consumer in a group", "시나리오에 그룹에 속한 컨슈머가 없습니다";
    HasLeader: "It has a leader, so no election is needed", "리더가 있어 선출이 필요 없습니다";
    LeadsAlready: "The preferred replica leads already", "선호 레플리카가 이미 리더입니다";
    Deeds: "What can be done here", "여기서 할 수 있는 일";
    DeedsHelp: "Type to find, Enter does the first that can be done", "쓰면 찾고, Enter는 할 수 있는 첫 번째 일을 합니다";
    RecordText: "The record: value, or key=value", "레코드: 값, 또는 키=값";
    ToParent: "Take the last deed back", "마지막 일 되돌리기";
    NextBranch: "Next branch", "다음 갈래";
    PreviousBranch: "Previous branch", "이전 갈래";
    NameBranch: "Name this branch", "이 갈래 이름 짓기";
    NameHelp: "Write a name; none takes it away", "이름을 쓰세요. 비우면 이름이 없어집니다";
    SetName: "Name it", "이름 짓기";
    BranchNamed: "{0}: {1}", "{0}: {1}";
    BranchEdited: "edited", "고침";
    IsRoot: "This is the run as it was", "이것이 처음 실행입니다";
    Editor: "Edit the scenario, or no more", "시나리오 고치기 또는 닫기";
    EditorText: "The scenario's text", "시나리오 글";
    EditorChanged: "{0}, not saved", "{0}, 저장하지 않음";
    RunEdited: "Run what is written", "쓴 대로 실행";
    NoMistakes: "No mistakes", "잘못된 곳 없음";
    MistakesFirst: "It can't run yet: {0}", "아직 실행할 수 없습니다: {0}";
    FileChanged: "Somebody else has changed the file since it was read: save it under another name", "읽은 뒤에 다른 누군가가 파일을 바꾸었습니다. 다른 이름으로 저장하세요";
    NotSaved: "It could not be saved: {0}", "저장할 수 없습니다: {0}";
    SaveText: "Save what is written", "쓴 것 저장";
    Unsaved: "What you wrote is not saved", "쓴 것이 저장되지 않았습니다";
    UnsavedGiveUp: "Give it up", "버리기";
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
    SaveFirst: "Save this branch first: the code needs its file", "먼저 이 갈래를 저장하세요. 코드에 그 파일이 필요합니다";
    RunFirst: "The run must be over first: the code tells its end", "먼저 실행이 끝나야 합니다. 코드에 그 끝이 들어갑니다";
    CodeWrong: "Character {0} of the code: {1}", "코드의 {0}번째 글자: {1}";
    CodeBegins: "a code begins with {0}", "코드는 {0}<으로/로> 시작합니다";
    CodeNewer: "a newer version made this code", "더 새로운 버전이 만든 코드입니다";
    CodeSign: "no code has {0} here", "코드의 이 자리에는 {0}<이/가> 올 수 없습니다";
    CodeField: "{0} must come here", "여기에는 {0}<이/가> 와야 합니다";
    CodeNumber: "a number must stand here", "여기에는 숫자가 있어야 합니다";
    CodeHex: "{0} digits from 0 to f must stand here", "여기에는 0부터 f까지의 숫자 {0}개가 있어야 합니다";
    CodeOneOf: "one of these must stand here: {0}", "여기에는 다음 가운데 하나가 있어야 합니다: {0}";
    CodeNames: "as many names must stand here: {0}", "여기에 있어야 하는 이름의 수: {0}";
    CodeEscape: "after % two digits from 0 to f must stand, and the whole must be text", "% 뒤에는 0부터 f까지의 숫자 두 개가 있어야 하고 전체가 글이어야 합니다";
    CodePanes: "this is no arrangement of panes", "창 배치가 아닙니다";
    CodeSum: "this does not fit the rest: the code was changed or cut short", "나머지와 맞지 않습니다. 코드가 바뀌었거나 잘렸습니다";
    CodeNoScenario: "The library of this version has no scenario {0}", "이 버전의 라이브러리에는 {0} 시나리오가 없습니다";
    CodeNoFile: "The file of the code can't be read: {0}", "코드의 파일을 읽을 수 없습니다: {0}";
    CodeOtherText: "The scenario has changed since the code was made: {0}", "코드를 만든 뒤에 시나리오가 바뀌었습니다: {0}";
    CodeNotTaken: "The scenario does not take what the code did: {0}", "시나리오가 코드의 일을 받아들이지 않습니다: {0}";
    CodeOpen: "Open the view of this code", "이 코드의 화면 열기";
    NotThatRun: "This is not the run of the code: its end is {0}, the code says {1}", "코드의 실행이 아닙니다. 끝이 {0}인데 코드에는 {1}입니다";
    MessageHead: "{0}, seed {1}, {2} s, event {3}", "{0}, 시드 {1}, {2}초, 이벤트 {3}";
    AtThisMoment: "At this moment, to {0}:", "이 순간 {0}에:";

    // The lab.
    Guide: "Guide", "안내";
    StagePane: "Stage", "무대";
    Inspector: "Inspector", "살펴보기";
    Timeline: "Timeline", "시간표";
    Position: "{0} s, event {1} of {2}", "{0}초, 이벤트 {2}개 중 {1}";
    PositionAlone: "{0} s, event {1}", "{0}초, 이벤트 {1}";
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
    MoveFull: "Motion: full", "움직임: 모두";
    MoveReduced: "Motion: a ring around what changed", "움직임: 바뀐 것에 고리만";
    MoveOff: "Motion: none", "움직임: 없음";
    Menu: "Menu", "메뉴";
    PlaysBy: "By: {0}", "단위: {0}";
    PlaysByHelp: "What playing goes by", "재생하는 단위";
    UnitCompare: "Compare", "비교";
    UnitEdit: "Edit", "고치기";
    FutureHidden: "the future is hidden", "앞일을 감춤";
    Seed: "seed {0}", "시드 {0}";
    Passed: "the whole run: everything held", "전체 실행: 모두 지켜짐";
    CutShort: "this recording ends before its run: nothing is said of what was not decided until then", "이 기록은 실행이 끝나기 전에 끊겼습니다: 그때까지 정해지지 않은 것은 판정하지 않습니다";
    NoVerdict: "this recording has no verdict: this version can't read its scenario", "이 기록에는 판정이 없습니다: 이 버전은 시나리오를 읽을 수 없습니다";
    NotPassed: "expectations and invariants that did not hold: {0}", "지켜지지 않은 기대와 불변 조건 {0}개";
    NotHeld: "What did not hold", "지켜지지 않은 것";
    UnmetAt: "line {0}, at {1} s, event {2}: {3}; found {4}", "{0}행, {1}초, 이벤트 {2}: {3}; 실제: {4}";
    NeverAsked: "line {0}: {1}: never asked, for its step never came", "{0}행: {1}: 단계가 오지 않아 확인하지 못함";
    StepMissed: "line {0}: {1}: this step never came", "{0}행: {1}: 오지 않은 단계";
    NodePanicked: "{0} panicked: {1}", "{0} 패닉: {1}";
    LostPermitted: "Lost, as was permitted", "허용된 유실";
    LossPermitted: "{1}, {2} from offset {3}, found at event {4}; records lost: {0}. Permitted: {5}", "{1}, {2}의 오프셋 {3}부터 레코드 {0}개, 이벤트 {4}에서 발견. 허용 이유: {5}";
    Violations: "Violations", "위반";
    ViolationAt: "{0} at {1} s, event {2}: {3}", "{1}초, 이벤트 {2}, {0}: {3}";
    BrokenOnes: "invariants broken: {0}, first {1} at {2} s, event {3}", "깨진 불변 조건 {0}개, 처음은 {2}초, 이벤트 {3}의 {1}";
    Steps: "Steps of the scenario", "시나리오의 단계";
    StepAt: "{0} s: {1}", "{0}초: {1}";
    NoSteps: "The scenario has no steps", "시나리오에 단계가 없습니다";
    NotYet: "The rest is still to come", "나머지는 아직 오지 않았습니다";
    ServersDown: "down {0}", "꺼짐 {0}";
    Health: "under-replicated {0}, under min ISR {1}, leaderless {2}, violations {3}", "복제 부족 {0}, 최소 ISR 미달 {1}, 리더 없음 {2}, 위반 {3}";
    NoEvent: "Nothing has happened yet", "아직 아무 일도 없었습니다";
    EventHead: "event {0}: {1}", "이벤트 {0}: {1}";
    EventNumbered: "#{0} {1} s {2}", "#{0} {1}초 {2}";
    EventPlace: "at {0}, {1} s", "{0}, {1}초";
    Because: "Because", "원인";
    ScenarioLine: "the scenario's line {0}", "시나리오 {0}행";
    Caused: "It led to", "결과";
    Nothing: "nothing", "없음";
    InspectTabEvent: "Event", "이벤트";
    InspectTabState: "State", "상태";
    InspectTabWhy: "Why?", "왜?";
    InspectTabDiff: "Diff", "차이";
    InspectTabInvariants: "Invariants", "불변 조건";
    InvariantHolds: "holds", "지켜짐";
    InvariantBroken: "broken first at {0} s, event {1}: {2}", "{0}초, 이벤트 {1}에서 처음 깨짐: {2}";
    InvariantsHold: "{0} of {1} invariants hold up to here", "불변 조건 {1}개 중 {0}개가 여기까지 지켜짐";
    InvariantsWeak: "this is a warning: one election away from a loss", "이것은 경고입니다. 한 번의 선출로 잃을 수 있습니다";
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
    BandTime: "Time", "시간";
    TickEvery: "a mark every {0} s", "{0}초마다 눈금";
    Seconds: "{0} s", "{0}초";
    BandSteps: "Steps", "단계";
    BandController: "Controller", "컨트롤러";
    BandFaults: "Faults", "장애";
    BandFaultsMore: "Faults {0}", "장애 {0}";
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
    StaysInSight: "Names that stay in sight", "항상 보이는 이름";

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
    OfAcknowledged: "records acknowledged", "확인된 레코드";
    OfRead: "records read", "읽은 레코드";
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
