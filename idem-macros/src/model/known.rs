//! Types that are known by their names. A name is taken for axum's type only when it can hardly be another.

use syn::{
    GenericArgument, PathArguments, PathSegment, Type, TypeImplTrait, TypePath, TypeReference,
    visit::{self, Visit},
};

/// An extractor that reads the request's body, or takes the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Known {
    Json,
    Form,
    Bytes,
    String,
    Body,
    Request,
    Multipart,
    WebSocket,
}

impl Known {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Known::Json => "Json",
            Known::Form => "Form",
            Known::Bytes => "Bytes",
            Known::String => "String",
            Known::Body => "Body",
            Known::Request => "Request",
            Known::Multipart => "Multipart",
            Known::WebSocket => "WebSocketUpgrade",
        }
    }
}

/// The extractor that a type is, also within an `Option` or a `Result`.
pub(crate) fn extractor(ty: &Type) -> Option<Known> {
    let path = path(ty)?;
    let last = path.path.segments.last()?;
    let types = type_arguments(last);
    let qualified = path.path.segments.len() > 1;
    let from = |roots: &[&str]| {
        let first = path.path.segments.first().map(|first| first.ident.to_string());
        qualified && first.is_some_and(|first| roots.contains(&first.as_str()))
    };
    match (last.ident.to_string().as_str(), types.as_slice()) {
        ("Option", [inner]) | ("Result", [inner, _]) => extractor(inner),
        ("Json", [_]) => Some(Known::Json),
        ("Form", [_]) => Some(Known::Form),
        ("Bytes", []) if !qualified || from(&["axum", "bytes"]) => Some(Known::Bytes),
        ("String", []) if !qualified || from(&["std", "alloc"]) => Some(Known::String),
        ("Multipart", [])
            if !qualified || from(&["axum", "axum_extra"]) || path_is(path, &["extract", "Multipart"]) =>
        {
            Some(Known::Multipart)
        }
        ("WebSocketUpgrade", _) => Some(Known::WebSocket),
        // Many crates have a `Request` or a `Body` of their own.
        ("Body", []) if from(&["axum"]) => Some(Known::Body),
        ("Request", []) if from(&["axum"]) => Some(Known::Request),
        ("Request", [body]) if from(&["axum", "http"]) || is_named(body, "Body") => Some(Known::Request),
        _ => None,
    }
}

/// Answers that stream, by the names that axum, axum-extra and http-body-util give them.
const STREAMS: [&str; 6] = ["Sse", "StreamBody", "BodyDataStream", "AsyncReadBody", "FileStream", "JsonLines"];

/// The stream that a return type holds, if one can be seen.
pub(crate) fn stream(ty: &Type) -> Option<TypePath> {
    struct Streams(Option<TypePath>);
    impl<'ast> Visit<'ast> for Streams {
        fn visit_type_path(&mut self, node: &'ast TypePath) {
            // With their parameters: a type of the user's own may have such a name.
            let stream = |segment: &PathSegment| {
                STREAMS.iter().any(|name| segment.ident == name)
                    && (segment.ident == "BodyDataStream" || !segment.arguments.is_empty())
            };
            if node.path.segments.last().is_some_and(stream) {
                self.0.get_or_insert_with(|| node.clone());
            }
            visit::visit_type_path(self, node);
        }
    }
    let mut streams = Streams(None);
    streams.visit_type(ty);
    streams.0
}

/// Whether a return type is a future by its name, as that of a handler that is not `async`.
pub(crate) fn names_a_future(ty: &Type) -> bool {
    struct Futures(bool);
    impl<'ast> Visit<'ast> for Futures {
        fn visit_path_segment(&mut self, node: &'ast PathSegment) {
            self.0 |= ["Future", "BoxFuture", "LocalBoxFuture", "Pin"].iter().any(|name| node.ident == name);
            visit::visit_path_segment(self, node);
        }
    }
    let mut futures = Futures(false);
    futures.visit_type(ty);
    futures.0
}

/// The first `impl Trait` within a type.
pub(crate) fn opaque(ty: &Type) -> Option<TypeImplTrait> {
    struct Opaque(Option<TypeImplTrait>);
    impl<'ast> Visit<'ast> for Opaque {
        fn visit_type_impl_trait(&mut self, node: &'ast TypeImplTrait) {
            self.0.get_or_insert_with(|| node.clone());
        }
    }
    let mut opaque = Opaque(None);
    opaque.visit_type(ty);
    opaque.0
}

/// The first reference within the `T` of a `Result<T, E>`.
pub(crate) fn borrowed_value(result: &Type) -> Option<TypeReference> {
    struct References(Option<TypeReference>);
    impl<'ast> Visit<'ast> for References {
        fn visit_type_reference(&mut self, node: &'ast TypeReference) {
            self.0.get_or_insert_with(|| node.clone());
        }
    }
    let mut references = References(None);
    references.visit_type(type_arguments(path(result)?.path.segments.last()?).first()?);
    references.0
}

/// The type within parentheses, and within the groups that `macro_rules!` puts round a fragment.
pub(crate) fn peeled(ty: &Type) -> &Type {
    match ty {
        Type::Group(group) => peeled(&group.elem),
        Type::Paren(paren) => peeled(&paren.elem),
        other => other,
    }
}

fn path(ty: &Type) -> Option<&TypePath> {
    match peeled(ty) {
        Type::Path(path) if path.qself.is_none() => Some(path),
        _ => None,
    }
}

fn path_is(path: &TypePath, names: &[&str]) -> bool {
    path.path.segments.len() == names.len()
        && path.path.segments.iter().zip(names).all(|(part, name)| part.ident == name)
}

fn is_named(ty: &Type, name: &str) -> bool {
    path(ty).and_then(|path| path.path.segments.last()).is_some_and(|last| last.ident == name)
}

fn type_arguments(segment: &PathSegment) -> Vec<&Type> {
    let PathArguments::AngleBracketed(arguments) = &segment.arguments else { return Vec::new() };
    let types = arguments.args.iter().filter_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    });
    types.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<Known>) {
        let ty: Type = syn::parse_str(text).expect(text);
        assert_eq!(extractor(&ty), expected, "{text}");
    }

    #[test]
    fn knows_extractors_of_the_body() {
        check("Json<Order>", Some(Known::Json));
        check("axum::Json<Order>", Some(Known::Json));
        check("Option<Json<Order>>", Some(Known::Json));
        check("Result<Json<Order>, JsonRejection>", Some(Known::Json));
        check("String", Some(Known::String));
        check("std::string::String", Some(Known::String));
        check("Bytes", Some(Known::Bytes));
        check("axum::body::Bytes", Some(Known::Bytes));
        check("extract::Multipart", Some(Known::Multipart));
        check("axum::extract::Request", Some(Known::Request));
        check("Request<Body>", Some(Known::Request));
        check("http::Request<B>", Some(Known::Request));
    }

    #[test]
    fn takes_no_other_type_for_one() {
        for text in [
            "Json",
            "Request",
            "Body",
            "my::Bytes",
            "State<String>",
            "Path<String>",
            "Query<Json<A>>",
            "&str",
            "my::Request",
        ] {
            check(text, None);
        }
    }

    #[test]
    fn sees_streams() {
        for (text, expected) in [
            ("Sse<S>", true),
            ("Result<Sse<impl Stream<Item = Event>>, Error>", true),
            ("(StatusCode, axum::response::Sse<S>)", true),
            ("Sse", false),
            ("StreamBody<S>", true),
            ("Result<axum_extra::body::AsyncReadBody<R>, E>", true),
            ("StreamBody", false),
            ("impl IntoResponse", false),
        ] {
            let ty: Type = syn::parse_str(text).expect(text);
            assert_eq!(stream(&ty).is_some(), expected, "{text}");
        }
    }
}
