//! What of a change to the document breaks the clients that were made from the one before.
//!
//! The rule it protects: what a client may send stays accepted, and what it reads stays there. More
//! paths, more optional members and more answers break nothing.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::document::{METHODS, resolved};

/// Which way a value goes.
#[derive(Clone, Copy, PartialEq)]
enum Way {
    Request,
    Response,
}

/// What clients of `old` would break on with `new`, a line each.
pub(crate) fn breaking(old: &Value, new: &Value) -> Vec<String> {
    let mut comparison = Comparison { old, new, found: Vec::new(), seen: BTreeSet::new() };
    for (path, item) in members(&old["paths"]) {
        let Some(newer) = new["paths"].get(path) else {
            comparison.found.push(format!("{path} is gone"));
            continue;
        };
        for (method, operation) in members(item).filter(|(method, _)| METHODS.contains(&method.as_str())) {
            let place = format!("{} {path}", method.to_uppercase());
            match newer.get(method) {
                None => comparison.found.push(format!("{place} is gone")),
                Some(newer) => comparison.operation(&place, operation, newer),
            }
        }
    }
    comparison.found
}

fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

struct Comparison<'a> {
    old: &'a Value,
    new: &'a Value,
    found: Vec<String>,
    /// Schemas may contain themselves.
    seen: BTreeSet<String>,
}

impl<'a> Comparison<'a> {
    fn say(&mut self, place: &str, what: &str) {
        self.found.push(format!("{place}: {what}"));
    }

    fn operation(&mut self, place: &str, old: &'a Value, new: &'a Value) {
        if old["operationId"] != new["operationId"] {
            self.say(place, &format!("operationId {} became {}", old["operationId"], new["operationId"]));
        }
        if items(&old["security"]).next().is_none() && items(&new["security"]).next().is_some() {
            self.say(place, "a credential is needed now");
        }
        self.parameters(place, old, new);
        self.body(place, &old["requestBody"], &new["requestBody"]);
        for (status, response) in members(&old["responses"]) {
            let place = format!("{place} {status}");
            match new["responses"].get(status) {
                None => self.say(&place, "the answer is gone"),
                Some(newer) => self.content(&place, response, newer, Way::Response),
            }
        }
    }

    fn parameters(&mut self, place: &str, old: &'a Value, new: &'a Value) {
        let key = |it: &Value| (it["in"].clone(), it["name"].clone());
        for parameter in items(&old["parameters"]) {
            let place = format!("{place} parameter {}", parameter["name"]);
            match items(&new["parameters"]).find(|it| key(it) == key(parameter)) {
                None => self.say(&place, "is gone"),
                Some(newer) => {
                    if newer["required"] == true && parameter["required"] != true {
                        self.say(&place, "is required now");
                    }
                    self.schema(&place, &parameter["schema"], &newer["schema"], Way::Request);
                }
            }
        }
        for parameter in items(&new["parameters"]).filter(|it| it["required"] == true) {
            if !items(&old["parameters"]).any(|it| key(it) == key(parameter)) {
                self.say(place, &format!("parameter {} is new and required", parameter["name"]));
            }
        }
    }

    fn body(&mut self, place: &str, old: &'a Value, new: &'a Value) {
        let place = format!("{place} body");
        if new["required"] == true && old["required"] != true {
            self.say(&place, "is required now");
        }
        if old.is_object() && !new.is_object() {
            self.say(&place, "is gone");
        } else {
            self.content(&place, old, new, Way::Request);
        }
    }

    fn content(&mut self, place: &str, old: &'a Value, new: &'a Value, way: Way) {
        for (media, older) in members(&old["content"]) {
            match new["content"].get(media) {
                None => self.say(place, &format!("{media} is gone")),
                Some(newer) => {
                    self.schema(&format!("{place} {media}"), &older["schema"], &newer["schema"], way);
                }
            }
        }
    }

    fn schema(&mut self, place: &str, old: &'a Value, new: &'a Value, way: Way) {
        let names = [old, new].map(|it| it.get("$ref").map(ToString::to_string).unwrap_or_default());
        if names.iter().all(|name| !name.is_empty()) {
            let key = format!("{} {} {}", way == Way::Request, names[0], names[1]);
            if !self.seen.insert(key) {
                return;
            }
        }
        let (old, new) = (resolved(self.old, old), resolved(self.new, new));
        if old["type"] != new["type"] && !(old.get("allOf").is_some() && new.get("allOf").is_some()) {
            self.say(place, &format!("type {} became {}", old["type"], new["type"]));
            return;
        }
        if old["format"] != new["format"] {
            self.say(place, &format!("format {} became {}", old["format"], new["format"]));
        }
        self.words(place, old, new, way);
        self.properties(place, old, new, way);
        for part in ["items", "additionalProperties"] {
            if let (Some(older), Some(newer)) = (old.get(part), new.get(part)) {
                self.schema(&format!("{place}/{part}"), older, newer, way);
            }
        }
        for (older, newer) in items(&old["allOf"]).zip(items(&new["allOf"])) {
            self.schema(place, older, newer, way);
        }
    }

    /// A word that is no longer known: sent, it would be refused; read, it comes no more.
    fn words(&mut self, place: &str, old: &Value, new: &Value, way: Way) {
        for list in ["enum", "x-extensible-enum"] {
            for word in items(&old[list]) {
                let known =
                    ["enum", "x-extensible-enum"].iter().any(|list| items(&new[*list]).any(|it| it == word));
                let free = new.get("enum").is_none() && new.get("x-extensible-enum").is_none();
                if !(known || free && way == Way::Request) {
                    self.say(place, &format!("the word {word} is gone"));
                }
            }
        }
        if way == Way::Request && old.get("enum").is_none() && new.get("enum").is_some() {
            self.say(place, "takes only certain words now");
        }
    }

    fn properties(&mut self, place: &str, old: &'a Value, new: &'a Value, way: Way) {
        let requires = |schema: &Value, name: &str| items(&schema["required"]).any(|it| it == name);
        for (name, older) in members(&old["properties"]) {
            let place = format!("{place}/{name}");
            let Some(newer) = new["properties"].get(name) else {
                self.say(&place, "is gone");
                continue;
            };
            match way {
                Way::Request if requires(new, name) && !requires(old, name) => {
                    self.say(&place, "is required now");
                }
                Way::Response if requires(old, name) && !requires(new, name) => {
                    self.say(&place, "may be absent now");
                }
                _ => {}
            }
            self.schema(&place, older, newer, way);
        }
        if way == Way::Request {
            for name in items(&new["required"]).filter_map(Value::as_str) {
                if old["properties"].get(name).is_none() {
                    self.say(&format!("{place}/{name}"), "is new and required");
                }
            }
        }
    }
}

mod tests {
    use serde_json::{Value, json};

    use super::breaking;

    fn document() -> Value {
        let thing = |name: &str| {
            json!({
                "type": "object",
                "required": ["name"],
                "properties": {
                    "name": {"type": "string"},
                    "count": {"type": "integer"},
                    "state": {"type": "string", "x-extensible-enum": ["on", "off"]},
                    "kind": {"type": "string", "enum": ["a", "b"]},
                    "parts": {"type": "array", "items": {"$ref": format!("#/components/schemas/{name}")}},
                },
            })
        };
        let json_body = json!({"application/json": {"schema": {"$ref": "#/components/schemas/Thing"}}});
        json!({
            "paths": {"/things": {
                "get": {
                    "operationId": "list_things",
                    "parameters": [{"in": "query", "name": "search", "schema": {"type": "string"}}],
                    "responses": {"200": {"content": json_body}},
                },
                "post": {
                    "operationId": "create_thing",
                    "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/NewThing"}}}},
                    "responses": {"201": {"content": json_body}, "409": {"content": json_body}},
                },
            }},
            "components": {"schemas": {"Thing": thing("Thing"), "NewThing": thing("NewThing")}},
        })
    }

    /// What is found when the value at `pointer` becomes another one, or goes.
    fn changed(pointer: &str, value: Option<Value>) -> Vec<String> {
        let (old, mut new) = (document(), document());
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        let name = name.replace("~1", "/");
        let parent = new.pointer_mut(parent).unwrap().as_object_mut().unwrap();
        match value {
            Some(value) => parent.insert(name, value),
            None => parent.remove(&name),
        };
        breaking(&old, &new)
    }

    const THING: &str = "/components/schemas/Thing";
    const NEW_THING: &str = "/components/schemas/NewThing";
    const GET: &str = "/paths/~1things/get";
    const POST: &str = "/paths/~1things/post";

    #[test]
    fn what_goes_breaks() {
        for (pointer, expected) in [
            ("/paths/~1things".to_owned(), "/things is gone"),
            (POST.to_owned(), "POST /things is gone"),
            (format!("{POST}/responses/409"), "POST /things 409: the answer is gone"),
            (format!("{POST}/requestBody"), "POST /things body: is gone"),
            (
                format!("{GET}/responses/200/content/application~1json"),
                "GET /things 200: application/json is gone",
            ),
            (format!("{GET}/parameters"), "GET /things parameter \"search\": is gone"),
            (format!("{THING}/properties/count"), "GET /things 200 application/json/count: is gone"),
            (format!("{NEW_THING}/properties/count"), "POST /things body application/json/count: is gone"),
            (format!("{THING}/required"), "GET /things 200 application/json/name: may be absent now"),
        ] {
            assert_eq!(changed(&pointer, None), [expected], "{pointer}");
        }
    }

    #[test]
    fn what_becomes_something_else_breaks() {
        let parameter = |required| json!([{"in": "query", "name": "search", "required": required, "schema": {"type": "string"}}]);
        for (pointer, value, expected) in [
            (
                format!("{GET}/operationId"),
                json!("get"),
                "GET /things: operationId \"list_things\" became \"get\"",
            ),
            (format!("{GET}/security"), json!([{"token": []}]), "GET /things: a credential is needed now"),
            (
                format!("{GET}/parameters"),
                parameter(true),
                "GET /things parameter \"search\": is required now",
            ),
            (
                format!("{THING}/properties/count/type"),
                json!("string"),
                "GET /things 200 application/json/count: type \"integer\" became \"string\"",
            ),
            (
                format!("{THING}/properties/state/x-extensible-enum"),
                json!(["on"]),
                "GET /things 200 application/json/state: the word \"off\" is gone",
            ),
            (
                format!("{NEW_THING}/properties/kind/enum"),
                json!(["b", "c"]),
                "POST /things body application/json/kind: the word \"a\" is gone",
            ),
            (
                format!("{NEW_THING}/properties/name/enum"),
                json!(["x"]),
                "POST /things body application/json/name: takes only certain words now",
            ),
            (
                format!("{NEW_THING}/required"),
                json!(["name", "count"]),
                "POST /things body application/json/count: is required now",
            ),
            (
                format!("{NEW_THING}/required"),
                json!(["name", "colour"]),
                "POST /things body application/json/colour: is new and required",
            ),
            (format!("{POST}/requestBody/required"), json!(true), "POST /things body: is required now"),
        ] {
            assert_eq!(changed(&pointer, Some(value)), [expected], "{pointer}");
        }
    }

    #[test]
    fn a_change_deep_within_is_found_once_a_way() {
        let found = changed(&format!("{THING}/properties/parts/items"), Some(json!({"type": "string"})));
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains("/parts/items: type \"object\" became \"string\""), "{found:?}");
    }

    #[test]
    fn what_is_added_breaks_nothing() {
        let parameter = json!([
            {"in": "query", "name": "search", "schema": {"type": "string"}},
            {"in": "query", "name": "order", "schema": {"type": "string"}},
        ]);
        for (pointer, value) in [
            ("/paths/~1more".to_owned(), json!({"get": {"operationId": "list_more"}})),
            ("/paths/~1things/put".to_owned(), json!({"operationId": "put_thing"})),
            (format!("{GET}/responses/400"), json!({})),
            (format!("{GET}/parameters"), parameter),
            (format!("{GET}/summary"), json!("Other words")),
            (format!("{THING}/properties/more"), json!({"type": "string"})),
            (format!("{THING}/required"), json!(["name", "count"])),
            (format!("{THING}/properties/state/x-extensible-enum"), json!(["on", "off", "standby"])),
            (format!("{NEW_THING}/properties/more"), json!({"type": "string"})),
            (format!("{NEW_THING}/properties/kind/enum"), json!(["a", "b", "c"])),
            (format!("{NEW_THING}/required"), json!([])),
        ] {
            assert_eq!(changed(&pointer, Some(value)), [""; 0], "{pointer}");
        }
        assert_eq!(breaking(&document(), &document()), [""; 0]);
    }
}
