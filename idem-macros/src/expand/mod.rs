//! The third step: the model becomes tokens.
//!
//! Locals are spanned at the macro's own site, so no name of the user's can meet them. Whatever the user wrote keeps its
//! span, so that warnings and errors appear as without the attribute.

mod evaluate;
mod output;
mod pattern;
mod rebind;
mod route;

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};
use syn::{FnArg, Pat, PatIdent, PatType, ReturnType, Signature, Token, Type};

use self::rebind::Parameter;
use crate::{
    item::Function,
    model::{Model, policy::Policy},
};

/// A span whose locals are the macro's own.
fn own() -> Span {
    Span::mixed_site()
}

/// The same, shown to the user at `place`.
fn own_at(place: Span) -> Span {
    Span::mixed_site().located_at(place)
}

/// Expands a handler.
pub(crate) fn expand(model: &Model) -> TokenStream {
    let Model { function, arguments, policy } = model;
    let Function { attributes, visibility, signature, inner, body } = function;
    let hidden = hidden_module(policy);
    let parameters = rebind::parameters(arguments);
    let output = output::Output::new(&signature.output, &signature.ident);

    let named_future = output::needs_a_named_future(signature);
    let mut emitted = emitted_signature(signature, &parameters, &hidden);
    emitted.output =
        ReturnType::Type(arrow(&signature.output), Box::new(Type::Verbatim(output.emitted(named_future, policy))));
    if named_future {
        emitted.asyncness = None;
    }

    let state_check = policy.state.as_ref().map(|state| state_check(state, policy));
    let request = Ident::new("__request", own());
    let guarded = guarded_name(&parameters);
    let opened = match parameters.last() {
        Some(last) => last.name.to_token_stream(),
        None => quote_spanned!(own()=> ()),
    };
    let evaluated = evaluate::arguments(policy, &parameters, &hidden);
    let route = route::route(policy, &hidden);
    let named = evaluate::names(policy);
    let rebound = parameters.iter().map(|parameter| parameter.rebind(&named));
    let pin = output.pin();
    let conversion = output.conversion(policy);
    // Without a span of the macro's own, the user's block would be reported as having braces too many.
    let mut block = Group::new(body.delimiter(), body.stream());
    block.set_span(own_at(body.span()));
    // A future that cannot be sent is reported at the handler's name.
    let place = own_at(signature.ident.span());
    let hidden_here = hidden_module_at(policy, place);
    let run = call(
        quote_spanned!(place=> #hidden_here::run),
        quote_spanned! {own()=>
            #route, #request, __arguments,
            async move {
                #(#rebound)*
                #pin
                #block
            },
            #conversion
        },
    );
    let run = if named_future {
        run
    } else {
        // Without this call, the error would come with the advice to remove an `.await` that the user cannot see.
        let future = call(quote_spanned!(place=> ::core::future::IntoFuture::into_future), run);
        quote_spanned!(own()=> #future.await)
    };

    let content = quote_spanned! {own()=>
        #(#inner)*
        #state_check
        let (#request, #opened) = #hidden::open(#guarded);
        #evaluated
        #run
    };
    let mut whole = Group::new(body.delimiter(), content);
    whole.set_span(own_at(body.span()));
    quote!(#(#attributes)* #visibility #emitted #whole)
}

/// A call, all of it shown where the function's path is.
fn call(function: TokenStream, arguments: TokenStream) -> TokenStream {
    let mut parentheses = Group::new(Delimiter::Parenthesis, arguments);
    parentheses.set_span(output::ends(&function).0);
    quote!(#function #parentheses)
}

/// The one module that every path of the expansion goes through. A wrong `crate` is shown where it is written.
fn hidden_module(policy: &Policy) -> TokenStream {
    match &policy.runtime {
        Some(runtime) => quote_spanned!(own()=> #runtime::__private),
        None => quote_spanned!(own()=> ::idem_runtime::__private),
    }
}

/// The same, for a path that is shown to the user at `place`.
fn hidden_module_at(policy: &Policy, place: Span) -> TokenStream {
    let Some(runtime) = &policy.runtime else { return quote_spanned!(place=> ::idem_runtime::__private) };
    let path = quote_spanned!(place=> #runtime::__private);
    // Only the place changes: a `$crate` means what its hygiene says.
    path.into_iter().map(|token| located(token, place)).collect()
}

fn located(mut token: TokenTree, place: Span) -> TokenTree {
    token.set_span(token.span().located_at(place));
    token
}

/// The signature with the emitted parameters.
fn emitted_signature(signature: &Signature, parameters: &[Parameter<'_>], hidden: &TokenStream) -> Signature {
    let mut emitted = signature.clone();
    let guarded = |ty: &dyn ToTokens| Type::Verbatim(quote_spanned!(own()=> #hidden::Guarded<#ty>));
    emitted.inputs.clear();
    if let Some((last, leading)) = parameters.split_last() {
        for parameter in leading {
            emitted.inputs.push(argument(parameter, &parameter.name, parameter.argument.ty.clone()));
        }
        emitted.inputs.push(argument(last, &guarded_name(parameters), guarded(&last.argument.ty)));
    } else {
        let name = guarded_name(parameters);
        let ty = guarded(&quote_spanned!(own()=> ()));
        emitted.inputs.push(typed(Vec::new(), &name, ty));
    }
    emitted
}

fn arrow(output: &ReturnType) -> Token![->] {
    match output {
        ReturnType::Type(arrow, _) => *arrow,
        ReturnType::Default => Token![->](own()),
    }
}

fn argument(parameter: &Parameter<'_>, name: &Ident, ty: Type) -> FnArg {
    typed(parameter.attributes_of_parameter(), name, ty)
}

fn typed(attrs: Vec<syn::Attribute>, name: &Ident, ty: Type) -> FnArg {
    let pattern = PatIdent { attrs: Vec::new(), by_ref: None, mutability: None, ident: name.clone(), subpat: None };
    FnArg::Typed(PatType { attrs, pat: Box::new(Pat::Ident(pattern)), colon_token: Token![:](own()), ty: Box::new(ty) })
}

/// The last parameter of the emitted function: it holds the last argument and what a claim needs.
fn guarded_name(parameters: &[Parameter<'_>]) -> Ident {
    match parameters.last() {
        Some(last) => last.name.clone(),
        None => Ident::new("__guarded", own()),
    }
}

/// Names the router state where the attribute names it, so that a state without a store is reported there.
fn state_check(state: &Type, policy: &Policy) -> TokenStream {
    let hidden = hidden_module(policy);
    quote_spanned!(own()=> const { #hidden::state_provides_idempotency::<#state>() };)
}
