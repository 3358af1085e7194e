//! What a listener serves, and whom a certificate names.

use std::process::{Command, Stdio};

use proptest::prelude::*;
use rustls::pki_types::{CertificateDer, pem::PemObject as _};

use super::*;

fn serves(text: &str) -> Result<Serves, String> {
    serde_json::from_str(text).map_err(|error| error.to_string())
}

#[test]
fn what_is_served_is_written_as_it_is_read() {
    for text in [r#"["unattended", "api"]"#, r#"["unattended"]"#, r#"["api"]"#] {
        assert_eq!(serves(text).unwrap().to_string(), text);
    }
    assert_eq!(serves(r#"["api", "unattended", "api"]"#).unwrap(), Serves::default());
    assert!(serves("[]").unwrap_err().contains("names nothing"));
    assert!(serves(r#"["docs"]"#).unwrap_err().contains("docs"));
}

proptest! {
    #[test]
    fn every_path_but_health_belongs_to_one_part(path in "/(unattended|api|docs|healthz)?(/[a-z]{0,6}){0,3}") {
        let [installers, api] = [r#"["unattended"]"#, r#"["api"]"#].map(|text| serves(text).unwrap().covers(&path));
        prop_assert!(Serves::default().covers(&path));
        prop_assert_eq!(installers && api, path == "/healthz", "{}", path);
        prop_assert!(installers || api, "{}", path);
    }
}

#[test]
fn a_certificate_names_its_subject_and_its_dns_names_once_in_lower_case() {
    let mut openssl = Command::new("openssl");
    openssl.args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "/dev/null", "-subj"]);
    openssl.args(["/O=acme/CN=Web1.Example.com", "-addext"]);
    openssl.arg("subjectAltName = DNS:PUPPET, DNS:web1.example.com, IP:192.0.2.1, email:root@example.com");
    let made = openssl.stdin(Stdio::null()).output().expect("openssl; install it: apt install openssl");
    let certificate = CertificateDer::from_pem_slice(&made.stdout).unwrap();
    assert_eq!(tls::names(&certificate).unwrap(), ["web1.example.com", "puppet"]);
    assert!(tls::names(&CertificateDer::from(b"nonsense".as_slice())).is_err());
}
