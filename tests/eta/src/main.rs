//! Measures how well the end of a build is foretold, against what others do: `make bench-eta`.
//!
//! The rule it protects: everybody sees the same builds, reports and moments, nobody sees what comes
//! later, and what the estimator was tuned on is told apart from what it was not.

mod document;
mod plans;
mod references;
mod replay;
mod rules;
mod score;
mod story;
mod table;

use std::{
    io::{self, Write as _},
    process::ExitCode,
};

use clap::Parser;

use crate::{
    replay::replay,
    rules::{tuned, untouched},
    story::Story,
    table::Set,
};

/// Measures how well the end of a build is foretold, against three references.
///
/// Makes up builds by rules, replays their reports in the order of time, and asks everybody how far each
/// build is and how long it will still take, at 10, 25, 50, 75 and 90 % of its time.
#[derive(Debug, Clone, Parser)]
#[command(
    name = "bench-eta",
    after_help = "\
Examples:
  make bench-eta                               everything; writes docs/estimates.md
  make bench-eta ARGS='--tuned --seeds 2'      while the estimator is worked on"
)]
struct Args {
    /// How many histories of each kind of site, each with a seed of its own
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u64).range(1..=100))]
    seeds: u64,
    /// How many builds in each history
    #[arg(long, value_name = "N", default_value_t = 500)]
    builds: usize,
    /// Only the rules that the estimator was tuned on. Whoever changes it uses this, so as not to tune
    /// it on the others too
    #[arg(long)]
    tuned: bool,
}

impl Args {
    /// Whether the result is worth a document.
    const fn writes(&self) -> bool {
        !self.tuned && self.seeds == 4 && self.builds == 500
    }
}

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            // Nobody reads it: then nobody misses it.
            let _ = writeln!(io::stderr(), "bench-eta: {why}");
            ExitCode::FAILURE
        }
    }
}

/// What comes of the histories that `stories` makes from each seed.
fn measure(name: &str, seeds: u64, stories: impl Fn(u64) -> Vec<Story>) -> Result<Set, String> {
    let mut set = Set { name: name.to_owned(), ..Set::default() };
    for seed in 1..=seeds {
        let replayed = replay(&stories(seed))?;
        set.completed += replayed.completed;
        set.estimated += replayed.estimated;
        set.looks.extend(replayed.looks);
    }
    Ok(set)
}

fn together(sets: &[Set]) -> Set {
    let mut all = Set { name: "all tuned".to_owned(), ..Set::default() };
    for set in sets {
        all.completed += set.completed;
        all.estimated += set.estimated;
        all.looks.extend_from_slice(&set.looks);
    }
    all
}

fn run(args: &Args) -> Result<(), String> {
    let tuned =
        |mix: &tuned::Mix| measure(mix.name, args.seeds, |seed| tuned::history(*mix, seed, args.builds));
    let mut sets = tuned::MIXES.iter().map(tuned).collect::<Result<Vec<Set>, String>>()?;
    let all = together(&sets);
    if args.tuned {
        return show(&[table::sites(&sets), table::errors(&all), table::bars(&all), table::ranges(&[&all])]);
    }
    let untouched = measure("untouched", args.seeds, |seed| untouched::history(seed, args.builds))?;
    let parts = [
        ("goals", table::goals(&all, &untouched)),
        ("tuned", [table::errors(&all), table::bars(&all)].join("\n")),
        ("untouched", [table::errors(&untouched), table::bars(&untouched)].join("\n")),
        ("ranges", table::ranges(&[&all, &untouched])),
    ];
    sets.push(untouched);
    let parts = [("sites", table::sites(&sets))].into_iter().chain(parts).collect::<Vec<_>>();
    show(&parts.iter().map(|(name, part)| format!("{name}\n{part}")).collect::<Vec<_>>())?;
    if args.writes() {
        let path = document::write(&parts)?;
        show(&[format!("written: {}\n", path.display())])?;
    }
    Ok(())
}

fn show(parts: &[String]) -> Result<(), String> {
    io::stdout().lock().write_all(parts.join("\n").as_bytes()).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::score::{Who, bar_error, best_reference, eta_error, range_held};

    /// One history of each, small enough for every run of the tests.
    fn short() -> [Set; 2] {
        let mix = tuned::MIXES[1];
        [
            measure(mix.name, 1, |seed| tuned::history(mix, seed + 100, 250)).unwrap(),
            measure("untouched", 1, |seed| untouched::history(seed + 100, 250)).unwrap(),
        ]
    }

    #[test]
    fn the_end_is_foretold_better_than_by_anybody_else() {
        for set in short() {
            assert!(set.estimated > 150, "{}: {} builds", set.name, set.estimated);
            let ours = eta_error(&set.looks, Who::Milepost).mean_median();
            let (who, best) = best_reference(&set.looks);
            assert!(ours < 25.0, "{}: {ours} %", set.name);
            assert!(ours < 0.6 * best, "{}: {ours} %, and {} has {best} %", set.name, who.name());
            let bar = bar_error(&set.looks, Who::Milepost).mean_median();
            assert!(bar < 6.0, "{}: the bar is off by {bar} points", set.name);
            let (_, held) = range_held(&set.looks);
            assert!((65.0..95.0).contains(&held), "{}: the range holds {held} %", set.name);
        }
    }

    #[test]
    fn a_history_comes_again_with_its_seed_and_differs_with_another() {
        let told = |seed| {
            let stories = untouched::history(seed, 20);
            stories.into_iter().flat_map(|story| story.reports).collect::<Vec<_>>()
        };
        assert_eq!(told(3), told(3));
        assert_ne!(told(3), told(4));
    }

    #[test]
    fn tables_fit_into_80_columns() {
        let sets = short();
        let [tuned, untouched] = &sets;
        let all = [
            table::goals(tuned, untouched),
            table::errors(tuned),
            table::bars(tuned),
            table::ranges(&[tuned, untouched]),
            table::sites(&sets),
        ];
        for line in all.iter().flat_map(|table| table.lines()) {
            assert!(line.chars().count() <= 80, "{line}");
        }
    }
}
