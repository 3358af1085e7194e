//! Examples are what their schemas say.

use milepost_testkit::Contract;
use serde_json::Value;

use crate::document::{document, operations, resolved, walk};

/// Every example with the schema that it is of, and where it is.
fn examples() -> Vec<(String, &'static Value, Value)> {
    let mut found = Vec::new();
    walk(document(), "", &mut |pointer, value| {
        let Some(example) = value.get("example").filter(|_| !pointer.contains("/example/")) else { return };
        // A property may be called so.
        if pointer.ends_with("/properties") || pointer.ends_with("/example") {
            return;
        }
        let mut schema = value.get("schema").unwrap_or(value).clone();
        if let Some(members) = schema.as_object_mut() {
            members.remove("example");
        }
        found.push((pointer.to_owned(), example, schema));
    });
    found
}

#[test]
fn every_example_is_valid() {
    let examples = examples();
    assert!(examples.len() > 100, "examples are found: {}", examples.len());
    let mut faults = Vec::new();
    for (pointer, example, schema) in &examples {
        if let Err(errors) = Contract::published().validate(schema, example) {
            faults.push(format!("{pointer}: {example}: {errors:?}"));
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn a_wrong_example_is_seen() {
    let schema = serde_json::json!({"$ref": "#/components/schemas/Problem"});
    assert!(Contract::published().validate(&schema, &serde_json::json!({"status": "422"})).is_err());
}

#[test]
fn no_example_has_a_null() {
    for (pointer, example, _) in examples() {
        walk(example, &pointer, &mut |at, value| assert!(!value.is_null(), "{at} is null"));
    }
}

#[test]
fn every_request_body_and_every_path_parameter_has_an_example() {
    let mut bare = Vec::new();
    for operation in operations(document()) {
        for (media, content) in operation.value["requestBody"]["content"].as_object().into_iter().flatten() {
            let schema = resolved(document(), &content["schema"]);
            let members = schema["properties"].as_object().into_iter().flatten();
            let has = |it: &Value| it.get("example").is_some();
            let shown = has(content) || has(schema) || members.clone().any(|(_, member)| has(member));
            // A bare log needs none.
            if !shown && media != "text/plain" {
                bare.push(format!("{} {media}", operation.name()));
            }
        }
        for parameter in operation.value["parameters"].as_array().into_iter().flatten() {
            // An id is a UUID, which its format says.
            let is_id = parameter["schema"]["format"] == "uuid";
            let shown = parameter.get("example").is_some() || parameter["schema"].get("example").is_some();
            if parameter["in"] == "path" && !shown && !is_id {
                bare.push(format!("{} {}", operation.name(), parameter["name"]));
            }
        }
    }
    assert!(bare.is_empty(), "without an example: {bare:#?}");
}

#[test]
fn the_body_of_each_example_is_that_of_its_request() {
    // What has required members is shown with all of them, so that a copy of the example works.
    for operation in operations(document()) {
        let content = &operation.value["requestBody"]["content"]["application/json"];
        let schema = resolved(document(), &content["schema"]);
        let Some(example) = content.get("example").or_else(|| schema.get("example")) else { continue };
        for member in schema["required"].as_array().into_iter().flatten() {
            let member = member.as_str().unwrap();
            assert!(!example[member].is_null(), "{}: the example has no {member}", operation.name());
        }
    }
}
