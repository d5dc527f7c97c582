//! The third step: the model becomes tokens.
//!
//! Locals are spanned at the macro's own site, so no name of the user's can meet them. Whatever the user wrote keeps
//! its span, so that warnings and errors appear as without the attribute.

mod checks;
mod evaluate;
pub(crate) mod job;
mod openapi;
mod output;
mod pattern;
mod rebind;
mod route;
mod wanted;

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::{FnArg, Pat, PatIdent, PatType, ReturnType, Signature, Token, Type};

use self::rebind::Parameter;
use crate::{
    item::Function,
    model::{Handler, policy::Policy},
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
pub(crate) fn expand(handler: &Handler) -> TokenStream {
    let Handler { function, arguments, policy, http } = handler;
    let Function { attributes, visibility, signature, inner, body } = function;
    let hidden = hidden_module(policy);
    let parameters = rebind::parameters(arguments);
    let output = output::Output::new(&signature.output, &signature.ident);

    let named_future = output::needs_a_named_future(signature);
    let wanted = wanted::wanted(policy, &hidden);
    let mut emitted = emitted_signature(signature, &parameters, &hidden, wanted.as_ref());
    emitted.output =
        ReturnType::Type(arrow(&signature.output), Box::new(Type::Verbatim(output.emitted(named_future, &hidden))));
    if named_future {
        emitted.asyncness = None;
    }

    let checks = http.state.as_ref().map(|state| checks::checks(state, signature, &parameters, &hidden));
    let request = Ident::new("__request", own());
    let guarded = guarded_name(&parameters);
    let opened = match parameters.last() {
        Some(last) => last.name.to_token_stream(),
        None => quote_spanned!(own()=> ()),
    };
    let evaluated = evaluate::arguments(policy, &parameters, &quote_spanned!(own()=> #hidden::arguments()));
    let route = route::route(policy, http, &hidden);
    let named = evaluate::names(policy);
    let rebound = parameters.iter().map(|parameter| parameter.rebind(&named));
    let pin = output.pin();
    let conversion = output.conversion(&hidden, body.span());
    // In the arm of a `match`, no lint finds that the user's block has braces too many. They stay the user's own
    // tokens: a copy would lose where each of them is, and what is wrong within would be reported once more.
    let within = quote_spanned!(own()=> match () { () => #body });
    // A future that cannot be sent is reported at the handler's name.
    let place = own_at(signature.ident.span());
    let run = Ident::new("run", place);
    let run = call(
        quote_spanned!(own()=> #hidden::#run),
        place,
        quote_spanned! {own()=>
            #route, #request, __arguments,
            async move {
                #(#rebound)*
                #pin
                #within
            },
            #conversion
        },
    );
    let run = if named_future {
        run
    } else {
        // Without this call, the error would come with the advice to remove an `.await` that the user cannot see.
        let future = call(quote_spanned!(place=> ::core::future::IntoFuture::into_future), place, run);
        quote_spanned!(own()=> #future.await)
    };

    let content = quote_spanned! {own()=>
        #(#inner)*
        #checks
        let (#request, #opened) = #hidden::open(#guarded);
        #evaluated
        #run
    };
    let mut whole = Group::new(body.delimiter(), content);
    whole.set_span(own_at(body.span()));
    let openapi::Documented { attributes, contract } =
        openapi::documented(attributes, signature, policy, http, &hidden);
    quote!(#(#attributes)* #visibility #emitted #whole #contract)
}

/// A call that is shown to the user at `place`.
fn call(function: TokenStream, place: Span, arguments: TokenStream) -> TokenStream {
    let mut parentheses = Group::new(Delimiter::Parenthesis, arguments);
    parentheses.set_span(place);
    quote!(#function #parentheses)
}

/// The one module that every path of the expansion goes through. Its tokens are the same wherever it stands, so that
/// a wrong `crate` is one error, where it is written.
fn hidden_module(policy: &Policy) -> TokenStream {
    let Some(runtime) = &policy.runtime else { return quote_spanned!(own()=> ::idem_runtime::__private) };
    let private = Ident::new("__private", own_at(output::ends(runtime).1));
    quote_spanned!(own()=> #runtime::#private)
}

/// The signature with the emitted parameters.
fn emitted_signature(
    signature: &Signature,
    parameters: &[Parameter<'_>],
    hidden: &TokenStream,
    wanted: Option<&TokenStream>,
) -> Signature {
    let mut emitted = signature.clone();
    let wanted = wanted.map(|wanted| quote!(, #wanted));
    let guarded = |ty: &dyn ToTokens| Type::Verbatim(quote_spanned!(own()=> #hidden::Guarded<#ty #wanted>));
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
