//! The settings of a data source, as its editor stores them.

use std::time::Duration;

use serde::Deserialize;

use crate::{
    limits,
    problem::Problem,
    wire::pluginv2::{DataSourceInstanceSettings, PluginContext},
};

/// Key of the token among the secrets.
const TOKEN: &str = "token";
/// Key of the certificate authority among the secrets.
const TLS_CA: &str = "tlsCACert";
/// Key of the client's certificate.
const TLS_CERT: &str = "tlsClientCert";
/// Key of the client's private key.
const TLS_KEY: &str = "tlsClientKey";

/// What is not secret.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Plain {
    address: String,
    timeout_seconds: Option<u64>,
    server_name: Option<String>,
}

/// Where a server is and how it is talked to. Its `Debug` shows no secret.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct Settings {
    /// `http://host:port` or `https://host:port`.
    pub(crate) address: String,
    /// How long a query may take.
    pub(crate) timeout: Duration,
    /// The name that the server's certificate must have, if it is not the host.
    pub(crate) server_name: Option<String>,
    /// Sent as a bearer token.
    pub(crate) token: Option<String>,
    /// Authorities in PEM beside those that everybody trusts.
    pub(crate) authorities: Option<String>,
    /// Certificate and private key in PEM.
    pub(crate) identity: Option<(String, String)>,
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Settings").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Settings {
    /// Reads the settings of a request.
    ///
    /// # Errors
    /// What is missing or wrong in them, with the name that the editor shows.
    pub(crate) fn of(context: Option<&PluginContext>) -> Result<Self, Problem> {
        let stored = context.and_then(|context| context.data_source_instance_settings.as_ref());
        let stored = stored.ok_or_else(|| Problem::own("the request names no data source"))?;
        Self::read(stored)
    }

    fn read(stored: &DataSourceInstanceSettings) -> Result<Self, Problem> {
        let plain: Plain = match stored.json_data.as_slice() {
            [] => Plain::default(),
            json => serde_json::from_slice(json).map_err(|error| {
                Problem::asked(format!("the settings of the data source do not read: {error}"))
            })?,
        };
        let given = [plain.address.trim(), stored.url.trim()];
        let address = given.into_iter().find(|address| !address.is_empty()).ok_or_else(|| {
            Problem::asked(
                "the data source has no address. Set the address of the server's gRPC port, such \
                 as http://localhost:7447, in its settings",
            )
        })?;
        let address = match address.split_once("://") {
            Some(("http" | "https", _)) => address.to_owned(),
            None => format!("http://{address}"),
            Some((scheme, _)) => {
                return Err(Problem::asked(format!(
                    "the address begins with {scheme}://; it must begin with http:// or https://"
                )));
            }
        };
        let secret = |key: &str| {
            let value = stored.decrypted_secure_json_data.get(key)?;
            Some(value.trim().to_owned()).filter(|value| !value.is_empty())
        };
        let identity = match (secret(TLS_CERT), secret(TLS_KEY)) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (None, None) => None,
            _ => {
                return Err(Problem::asked(
                    "the settings have a client certificate without its key, or a key without \
                     its certificate; set both or none",
                ));
            }
        };
        let timeout = match plain.timeout_seconds {
            None | Some(0) => limits::QUERY_TIMEOUT,
            Some(seconds) => Duration::from_secs(seconds.min(600)),
        };
        Ok(Self {
            address,
            timeout,
            server_name: plain.server_name.filter(|name| !name.trim().is_empty()),
            token: secret(TOKEN),
            authorities: secret(TLS_CA),
            identity,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(json: &str, secrets: &[(&str, &str)]) -> DataSourceInstanceSettings {
        DataSourceInstanceSettings {
            json_data: json.into(),
            decrypted_secure_json_data: secrets
                .iter()
                .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
                .collect(),
            ..DataSourceInstanceSettings::default()
        }
    }

    #[test]
    fn settings_are_read_and_secrets_are_not_shown() {
        let read = Settings::read(&stored(
            r#"{"address":"monitor:7447","timeoutSeconds":5}"#,
            &[("token", "hush")],
        ))
        .expect("right");
        assert_eq!(read.address, "http://monitor:7447");
        assert_eq!((read.timeout.as_secs(), read.token.as_deref()), (5, Some("hush")));
        assert!(!format!("{read:?}").contains("hush"));
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (json, secrets, want) in [
            ("{}", &[][..], "has no address"),
            (r#"{"address":"ftp://x"}"#, &[], "must begin with http"),
            (r#"{"address":5}"#, &[], "do not read"),
            (r#"{"address":"x"}"#, &[("tlsClientKey", "k")], "set both or none"),
        ] {
            let error = Settings::read(&stored(json, secrets)).expect_err(json);
            assert!(error.text.contains(want), "{json}: {}", error.text);
        }
    }
}
