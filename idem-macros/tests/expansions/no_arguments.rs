// #[idempotent(ttl = "1d", crate = crate::runtime)]
// pub async fn ping() {}

pub async fn ping(
    __guarded: crate::runtime::__private::Guarded<()>,
) -> crate::runtime::__private::Replayable<()> {
    let (__request, ()) = crate::runtime::__private::open(__guarded);
    let __arguments = crate::runtime::__private::arguments();
    ::core::future::IntoFuture::into_future(
            crate::runtime::__private::run(
                {
                    static __ROUTE: crate::runtime::__private::Route = crate::runtime::__private::Route {
                        operation: ::core::option::Option::None,
                        ttl: crate::runtime::__private::milliseconds(86400000),
                        lease: ::core::option::Option::None,
                        key: crate::runtime::__private::KeySource::Header(
                            crate::runtime::__private::text("idempotency-key"),
                        ),
                        scope: crate::runtime::__private::ScopeSource::None,
                        missing: ::core::option::Option::None,
                        replay_status: ::core::option::Option::None,
                        record: ::core::option::Option::None,
                        on_failure: ::core::option::Option::None,
                        in_flight: ::core::option::Option::None,
                        fingerprint: crate::runtime::__private::Content::Body,
                        max_response: ::core::option::Option::None,
                    };
                    &__ROUTE
                },
                __request,
                __arguments,
                async move {
                    if let ::core::option::Option::Some(__returned) = ::core::option::Option::<
                        (),
                    >::None {
                        return __returned;
                    }
                    match () {
                        () => {}
                    }
                },
                <() as crate::runtime::__private::IntoResponse>::into_response,
            ),
        )
        .await
}
