//! Encrypted connections to Redis.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::time::Duration;

use idem_runtime::RecordKey;
use idem_runtime::store::{RedisConnectError, RedisStore, RedisStoreBuilder, Store as _};
use idem_tests::certificates::Certificates;
use idem_tests::redis_server::RedisServer;
use idem_tests::until;

fn at(host: &str, server: &RedisServer) -> RedisStoreBuilder {
    let url = format!("rediss://{host}:{}", server.tls_port());
    RedisStore::builder(url).response_timeout(Duration::from_secs(5))
}

async fn works(store: &RedisStore) {
    assert_eq!(store.look_up(RecordKey::from_bytes(rand::random())).await.unwrap(), None);
}

async fn refusal(builder: RedisStoreBuilder) -> RedisConnectError {
    let error = builder.connect().await.unwrap_err();
    assert!(!error.to_string().contains('\n') && !format!("{error:?}").contains("canary"), "{error:?}");
    error
}

#[tokio::test]
async fn who_is_trusted_is_said_by_the_authority() {
    let certificates = Certificates::make();
    let server = RedisServer::encrypted(&certificates, &["--tls-auth-clients", "no"]).await;
    for host in ["localhost", "127.0.0.1"] {
        works(&at(host, &server).tls_root_certificate(certificates.authority()).connect().await.unwrap()).await;
    }
    // Another authority, and those of the system.
    let other = Certificates::make();
    let untrusted = [at("localhost", &server).tls_root_certificate(other.authority()), at("localhost", &server)];
    for builder in untrusted {
        let error = refusal(builder).await;
        assert!(matches!(error, RedisConnectError::Tls { .. }), "{error:?}");
        assert!(error.to_string().contains("tls_root_certificate"), "{error}");
    }
}

#[tokio::test]
async fn a_certificate_is_for_its_own_host() {
    let certificates = Certificates::make();
    let server = RedisServer::encrypted(&certificates, &["--tls-auth-clients", "no"]).await;
    let error = refusal(at("127.0.0.2", &server).tls_root_certificate(certificates.authority())).await;
    assert!(!matches!(error, RedisConnectError::TimedOut { .. }), "{error:?}");
    let server =
        RedisServer::encrypted(&certificates, &["--tls-auth-clients", "no", "--bind", "127.0.0.2", "127.0.0.1"]).await;
    let error = refusal(at("127.0.0.2", &server).tls_root_certificate(certificates.authority())).await;
    assert!(matches!(error, RedisConnectError::Tls { .. }), "{error:?}");
    assert!(error.to_string().contains("name"), "{error}");
}

#[tokio::test]
async fn a_server_may_want_to_know_its_clients() {
    let certificates = Certificates::make();
    let server = RedisServer::encrypted(&certificates, &["--tls-auth-clients", "yes"]).await;
    let (chain, key) = certificates.client();
    let builder = at("localhost", &server).tls_root_certificate(certificates.authority());
    works(&builder.clone().tls_client_certificate(chain.clone(), key.clone()).connect().await.unwrap()).await;
    let error = refusal(builder.clone()).await;
    assert!(!matches!(error, RedisConnectError::TimedOut { .. }), "{error:?}");
    let (stranger, its_key) = Certificates::make().client();
    let error = refusal(builder.clone().tls_client_certificate(stranger, its_key.clone())).await;
    assert!(!matches!(error, RedisConnectError::TimedOut { .. }), "{error:?}");
    // A key that is another's, and what is no certificate at all.
    let mixed = refusal(builder.clone().tls_client_certificate(chain.clone(), its_key)).await;
    assert!(!matches!(mixed, RedisConnectError::TimedOut { .. }), "{mixed:?}");
    let nothing = refusal(builder.tls_client_certificate(chain, "canary")).await;
    assert!(nothing.to_string().contains("PEM"), "{nothing}");
}

#[tokio::test]
async fn half_of_an_encrypted_connection_is_none() {
    let certificates = Certificates::make();
    let server = RedisServer::encrypted(&certificates, &["--tls-auth-clients", "no", "--requirepass", "right"]).await;
    let unencrypted = format!("redis://:canary@localhost:{}", server.tls_port());
    let error = refusal(RedisStore::builder(unencrypted)).await;
    assert!(matches!(error, RedisConnectError::Unreachable { .. }), "{error:?}");
    let url = format!("rediss://:canary@localhost:{}", server.port());
    // The server waits for the end of what it takes for a command.
    let error = refusal(RedisStore::builder(url).tls_root_certificate(certificates.authority())).await;
    assert!(matches!(error, RedisConnectError::TimedOut { .. }), "{error:?}");
    for (password, is_right) in [("canary", false), ("right", true)] {
        let url = format!("rediss://:{password}@localhost:{}", server.tls_port());
        let builder = RedisStore::builder(url).response_timeout(Duration::from_secs(5));
        match builder.tls_root_certificate(certificates.authority()).connect().await {
            Ok(store) => works(&store).await,
            Err(error) => assert!(matches!(error, RedisConnectError::Authentication { .. }) && !is_right, "{error:?}"),
        }
    }
}

#[tokio::test]
async fn an_encrypted_server_that_comes_back_is_found_again() {
    let certificates = Certificates::make();
    let mut server = RedisServer::encrypted(&certificates, &["--tls-auth-clients", "no"]).await;
    let store = at("localhost", &server).tls_root_certificate(certificates.authority()).connect().await.unwrap();
    works(&store).await;
    server.kill();
    assert!(store.look_up(RecordKey::from_bytes([1; 32])).await.unwrap_err().is_transient());
    server.restart().await;
    until("it works again", async || store.look_up(RecordKey::from_bytes([1; 32])).await.ok()).await;
}
