use std::io::Write as _;
fn main() {
    let _ = std::io::stdout().write_all(milepost_api::document_text().as_bytes());
}
