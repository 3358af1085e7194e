//! A share of a whole, exact to a hundredth of a percent.
//!
//! The rule it protects: integers only, 0 to 10000 basis points, so that progress is ordered and
//! compares exactly; a number out of range is refused where it enters.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// 0 % to 100 % in basis points (1 % = 100).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "u16", into = "u16")]
pub struct Percent(u16);

/// A percentage that is not a number from 0 to 100.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("percentage must be a number from 0 to 100, not '{0}'")]
pub struct InvalidPercent(String);

impl Percent {
    /// 0 %.
    pub const ZERO: Self = Self(0);
    /// The most that is shown before a build is completed (product rule).
    pub const NEARLY: Self = Self(9_900);
    /// 100 %.
    pub const FULL: Self = Self(10_000);

    /// From basis points; `None` above 10000.
    #[must_use]
    pub const fn from_basis_points(points: u16) -> Option<Self> {
        if points <= 10_000 { Some(Self(points)) } else { None }
    }

    /// `part` of `whole`, rounded down; full when `part` reaches `whole`, zero of nothing.
    #[must_use]
    pub fn of(part: u64, whole: u64) -> Self {
        if whole == 0 {
            return Self::ZERO;
        }
        let points = u128::from(part.min(whole)) * 10_000 / u128::from(whole);
        Self(u16::try_from(points).unwrap_or(10_000))
    }

    /// This share of `amount`, rounded down.
    #[must_use]
    pub fn share_of(self, amount: u64) -> u64 {
        u64::try_from(u128::from(amount) * u128::from(self.0) / 10_000).unwrap_or(amount)
    }

    /// Basis points, 0 to 10000.
    #[must_use]
    pub const fn basis_points(self) -> u16 {
        self.0
    }

    /// Whole percent, rounded down: 99.99 % is not yet 100.
    #[must_use]
    pub const fn whole(self) -> u8 {
        // 10000 / 100 fits; the low byte of at most 100 is itself.
        (self.0 / 100).to_le_bytes()[0]
    }
}

impl TryFrom<u16> for Percent {
    type Error = InvalidPercent;

    fn try_from(points: u16) -> Result<Self, Self::Error> {
        Self::from_basis_points(points).ok_or_else(|| InvalidPercent(format!("{points} basis points")))
    }
}

impl From<Percent> for u16 {
    fn from(percent: Percent) -> Self {
        percent.0
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0 / 100)?;
        match self.0 % 100 {
            0 => Ok(()),
            rest if rest % 10 == 0 => write!(f, ".{}", rest / 10),
            rest => write!(f, ".{rest:02}"),
        }
    }
}

impl FromStr for Percent {
    type Err = InvalidPercent;

    /// Reads `42`, `42.5`, `42 %` and `42%`; digits beyond a hundredth are dropped.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || InvalidPercent(text.chars().take(40).collect());
        let number = text.trim();
        let number = number.strip_suffix('%').unwrap_or(number).trim_end();
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let digits = |part: &str| part.chars().all(|c| c.is_ascii_digit());
        if whole.is_empty() || !digits(whole) || !digits(fraction) {
            return Err(invalid());
        }
        let whole: u16 = whole.parse().map_err(|_| invalid())?;
        let mut hundredths = fraction.chars().chain("00".chars()).take(2);
        let mut digit = || hundredths.next().and_then(|c| c.to_digit(10)).unwrap_or(0);
        let fraction = u16::try_from(digit() * 10 + digit()).map_err(|_| invalid())?;
        whole
            .checked_mul(100)
            .and_then(|points| points.checked_add(fraction))
            .and_then(Self::from_basis_points)
            .ok_or_else(invalid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn printing_and_reading_round_trips(points in 0_u16..=10_000) {
            let percent = Percent::from_basis_points(points).unwrap();
            prop_assert_eq!(percent.to_string().parse::<Percent>().unwrap(), percent);
        }

        #[test]
        fn any_text_is_read_or_refused_without_a_panic(text in ".{0,12}") {
            let _ = text.parse::<Percent>();
        }
    }

    #[test]
    fn numbers_as_people_write_them_are_read() {
        for (text, points) in
            [("0", 0), ("42", 4200), (" 42 % ", 4200), ("99.5", 9950), ("7.129", 712), ("100", 10_000)]
        {
            assert_eq!(text.parse::<Percent>().unwrap().basis_points(), points, "{text}");
        }
        for text in ["", "-1", "101", "100.01", "abc", "1e2", "4 2", "%", ".5"] {
            assert!(text.parse::<Percent>().is_err(), "{text}");
        }
    }
}
