//! The pages by which a browser signs in and out.
//!
//! The rule it protects: they work without a script and below any path; what was typed is never shown
//! again.

use std::fmt::Write as _;

use actix_web::{HttpRequest, HttpResponse, get, http::header, post, web};
use serde::Deserialize;

use crate::{
    App,
    auth::{self, Who, session},
    clock,
    problem::Problem,
};

/// Registered beside the document: these are pages for people, and no operations.
pub(crate) fn configure(config: &mut web::ServiceConfig) {
    config.service(page).service(sign_in).service(sign_out).service(style);
}

const STYLE: &str = "\
body { font: 16px/1.5 system-ui, sans-serif; max-width: 26rem; margin: 15vh auto 0; padding: 0 1rem; color: #151515; \
background: #fff }
label, input, button { display: block; width: 100%; box-sizing: border-box; font: inherit }
input { padding: .5rem; margin: .25rem 0 1rem; border: 1px solid #6a6e73; border-radius: 3px }
button { padding: .5rem; border: 0; border-radius: 3px; color: #fff; background: #06c; cursor: pointer }
button:focus-visible, input:focus-visible { outline: 2px solid #06c; outline-offset: 2px }
p[role=alert] { padding: .5rem .75rem; border-left: 4px solid #c9190b; background: #faeae8 }
code { font-size: .9em; overflow-wrap: anywhere }
@media (prefers-color-scheme: dark) {
  body { color: #e0e0e0; background: #151515 }
  input { color: inherit; background: #292929 }
  p[role=alert] { background: #3b1f1d }
}
";

#[derive(Debug, Deserialize)]
struct Link {
    link: Option<String>,
}

#[derive(Deserialize)]
struct Form {
    token: String,
}

/// What the page shows besides its form.
enum Notice {
    None,
    /// A link was followed: one press of a button, so that whatever looks at links does not use it up.
    Link(String),
    Wrong(String),
    SignedOut,
}

fn render(notice: &Notice) -> String {
    let mut html = "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
        <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>Sign in - Milepost</title>\n\
        <link rel=\"icon\" href=\"favicon.svg\">\n<link rel=\"stylesheet\" href=\"sign-in.css\">\n<main>\n<h1>Milepost</h1>\n"
        .to_owned();
    let _ = match notice {
        Notice::None | Notice::Link(_) => Ok(()),
        Notice::Wrong(why) => writeln!(html, "<p role=\"alert\">{}</p>", escaped(why)),
        Notice::SignedOut => writeln!(html, "<p role=\"status\">You are signed out.</p>"),
    };
    let field = match notice {
        Notice::Link(token) => format!("<input type=\"hidden\" name=\"token\" value=\"{}\">\n", escaped(token)),
        _ => "<label for=\"token\">Token</label>\n<input id=\"token\" name=\"token\" type=\"password\" required \
            autofocus autocomplete=\"current-password\" aria-describedby=\"how\">\n"
            .to_owned(),
    };
    let _ =
        write!(html, "<form method=\"post\" action=\"sign-in\">\n{field}<button>Sign in</button>\n</form>\n");
    html.push_str(
        "<p id=\"how\">On the machine of the service, <code>milepost token link</code> prints a link that signs you in, \
         and <code>milepost token create</code> a token.</p>\n</main>\n</html>\n",
    );
    html
}

fn escaped(text: &str) -> String {
    text.chars().fold(String::new(), |mut html, c| {
        match c {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            other => html.push(other),
        }
        html
    })
}

fn html(mut response: actix_web::HttpResponseBuilder, notice: &Notice) -> HttpResponse {
    response.content_type("text/html; charset=utf-8").body(render(notice))
}

#[get("/sign-in")]
async fn page(link: web::Query<Link>) -> HttpResponse {
    let notice = link.into_inner().link.map_or(Notice::None, Notice::Link);
    html(HttpResponse::Ok(), &notice)
}

#[post("/sign-in")]
async fn sign_in(app: web::Data<App>, request: HttpRequest, form: web::Form<Form>) -> HttpResponse {
    let entry = |who: &Who| auth::entry(&request, who, "sign_in", clock::now());
    match session::sign_in(&app, &request, form.token.trim(), entry).await {
        // Relative, so that it holds below the path of a reverse proxy.
        Ok(cookie) => {
            HttpResponse::SeeOther().cookie(cookie).insert_header((header::LOCATION, "./")).finish()
        }
        Err(problem) => refusal(problem),
    }
}

/// The page again, with what is wrong.
fn refusal(problem: Problem) -> HttpResponse {
    if let Some(internal) = &problem.internal {
        // The envelope logs those that it dresses.
        log::error!("{internal} (while somebody signed in)");
    }
    let mut response = HttpResponse::build(problem.code.status());
    if let Some(seconds) = problem.retry_after {
        response.insert_header((header::RETRY_AFTER, seconds.to_string()));
    }
    html(response, &Notice::Wrong(problem.detail))
}

#[post("/sign-out")]
async fn sign_out(app: web::Data<App>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let entry = |who: &Who| auth::entry(&request, who, "sign_out", clock::now());
    let cookie = session::sign_out(&app, &request, entry).await?;
    let mut response = HttpResponse::Ok();
    response.cookie(cookie);
    Ok(html(response, &Notice::SignedOut))
}

#[get("/sign-in.css")]
async fn style() -> HttpResponse {
    HttpResponse::Ok().content_type("text/css; charset=utf-8").body(STYLE)
}
