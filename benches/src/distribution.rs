//! What many measurements of one thing say.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Steps of [`Distribution::quantiles_ns`].
const QUANTILE_STEPS: usize = 200;

/// Two-sided 95 % of a normal distribution, in standard deviations.
const Z_95: f64 = 1.96;

/// Measurements of one thing, all in ns. Nothing is left out: outliers are in it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Distribution {
    /// Number of measurements.
    pub samples: usize,
    /// Arithmetic mean.
    pub mean_ns: f64,
    /// Where the mean lies with 95 % confidence, if the measurements are independent.
    pub mean_ci95_ns: [f64; 2],
    /// Median.
    pub p50_ns: f64,
    /// Where the median lies with 95 % confidence: by rank, whatever the distribution is.
    pub p50_ci95_ns: [f64; 2],
    /// 99 % are not above it.
    pub p99_ns: f64,
    /// 99.9 % are not above it.
    pub p999_ns: f64,
    /// The distribution function, for plots: entry n is the quantile n / 200, the first the least, the last the greatest.
    pub quantiles_ns: Vec<f64>,
}

impl Distribution {
    /// Of these measurements; `None` without any.
    pub fn of(times: impl IntoIterator<Item = Duration>) -> Option<Self> {
        let mut ns: Vec<f64> = times
            .into_iter()
            .map(|time| time.as_nanos() as f64)
            .collect();
        ns.sort_unstable_by(f64::total_cmp);
        let last = ns.len().checked_sub(1)?;
        let count = ns.len() as f64;
        let mean = ns.iter().sum::<f64>() / count;
        let squares: f64 = ns.iter().map(|value| (value - mean).powi(2)).sum();
        let standard_error = (squares / (count - 1.0).max(1.0) / count).sqrt();
        let at_rank = |rank: f64| ns[(rank.round().max(0.0) as usize).min(last)];
        let quantile = |share: f64| at_rank(share * last as f64);
        // The number of measurements below the median is binomial, with a standard deviation of sqrt(n) / 2.
        let ranks = Z_95 * count.sqrt() / 2.0;
        let middle = 0.5 * last as f64;
        Some(Self {
            samples: ns.len(),
            mean_ns: mean,
            mean_ci95_ns: [mean - Z_95 * standard_error, mean + Z_95 * standard_error],
            p50_ns: quantile(0.5),
            p50_ci95_ns: [at_rank(middle - ranks), at_rank(middle + ranks)],
            p99_ns: quantile(0.99),
            p999_ns: quantile(0.999),
            quantiles_ns: (0..=QUANTILE_STEPS)
                .map(|step| quantile(step as f64 / QUANTILE_STEPS as f64))
                .collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_numbers_have_known_quantiles() {
        // 0, 1, … 1000 ns, in no order.
        let times = (0..=1000u64).map(|n| Duration::from_nanos(n * 5 % 1001));
        let distribution = Distribution::of(times).unwrap();
        assert_eq!(distribution.samples, 1001);
        let near = |found: f64, expected: f64| (found - expected).abs() < 1e-6;
        assert!(near(distribution.mean_ns, 500.0));
        assert!(near(distribution.p50_ns, 500.0));
        assert!(near(distribution.p99_ns, 990.0));
        assert!(near(distribution.p999_ns, 999.0));
        assert_eq!(distribution.quantiles_ns.len(), 201);
        assert!(near(distribution.quantiles_ns[50], 250.0));
        assert!(near(distribution.quantiles_ns[200], 1000.0));
        // 1.96 * sqrt(1001) / 2 = 31 ranks; standard error 289.1 / sqrt(1001) = 9.14.
        assert!(near(distribution.p50_ci95_ns[0], 469.0));
        assert!(near(distribution.p50_ci95_ns[1], 531.0));
        assert!((distribution.mean_ci95_ns[1] - 517.9).abs() < 0.1);
    }

    #[test]
    fn nothing_measured_is_no_distribution() {
        assert_eq!(Distribution::of([]), None);
        let one = Distribution::of([Duration::from_nanos(5)]).unwrap();
        assert!((one.p999_ns - 5.0).abs() < 1e-6 && (one.mean_ci95_ns[0] - 5.0).abs() < 1e-6);
    }
}
