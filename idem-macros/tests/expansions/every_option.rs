// #[idempotent(ttl = "1h30m", key = (user.tenant, order.id), scope = format!("{tenant}"), operation = "orders/create", missing = 428, replay_status = 200, record = policies::keep, on_failure = "keep", in_flight = "wait:2s", lease = "10s", fingerprint = &order, max_response = "64KiB", state = AppState)]
// async fn create(Path((tenant, _)): Path<(String, u64)>, user: User, Json(mut order): Json<Order>) -> impl IntoResponse {
//     order.close()
// }

async fn create(
    tenant: Path<(String, u64)>,
    user: User,
    order: ::idem_runtime::__private::Guarded<
        Json<Order>,
        ::idem_runtime::__private::Wants<
            ::idem_runtime::__private::Elsewhere,
            ::idem_runtime::__private::Elsewhere,
        >,
    >,
) -> ::idem_runtime::__private::Replayable<impl IntoResponse> {
    const {
        ::idem_runtime::__private::state_provides_idempotency::<AppState>();
        ::idem_runtime::__private::leading_argument::<AppState, Path<(String, u64)>>();
        ::idem_runtime::__private::leading_argument::<AppState, User>();
        ::idem_runtime::__private::body_argument::<AppState, Json<Order>>();
    }
    let (__request, order) = ::idem_runtime::__private::open(order);
    let __arguments = ::idem_runtime::__private::arguments();
    let __arguments = {
        let user = &user;
        let _ = (&user,);
        let Json(order) = &order;
        let _ = (&order,);
        let __arguments = __arguments.key(&(&user.tenant, &order.id));
        __arguments
    };
    let __arguments = {
        let Path((tenant, _)) = &tenant;
        let _ = (&tenant,);
        let __arguments = __arguments.scope(&format!("{tenant}"));
        __arguments
    };
    let __arguments = {
        let Json(order) = &order;
        let _ = (&order,);
        let __arguments = __arguments.fingerprint(&&order);
        __arguments
    };
    ::core::future::IntoFuture::into_future(
            ::idem_runtime::__private::run(
                {
                    static __ROUTE: ::idem_runtime::__private::Route = ::idem_runtime::__private::Route {
                        operation: ::core::option::Option::Some(
                            ::idem_runtime::__private::text("orders/create"),
                        ),
                        ttl: ::idem_runtime::__private::milliseconds(5400000),
                        lease: ::core::option::Option::Some(
                            ::idem_runtime::__private::milliseconds(10000),
                        ),
                        key: ::idem_runtime::__private::KeySource::Arguments,
                        scope: ::idem_runtime::__private::ScopeSource::Arguments,
                        missing: ::core::option::Option::Some(
                            ::idem_runtime::__private::Missing::Refuse(428),
                        ),
                        replay_status: ::core::option::Option::Some(200),
                        record: ::core::option::Option::Some(
                            ::idem_runtime::__private::Recorded::Chosen(policies::keep),
                        ),
                        on_failure: ::core::option::Option::Some(
                            ::idem_runtime::__private::OnFailure::Keep,
                        ),
                        in_flight: ::core::option::Option::Some(
                            ::idem_runtime::__private::InFlight::Wait(
                                ::idem_runtime::__private::milliseconds(2000),
                            ),
                        ),
                        fingerprint: ::idem_runtime::__private::Content::Arguments,
                        max_response: ::core::option::Option::Some(65536),
                    };
                    &__ROUTE
                },
                __request,
                __arguments,
                async move {
                    let tenant = tenant;
                    let Path((tenant, _)) = tenant;
                    let _ = &tenant;
                    let user = user;
                    let _ = &user;
                    let order = order;
                    let Json(mut order) = order;
                    let _ = &order;
                    match () {
                        () => order.close(),
                    }
                },
                <_ as ::idem_runtime::__private::IntoResponse>::into_response,
            ),
        )
        .await
}
