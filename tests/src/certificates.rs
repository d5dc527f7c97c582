//! An authority of the test's own, and what it certifies. Made by `openssl`.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// Certificates for `localhost` and 127.0.0.1, in a folder that goes with them.
#[derive(Debug)]
pub struct Certificates {
    folder: TempDir,
}

impl Certificates {
    /// An authority, a server's certificate and a client's.
    ///
    /// # Panics
    /// When `openssl` is not installed.
    #[must_use]
    pub fn make() -> Self {
        let certificates = Self { folder: TempDir::new().expect("a folder") };
        let path = |name: &str| certificates.path(name).display().to_string();
        let key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"];
        let authority = ["-x509", "-subj", "/CN=test authority", "-keyout", &path("ca.key"), "-out", &path("ca.crt")];
        openssl(&[&["req"], &key[..], &authority[..]].concat());
        for name in ["server", "client"] {
            let (subject, out, keyout) =
                (format!("/CN={name}"), path(&format!("{name}.crt")), path(&format!("{name}.key")));
            let names = [
                "-subj",
                &subject,
                "-addext",
                "subjectAltName=DNS:localhost,IP:127.0.0.1",
                "-addext",
                "basicConstraints=CA:FALSE",
            ];
            let signed = ["-x509", "-CA", &path("ca.crt"), "-CAkey", &path("ca.key"), "-keyout", &keyout, "-out", &out];
            openssl(&[&["req"], &key[..], &names[..], &signed[..]].concat());
        }
        certificates
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The authority's certificate, in PEM.
    ///
    /// # Panics
    /// When it is not there.
    #[must_use]
    pub fn authority(&self) -> Vec<u8> {
        read(&self.path("ca.crt"))
    }

    /// The client's certificate and key, in PEM.
    ///
    /// # Panics
    /// When they are not there.
    #[must_use]
    pub fn client(&self) -> (Vec<u8>, Vec<u8>) {
        (read(&self.path("client.crt")), read(&self.path("client.key")))
    }

    /// What `redis-server` has to be told to use them at this port.
    #[must_use]
    pub fn options(&self, port: u16) -> Vec<String> {
        let file = |name: &str| self.path(name).display().to_string();
        [
            ["--tls-port", &port.to_string()],
            ["--tls-cert-file", &file("server.crt")],
            ["--tls-key-file", &file("server.key")],
            ["--tls-ca-cert-file", &file("ca.crt")],
        ]
        .concat()
        .into_iter()
        .map(str::to_owned)
        .collect()
    }
}

fn read(path: &Path) -> Vec<u8> {
    std::fs::read(path).expect("a certificate")
}

fn openssl(arguments: &[&str]) {
    let output = Command::new("openssl").args(arguments).output().expect("openssl (tests/run installs it)");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
