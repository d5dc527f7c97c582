// #[idempotent(ttl = "1h", scope = "header:X-Tenant", missing = 428, on_failure = "keep", crate = crate::runtime)]
// #[cfg(feature = "server")]
// #[utoipa::path(post, path = "/orders", params(("page" = u32, Query)), responses((status = 201, body = Order)))]
// pub async fn create() {}

#[cfg(feature = "server")]
#[utoipa::path(
    post,
    path = "/orders",
    params(
        ("page" = u32, Query),
        crate::runtime::__private::openapi::Parameters<__idempotency_create>
    ),
    responses(
        crate::runtime::__private::openapi::Responses<__idempotency_create>,
        (status = 201, body = Order)
    )
)]
pub async fn create(
    __guarded: crate::runtime::__private::Guarded<
        (),
        crate::runtime::__private::Wants<
            crate::runtime::__private::Header<140090226437306393822833777792954759424>,
            crate::runtime::__private::Header<159743373648543548011193999198498324480>,
        >,
    >,
) -> crate::runtime::__private::Replayable<()> {
    let (__request, ()) = crate::runtime::__private::open(__guarded);
    let __arguments = crate::runtime::__private::arguments();
    ::core::future::IntoFuture::into_future(
            crate::runtime::__private::run(
                {
                    static __ROUTE: crate::runtime::__private::Route = crate::runtime::__private::Route {
                        operation: ::core::option::Option::None,
                        ttl: crate::runtime::__private::milliseconds(3600000),
                        lease: ::core::option::Option::None,
                        key: crate::runtime::__private::KeySource::Header(
                            crate::runtime::__private::text("idempotency-key"),
                        ),
                        scope: crate::runtime::__private::ScopeSource::Header(
                            crate::runtime::__private::text("x-tenant"),
                        ),
                        missing: ::core::option::Option::Some(
                            crate::runtime::__private::Missing::Refuse(428),
                        ),
                        replay_status: ::core::option::Option::None,
                        record: ::core::option::Option::None,
                        on_failure: ::core::option::Option::Some(
                            crate::runtime::__private::OnFailure::Keep,
                        ),
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
#[cfg(feature = "server")]
struct __idempotency_create;
#[cfg(feature = "server")]
impl crate::runtime::__private::openapi::HasContract for __idempotency_create {
    const CONTRACT: crate::runtime::__private::openapi::Contract = crate::runtime::__private::openapi::Contract {
        key: crate::runtime::__private::KeySource::Header(
            crate::runtime::__private::text("idempotency-key"),
        ),
        scope: crate::runtime::__private::ScopeSource::Header(
            crate::runtime::__private::text("x-tenant"),
        ),
        missing: ::core::option::Option::Some(
            crate::runtime::__private::Missing::Refuse(428),
        ),
        on_failure: ::core::option::Option::Some(
            crate::runtime::__private::OnFailure::Keep,
        ),
        describe_key: true,
        describe_scope: true,
    };
}
