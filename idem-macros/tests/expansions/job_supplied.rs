// #[idempotent_fn(ttl = "7d", key = id, store = transactions)]
// async fn ship(transactions: Transactions, #[supplied] mut tx: PostgresTransaction, id: u64, #[supplied] execution: Execution) -> Result<(), Error> {
//     insert(&mut tx, id, execution.attempt()).await
// }

async fn ship(transactions: Transactions, id: u64) -> Result<(), Error> {
    let (__store, __transactions) = {
        let transactions = &transactions;
        let _ = (&transactions,);
        let __store = ::idem_runtime::__private::transactions(transactions);
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
        let id = &id;
        let _ = (&id,);
        let __arguments = __arguments.key(&id);
        __arguments
    };
    let tx: PostgresTransaction = ::idem_runtime::__private::transaction(
        &__transactions,
        &__arguments,
    );
    let execution: Execution = __arguments.execution();
    ::core::future::IntoFuture::into_future(
            ::idem_runtime::__private::run_job(
                __store,
                __arguments,
                ::idem_runtime::__private::codec::<Result<(), Error>>(),
                async move {
                    let transactions = transactions;
                    let _ = &transactions;
                    let mut tx = tx;
                    let id = id;
                    let _ = &id;
                    let execution = execution;
                    if let ::core::option::Option::Some(__returned) = ::core::option::Option::<
                        Result<(), Error>,
                    >::None {
                        return __returned;
                    }
                    match () {
                        () => insert(&mut tx, id, execution.attempt()).await,
                    }
                },
            ),
        )
        .await
}
