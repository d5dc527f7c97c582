// #[idempotent(ttl = "1h", key = "path:id", scope = "header:X-Tenant", missing = 404)]
// async fn charge<G: Gateway>(State(gateway): State<G>, order: Json<Order>) -> Result<Json<impl Serialize>, StatusCode>
// where
//     G: Clone,
// {
//     gateway.charge(order.0).await.map(Json)
// }

fn charge<G: Gateway>(
    gateway: State<G>,
    order: ::idem_runtime::__private::Guarded<
        Json<Order>,
        ::idem_runtime::__private::Wants<
            ::idem_runtime::__private::PathParameter,
            ::idem_runtime::__private::Header<159743373648543548011193999198498324480>,
        >,
    >,
) -> ::idem_runtime::__private::Run<
    impl ::core::future::Future<Output = Result<Json<impl Serialize>, StatusCode>>,
>
where
    G: Clone,
{
    let (__request, order) = ::idem_runtime::__private::open(order);
    let __arguments = ::idem_runtime::__private::arguments();
    ::idem_runtime::__private::run(
        {
            static __ROUTE: ::idem_runtime::__private::Route = ::idem_runtime::__private::Route {
                operation: ::core::option::Option::None,
                ttl: ::idem_runtime::__private::milliseconds(3600000),
                lease: ::core::option::Option::None,
                key: ::idem_runtime::__private::KeySource::Path(
                    ::idem_runtime::__private::text("id"),
                ),
                scope: ::idem_runtime::__private::ScopeSource::Header(
                    ::idem_runtime::__private::text("x-tenant"),
                ),
                missing: ::core::option::Option::Some(
                    ::idem_runtime::__private::Missing::Refuse(404),
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
            let gateway = gateway;
            let State(gateway) = gateway;
            let order = order;
            if let ::core::option::Option::Some(__returned) = ::core::option::Option::<
                Result<Json<_>, StatusCode>,
            >::None {
                return __returned;
            }
            match () {
                () => gateway.charge(order.0).await.map(Json),
            }
        },
        <Result<
            Json<_>,
            StatusCode,
        > as ::idem_runtime::__private::IntoResponse>::into_response,
    )
}
