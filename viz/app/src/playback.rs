//! Playing: when the next step is due, and when to stop by oneself.
//!
//! It holds no clock: whoever draws says what time it is. A step is never shorter than the speed says, and what a slow frame
//! missed is not made up for by a burst: the picture would jump.

use klamm_scene::Step;

/// How long a step is shown at speed 1, in seconds.
const STEP: f64 = 0.9;

/// The speeds, in quarters.
const SPEEDS: [u16; 7] = [1, 2, 4, 8, 16, 32, 64];

/// Why playing ended by itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stopped {
    /// At the end of the run.
    End,
    /// An invariant is violated here.
    Violation,
    /// A breakpoint holds here.
    Breakpoint,
    /// A question waits for an answer here.
    Question,
    /// An answer is judged here.
    Verdict,
}

/// Whether, how fast and by what it plays.
#[expect(clippy::partial_pub_fields, reason = "what it goes by is free, when it goes is not")]
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Playback {
    /// When the next step is due, in the window's seconds; none while it does not play.
    due: Option<f64>,
    speed: usize,
    /// The distance of a step.
    pub by: Step,
}

impl Default for Playback {
    fn default() -> Self {
        Self { due: None, speed: 2, by: Step::Interesting }
    }
}

impl Playback {
    /// True while it plays.
    pub fn plays(&self) -> bool {
        self.due.is_some()
    }

    /// Begins; the first step comes after a whole interval, so that the eye is there before it.
    pub fn play(&mut self, now: f64) {
        self.due = Some(now + self.interval());
    }

    /// Ends.
    pub fn pause(&mut self) {
        self.due = None;
    }

    /// Whether a step is due now. If so, the next one is due an interval later.
    pub fn take(&mut self, now: f64) -> bool {
        let due = self.due.is_some_and(|due| due <= now);
        if due {
            self.due = Some(now + self.interval());
        }
        due
    }

    /// How long until the next step, in seconds; none while it does not play.
    pub fn rest(&self, now: f64) -> Option<f64> {
        self.due.map(|due| (due - now).max(0.0))
    }

    /// How long a step is shown.
    pub fn interval(&self) -> f64 {
        STEP * 4.0 / f64::from(self.quarters())
    }

    fn quarters(&self) -> u16 {
        SPEEDS.get(self.speed).copied().unwrap_or(4)
    }

    /// The speed as people write it: `1/4`, `1/2`, `1`, `16`.
    pub fn speed(&self) -> String {
        match self.quarters() {
            1 => "1/4".to_owned(),
            2 => "1/2".to_owned(),
            quarters => (quarters / 4).to_string(),
        }
    }

    /// Faster; false at the fastest.
    pub fn faster(&mut self) -> bool {
        let more = self.speed + 1 < SPEEDS.len();
        self.speed += usize::from(more);
        more
    }

    /// Slower; false at the slowest.
    pub fn slower(&mut self) -> bool {
        let more = self.speed > 0;
        self.speed -= usize::from(more);
        more
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_come_at_their_speed_and_late_frames_do_not_hurry() {
        let mut playback = Playback::default();
        assert!(!playback.take(10.0) && playback.rest(10.0).is_none());
        playback.play(10.0);
        assert!(!playback.take(10.8) && playback.take(10.9) && !playback.take(10.95));
        // A frame that comes five seconds late shows one step, not five.
        assert!(playback.take(16.0) && !playback.take(16.1));
        playback.pause();
        assert!(!playback.take(100.0));
    }

    #[test]
    fn there_are_seven_speeds() {
        let mut playback = Playback::default();
        while playback.slower() {}
        let mut speeds = vec![playback.speed()];
        while playback.faster() {
            speeds.push(playback.speed());
        }
        assert_eq!(speeds, ["1/4", "1/2", "1", "2", "4", "8", "16"]);
        assert!((playback.interval() - 0.9 / 16.0).abs() < 1e-9);
    }
}
