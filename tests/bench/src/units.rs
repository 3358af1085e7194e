//! How figures are written: short, and with three digits that mean something.

/// What a figure counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    /// A second.
    Rate,
    /// Microseconds.
    Micros,
    /// Seconds.
    Seconds,
    Bytes,
    MiB,
}

impl Unit {
    pub(crate) fn show(self, value: f64) -> String {
        match self {
            _ if value.is_nan() => "-".to_owned(),
            Self::Rate if value >= 9999.5 => format!("{:.1}k/s", value / 1000.0),
            Self::Rate => format!("{value:.0}/s"),
            Self::Micros => micros(value),
            Self::Seconds => micros(value * 1e6),
            Self::Bytes => format!("{value:.0} B"),
            Self::MiB => format!("{} MiB", digits(value)),
        }
    }
}

/// Three digits, as far as they lie behind the point.
fn digits(value: f64) -> String {
    match value {
        _ if value >= 99.95 => format!("{value:.0}"),
        _ if value >= 9.995 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

fn micros(value: f64) -> String {
    match value {
        _ if value < 999.5 => format!("{value:.0} us"),
        _ if value < 999_500.0 => format!("{} ms", digits(value / 1000.0)),
        _ => format!("{} s", digits(value / 1e6)),
    }
}

/// A ratio.
pub(crate) fn ratio(value: f64) -> String {
    format!("{}x", digits(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_has_three_digits() {
        for (unit, value, text) in [
            (Unit::Rate, 2345.6, "2346/s"),
            (Unit::Rate, 23_456.0, "23.5k/s"),
            (Unit::Micros, 153.2, "153 us"),
            (Unit::Micros, 1530.2, "1.53 ms"),
            (Unit::Seconds, 23.28, "23.3 s"),
            (Unit::Seconds, 0.2, "200 ms"),
            (Unit::MiB, 31.96, "32.0 MiB"),
            (Unit::Bytes, 250.0, "250 B"),
        ] {
            assert_eq!(unit.show(value), text);
        }
        assert_eq!(ratio(0.6), "0.60x");
    }
}
