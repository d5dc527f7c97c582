//! The example `consumer`, with real brokers, whose consumers are killed.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

/// Each test with each broker: one that it may share with other tests, or one of its own.
macro_rules! with_each_broker {
    ($($test:ident)*) => {
        with_each_broker! { @rabbitmq redis_streams: $($test)* }
    };
    (of its own: $($test:ident)*) => {
        with_each_broker! { @own_rabbitmq own_redis_streams: $($test)* }
    };
    (@$rabbitmq:ident $redis:ident: $($test:ident)*) => {$(
        mod $test {
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn rabbitmq() {
                super::$test(crate::bed::Bed::$rabbitmq().await).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn redis_streams() {
                super::$test(crate::bed::Bed::$redis().await).await;
            }
        }
    )*};
}

mod bed;
mod brokers;
mod campaign;
mod inputs;
mod kills;
mod process;
