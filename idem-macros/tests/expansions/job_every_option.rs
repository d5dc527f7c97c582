// #[idempotent_fn(ttl = "1d", key = (message.queue, message.id), scope = self.tenant(), store = &self.idempotency, operation = "consume", on_failure = "keep", in_flight = "wait:2s", lease = "10s", fingerprint = &message, crate = crate::runtime)]
// async fn consume<T>(&mut self, #[cfg(feature = "audit")] audit: &Audit, mut message: Message<T>) -> Result<(), Error>
// where
//     T: Serialize,
// {
//     message.open()?;
//     self.act(message).await
// }

async fn consume<T>(
    &mut self,
    #[cfg(feature = "audit")]
    audit: &Audit,
    message: Message<T>,
) -> Result<(), Error>
where
    T: Serialize,
{
    let __store = {
        let __store = crate::runtime::__private::idempotency(&self.idempotency);
        __store
    };
    let __arguments = {
        const __JOB: crate::runtime::__private::Job = crate::runtime::__private::Job::new(
                "consume",
                crate::runtime::__private::milliseconds(86400000),
            )
            .lease(crate::runtime::__private::milliseconds(10000))
            .on_failure(crate::runtime::__private::OnFailure::Keep)
            .in_flight(
                crate::runtime::__private::InFlight::Wait(
                    crate::runtime::__private::milliseconds(2000),
                ),
            );
        __JOB
    };
    let __arguments = {
        let message = &message;
        let _ = (&message,);
        let __arguments = __arguments.key(&(&message.queue, &message.id));
        __arguments
    };
    let __arguments = {
        let __arguments = __arguments.scope(&self.tenant());
        __arguments
    };
    let __arguments = {
        let message = &message;
        let _ = (&message,);
        let __arguments = __arguments.fingerprint(&&message);
        __arguments
    };
    ::core::future::IntoFuture::into_future(
            crate::runtime::__private::run_borrowing_job(
                __store,
                __arguments,
                crate::runtime::__private::codec::<Result<(), Error>>(),
                async move {
                    #[cfg(feature = "audit")]
                    let audit = audit;
                    let mut message = message;
                    let _ = &message;
                    if let ::core::option::Option::Some(__returned) = ::core::option::Option::<
                        Result<(), Error>,
                    >::None {
                        return __returned;
                    }
                    match () {
                        () => {
                            message.open()?;
                            self.act(message).await
                        }
                    }
                },
            ),
        )
        .await
}
