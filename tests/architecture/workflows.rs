//! `docs/workflows.md` shows what is shipped in the registry.

use std::collections::{BTreeMap, BTreeSet};

use milepost_domain::{
    Label, PlannedStep, Status,
    event::EventRule,
    registry::{Manifest, Owned, Registry, Step, Workflow},
};
use milepost_store::registry::shipped;

use crate::documents::{Generated, cells, code, row};

/// What only people know of a step: by workflow (none for the last table) and label.
type Sources = BTreeMap<(Option<String>, String), String>;

/// The workflows in the order in which the document has them, and the last cell of each row.
fn written(text: &str) -> (Vec<String>, Sources) {
    let mut order = Vec::new();
    let mut sources = Sources::new();
    let mut section = None;
    for line in text.lines() {
        if let Some(heading) = line.strip_prefix("### ") {
            section = code(heading).map(ToOwned::to_owned);
            order.extend(section.clone());
        }
        let row = cells(line).unwrap_or_default();
        if let (Some(label), Some(source)) = (row.first().and_then(|cell| code(cell)), row.last()) {
            sources.insert((section.clone(), label.to_owned()), source.clone());
        }
    }
    (order, sources)
}

fn duration(seconds: u32) -> String {
    match (seconds / 60, seconds % 60) {
        (0, seconds) => format!("{seconds} s"),
        (minutes, 0) => format!("{minutes} min"),
        (minutes, seconds) => format!("{minutes} min {seconds} s"),
    }
}

fn registry(manifest: &Manifest) -> Registry {
    let owner = manifest.owner.clone().unwrap();
    let step = |step: &Step| (step.label.clone(), Owned { owner: owner.clone(), value: step.clone() });
    let workflow = |it: &Workflow| (it.name.clone(), Owned { owner: owner.clone(), value: it.clone() });
    Registry {
        steps: manifest.steps.iter().map(step).collect(),
        workflows: manifest.workflows.iter().map(workflow).collect(),
        ..Registry::default()
    }
}

fn expected_step(step: &PlannedStep, source: &str) -> String {
    let marks: Vec<&str> = [(step.optional, "optional"), (step.entry, "entry")]
        .iter()
        .filter(|it| it.0)
        .map(|it| it.1)
        .collect();
    row(&[
        &format!("`{}`", step.label),
        step.name.as_str(),
        &step.priority.to_string(),
        &duration(step.weight_seconds),
        &duration(step.timeout_seconds),
        &marks.join(", "),
        source,
    ])
}

/// The rules for events, in their order; nothing where there are none.
fn events(rules: &[EventRule]) -> String {
    if rules.is_empty() {
        return String::new();
    }
    let mut text = row(&["event", "sent by", "counts when it", "step"]) + &row(&["---"; 4]);
    for rule in rules {
        let word = |status: &Status| match status {
            Status::Init => "starts",
            Status::Done => "ends",
            Status::Failed => "fails",
        };
        let all = [Status::Init, Status::Done, Status::Failed];
        let on = if rule.on.is_empty() { all.as_slice() } else { &rule.on };
        let on: Vec<&str> = on.iter().map(word).collect();
        text += &row(&[
            &format!("`{}`", rule.name),
            rule.origin.as_str(),
            &on.join(", "),
            &format!("`{}`", rule.step),
        ]);
    }
    text + "\n"
}

fn spare_step(step: &Step, source: &str) -> String {
    row(&[
        &format!("`{}`", step.label),
        step.name.as_str(),
        &step.priority.to_string(),
        &duration(step.weight_seconds),
        &duration(step.timeout_seconds),
        source,
    ])
}

#[test]
fn the_tables_of_workflows_are_what_is_shipped() {
    let manifest = shipped().unwrap();
    let registry = registry(&manifest);
    let part = Generated::part("docs/workflows.md", "workflows");
    let (mut order, sources) = written(&part.inside);
    order.extend(manifest.workflows.iter().map(|workflow| workflow.name.to_string()));
    let mut shown = BTreeSet::new();
    order.retain(|name| shown.insert(name.clone()));

    let mut unknown = Vec::new();
    let mut source = |workflow: Option<&Label>, label: &Label| {
        let key = (workflow.map(ToString::to_string), label.to_string());
        sources.get(&key).cloned().unwrap_or_else(|| {
            unknown.push(format!("{workflow:?} {label}"));
            String::new()
        })
    };
    let mut text = String::new();
    for name in &order {
        // One that is no longer shipped goes.
        let Some(Owned { value: workflow, .. }) = registry.workflows.get(name.as_str()) else { continue };
        let description = workflow.description.as_deref().unwrap_or_default();
        text.extend(["### ", workflow.title.as_str(), ": `", name, "`\n\n", description, "\n\n"]);
        text += &row(&["label", "name", "priority", "usual time", "silence limit", "marks", "reported from"]);
        text += &row(&["---", "---", "---:", "---:", "---:", "---", "---"]);
        for step in registry.plan(&workflow.name).steps() {
            text += &expected_step(step, &source(Some(&workflow.name), &step.label));
        }
        text += "\n";
        text += &events(&workflow.events);
    }
    text += "### Known steps that no workflow expects\n\n\
        A strict registry takes reports of these too. They appear in a host's time line at their place and do not \
        count for its percentage.\n\n";
    text += &row(&["label", "name", "priority", "usual time", "silence limit", "reported from"]);
    text += &row(&["---", "---", "---:", "---:", "---:", "---"]);
    let places = || manifest.workflows.iter().flat_map(|workflow| &workflow.steps);
    let mut spare: Vec<&Step> =
        manifest.steps.iter().filter(|step| places().all(|place| place.label != step.label)).collect();
    spare.sort_by_key(|step| step.priority);
    for step in spare {
        text += &spare_step(step, &source(None, &step.label));
    }
    part.assert_is(&text);
    assert!(unknown.is_empty(), "say in the last column where these are reported from: {unknown:?}");
}

#[test]
fn what_a_document_says_only_by_hand_is_kept() {
    let text = "### Kickstart: `kickstart`\n\n| `get_ks` | x | the first line |\n### Others\n| `ipxe` | y | a | b |\n";
    let (order, sources) = written(text);
    assert_eq!(order, ["kickstart"]);
    assert_eq!(sources[&(Some("kickstart".to_owned()), "get_ks".to_owned())], "the first line");
    assert_eq!(sources[&(None, "ipxe".to_owned())], "b");
    assert_eq!(
        (duration(59), duration(60), duration(400)),
        ("59 s".into(), "1 min".into(), "6 min 40 s".into())
    );
}
