// #[idempotent_fn(ttl = "7d", key = id, store = idempotency)]
// pub async fn ship(idempotency: Idempotency, Message { id, lamps }: Message) -> Result<Parcel, Error> {
//     post(id, lamps).await
// }

pub async fn ship(idempotency: Idempotency, __arg1: Message) -> Result<Parcel, Error> {
    let __store = {
        let idempotency = &idempotency;
        let _ = (&idempotency,);
        let __store = ::idem_runtime::__private::idempotency(idempotency);
        __store
    };
    let __arguments = {
        const __JOB: ::idem_runtime::__private::Job = ::idem_runtime::__private::Job::new(
            ::core::concat!(::core::module_path!(), "::", "ship"),
            ::idem_runtime::__private::milliseconds(604800000),
        );
        __JOB
    };
    let __arguments = {
        let Message { id, .. } = &__arg1;
        let _ = (&id,);
        let __arguments = __arguments.key(&id);
        __arguments
    };
    ::core::future::IntoFuture::into_future(
            ::idem_runtime::__private::run_job(
                __store,
                __arguments,
                ::idem_runtime::__private::codec::<Result<Parcel, Error>>(),
                async move {
                    let idempotency = idempotency;
                    let _ = &idempotency;
                    let __arg1 = __arg1;
                    let Message { id, lamps } = __arg1;
                    let _ = &id;
                    if let ::core::option::Option::Some(__returned) = ::core::option::Option::<
                        Result<Parcel, Error>,
                    >::None {
                        return __returned;
                    }
                    match () {
                        () => post(id, lamps).await,
                    }
                },
            ),
        )
        .await
}
