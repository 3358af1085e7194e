//! Certificate authorities as Foreman's world has them, made with openssl.
//!
//! The rule it protects: what is tested are the certificates that sites have, with all that is odd
//! about them, not ones that suit us.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use tempfile::TempDir;

/// The extensions are those that Puppet Server and katello-ssl-tool write.
const CONFIG: &str = r#"
[ca]
default_ca = own
[own]
dir = @DIR@
database = $dir/index.txt
serial = $dir/serial
crlnumber = $dir/crlnumber
new_certs_dir = $dir
certificate = $dir/ca.pem
private_key = $dir/ca.key
default_md = sha256
default_days = 30
default_crl_days = 30
unique_subject = no
copy_extensions = copy
policy = any
[any]
countryName = optional
stateOrProvinceName = optional
organizationName = optional
organizationalUnitName = optional
commonName = supplied
[req]
distinguished_name = name
[name]

[puppet_ca]
nsComment = "Puppet Server Internal Certificate"
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid, issuer
[puppet]
nsComment = "Puppet Server Internal Certificate"
basicConstraints = critical, CA:FALSE
extendedKeyUsage = critical, serverAuth, clientAuth
keyUsage = critical, digitalSignature, keyEncipherment
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid, issuer

[katello_ca]
basicConstraints = CA:TRUE
keyUsage = digitalSignature, keyEncipherment, keyCertSign, cRLSign
extendedKeyUsage = serverAuth, clientAuth
nsCertType = server, sslCA
nsComment = "Katello SSL Tool Generated Certificate"
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid, issuer:always
[katello]
basicConstraints = CA:FALSE
keyUsage = digitalSignature, keyEncipherment
extendedKeyUsage = serverAuth, clientAuth
nsCertType = client
nsComment = "Katello SSL Tool Generated Certificate"
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid, issuer:always
"#;

/// An authority, with its files in a directory of its own.
pub(crate) struct Authority {
    directory: TempDir,
    /// The section of extensions of what it signs.
    section: &'static str,
    /// The root that signed it, where it is none itself.
    root: Option<Box<Self>>,
}

/// A certificate; its key is that of all that its authority signs.
#[derive(Debug, Clone)]
pub(crate) struct Pair {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

impl Authority {
    /// As Puppet Server 6 and later makes it: a root, and a CA below it that signs. RSA 4096 throughout.
    pub(crate) fn puppet() -> Self {
        let mut own = Self::empty("puppet");
        let root = Self::self_signed("puppet", "puppet_ca", "/CN=Puppet Root CA: 1f2e3d4c", "4096");
        let (csr, key) = (own.file("ca.csr"), own.file("ca.key"));
        openssl(
            &own,
            &["req", "-new", "-nodes", "-newkey", "rsa:4096", "-subj", "/CN=Puppet CA: puppet.example.com"],
            &[("-keyout", &key), ("-out", &csr)],
        );
        root.sign(&csr, &own.file("ca.pem"), "puppet_ca");
        own.root = Some(Box::new(root));
        own.make_key("4096");
        own
    }

    /// As foreman-installer makes it with Katello.
    pub(crate) fn katello() -> Self {
        let subject = "/C=US/ST=North Carolina/O=Katello/OU=SomeOrgUnit/CN=foreman.example.com";
        let own = Self::self_signed("katello", "katello_ca", subject, "2048");
        own.make_key("2048");
        own
    }

    fn empty(section: &'static str) -> Self {
        let own = Self { directory: tempfile::tempdir().unwrap(), section, root: None };
        let directory = own.directory.path().to_str().unwrap();
        fs::write(own.file("openssl.cnf"), CONFIG.replace("@DIR@", directory)).unwrap();
        fs::write(own.file("index.txt"), "").unwrap();
        fs::write(own.file("serial"), "0001\n").unwrap();
        fs::write(own.file("crlnumber"), "0001\n").unwrap();
        own
    }

    fn self_signed(section: &'static str, own_section: &str, subject: &str, bits: &str) -> Self {
        let own = Self::empty(section);
        let rsa = format!("rsa:{bits}");
        let words = [
            "req",
            "-x509",
            "-new",
            "-nodes",
            "-newkey",
            &rsa,
            "-subj",
            subject,
            "-days",
            "30",
            "-extensions",
        ];
        openssl(
            &own,
            &[&words[..], &[own_section]].concat(),
            &[("-keyout", &own.file("ca.key")), ("-out", &own.file("ca.pem"))],
        );
        own
    }

    fn make_key(&self, bits: &str) {
        let out = self.file("leaf.key");
        run(Command::new("openssl").args(["genrsa", "-out"]).arg(out).arg(bits));
    }

    fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn sign(&self, csr: &Path, certificate: &Path, section: &str) {
        openssl(
            self,
            &["ca", "-batch", "-notext", "-extensions", section],
            &[("-in", csr), ("-out", certificate)],
        );
    }

    /// A certificate. `alternative` as openssl writes it, `DNS:a, DNS:b`; empty: without, as older ones are.
    pub(crate) fn issue(&self, subject: &str, alternative: &str) -> Pair {
        let pair = Pair { certificate: self.new_file("pem"), key: self.file("leaf.key") };
        let csr = pair.certificate.with_extension("csr");
        let alternative = format!("subjectAltName = {alternative}");
        let mut words = vec!["req", "-new", "-subj", subject];
        if !alternative.ends_with("= ") {
            words.extend(["-addext", &alternative]);
        }
        openssl(self, &words, &[("-key", &pair.key), ("-out", &csr)]);
        self.sign(&csr, &pair.certificate, self.section);
        pair
    }

    /// A name that no file here has.
    fn new_file(&self, extension: &str) -> PathBuf {
        let count = fs::read_dir(self.directory.path()).unwrap().count();
        self.file(&format!("{count}.{extension}"))
    }

    pub(crate) fn revoke(&self, pair: &Pair) {
        openssl(self, &["ca"], &[("-revoke", &pair.certificate)]);
    }

    /// What is to be trusted: it, and its root if it is none.
    pub(crate) fn certificates(&self) -> String {
        let own = fs::read_to_string(self.file("ca.pem")).unwrap();
        self.root.as_ref().map_or(own.clone(), |root| own + &root.certificates())
    }

    /// What it and its root have revoked by now.
    pub(crate) fn revocations(&self) -> String {
        let out = self.file("crl.pem");
        openssl(self, &["ca", "-gencrl"], &[("-out", &out)]);
        let own = fs::read_to_string(out).unwrap();
        self.root.as_ref().map_or(own.clone(), |root| own + &root.revocations())
    }
}

/// The serial number of a certificate, as openssl prints it.
pub(crate) fn serial(certificate: &str) -> String {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), certificate).unwrap();
    run(Command::new("openssl").args(["x509", "-noout", "-serial", "-in"]).arg(file.path()))
}

fn openssl(authority: &Authority, words: &[&str], files: &[(&str, &Path)]) {
    let mut command = Command::new("openssl");
    let (verb, words) = words.split_first().unwrap();
    command.arg(verb).arg("-config").arg(authority.file("openssl.cnf")).args(words);
    for (option, file) in files {
        command.arg(option).arg(file);
    }
    run(&mut command);
}

#[track_caller]
fn run(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}
