//! Who may connect, to what, and what they are told if not.

use super::*;

/// One line, which says what to do and no secret.
fn is_one_clear_line(error: &PostgresConnectError, words: &[&str]) {
    let line = error.to_string();
    assert!(words.iter().all(|word| line.contains(word)) && !line.contains('\n'), "{line}");
    assert!(!format!("{line} {error:?}").contains("canary"), "{error:?}");
}

#[tokio::test]
async fn every_reason_not_to_connect_has_its_line() {
    let mut server = PostgresServer::with(&["fsync=off"]).await;
    let port = server.port();
    let refused = async |url: &str| PostgresStore::connect(url).await.unwrap_err();
    let url = |user: &str, database: &str| format!("postgres://{user}@127.0.0.1:{port}/{database}?sslmode=disable");

    let error = refused(&server.url()).await;
    assert!(matches!(error, PostgresConnectError::NotMigrated { .. }));
    is_one_clear_line(&error, &["idem.records", "migrate()", &format!("127.0.0.1:{port}/postgres")]);

    let error = refused(&url("tester:canary", "nowhere")).await;
    assert!(matches!(error, PostgresConnectError::NoDatabase { .. }), "{error:?}");
    is_one_clear_line(&error, &["no such database", "/nowhere", "CREATE DATABASE"]);

    let error = refused(&format!("postgres://tester:canary@127.0.0.1:{port}/postgres?sslmode=require")).await;
    assert!(matches!(error, PostgresConnectError::Tls { .. }), "{error:?}");
    is_one_clear_line(&error, &["TLS", "sqlx"]);

    server.run("CREATE ROLE shop LOGIN PASSWORD 'right'").await;
    server.require_password_of("shop").await;
    for user in ["shop:canary", "shop"] {
        let error = refused(&url(user, "postgres")).await;
        assert!(matches!(error, PostgresConnectError::Authentication { .. }), "{error:?}");
        is_one_clear_line(&error, &["PostgreSQL at 127.0.0.1", "password"]);
    }

    // Without the right to make anything.
    server.run("REVOKE CREATE ON DATABASE postgres FROM PUBLIC").await;
    let error = PostgresStore::builder(url("shop:right", "postgres")).migrate().await.unwrap_err();
    is_one_clear_line(&error, &["42501", "right"]);

    PostgresStore::builder(server.url()).migrate().await.unwrap();
    server.run("UPDATE idem.records_version SET version = 3").await;
    for error in [refused(&server.url()).await, PostgresStore::builder(server.url()).migrate().await.unwrap_err()] {
        assert!(matches!(error, PostgresConnectError::OtherVersion { found: 3, .. }), "{error:?}");
        is_one_clear_line(&error, &["version 3", "newer release"]);
    }

    server.kill();
    let error = refused(&url("tester:canary", "postgres")).await;
    assert!(matches!(error, PostgresConnectError::Unreachable { .. }), "{error:?}");
    is_one_clear_line(&error, &["cannot be reached"]);
    let error = Idempotency::connect(&url("tester:canary", "postgres")).await.unwrap_err();
    assert!(error.to_string().contains("cannot be reached") && !format!("{error:?}").contains("canary"));

    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap();
    let builder = PostgresStore::builder(format!("postgres://u:canary@{address}/x"));
    let error = builder.response_timeout(Duration::from_millis(20)).connect().await.unwrap_err();
    assert!(matches!(error, PostgresConnectError::TimedOut { .. }), "{error:?}");
    is_one_clear_line(&error, &["did not answer within 200ms"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_may_migrate_at_once_and_the_script_may_be_run_by_hand() {
    let server = PostgresServer::with(&["fsync=off"]).await;
    let mut migrations = JoinSet::new();
    for _ in 0..12 {
        let builder = PostgresStore::builder(server.url());
        migrations.spawn(async move { builder.migrate().await });
    }
    for migrated in soon("the migrations", migrations.join_all()).await {
        migrated.unwrap();
    }
    server.run(PostgresStore::SCHEMA_SQL).await;
    let other =
        PostgresStore::builder(server.url()).schema("shop").table("order").response_timeout(Duration::from_secs(20));
    let sql = other.schema_sql().unwrap();
    server.run(&sql).await;
    server.run(&sql).await;
    let (one, two) = (patient(&server).await, other.connect().await.unwrap());
    let claim = fresh(&one).await;
    assert_eq!(two.look_up(claim.key).await.unwrap(), None, "tables of their own");
    assert_eq!(two.claim(&claim).await.unwrap(), ClaimOutcome::Claimed { attempt: 1 });
    assert_eq!(server.row("SELECT count(*) FROM idem.records_version").await.get::<i64, _>(0), 1);
}

#[tokio::test]
async fn a_user_with_few_rights_is_enough() {
    let server = PostgresServer::with(&["fsync=off"]).await;
    PostgresStore::builder(server.url()).migrate().await.unwrap();
    server
        .run(
            "CREATE ROLE shop LOGIN; GRANT USAGE ON SCHEMA idem TO shop; \
             GRANT SELECT, INSERT, UPDATE, DELETE ON idem.records TO shop; GRANT SELECT ON idem.records_version TO shop;",
        )
        .await;
    let url = server.url().replace("tester", "shop");
    let builder = PostgresStore::builder(url).response_timeout(Duration::from_secs(20));
    builder.migrate().await.unwrap();
    let store = builder.connect().await.unwrap();
    let _ = recorded(&store).await;
    let released = fresh(&store).await;
    assert_eq!(store.release(&released).await.unwrap(), Hold::Held);
    assert_eq!(store.sweep().await.unwrap(), 0);
    // And it says what it may not, without saying what it was about.
    server.run("REVOKE INSERT ON idem.records FROM shop").await;
    let error = store.claim(&claim()).await.unwrap_err();
    assert!(error.to_string().contains("42501"), "{error}");
}

#[tokio::test]
async fn on_a_pool_of_the_applications_own() {
    let server = PostgresServer::with(&["fsync=off"]).await;
    let pool = sqlx::PgPool::connect(&server.url()).await.unwrap();
    let builder = PostgresStore::from_pool(pool.clone()).response_timeout(Duration::from_secs(20));
    builder.migrate().await.unwrap();
    let store = builder.connect().await.unwrap();
    let one = recorded(&store).await;
    assert!(matches!(patient(&server).await.look_up(one.key).await.unwrap(), Some(Entry::Completed(_))));
    pool.close().await;
    let error = store.look_up(one.key).await.unwrap_err();
    assert!(error.is_transient() && error.to_string().contains("closed"), "{error}");
}

#[tokio::test]
async fn a_url_is_enough_and_makes_the_tables() {
    let server = PostgresServer::with(&["fsync=off"]).await;
    for _ in 0..2 {
        let idempotency = Idempotency::connect(&server.url()).await.unwrap();
        assert_eq!(idempotency.store_name(), "postgres");
    }
    let store = PostgresStore::connect(server.url()).await.unwrap();
    assert!(!format!("{store:?}").contains("tester"));
}
