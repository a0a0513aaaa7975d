//! Colours by role, in two palettes that were searched for so that they are told apart by all kinds of eyes.
//!
//! The tests recompute what was asked of the palettes: contrast of at least 3:1 against the background, of 4.5:1 for digits on
//! fills, and a difference between every two roles for normal sight and three kinds of colour blindness.

/// A colour: red, green, blue.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Colour(pub u8, pub u8, pub u8);

impl Colour {
    /// From six hexadecimal digits.
    pub const fn hex(rgb: u32) -> Self {
        let [_, r, g, b] = rgb.to_be_bytes();
        Self(r, g, b)
    }

    /// So many hundredths of this over another.
    #[must_use]
    pub fn over(self, below: Self, hundredths: u16) -> Self {
        let mix = |a: u8, b: u8| {
            let sum = u16::from(a) * hundredths + u16::from(b) * (100 - hundredths.min(100));
            u8::try_from((sum + 50) / 100).unwrap_or(u8::MAX)
        };
        Self(mix(self.0, below.0), mix(self.1, below.1), mix(self.2, below.2))
    }
}

/// What a colour stands for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Hue {
    /// A leader.
    Leader,
    /// A follower in the ISR.
    Isr,
    /// Out of sync or offline.
    Out,
    /// The high watermark, and danger.
    Danger,
    /// An eligible leader replica, and warning.
    Warning,
    /// Transactions.
    Txn,
    /// All is well.
    Ok,
}

impl Hue {
    /// Every role.
    pub const ALL: [Self; 7] =
        [Self::Leader, Self::Isr, Self::Out, Self::Danger, Self::Warning, Self::Txn, Self::Ok];
}

/// Which palette.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub enum Palette {
    /// On white.
    #[default]
    Light,
    /// On nearly black.
    Dark,
}

impl Palette {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Light, Self::Dark];

    /// Its name in arguments.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }
}

/// A palette's colours.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Theme {
    /// Which palette.
    pub palette: Palette,
    /// Behind everything.
    pub background: Colour,
    /// Text and outlines.
    pub ink: Colour,
    /// Text of less weight.
    pub quiet: Colour,
    /// Lines that only guide the eye.
    pub faint: Colour,
    /// A surface that stands out a little.
    pub panel: Colour,
    /// The colours of the roles, in the order of [`Hue::ALL`].
    pub hues: [Colour; 7],
}

const WHITE: Colour = Colour::hex(0xFF_FF_FF);
const BLACK: Colour = Colour::hex(0x00_00_00);

impl Theme {
    /// A palette's colours.
    pub const fn new(palette: Palette) -> Self {
        match palette {
            Palette::Light => Self {
                palette,
                background: WHITE,
                ink: Colour::hex(0x1B_1F_24),
                quiet: Colour::hex(0x57_5D_66),
                faint: Colour::hex(0xD5_D9_DE),
                panel: Colour::hex(0xF4_F6_F8),
                hues: [
                    Colour::hex(0x04_32_B8),
                    Colour::hex(0x2F_9E_D3),
                    Colour::hex(0x93_93_96),
                    Colour::hex(0xA1_37_07),
                    Colour::hex(0xA3_8C_01),
                    Colour::hex(0x66_47_5D),
                    Colour::hex(0x06_82_62),
                ],
            },
            Palette::Dark => Self {
                palette,
                background: Colour::hex(0x14_18_1D),
                ink: Colour::hex(0xE8_EC_F1),
                quiet: Colour::hex(0xA9_B1_BB),
                faint: Colour::hex(0x3A_41_4A),
                panel: Colour::hex(0x1E_24_2B),
                hues: [
                    Colour::hex(0x47_87_EC),
                    Colour::hex(0x49_C8_F7),
                    Colour::hex(0x91_95_9C),
                    Colour::hex(0xCE_57_0E),
                    Colour::hex(0xFB_D1_39),
                    Colour::hex(0x89_59_8C),
                    Colour::hex(0x26_70_5B),
                ],
            },
        }
    }

    /// The colour of a role.
    pub const fn hue(&self, hue: Hue) -> Colour {
        let [leader, isr, out, danger, warning, txn, ok] = self.hues;
        match hue {
            Hue::Leader => leader,
            Hue::Isr => isr,
            Hue::Out => out,
            Hue::Danger => danger,
            Hue::Warning => warning,
            Hue::Txn => txn,
            Hue::Ok => ok,
        }
    }

    /// Black or white, whichever is read on the fill of a role.
    pub const fn on(&self, hue: Hue) -> Colour {
        match (self.palette, hue) {
            (Palette::Light, Hue::Leader | Hue::Danger | Hue::Txn | Hue::Ok)
            | (Palette::Dark, Hue::Txn | Hue::Ok) => WHITE,
            (Palette::Light, Hue::Isr | Hue::Out | Hue::Warning)
            | (Palette::Dark, Hue::Leader | Hue::Isr | Hue::Out | Hue::Danger | Hue::Warning) => {
                BLACK
            }
        }
    }

    /// A little of a role's colour over the background.
    pub fn tint(&self, hue: Hue, hundredths: u16) -> Colour {
        self.hue(hue).over(self.background, hundredths)
    }
}

#[cfg(test)]
mod tests;
