//! The shell helper, ready to source: `integrations/shell/milepost.sh`, bound to one build.
//!
//! The rule it protects: what is handed out is the file that the tests run, byte for byte but for two
//! lines, and what is put into those cannot be read as anything but a word.

use actix_web::{HttpRequest, HttpResponse, get, http::header, web};

use super::{callbacks::TokenParam, fields::Fields};
use crate::{
    App,
    auth::{self, Expiry},
    clock,
    problem::Problem,
};

const HELPER: &str = include_str!("../../../../../integrations/shell/milepost.sh");
/// The lines to fill in, each of which is in the file once.
const URL_LINE: &str = "\n_milepost_url=''\n";
const TOKEN_LINE: &str = "\n_milepost_token=''\n";

/// The helper for who reaches us at `url` with `token`.
fn bound(url: &str, token: &str) -> String {
    HELPER.replacen(URL_LINE, &format!("\n_milepost_url={}\n", quoted(url)), 1).replacen(
        TOKEN_LINE,
        &format!("\n_milepost_token={}\n", quoted(token)),
        1,
    )
}

/// A text as one word of a shell: within single quotes nothing means anything but their end.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

async fn helper(
    app: &web::Data<App>,
    request: &HttpRequest,
    token: Option<&str>,
    mac: Option<&str>,
) -> Result<HttpResponse, Problem> {
    let reporter = auth::reporter(app, request, token, mac, Expiry::Holds, clock::now()).await?;
    let token = match (reporter.token, &reporter.announced) {
        (Some(token), _) => token,
        // Known by its MAC or address, which its reports need not show again.
        (None, Some(announced)) => {
            let too_long =
                "the names of this host are too long for a token that travels; open its build with one";
            let token = app.keys.mint_build(reporter.build, announced)?;
            token.ok_or_else(|| Problem::not_found(too_long))?.as_str().to_owned()
        }
        (None, None) => return Err(Problem::internal("a machine is known and its build is not")),
    };
    Ok(HttpResponse::Ok()
        .content_type("text/x-shellscript; charset=utf-8")
        // It has a credential in it.
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .body(bound(&app.base_url(request), &token)))
}

/// The shell helper, bound to a build.
///
/// A script to source, or to run, with which an installer reports: `milepost step packages done`.
#[utoipa::path(tag = "Installers", operation_id = "get_helper", params(TokenParam), security(("build" = [])),
    responses((status = 200, body = String, content_type = "text/x-shellscript", description = "The script")))]
#[get("/milepost.sh")]
pub(crate) async fn get_helper(
    app: web::Data<App>,
    request: HttpRequest,
    fields: Fields,
) -> Result<HttpResponse, Problem> {
    helper(&app, &request, fields.token(), fields.get("mac")).await
}

/// The shell helper, bound to a build that the path names.
#[utoipa::path(tag = "Installers", operation_id = "get_helper_by_path",
    params(("token" = String, Path, description = "The build's token", example = "0a7f2a6e-8a3e-4d0c-9a51-6f3c1f3f8c55")),
    responses((status = 200, body = String, content_type = "text/x-shellscript", description = "The script")))]
#[get("/milepost.sh/{token}")]
pub(crate) async fn get_helper_by_path(
    app: web::Data<App>,
    request: HttpRequest,
    token: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    helper(&app, &request, Some(token.as_str()), None).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_two_lines_are_filled_in_and_nothing_else_is_touched() {
        let helper = bound("http://milepost.example.com", "mpb_5f0c");
        assert!(helper.contains("\n_milepost_url='http://milepost.example.com'\n"));
        assert!(helper.contains("\n_milepost_token='mpb_5f0c'\n"));
        let lines = |text: &str| text.lines().filter(|line| !line.starts_with("_milepost_")).count();
        assert_eq!(lines(&helper), lines(HELPER));
    }

    #[test]
    fn a_name_of_the_host_that_is_shell_stays_a_word() {
        assert_eq!(quoted("a'$(reboot)'"), r"'a'\''$(reboot)'\'''");
    }
}
