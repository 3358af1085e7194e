//! Prints the OpenAPI document, as `milepost openapi` does; the client in that command is generated
//! from the document, so it cannot be what writes it.

use std::io::Write as _;

fn main() -> std::io::Result<()> {
    std::io::stdout().write_all(milepost_api::document_text().as_bytes())
}
