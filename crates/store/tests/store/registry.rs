//! The registry's tables: whose they are, and what is shipped in them.

use diesel::PgConnection;
use milepost_domain::registry::{InvalidRegistry, Step, Workflow, WorkflowStep};
use milepost_store::{Error, Store, migrate, registry};
use milepost_testkit::Database;

use crate::{
    sql::{count, lines, run},
    support::{label, name, store},
};

pub(crate) fn step(key: &str, priority: i32) -> Step {
    Step {
        label: label(key),
        name: name(key),
        description: None,
        priority,
        weight_seconds: 60,
        timeout_seconds: 900,
    }
}

fn workflow(key: &str, steps: &[&str]) -> Workflow {
    let place = |step: &&str| WorkflowStep {
        label: label(step),
        priority: None,
        weight_seconds: None,
        timeout_seconds: None,
        optional: false,
        entry: false,
    };
    Workflow {
        name: label(key),
        title: name(key),
        description: None,
        registry: None,
        expected_boots: None,
        steps: steps.iter().map(place).collect(),
        events: Vec::new(),
    }
}

fn put(store: &Store, owner: &str, step: &Step) -> Result<(), Error> {
    store.write(|connection| registry::put_step(connection, &label(owner), step))
}

fn put_workflow(store: &Store, owner: &str, workflow: &Workflow) -> Result<(), Error> {
    store.write(|connection| registry::put_workflow(connection, &label(owner), workflow))
}

fn delete(store: &Store, owner: &str, step: &str) -> Result<(), Error> {
    store.write(|connection| registry::delete_step(connection, &label(owner), &label(step)))
}

fn delete_workflow(store: &Store, owner: &str, workflow: &str) -> Result<(), Error> {
    store.write(|connection| registry::delete_workflow(connection, &label(owner), &label(workflow)))
}

/// All that is in the registry's tables, a line each.
fn tables(connection: &mut PgConnection) -> Vec<String> {
    lines(
        connection,
        "SELECT steps::text AS line FROM steps UNION ALL SELECT workflows::text FROM workflows ORDER BY line",
    )
}

#[test]
fn what_is_shipped_is_there_as_it_is_shipped() {
    let database = Database::new();
    let shipped = registry::shipped().unwrap();
    let registry = store(&database).registry();
    let steps: Vec<&Step> = registry.steps.values().map(|owned| &owned.value).collect();
    assert_eq!(steps.len(), shipped.steps.len());
    assert!(shipped.steps.iter().all(|step| steps.contains(&step)));
    let workflows: Vec<&Workflow> = registry.workflows.values().map(|owned| &owned.value).collect();
    assert_eq!(workflows.len(), shipped.workflows.len());
    assert!(shipped.workflows.iter().all(|workflow| workflows.contains(&workflow)));
    let owners =
        lines(&mut database.connect(), "SELECT owner AS line FROM steps UNION SELECT owner FROM workflows");
    assert_eq!(owners, ["milepost"]);
}

#[test]
fn shipping_again_changes_nothing() {
    let database = Database::new();
    let mut connection = database.connect();
    let before = tables(&mut connection);
    migrate::run(&database.url).unwrap();
    assert_eq!(tables(&mut connection), before);
}

#[test]
fn shipping_brings_what_was_changed_up_to_date() {
    let database = Database::new();
    let mut connection = database.connect();
    let before = tables(&mut connection);
    run(&mut connection, "UPDATE steps SET name = 'Older', priority = 1, weight_seconds = 9");
    run(&mut connection, "UPDATE workflows SET title = 'Older', steps = '[]', registry = 'loose'");
    run(&mut connection, "DELETE FROM steps WHERE label = 'packages'");
    migrate::run(&database.url).unwrap();
    assert_eq!(tables(&mut connection), before);
}

#[test]
fn shipping_leaves_a_sites_step_and_workflow_of_a_shipped_name_alone() {
    let database = Database::new();
    let mut connection = database.connect();
    run(&mut connection, "UPDATE steps SET owner = 'site', name = 'Ours' WHERE label = 'packages'");
    run(
        &mut connection,
        "UPDATE workflows SET owner = 'site', title = 'Ours', steps = '[]' WHERE name = 'image'",
    );
    let before = tables(&mut connection);
    migrate::run(&database.url).unwrap();
    assert_eq!(tables(&mut connection), before);
}

#[test]
fn shipping_removes_what_is_no_longer_shipped_unless_a_workflow_names_it() {
    let database = Database::new();
    let mut connection = database.connect();
    let before = tables(&mut connection);
    for step in ["gone", "gone_but_used"] {
        let values = format!("('{step}', 'milepost', 'Old', 1, 1, 1)");
        run(
            &mut connection,
            &format!(
                "INSERT INTO steps (label, owner, name, priority, weight_seconds, timeout_seconds) VALUES {values}"
            ),
        );
    }
    let old = "('old', 'milepost', 'Old', '[{\"label\": \"gone\"}]'), ('ours', 'site', 'Ours', '[{\"label\": \"gone_but_used\"}]')";
    run(&mut connection, &format!("INSERT INTO workflows (name, owner, title, steps) VALUES {old}"));
    run(&mut connection, "INSERT INTO steps VALUES ('kept', 'site', 'Ours', NULL, 1, 1, 1)");
    migrate::run(&database.url).unwrap();
    assert_eq!(count(&mut connection, "steps WHERE label = 'gone'"), 0);
    assert_eq!(count(&mut connection, "workflows WHERE name = 'old'"), 0);
    let after = tables(&mut connection);
    assert_eq!(after.len(), before.len() + 3, "{after:#?}");

    // Once nobody names it any more, it goes too.
    run(&mut connection, "DELETE FROM workflows WHERE name = 'ours'");
    migrate::run(&database.url).unwrap();
    assert_eq!(count(&mut connection, "steps WHERE label = 'gone_but_used'"), 0);
}

#[test]
fn one_owner_cannot_change_or_remove_anothers() {
    let database = Database::new();
    let store = store(&database);
    put(&store, "katello", &step("content_view", 421)).unwrap();
    put_workflow(&store, "katello", &workflow("content", &["content_view"])).unwrap();
    let mut connection = database.connect();
    let before = tables(&mut connection);
    let owned = |what, key: &str, owner: &str| Error::Owned { what, key: label(key), owner: label(owner) };

    assert_eq!(put(&store, "site", &step("content_view", 1)), Err(owned("step", "content_view", "katello")));
    assert_eq!(put(&store, "site", &step("packages", 1)), Err(owned("step", "packages", "milepost")));
    assert_eq!(delete(&store, "site", "packages"), Err(owned("step", "packages", "milepost")));
    let theirs = workflow("content", &["packages"]);
    assert_eq!(put_workflow(&store, "site", &theirs), Err(owned("workflow", "content", "katello")));
    assert_eq!(delete_workflow(&store, "site", "kickstart"), Err(owned("workflow", "kickstart", "milepost")));
    assert_eq!(tables(&mut connection), before);

    put(&store, "katello", &step("content_view", 422)).unwrap();
    delete_workflow(&store, "katello", "content").unwrap();
    delete(&store, "katello", "content_view").unwrap();
    assert_eq!(count(&mut connection, "steps WHERE owner = 'katello'"), 0);
}

#[test]
fn what_is_not_there_cannot_be_removed() {
    let database = Database::new();
    let store = store(&database);
    assert_eq!(delete(&store, "site", "nothing"), Err(Error::not_found("step", &"nothing")));
    assert_eq!(delete_workflow(&store, "site", "nothing"), Err(Error::not_found("workflow", &"nothing")));
}

#[test]
fn a_step_stays_while_a_workflow_names_it() {
    let database = Database::new();
    let store = store(&database);
    put(&store, "site", &step("raid", 110)).unwrap();
    put_workflow(&store, "other", &workflow("raided", &["raid", "packages"])).unwrap();
    let expected = Error::StepInUse { step: label("raid"), workflow: label("raided") };
    assert_eq!(delete(&store, "site", "raid"), Err(expected));
    delete_workflow(&store, "other", "raided").unwrap();
    assert_eq!(delete(&store, "site", "raid"), Ok(()));
}

#[test]
fn what_does_not_hold_together_is_not_written() {
    let database = Database::new();
    let store = store(&database);
    let mut connection = database.connect();
    let before = tables(&mut connection);
    assert!(matches!(
        put(&store, "site", &step("raid", 10_001)),
        Err(Error::Registry(InvalidRegistry::Range { field: "priority", .. }))
    ));
    assert!(matches!(
        put_workflow(&store, "site", &workflow("ours", &["nonsense"])),
        Err(Error::Registry(InvalidRegistry::UnknownStep { .. }))
    ));
    assert_eq!(tables(&mut connection), before);

    // Moving a step to the place of another one breaks the workflow that has both.
    put(&store, "site", &step("raid", 110)).unwrap();
    put_workflow(&store, "site", &workflow("raided", &["raid", "packages"])).unwrap();
    let packages = store.refresh_registry().unwrap().steps["packages"].value.priority;
    assert!(matches!(
        put(&store, "site", &step("raid", packages)),
        Err(Error::Registry(InvalidRegistry::SamePriority { .. }))
    ));
}

#[test]
fn a_step_and_a_workflow_are_read_back_as_they_were_put() {
    let database = Database::new();
    let store = store(&database);
    let ours = Step { description: Some("Ours, in a sentence.".to_owned()), ..step("raid", 110) };
    put(&store, "site", &ours).unwrap();
    let mut raided = workflow("raided", &["raid", "packages"]);
    raided.registry = Some(milepost_domain::registry::Mode::Loose);
    raided.steps[0].entry = true;
    raided.steps[1].timeout_seconds = Some(7);
    put_workflow(&store, "site", &raided).unwrap();
    let registry = store.refresh_registry().unwrap();
    assert_eq!(registry.steps["raid"].value, ours);
    assert_eq!(registry.workflows["raided"].value, raided);
    assert_eq!(registry.workflows["raided"].owner, label("site"));
}

#[test]
fn a_changed_workflow_leaves_the_plan_of_an_open_build() {
    let database = Database::new();
    let store = store(&database);
    put_workflow(&store, "site", &workflow("ours", &["get_ks", "built"])).unwrap();
    store.refresh_registry().unwrap();
    let mut opening = crate::support::opening(&store, "web1", 0);
    opening.workflow = label("ours");
    opening.plan = std::sync::Arc::new(store.registry().plan(&opening.workflow));
    let build = crate::support::open(&store, &opening).build;
    put_workflow(&store, "site", &workflow("ours", &["get_ks"])).unwrap();
    assert_eq!(crate::support::load(&store, build.id).plan, build.plan);
    assert_eq!(build.plan.steps().len(), 2);
}
