//! A function that is no handler: it keeps its signature, and its body becomes the work of a call.

use proc_macro2::{Delimiter, Group, Ident, Literal, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::{FnArg, ReturnType, Signature, Type, ext::IdentExt};

use super::{argument, call, evaluate, hidden_module, output, own, own_at, rebind, rebind::Parameter, route};
use crate::{
    item::Function,
    model::{job::Job, policy::Policy, supplied::Supply},
};

/// Expands an idempotent function.
pub(crate) fn expand(job: &Job) -> TokenStream {
    let Job { function, arguments, supplied, policy, store } = job;
    let Function { attributes, visibility, signature, inner, body } = function;
    let hidden = hidden_module(policy);
    let parameters = rebind::parameters(arguments);
    let output = output::Output::new(&signature.output, &signature.ident);
    let supplies: Vec<_> = parameters.iter().zip(supplied.iter().copied()).collect();
    let emitted = emitted_signature(signature, &supplies);

    let transactional = supplied.contains(&Some(Supply::Transaction));
    let opened = evaluate::store(store, &parameters, transactional, &hidden);
    let given = supplies.iter().map(|(parameter, supply)| supply.map(|supply| give(parameter, supply, &hidden)));
    let evaluated = evaluate::arguments(policy, &parameters, &described(policy, signature, &hidden));
    let mut named = evaluate::names(policy);
    named.extend(store.names.iter().cloned());
    let rebound = parameters.iter().map(|parameter| parameter.rebind(&named));
    let pin = output.pin();
    let codec = codec(&signature.output, &hidden);
    let within = quote_spanned!(own()=> match () { () => #body });
    // What cannot outlive its caller ends with it; anything else is carried to its end.
    let run = if output::needs_a_named_future(signature) || signature.receiver().is_some() {
        "run_borrowing_job"
    } else {
        "run_job"
    };
    let place = own_at(signature.ident.span());
    let run = Ident::new(run, place);
    // Work that cannot be sent is reported at the function's name.
    let mut work = Group::new(Delimiter::Brace, quote_spanned!(own()=> #(#rebound)* #pin #within));
    work.set_span(place);
    let work = quote_spanned!(place=> async move #work);
    let run =
        call(quote_spanned!(own()=> #hidden::#run), place, quote_spanned!(own()=> __store, __arguments, #codec, #work));
    // Without this call, an error would come with the advice to remove an `.await` that the user cannot see.
    let future = call(quote_spanned!(place=> ::core::future::IntoFuture::into_future), place, run);
    let content = quote_spanned! {own()=>
        #(#inner)*
        #opened
        #evaluated
        #(#given)*
        #future.await
    };
    let mut whole = Group::new(body.delimiter(), content);
    whole.set_span(own_at(body.span()));
    quote!(#(#attributes)* #visibility #emitted #whole)
}

/// The signature as it is written, but for what is supplied, and for the names that the arguments have while the call is
/// identified.
fn emitted_signature(signature: &Signature, supplies: &[(&Parameter<'_>, Option<Supply>)]) -> Signature {
    let mut emitted = signature.clone();
    emitted.inputs.clear();
    let mut supplies = supplies.iter();
    for input in &signature.inputs {
        match input {
            FnArg::Receiver(_) => emitted.inputs.push(input.clone()),
            FnArg::Typed(_) => {
                if let Some((parameter, None)) = supplies.next() {
                    emitted.inputs.push(argument(parameter, &parameter.name, parameter.argument.ty.clone()));
                }
            }
        }
    }
    emitted
}

/// A statement that binds what is supplied to the name of its parameter.
fn give(parameter: &Parameter<'_>, supply: Supply, hidden: &TokenStream) -> TokenStream {
    let (name, ty, conditions) = (&parameter.name, &parameter.argument.ty, parameter.conditions());
    let place = own_at(output::ends(ty).0);
    let value = match supply {
        Supply::Execution => call(quote_spanned!(place=> __arguments.execution), place, TokenStream::new()),
        Supply::Transaction => call(
            quote_spanned!(place=> #hidden::transaction),
            place,
            quote_spanned!(place=> &__transactions, &__arguments),
        ),
    };
    quote_spanned!(own()=> #(#conditions)* let #name: #ty = #value;)
}

/// The options as a constant, whose bounds the runtime checks once more.
fn described(policy: &Policy, signature: &Signature, hidden: &TokenStream) -> TokenStream {
    let own = own();
    let operation = match &policy.operation {
        Some(name) => name.to_token_stream(),
        None => {
            let name = Literal::string(&signature.ident.unraw().to_string());
            quote_spanned!(own=> ::core::concat!(::core::module_path!(), "::", #name))
        }
    };
    let ttl = route::duration(policy.ttl, hidden);
    let given = [
        policy.lease.map(|lease| ("lease", route::duration(lease, hidden))),
        policy.on_failure.map(|on_failure| ("on_failure", route::on_failure(on_failure, hidden))),
        policy.in_flight.map(|in_flight| ("in_flight", route::in_flight(in_flight, hidden))),
    ];
    let given = given.into_iter().flatten().map(|(option, value)| {
        let option = Ident::new(option, own);
        quote_spanned!(own=> .#option(#value))
    });
    quote_spanned! {own=>
        {
            const __JOB: #hidden::Job = #hidden::Job::new(#operation, #ttl) #(#given)*;
            __JOB
        }
    }
}

/// What is done with the return type. What it lacks is reported at the type, once.
fn codec(output: &ReturnType, hidden: &TokenStream) -> TokenStream {
    let ReturnType::Type(_, ty) = output else { return quote_spanned!(own()=> #hidden::codec()) };
    let (start, end): (Span, Span) = output::ends(ty);
    let (start, end) = (own_at(start), own_at(end));
    let ty: &Type = ty;
    let close = quote_spanned!(end=> >);
    let made = quote_spanned!(start=> codec::<#ty #close);
    call(quote_spanned!(own()=> #hidden::#made), start, TokenStream::new())
}
