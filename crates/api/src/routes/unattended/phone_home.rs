//! cloud-init's `phone_home`, once per instance, when it has reached the end of its final stage.
//!
//! The rule it protects: it says that the machine runs what was installed and no more, so what it means is
//! a rule of each workflow, as for any other event. The public keys that come with it are not kept.

use std::collections::BTreeMap;

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, post, web};
use milepost_domain::{Name, Report, Status};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{answer, events, fields::Fields, record};
use crate::{
    App,
    auth::{self, Expiry},
    clock,
    problem::Problem,
};

/// By whom and under what name it goes in the rules of workflows.
const ORIGIN: &str = "cloudinit";
const NAME: &str = "phone_home";

/// What cloud-init says of itself. Its public keys are not kept.
#[derive(Debug, Deserialize, ToSchema)]
#[expect(dead_code, reason = "documents what the forgiving reader takes")]
pub(crate) struct PhoneHome {
    /// The id of the instance.
    #[schema(example = "iid-9f2c")]
    instance_id: Option<String>,
    /// Its name.
    #[schema(example = "web1")]
    hostname: Option<String>,
    /// Its whole name.
    #[schema(example = "web1.brno.example.com")]
    fqdn: Option<String>,
}

/// Who phoned, in a sentence. cloud-init says `N/A` of what it does not know.
fn sentence(fields: &Fields) -> String {
    let form: BTreeMap<String, String> =
        fields.text.as_deref().and_then(|text| serde_urlencoded::from_bytes(text).ok()).unwrap_or_default();
    let said = |name: &'static str| {
        let value = form.get(name).map(String::as_str).or_else(|| fields.get(name))?.trim();
        (!value.is_empty() && value != "N/A").then(|| format!("{name} {value}"))
    };
    let said: Vec<String> = ["instance_id", "hostname", "fqdn"].into_iter().filter_map(said).collect();
    if said.is_empty() { "phoned home".to_owned() } else { format!("phoned home: {}", said.join(", ")) }
}

/// Take the form with which cloud-init phones home.
///
/// It says that cloud-init reached the end of its final stage, not that all went well. In the workflow
/// `image` that is `built`, as Foreman takes it; in `autoinstall`, whose installer said `built` before, it
/// is `first_boot`; in any other it is kept as an activity.
#[utoipa::path(tag = "Installers", operation_id = "report_phone_home",
    params(("token" = String, Path, description = "The build's token", example = "0a7f2a6e-8a3e-4d0c-9a51-6f3c1f3f8c55")),
    request_body(content = PhoneHome, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, body = answer::Recorded, description = "It is on disk")))]
#[post("/phone_home/{token}")]
pub(crate) async fn report_phone_home(
    app: web::Data<App>,
    request: HttpRequest,
    token: web::Path<String>,
    fields: Fields,
) -> Result<HttpResponse, Problem> {
    let now = clock::now();
    let reporter = auth::reporter(&app, &request, Some(&token), None, Expiry::Holds, now).await?;
    let [origin, name] = [ORIGIN, NAME].map(str::parse::<Name>);
    let (origin, name) = (origin.map_err(Problem::internal)?, name.map_err(Problem::internal)?);
    // Without an id of its own: an instance that was installed anew under its old id phones home again and
    // is to be heard, while a repeat changes nothing but the stream.
    let report = Report {
        status: Some(Status::Done),
        message: events::message(&sentence(&fields)),
        ..events::event(clock::new_id(now), origin, &name, now)
    };
    let receipts = record(&app, &reporter, vec![report], None).await?;
    answer::of_receipt(&request, StatusCode::OK, receipts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_are_kept_and_the_keys_are_not() {
        let form = "pub_key_rsa=ssh-rsa+AAAA%0A&instance_id=iid-1&hostname=h&fqdn=N%2FA";
        let mut fields = Fields::default();
        fields.text = Some(form.as_bytes().to_vec());
        assert_eq!(sentence(&fields), "phoned home: instance_id iid-1, hostname h");
        fields.text = Some(vec![0xff, 0]);
        assert_eq!(sentence(&fields), "phoned home");
    }
}
