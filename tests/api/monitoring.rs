//! The alert rules and the dashboard name what a running service counts, and nothing else.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use milepost_testkit::{Options, Server};
use serde_json::Value;

use crate::support::{open, report};

const ALERTS: &str = include_str!("../../docs/monitoring/alerts.yml");
const DASHBOARD: &str = include_str!("../../docs/monitoring/dashboard.json");
const README: &str = include_str!("../../docs/monitoring/README.md");
/// Prometheus adds these itself.
const OF_PROMETHEUS: [&str; 2] = ["instance", "job"];

/// The samples of a service, each with its labels.
type Samples = BTreeMap<String, BTreeSet<String>>;

fn samples(servers: &[&Server]) -> Samples {
    let mut samples = Samples::new();
    for server in servers {
        let text = server.anyone().get("/metrics").expect(200).text;
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let (sample, _) = line.rsplit_once(' ').unwrap();
            let (name, labels) = sample.split_once('{').unwrap_or((sample, ""));
            let labels =
                labels.split(',').filter_map(|label| label.split_once('=')).map(|(name, _)| name.to_owned());
            samples.entry(name.to_owned()).or_default().extend(labels);
        }
    }
    samples
}

/// The expressions of the rules and of the panels, each with where it stands.
fn expressions() -> Vec<(String, String)> {
    let rules = ALERTS.split("- alert: ").skip(1).map(|rule| {
        let expr = rule.lines().find_map(|line| line.trim().strip_prefix("expr: ")).unwrap();
        (rule.lines().next().unwrap().to_owned(), expr.to_owned())
    });
    let dashboard: Value = serde_json::from_str(DASHBOARD).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let targets = panels.iter().flat_map(|panel| {
        let targets = panel["targets"].as_array().unwrap();
        let title = panel["title"].as_str().unwrap();
        targets.iter().map(move |target| (title.to_owned(), target["expr"].as_str().unwrap().to_owned()))
    });
    rules.chain(targets).collect()
}

/// The names of metrics in an expression.
fn metrics(expression: &str) -> Vec<&str> {
    let words = expression.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
    words.filter(|word| word.starts_with("milepost_")).collect()
}

/// The names of labels that an expression groups by or selects.
fn labels(expression: &str) -> Vec<&str> {
    let grouped =
        expression.split("by (").skip(1).flat_map(|rest| rest.split(')').next().unwrap().split(", "));
    let selected = expression.split('{').skip(1).flat_map(|rest| rest.split('}').next().unwrap().split(','));
    grouped.chain(selected.map(|label| label.split(['=', '!']).next().unwrap())).collect()
}

#[test]
fn every_alert_and_panel_asks_for_what_a_running_service_counts() {
    let first = Server::start();
    let build = open(&first, "web1.example.com");
    for step in ["get_ks/done", "packages/done", "built/done", "first_boot/done"] {
        report(&first, &build, step);
    }
    let _ = open(&first, "web2.example.com");
    let there = serde_json::json!({"name": "web4.example.com", "location": "brno"});
    let _ = crate::support::open_as(&first, &there, "kickstart");
    let failed = open(&first, "web3.example.com");
    report(&first, &failed, "packages/failed");
    // It counts what it finds when it starts, unless the first one was quicker to learn of it.
    let second = first.beside(Options::default());
    let began = Instant::now();
    let known = loop {
        let samples = samples(&[&first, &second]);
        let counted = ["milepost_builds", "milepost_signals", "milepost_step_seconds_bucket"];
        if counted.iter().all(|name| samples.contains_key(*name)) {
            break samples;
        }
        assert!(began.elapsed() < Duration::from_secs(60), "it is never counted: {samples:?}");
        std::thread::yield_now();
    };
    let expressions = expressions();
    assert!(expressions.len() > 15, "{expressions:?}");
    for (place, expression) in &expressions {
        let names = metrics(expression);
        for name in &names {
            assert!(known.contains_key(*name), "{place} asks for {name}, which is not in {:?}", known.keys());
        }
        for label in labels(expression) {
            let has = names.iter().any(|name| known[*name].contains(label)) || OF_PROMETHEUS.contains(&label);
            assert!(has, "{place}: no metric of it has the label {label}");
        }
    }
    let text = first.anyone().get("/metrics").expect(200).text;
    for line in [
        r#"milepost_builds_reached_total{workflow="kickstart",state="completed"} 1"#,
        r#"milepost_builds_reached_total{workflow="kickstart",state="pending"} 4"#,
        r#"milepost_state_seconds_count{workflow="kickstart",state="installed"} 1"#,
        r#"milepost_state_seconds_count{workflow="kickstart",state="pending"} 2"#,
    ] {
        assert!(text.lines().any(|said| said == line), "{line} is not in\n{text}");
    }
    let text = second.anyone().get("/metrics").expect(200).text;
    for line in [
        r#"milepost_builds{workflow="kickstart",state="pending",location=""} 1"#,
        r#"milepost_builds{workflow="kickstart",state="pending",location="brno"} 1"#,
        r#"milepost_signals{kind="failed_step",muted="false"} 1"#,
        r#"milepost_signals{kind="failed_step",muted="true"} 0"#,
        r#"milepost_signals{kind="boot_loop",muted="false"} 0"#,
    ] {
        assert!(text.lines().any(|said| said == line), "{line} is not in\n{text}");
    }
}

#[test]
fn prometheus_can_load_the_alert_rules() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/monitoring/alerts.yml");
    let checked = std::process::Command::new("promtool").args(["check", "rules", file]).output();
    let checked = checked.expect("promtool, which `make deps-test` installs");
    let said =
        String::from_utf8_lossy(&checked.stdout).into_owned() + &String::from_utf8_lossy(&checked.stderr);
    assert!(checked.status.success(), "{said}");
    let rules = ALERTS.matches("- alert: ").count();
    assert!(said.contains(&format!("SUCCESS: {rules} rules found")), "{said}");
}

#[test]
fn every_alert_says_what_to_do_and_every_metric_what_it_is() {
    for (place, _) in expressions().iter().filter(|(place, _)| place.starts_with("Milepost")) {
        assert!(README.contains(&format!("`{place}`")), "{place} is not in docs/monitoring/README.md");
    }
    for (place, expression) in expressions() {
        for name in metrics(&expression) {
            let name = name.trim_start_matches("milepost_").trim_end_matches("_bucket");
            let base = name.trim_end_matches("_max").replace("_max_", "_");
            let is_there = [name, &base].iter().any(|name| README.contains(&format!("`{name}`")));
            assert!(is_there, "{name}, which {place} asks for, is not in docs/monitoring/README.md");
        }
    }
}

#[test]
fn what_the_registry_does_not_know_is_no_label() {
    let server =
        Server::with(Options { registry: milepost_domain::registry::Mode::Loose, ..Options::default() });
    let host = serde_json::json!({"name": "web1.example.com"});
    let build = crate::support::open_as(&server, &host, "made_up");
    report(&server, &build, "anything/done");
    let text = server.anyone().get("/metrics").expect(200).text;
    assert!(text.contains(r#"milepost_builds_reached_total{workflow="other",state="running"} 1"#), "{text}");
    assert!(!text.contains("made_up") && !text.contains("anything"), "{text}");
}
