//! The axis of offsets that all lanes share.

use klamm_node::{Offset, TopicPartition};
use klamm_trace::PartitionView;

use crate::geometry::{Tenths, px};
use crate::stage::{Draw, MARGIN, Zoom};

/// Which offsets are seen, and where.
#[derive(Clone, Debug)]
pub(crate) struct Axis {
    /// The first offset.
    pub low: Offset,
    /// The offset behind the last.
    pub high: Offset,
    /// Where the first is.
    pub x0: Tenths,
    /// Where the last ends.
    pub x1: Tenths,
    /// True if each record is a square.
    pub records: bool,
    /// How many offsets are left of the picture, if any.
    pub folded: Option<i64>,
    /// The width of a record.
    pub cell: Tenths,
}

impl Axis {
    /// The axis on which everything of note about a partition can be seen.
    pub(super) fn new(draw: &Draw<'_>, partition: &TopicPartition, view: &PartitionView) -> Self {
        let x0 = MARGIN + draw.em(206);
        let x1 = (draw.stage.style.width - MARGIN - draw.em(70)).max(x0 + px(100));
        let logs = || view.replicas.values();
        let mut points: Vec<i64> =
            logs().flat_map(|replica| [replica.log.end().0, replica.high_watermark.0]).collect();
        for group in draw.view().groups() {
            let found = draw.view().group(group);
            let committed = found.and_then(|(_, group)| group.offsets.get(partition));
            points.extend(committed.map(|committed| committed.offset.0));
        }
        let positions =
            draw.view().nodes.values().filter_map(|node| node.client.positions.get(partition));
        points.extend(positions.map(|position| position.0));
        let first = logs().map(|replica| replica.log.start().0).min().unwrap_or(0);
        let high = points.iter().copied().max().unwrap_or(0).max(1);
        let least = points.iter().copied().min().unwrap_or(0).max(first);

        let cell_near = draw.em(28);
        let most = i64::from((x1 - x0) / cell_near);
        // Something of what is committed stays in sight left of what is of note.
        let near_fits = high - least + 3 <= most || high - first <= most;
        let records = match draw.stage.style.zoom {
            Zoom::Auto | Zoom::Far => near_fits,
            Zoom::Near => true,
            Zoom::Middle => false,
        };
        let low = if records {
            (high - most).max(first.min(high - 1))
        } else {
            // The shortest stretch that shows everything of note, with a tenth of it as margin.
            let margin = ((high - least) / 10).max(2);
            (least - margin).max(first)
        };
        let count = i32::try_from((high - low).max(1)).unwrap_or(i32::MAX);
        let cell = if records { ((x1 - x0) / count).min(draw.em(40)) } else { 0 };
        let folded = Some(low).filter(|low| *low > first && first >= 0).map(|low| low - first);
        Self { low: Offset(low), high: Offset(high), x0, x1, records, folded, cell }
    }

    /// Where an offset begins; at the edge for those beyond it.
    pub(crate) fn x_of(&self, offset: Offset) -> Tenths {
        let from_low = (offset.0 - self.low.0).clamp(0, self.high.0 - self.low.0);
        if self.records {
            return self.x0 + i32::try_from(from_low).unwrap_or(0) * self.cell;
        }
        let all = (self.high.0 - self.low.0).max(1);
        let way = i64::from(self.x1 - self.x0) * from_low / all;
        self.x0 + i32::try_from(way).unwrap_or(0)
    }

    /// Half of what lies between two batches.
    pub(super) fn gap(&self) -> Tenths {
        if self.records { 15 } else { 0 }
    }

    /// Offsets to write down, and where: under each record, or at round numbers.
    pub(super) fn ticks(&self, size: Tenths) -> Vec<(Offset, Tenths)> {
        let widest = crate::text::width(&self.high.0.to_string(), size) + size;
        let step = if self.records {
            let every = i64::from((widest + self.cell - 1) / self.cell.max(1));
            round_up(every.max(1))
        } else {
            let most = i64::from(((self.x1 - self.x0) / widest.max(1)).max(1));
            round_up(((self.high.0 - self.low.0) / most).max(1))
        };
        let first = (self.low.0 + step - 1) / step * step;
        let last = if self.records { self.high.0 - 1 } else { self.high.0 };
        let middle = if self.records { self.cell / 2 } else { 0 };
        (first..=last)
            .step_by(usize::try_from(step).unwrap_or(1))
            .map(|offset| (Offset(offset), self.x_of(Offset(offset)) + middle))
            .collect()
    }
}

/// The next of 1, 2, 5, 10, 20, …
fn round_up(step: i64) -> i64 {
    let mut round = 1;
    loop {
        for factor in [1, 2, 5] {
            if round * factor >= step {
                return round * factor;
            }
        }
        round *= 10;
    }
}
