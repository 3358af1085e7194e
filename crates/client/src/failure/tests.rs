//! What people read when a request comes to nothing, over real TCP.

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

use crate::{Client, Failure, connect, explain};

/// A service that gives one answer; what it was asked comes back.
async fn answering(answer: &'static str) -> (String, tokio::task::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let asked = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = vec![0; 8192];
        let length = stream.read(&mut request).await.unwrap();
        stream.write_all(answer.as_bytes()).await.unwrap();
        request.truncate(length);
        String::from_utf8(request).unwrap()
    });
    (url, asked)
}

async fn failure(client: &Client) -> Failure {
    explain(client, client.list_builds().search("state = failed").send().await.unwrap_err())
}

async fn refused_with(status: &str, body: &str) -> (String, Failure) {
    let answer = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/problem+json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let (url, _) = answering(Box::leak(answer.into_boxed_str())).await;
    let client = connect(&url, Some("t"), None).unwrap();
    let failure = failure(&client).await;
    (url, failure)
}

fn problem(detail: &str, status: u16) -> String {
    format!(
        r#"{{"type":"urn:milepost:error:x","title":"T","status":{status},"detail":"{detail}","instance":"0193","code":"x",
            "error":{{"message":"m"}},"later":"member"}}"#
    )
}

#[tokio::test]
async fn a_refused_connection_asks_for_the_service() {
    // A port that was free a moment ago.
    let url = {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    let failure = failure(&connect(&url, None, None).unwrap()).await;
    assert_eq!(
        failure.to_string(),
        format!(
            "cannot reach {url} (Connection refused (os error 111)): is `milepost serve` running there? \
             Another service is named with MILEPOST_URL"
        )
    );
}

#[tokio::test]
async fn a_refused_token_asks_for_one() {
    let (url, failure) = refused_with("401 Unauthorized", &problem("the token has expired.", 401)).await;
    assert_eq!(
        failure.to_string(),
        format!(
            "no access to {url}: the token has expired; make a token there with `milepost token create` and set \
             MILEPOST_TOKEN to it"
        )
    );
    let (_, failure) = refused_with("403 Forbidden", &problem("this needs the scope manage", 403)).await;
    let end = "this needs the scope manage; make a token there with `milepost token create --scope manage` and set \
               MILEPOST_TOKEN to it";
    assert!(failure.to_string().ends_with(end), "{failure}");
    let said = "the token is not ours; make one with `milepost token create`";
    let (url, failure) = refused_with("401 Unauthorized", &problem(said, 401)).await;
    assert_eq!(failure.to_string(), format!("no access to {url}: {said}, and set MILEPOST_TOKEN to it"));
}

#[tokio::test]
async fn a_problem_says_its_detail_and_moves_no_cursor() {
    let (_, failure) =
        refused_with("400 Bad Request", &problem(r"unknown field 'x'\u001b[2J at\nposition 0", 400)).await;
    assert_eq!(failure.to_string(), "unknown field 'x' [2J at position 0");
    let (_, failure) = refused_with("503 Service Unavailable", &problem("no database", 503)).await;
    assert_eq!(failure.to_string(), "no database (HTTP 503, request 0193)");
}

#[tokio::test]
async fn something_else_at_the_url_is_named() {
    let (url, asked) =
        answering("HTTP/1.1 301 Moved\r\nlocation: https://elsewhere/\r\ncontent-length: 0\r\n\r\n").await;
    let failure = failure(&connect(&url, Some("s3cret"), None).unwrap()).await;
    assert_eq!(
        failure.to_string(),
        format!(
            "{url} does not answer as Milepost does (HTTP 301 Moved Permanently to https://elsewhere/ for \
             /api/v2/builds); is that the right URL, and the same version?"
        )
    );
    let asked = asked.await.unwrap().to_ascii_lowercase();
    assert!(asked.contains("authorization: bearer s3cret"), "{asked}");
    assert!(asked.contains("user-agent: milepost/"), "{asked}");
    assert!(asked.starts_with("get /api/v2/builds?search=state+%3d+failed http/1.1"), "{asked}");

    let (_, failure) = refused_with("200 OK", "<html>It works!</html>").await;
    assert!(failure.to_string().contains("its answer cannot be read"), "{failure}");
}

#[tokio::test]
async fn a_service_without_tls_is_no_https() {
    let (url, _) = answering("HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n").await;
    // A machine without CA certificates refuses earlier.
    let Ok(client) = connect(&url.replace("http:", "https:"), None, None) else { return };
    let failure = failure(&client).await;
    assert!(failure.to_string().contains("does it speak https there"), "{failure}");
}
