//! A control plane's own keys and certificates, made anew for each.

use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose,
};

use crate::Error;

/// The names under which a component is reached, from here and from inside.
const SERVER_NAMES: [&str; 6] =
    ["localhost", "127.0.0.1", "10.96.0.1", "kubernetes", "kubernetes.default", "kubernetes.default.svc"];

/// Who may do everything.
pub(crate) const ADMIN: User<'_> = User { name: "springback-test-admin", group: Some("system:masters") };

/// A user, as the API server knows one: by the name and the group in a client certificate.
#[derive(Debug, Clone, Copy)]
pub(crate) struct User<'a> {
    pub(crate) name: &'a str,
    pub(crate) group: Option<&'a str>,
}

/// A certificate and its key, both PEM.
#[derive(Debug)]
pub(crate) struct Pair {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

/// Signs for servers and users, and keeps the files that the components read.
#[derive(Debug)]
pub(crate) struct Certificates {
    folder: PathBuf,
    authority: CertifiedIssuer<'static, KeyPair>,
}

impl Certificates {
    /// Writes into a folder: `ca.crt`, `server.crt` and `.key`, `front-proxy-ca.crt`, `front-proxy.crt` and `.key`,
    /// `service-accounts.key` and `.pub`.
    pub(crate) fn create(folder: PathBuf) -> Result<Self, Error> {
        fs::create_dir_all(&folder).map_err(Error::file(&folder))?;
        let authority = new_authority("springback-test")?;
        let created = Self { folder, authority };
        created.write("ca.crt", &created.authority.pem())?;
        created.write_pair("server", &created.server()?)?;
        // An authority of its own: whoever holds the front proxy's certificate may speak for any user.
        let front = new_authority("springback-test-front-proxy")?;
        created.write("front-proxy-ca.crt", &front.pem())?;
        created
            .write_pair("front-proxy", &client(User { name: "front-proxy-client", group: None }, &front)?)?;
        let tokens = KeyPair::generate()?;
        created.write("service-accounts.key", &tokens.serialize_pem())?;
        created.write("service-accounts.pub", &tokens.public_key_pem())?;
        Ok(created)
    }

    /// The path of one of the files.
    pub(crate) fn path(&self, name: &str) -> String {
        self.folder.join(name).to_string_lossy().into_owned()
    }

    /// Writes a kubeconfig with one context, which speaks as this user. Everything is in the file itself.
    pub(crate) fn kubeconfig(
        &self,
        to: &Path,
        context: &str,
        server: &str,
        user: User<'_>,
    ) -> Result<(), Error> {
        let Pair { certificate, key } = client(user, &self.authority)?;
        // A JSON string is a YAML string too, whatever is in it.
        let context = serde_json::Value::from(context);
        let (authority, certificate, key) =
            (STANDARD.encode(self.authority.pem()), STANDARD.encode(certificate), STANDARD.encode(key));
        let text = format!(
            "\
apiVersion: v1
kind: Config
current-context: {context}
contexts:
- name: {context}
  context: {{ cluster: {context}, user: {context} }}
clusters:
- name: {context}
  cluster:
    server: {server}
    certificate-authority-data: {authority}
users:
- name: {context}
  user:
    client-certificate-data: {certificate}
    client-key-data: {key}
"
        );
        fs::write(to, text).map_err(Error::file(to))
    }

    fn server(&self) -> Result<Pair, Error> {
        let mut params = CertificateParams::new(SERVER_NAMES.map(str::to_owned))?;
        params.distinguished_name.push(DnType::CommonName, "kube-apiserver");
        // KEDA's adapter shows its own certificate to the operator.
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        signed(params, &self.authority)
    }

    fn write_pair(&self, name: &str, pair: &Pair) -> Result<(), Error> {
        self.write(&format!("{name}.crt"), &pair.certificate)?;
        self.write(&format!("{name}.key"), &pair.key)
    }

    fn write(&self, name: &str, text: &str) -> Result<(), Error> {
        let path = self.folder.join(name);
        fs::write(&path, text).map_err(Error::file(&path))
    }
}

fn new_authority(name: &str) -> Result<CertifiedIssuer<'static, KeyPair>, Error> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
    Ok(CertifiedIssuer::self_signed(params, KeyPair::generate()?)?)
}

fn client(user: User<'_>, authority: &CertifiedIssuer<'static, KeyPair>) -> Result<Pair, Error> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.distinguished_name.push(DnType::CommonName, user.name);
    if let Some(group) = user.group {
        params.distinguished_name.push(DnType::OrganizationName, group);
    }
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    signed(params, authority)
}

fn signed(params: CertificateParams, authority: &CertifiedIssuer<'static, KeyPair>) -> Result<Pair, Error> {
    let key = KeyPair::generate()?;
    let certificate = params.signed_by(&key, authority)?;
    Ok(Pair { certificate: certificate.pem(), key: key.serialize_pem() })
}
