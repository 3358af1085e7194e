//! What every generator of clients understands, and that the file is the code's.

use std::{collections::BTreeSet, path::Path};

use serde_json::Value;

use crate::document::{document, operations, walk};

#[test]
fn the_published_document_is_the_one_of_the_code() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../openapi/milepost.json");
    expectorate::assert_contents(path, &milepost_api::document_text());
}

/// What breaks the rules of 3.0.3 as the generators understand them.
fn unfit(document: &Value) -> Vec<String> {
    let mut found = Vec::new();
    walk(document, "", &mut |pointer, value| {
        if pointer.contains("/example/") {
            return;
        }
        let mut names = pointer.rsplit('/');
        let (name, parent) = (names.next().unwrap_or_default(), names.next().unwrap_or_default());
        // A field or a schema may be called as it likes.
        let is_keyword = !matches!(parent, "properties" | "schemas");
        let odd = match name {
            "nullable" | "oneOf" | "anyOf" | "const" | "$defs" | "prefixItems" | "patternProperties" => true,
            "type" => !value.is_string(),
            "exclusiveMinimum" | "exclusiveMaximum" => !value.is_boolean(),
            "examples" => value.is_array(),
            _ => false,
        };
        // In 3.0 nothing may stand beside a reference.
        let beside = value.get("$ref").is_some() && value.as_object().is_some_and(|it| it.len() > 1);
        if odd && is_keyword || beside {
            found.push(format!("{pointer}: {value}"));
        }
    });
    found
}

#[test]
fn it_is_openapi_3_0_3_without_what_generators_stumble_over() {
    assert_eq!(document()["openapi"], "3.0.3");
    let found = unfit(document());
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn what_generators_stumble_over_is_seen() {
    let odd = serde_json::json!({"components": {"schemas": {"A": {
        "type": ["string", "null"],
        "properties": {
            "type": {"type": "string"},
            "oneOf": {"oneOf": [], "example": {"anyOf": 1}},
            "ref": {"$ref": "#/x", "description": "beside"},
        },
    }}}});
    let found = unfit(&odd);
    assert_eq!(found.len(), 3, "{found:#?}");
}

#[test]
fn every_reference_resolves_and_every_schema_is_used() {
    let mut targets = BTreeSet::new();
    walk(document(), "", &mut |pointer, value| {
        if let Some(reference) = value.get("$ref").and_then(Value::as_str) {
            let target =
                reference.strip_prefix('#').unwrap_or_else(|| panic!("{pointer}: {reference} leads out"));
            assert!(document().pointer(target).is_some(), "{pointer}: {reference} leads nowhere");
            targets.insert(target);
        }
    });
    for name in document()["components"]["schemas"].as_object().unwrap().keys() {
        let pointer = format!("/components/schemas/{name}");
        assert!(targets.contains(pointer.as_str()), "{name} is described and never used");
    }
}

#[test]
fn every_tag_and_every_security_scheme_that_is_named_is_described() {
    let named = |member: &Value, key: &str| -> BTreeSet<String> {
        let items = member.as_array().into_iter().flatten();
        items.map(|item| item[key].as_str().unwrap().to_owned()).collect()
    };
    let tags = named(&document()["tags"], "name");
    let schemes = document()["components"]["securitySchemes"].as_object().unwrap();
    let mut used = BTreeSet::new();
    for operation in operations(document()) {
        let name = operation.name();
        for scheme in operation.schemes() {
            assert!(schemes.contains_key(scheme), "{name}: no security scheme '{scheme}'");
        }
        for tag in operation.value["tags"].as_array().into_iter().flatten() {
            used.insert(tag.as_str().unwrap().to_owned());
        }
    }
    assert_eq!(used, tags, "the tags that are used, and those that are described");
}

#[test]
fn every_object_says_what_each_member_is() {
    let mut silent = Vec::new();
    for (name, schema) in document()["components"]["schemas"].as_object().unwrap() {
        for (member, value) in schema["properties"].as_object().into_iter().flatten() {
            // What a reference points to describes itself.
            if value.get("description").is_none() && value.get("$ref").is_none() {
                silent.push(format!("{name}.{member}"));
            }
        }
        for member in schema["required"].as_array().into_iter().flatten() {
            let member = member.as_str().unwrap();
            assert!(!schema["properties"][member].is_null(), "{name} requires '{member}', which it has not");
        }
    }
    assert!(silent.is_empty(), "members without a description: {silent:#?}");
}
