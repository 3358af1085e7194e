//! The page that people look at: what `make web` built from `web/`, or else how to build it.
//!
//! The rule it protects: the service is built without Node as well; what a browser may keep for ever is
//! named by its content, and the page that names it is asked for each time.

use std::borrow::Cow;

use actix_web::{
    HttpResponse, get,
    http::header::{self, HeaderValue},
    web,
};
use rust_embed::{Embed, EmbeddedFile};

use crate::{listen, problem::Problem};

/// What was built. A debug build reads it from where it lies, so that the page can be worked on.
#[derive(Embed)]
#[folder = "../../web/dist"]
#[allow_missing = true]
struct Built;

const KEEP: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
const ASK: HeaderValue = HeaderValue::from_static("no-cache");

const NOT_BUILT: &str = "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
    <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>Milepost</title>\n\
    <link rel=\"stylesheet\" href=\"sign-in.css\">\n<main>\n<h1>Milepost</h1>\n\
    <p>The service runs. Its page was not there when it was built: <code>make web</code> makes it, with Node 18 or \
    newer; then build the service again.</p>\n\
    <p>Until then, <code>milepost status</code> shows the hosts in a terminal, and \
    <a href=\"docs/\">the API</a> has all of it.</p>\n</main>\n</html>\n";

/// Registered beside the document: files, and no operations.
pub(crate) fn configure(config: &mut web::ServiceConfig) {
    config.service(index).service(asset).service(icon);
}

#[get("/")]
async fn index() -> HttpResponse {
    page(Built::get("index.html"))
}

#[get("/assets/{name}")]
async fn asset(name: web::Path<String>) -> Result<HttpResponse, Problem> {
    file(&format!("assets/{name}"), KEEP)
}

#[get("/favicon.svg")]
async fn icon() -> Result<HttpResponse, Problem> {
    file("favicon.svg", ASK)
}

fn page(built: Option<EmbeddedFile>) -> HttpResponse {
    let body = built.map_or(Cow::Borrowed(NOT_BUILT.as_bytes()), |file| file.data);
    HttpResponse::Ok()
        .content_type("text/html; charset=utf-8")
        .insert_header((header::CACHE_CONTROL, ASK))
        .body(body.into_owned())
}

fn file(path: &str, keep: HeaderValue) -> Result<HttpResponse, Problem> {
    let file = Built::get(path).ok_or_else(listen::not_here)?;
    let kind = file.metadata.mimetype().to_owned();
    Ok(HttpResponse::Ok()
        .content_type(kind)
        .insert_header((header::CACHE_CONTROL, keep))
        .body(file.data.into_owned()))
}

#[cfg(test)]
mod tests {
    use actix_web::body::MessageBody as _;

    use super::*;

    #[test]
    fn without_a_page_it_says_how_to_build_one() {
        let answer = page(None);
        let body = answer.into_body().try_into_bytes().unwrap();
        let text = String::from_utf8_lossy(&body);
        assert!(text.contains("make web") && text.contains("docs/"), "{text}");
    }

    #[test]
    fn nothing_but_what_was_built_is_served() {
        for path in ["assets/../../package.json", "../Cargo.toml", "assets/", "assets/nothing.js"] {
            assert!(file(path, KEEP).is_err(), "{path}");
        }
    }
}
