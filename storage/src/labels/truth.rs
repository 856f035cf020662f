//! What a label says, as a user tells it and as it is held.

use std::{num::NonZeroU64, sync::Arc};

use crate::{column::is_null, outcome::Answer};

/// What a label says.
#[derive(Debug, Clone, PartialEq)]
pub enum Truth {
    /// A class.
    Class(Arc<str>),
    /// A number.
    Number(f64),
}

impl Truth {
    /// The truth that a set with these class names holds.
    pub(crate) fn of(truth: Truth64, names: &[Arc<str>]) -> Self {
        match truth.answer() {
            Answer::Class(place) => {
                Self::Class(names.get(place as usize).cloned().unwrap_or_else(|| "".into()))
            }
            Answer::Number(value) => Self::Number(value),
            Answer::Nothing => Self::Number(f64::NAN),
        }
    }
}

/// What a label says, in eight bytes: the bits of a number, or a class's place among NaNs that no
/// number has. It holds the complement of the bits, which is never 0, so that a place for a truth
/// that may be absent takes no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Truth64(NonZeroU64);

const CLASS: u64 = 0xfffc << 48;
const NOTHING: u64 = 0xfffd << 48;
const KIND: u64 = 0xffff << 48;

impl Truth64 {
    pub(crate) const NOTHING: Self = match NonZeroU64::new(!NOTHING) {
        Some(complement) => Self(complement),
        None => Self(NonZeroU64::MAX),
    };

    pub(crate) fn class(place: u32) -> Self {
        Self::from_bits(CLASS | u64::from(place))
    }

    pub(crate) fn number(value: f64) -> Self {
        let plain = !value.is_nan() || is_null(value);
        Self::from_bits(if plain { value } else { f64::NAN }.to_bits())
    }

    /// The place of a class.
    pub(crate) fn place(self) -> Option<u32> {
        (self.bits() & KIND == CLASS).then_some(self.bits() as u32)
    }

    pub(crate) fn answer(self) -> Answer {
        match self.bits() & KIND {
            CLASS => Answer::Class(self.bits() as u32),
            NOTHING => Answer::Nothing,
            _ => Answer::Number(f64::from_bits(self.bits())),
        }
    }

    /// All ones, which no truth has, count as nothing.
    pub(crate) fn from_bits(bits: u64) -> Self {
        NonZeroU64::new(!bits).map_or(Self::NOTHING, Self)
    }

    pub(crate) fn bits(self) -> u64 {
        !self.0.get()
    }
}
