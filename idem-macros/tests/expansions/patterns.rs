// #[idempotent(ttl = "1h", key = "body:/order/id", missing = "execute")]
// /// Pays.
// #[debug_handler]
// pub(crate) async fn pay(
//     _: Permit,
//     #[cfg(feature = "audit")] #[allow(unused_variables)] Extension(audit): Extension<Audit>,
//     ref whole @ Query(Page { size, .. }): Query<Page>,
//     #[expect(unused_mut)] mut body: Bytes,
// ) -> ! {
//     #![allow(clippy::diverging_sub_expression)]
//     panic!()
// }

/// Pays.
#[debug_handler]
pub(crate) async fn pay(
    __arg0: Permit,
    #[cfg(feature = "audit")]
    audit: Extension<Audit>,
    __arg2: Query<Page>,
    body: ::idem_runtime::__private::Guarded<
        Bytes,
        ::idem_runtime::__private::Wants<
            ::idem_runtime::__private::Elsewhere,
            ::idem_runtime::__private::Elsewhere,
        >,
    >,
) -> ::idem_runtime::__private::Replayable<::core::convert::Infallible> {
    #![allow(clippy::diverging_sub_expression)]
    let (__request, body) = ::idem_runtime::__private::open(body);
    let __arguments = ::idem_runtime::__private::arguments();
    ::core::future::IntoFuture::into_future(
            ::idem_runtime::__private::run(
                {
                    static __ROUTE: ::idem_runtime::__private::Route = ::idem_runtime::__private::Route {
                        operation: ::core::option::Option::None,
                        ttl: ::idem_runtime::__private::milliseconds(3600000),
                        lease: ::core::option::Option::None,
                        key: ::idem_runtime::__private::KeySource::Body(
                            ::idem_runtime::__private::text("/order/id"),
                        ),
                        scope: ::idem_runtime::__private::ScopeSource::None,
                        missing: ::core::option::Option::Some(
                            ::idem_runtime::__private::Missing::Execute,
                        ),
                        replay_status: ::core::option::Option::None,
                        record: ::core::option::Option::None,
                        on_failure: ::core::option::Option::None,
                        in_flight: ::core::option::Option::None,
                        fingerprint: ::idem_runtime::__private::Content::Body,
                        max_response: ::core::option::Option::None,
                    };
                    &__ROUTE
                },
                __request,
                __arguments,
                async move {
                    let ___arg0 = __arg0;
                    #[cfg(feature = "audit")]
                    let audit = audit;
                    #[cfg(feature = "audit")]
                    #[allow(unused_variables)]
                    let Extension(audit) = audit;
                    let __arg2 = __arg2;
                    let ref whole @ Query(Page { size, .. }) = __arg2;
                    #[expect(unused_mut)]
                    let mut body = body;
                    if let ::core::option::Option::Some(__returned) = ::core::option::Option::<
                        ::core::convert::Infallible,
                    >::None {
                        return __returned;
                    }
                    match () {
                        () => panic!(),
                    }
                },
                <::core::convert::Infallible as ::idem_runtime::__private::IntoResponse>::into_response,
            ),
        )
        .await
}
