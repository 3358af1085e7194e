//! Generates the client from the API's document.
//!
//! The rule it protects: what the client knows of the API is `openapi/milepost.json` and nothing
//! else; the document is adapted here only where the generator cannot read what it says.

use std::{env, error::Error, fs, path::PathBuf};

use progenitor::{GenerationSettings, Generator, InterfaceStyle};
use serde_json::{Map, Value};

const DOCUMENT: &str = "../../openapi/milepost.json";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed={DOCUMENT}");
    println!("cargo:rerun-if-changed=build.rs");
    let text = fs::read_to_string(DOCUMENT).map_err(|error| format!("{DOCUMENT}: {error}"))?;
    let mut document: Value = serde_json::from_str(&text)?;
    without_installers(&mut document);
    adapt(&mut document);
    let document = serde_json::from_value(document)?;

    // Builders, so that an optional parameter that the document gains breaks no caller.
    let mut settings = GenerationSettings::default();
    settings.with_interface(InterfaceStyle::Builder);
    let tokens = Generator::new(&settings).generate_tokens(&document)?;
    let code = prettyplease::unparse(&syn::parse2(tokens)?);
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("OUT_DIR is not set")?);
    fs::write(out.join("client.rs"), code)?;
    Ok(())
}

/// Drops what installers call: these operations take several request media types, which the
/// generator refuses, and an installer is never a Rust program.
fn without_installers(document: &mut Value) {
    let Some(paths) = document.get_mut("paths").and_then(Value::as_object_mut) else { return };
    for path in paths.values_mut() {
        let Some(path) = path.as_object_mut() else { continue };
        path.retain(|_, operation| !has_tag(operation, "Installers"));
    }
    paths.retain(|_, path| path.as_object().is_some_and(|path| !path.is_empty()));
}

fn has_tag(operation: &Value, tag: &str) -> bool {
    let tags = operation.get("tags").and_then(Value::as_array);
    tags.is_some_and(|tags| tags.iter().any(|each| each == tag))
}

/// Adapts the rest, wherever it stands.
fn adapt(value: &mut Value) {
    match value {
        Value::Object(object) => {
            if let Some(Value::Object(content)) = object.get_mut("content") {
                one_media_type(content);
            }
            // A client has to bear members that a later service adds; the generator would make it
            // refuse the whole answer.
            if object.get("additionalProperties") == Some(&Value::Bool(false)) {
                object.remove("additionalProperties");
            }
            // A bounded string would become a type of its own a field, which in an answer refuses
            // what a later service allows; in a request the service says better what is wrong.
            if object.get("type").is_some_and(|kind| kind == "string") {
                object.remove("minLength");
                object.remove("maxLength");
            }
            object.values_mut().for_each(adapt);
        }
        Value::Array(items) => items.iter_mut().for_each(adapt),
        _ => {}
    }
}

/// The generator wants one media type a body, and gives only `application/json` a Rust type; a
/// problem is JSON too.
fn one_media_type(content: &mut Map<String, Value>) {
    let mut types = std::mem::take(content).into_iter();
    if let Some((name, schema)) = types.next() {
        let name = if name == "application/problem+json" { "application/json".to_owned() } else { name };
        content.insert(name, schema);
    }
}
