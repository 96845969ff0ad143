//! The OpenAPI document, made from the list of routes and the list of schemas. A copy stands in
//! `api/openapi.json`; a test holds the two equal.

use crate::routes::{For, ROUTES, Route};
use serde_json::{Map, Value, json};

/// The OpenAPI 3.1 document of the JSON API.
pub fn document() -> Value {
    let mut paths = Map::new();
    for route in ROUTES.iter().filter(|route| route.audience == For::Api) {
        let entry = paths.entry(route.path).or_insert_with(|| json!({}));
        entry[route.method] = operation(route);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Longitude",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Risks of a clinical trajectory model with their uncertainty, evidence, receipts and the way to contest them. Research mode; not a medical device.",
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" }
        },
        "servers": [{ "url": "http://127.0.0.1:7117" }],
        "paths": paths,
        "components": { "schemas": schemas() }
    })
}

fn operation(route: &Route) -> Value {
    let mut parameters: Vec<Value> = named(route.path, '{', '}')
        .map(|name| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } }))
        .collect();
    let query = route
        .summary
        .split_once("(?")
        .map_or("", |(_, rest)| rest.trim_end_matches(')'));
    parameters.extend(query.split('&').filter_map(|part| part.strip_suffix('=')).map(
        |name| json!({ "name": name, "in": "query", "required": false, "schema": { "type": "string" } }),
    ));
    let summary = route.summary.split(" (?").next().unwrap_or_default();
    let id = format!(
        "{}{}",
        route.method,
        route.path.replace(['/', '{', '}', '.'], "_")
    );
    let mut operation = json!({
        "operationId": id,
        "summary": summary,
        "parameters": parameters,
        "responses": {
            "200": { "description": "Done", "content": { "application/json": { "schema": schema(route.schema) } } },
            "default": { "description": "Refused, with the reason", "content": { "application/problem+json": { "schema": schema("Problem") } } }
        }
    });
    if let Some(body) = body(route) {
        operation["requestBody"] = json!({ "required": true, "content": { "application/json": { "schema": schema(body) } } });
    }
    operation
}

fn named(path: &str, open: char, close: char) -> impl Iterator<Item = &str> {
    path.split(open)
        .skip(1)
        .filter_map(move |part| part.split(close).next())
}

fn body(route: &Route) -> Option<&'static str> {
    match (route.method, route.path) {
        ("post", "/api/v1/contests") => Some("NewContest"),
        ("post", _) => Some("NewForecast"),
        _ => None,
    }
}

fn schema(name: &str) -> Value {
    if name == "Object" {
        return json!({ "type": "object" });
    }
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

fn text() -> Value {
    json!({ "type": "string" })
}

fn list(name: &str) -> Value {
    json!({ "type": "array", "items": schema(name) })
}

fn object(required: &[&str], properties: &Value) -> Value {
    json!({ "type": "object", "required": required, "properties": properties })
}

fn schemas() -> Value {
    let number = || json!({ "type": "number" });
    let count = || json!({ "type": "integer", "minimum": 0 });
    let fraction = || json!({ "type": ["number", "null"], "minimum": 0, "maximum": 1 });
    json!({
        "Status": object(&["status"], &json!({ "status": text() })),
        "Problem": object(&["title", "status"], &json!({ "title": text(), "status": count() })),
        "Task": object(&["id", "title", "horizon_days"], &json!({ "id": text(), "title": text(), "horizon_days": number() })),
        "Tasks": object(&["tasks"], &json!({ "tasks": list("Task") })),
        "Prediction": object(&["subject", "task", "time", "horizon", "model"], &json!({
            "subject": { "type": "integer", "format": "int64" },
            "task": text(), "time": { "type": "integer", "description": "Microseconds since 1970-01-01 UTC" },
            "horizon": { "type": "number", "description": "Days" },
            "risk": fraction(),
            "abstention": { "type": ["object", "null"], "description": "Why there is no risk" },
            "monte_carlo": { "type": ["object", "null"] },
            "interval": { "type": ["object", "null"], "description": "Of the calibration" },
            "evidence": { "type": "array", "items": { "type": "object" } },
            "model": { "type": "string", "description": "The root digest of the signed model" }
        })),
        "Patients": object(&["task", "total", "patients"], &json!({ "task": text(), "total": count(), "patients": list("Prediction") })),
        "Patient": object(&["subject", "events", "predictions"], &json!({ "subject": text(), "events": count(), "predictions": list("Prediction") })),
        "Event": object(&["index", "code"], &json!({
            "index": count(), "time": { "type": ["string", "null"] }, "code": { "type": "object" },
            "numeric_value": { "type": ["number", "null"] }, "unit": { "type": ["string", "null"] }, "source": { "type": "object" }
        })),
        "Timeline": object(&["subject", "total", "events"], &json!({ "subject": text(), "total": count(), "events": list("Event") })),
        "NewForecast": object(&["task"], &json!({ "task": text() })),
        "Answer": object(&["id", "prediction", "entry", "commitment"], &json!({
            "id": text(), "prediction": schema("Prediction"), "entry": count(), "commitment": text(),
            "salt": text(), "seed": count(), "asked": text()
        })),
        "NewContest": object(&["answer", "grounds", "narrative", "role"], &json!({
            "answer": text(), "grounds": text(), "remedy": text(), "narrative": text(), "role": text()
        })),
        "Contest": object(&["id", "state"], &json!({ "id": text(), "state": text() })),
        "Contests": object(&["contests"], &json!({ "contests": list("Contest") })),
        "Entry": object(&["index", "content", "proof"], &json!({
            "index": count(), "content": { "type": "object" },
            "proof": { "type": "string", "description": "A C2SP tlog-proof: inclusion proof and signed checkpoint" }
        }))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect_file;

    #[test]
    fn the_copy_in_the_tree_is_the_codes() {
        let mut text = serde_json::to_string_pretty(&document()).unwrap();
        text.push('\n');
        expect_file!["../../../api/openapi.json"].assert_eq(&text);
    }

    #[test]
    fn every_schema_that_is_named_exists() {
        let document = document();
        let text = document.to_string();
        for name in text
            .split("#/components/schemas/")
            .skip(1)
            .filter_map(|s| s.split('"').next())
        {
            assert!(!document["components"]["schemas"][name].is_null(), "{name}");
        }
    }
}
