// #[idempotent(ttl = "1h", key = "header:Idempotency-Key")]
// async fn pay(State(db): State<Db>, user: AuthUser, Json(order): Json<Order>) -> Result<impl IntoResponse, AppError> {
//     let payment = db.pay(user.id, order).await?;
//     Ok((StatusCode::CREATED, Json(payment)))
// }

async fn pay(
    db: State<Db>,
    user: AuthUser,
    order: ::idem_runtime::__private::Guarded<Json<Order>>,
) -> ::idem_runtime::__private::Replayable<Result<impl IntoResponse, AppError>> {
    let (__request, order) = ::idem_runtime::__private::open(order);
    let __arguments = ::idem_runtime::__private::arguments();
    ::core::future::IntoFuture::into_future(
            ::idem_runtime::__private::run(
                {
                    static __ROUTE: ::idem_runtime::__private::Route = ::idem_runtime::__private::Route {
                        operation: ::core::option::Option::None,
                        ttl: ::idem_runtime::__private::milliseconds(3600000),
                        lease: ::core::option::Option::None,
                        key: ::idem_runtime::__private::KeySource::Header(
                            ::idem_runtime::__private::text("idempotency-key"),
                        ),
                        scope: ::idem_runtime::__private::ScopeSource::None,
                        missing: ::core::option::Option::None,
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
                    let db = db;
                    let State(db) = db;
                    let user = user;
                    let order = order;
                    let Json(order) = order;
                    if let ::core::option::Option::Some(__returned) = ::core::option::Option::<
                        Result<_, AppError>,
                    >::None {
                        return __returned;
                    }
                    match () {
                        () => {
                            let payment = db.pay(user.id, order).await?;
                            Ok((StatusCode::CREATED, Json(payment)))
                        }
                    }
                },
                <Result<
                    _,
                    AppError,
                > as ::idem_runtime::__private::IntoResponse>::into_response,
            ),
        )
        .await
}
