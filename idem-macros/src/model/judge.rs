//! Each option's value, judged by itself.

use syn::{Expr, Ident, LitStr, Type};

use super::{
    duration,
    expression::{self, Evaluated},
    known,
    policy::{Fingerprint, InFlight, Key, Missing, OnFailure, Record, Scope},
    quantity::Measure,
    size, source,
    value::{Written, peeled, say, written},
};
use crate::{
    args::{Name, Options, Slot},
    errors::Errors,
    near::near,
};

/// Judges values. A function gives nothing when its option is not given, or is wrong and reported.
pub(crate) struct Judge<'a> {
    pub(crate) options: &'a Options,
    /// The function's name and the names that its arguments bind, if the item is a function.
    pub(crate) function: Option<&'a Ident>,
    pub(crate) bindings: &'a [String],
    pub(crate) errors: &'a mut Errors,
}

impl Judge<'_> {
    pub(crate) fn ttl(&mut self) -> Option<u64> {
        self.quantity(Name::Ttl, &duration::TTL)
    }

    pub(crate) fn lease(&mut self) -> Option<u64> {
        self.quantity(Name::Lease, &duration::LEASE)
    }

    pub(crate) fn max_response(&mut self) -> Option<u64> {
        self.quantity(Name::MaxResponse, &size::RESPONSE)
    }

    fn quantity(&mut self, name: Name, measure: &Measure) -> Option<u64> {
        let given = self.options.expression(name).given()?;
        let option = name.text();
        let message = match written(given) {
            Written::Text(text) => match measure.read(&text.value()) {
                Ok(quantity) => return Some(quantity),
                Err(malformed) => malformed.say(option, ""),
            },
            Written::Number(number) => {
                let right = measure.read(&number).map_or_else(|malformed| malformed.write, |_| number);
                say(option, &format!("a {} is written in quotes", measure.noun), &format!("\"{right}\""))
            }
            Written::Word(_) | Written::Other => say(
                option,
                &format!("a {} is written out in quotes, to be checked at compile time", measure.noun),
                name.example(),
            ),
        };
        self.errors.at(given, message);
        None
    }

    /// One of a few words in quotes.
    fn choice<T: Copy>(&mut self, name: Name, choices: &[(&str, T)]) -> Option<T> {
        let given = self.options.expression(name).given()?;
        let words = choices.iter().map(|(word, _)| *word);
        let word = match written(given) {
            Written::Text(text) => {
                let text = text.value();
                if let Some((_, choice)) = choices.iter().find(|(word, _)| *word == text) {
                    return Some(*choice);
                }
                near(&text, words.clone()).map(|meant| (meant, format!("`{text}` is no choice")))
            }
            Written::Word(word) => near(&word, words.clone()).map(|meant| (meant, "a choice is in quotes".to_owned())),
            Written::Number(_) | Written::Other => None,
        };
        let message = match word {
            Some((meant, problem)) => say(name.text(), &problem, &format!("\"{meant}\"")),
            None => {
                let words: Vec<_> = words.map(|word| format!("`\"{word}\"`")).collect();
                no_choice(given, &format!("`{}` is {}", name.text(), words.join(" or ")))
            }
        };
        self.errors.at(given, message);
        None
    }

    pub(crate) fn on_failure(&mut self) -> Option<OnFailure> {
        self.choice(Name::OnFailure, &[("retry", OnFailure::Retry), ("keep", OnFailure::Keep)])
    }

    pub(crate) fn in_flight(&mut self) -> Option<InFlight> {
        let given = self.options.expression(Name::InFlight).given()?;
        let option = Name::InFlight.text();
        if let Written::Text(text) = written(given)
            && let Some((word, time)) = text.value().split_once(':')
            && near(word, ["wait"]).is_some()
        {
            let message = match duration::WAIT.read(time) {
                Ok(time) if word == "wait" => return Some(InFlight::Wait(time)),
                Ok(_) => say(option, &format!("`{word}` is no choice"), &format!("\"wait:{time}\"")),
                Err(malformed) => malformed.say(option, "wait:"),
            };
            self.errors.at(text, message);
            return None;
        }
        let waits = match written(given) {
            Written::Text(text) => text.value() == "wait" || duration::WAIT.read(&text.value()).is_ok(),
            Written::Word(word) => word == "wait",
            Written::Number(_) | Written::Other => false,
        };
        if waits {
            self.errors.at(given, say(option, "a duplicate waits for a duration", Name::InFlight.example()));
            return None;
        }
        self.choice(Name::InFlight, &[("reject", InFlight::Reject), ("wait:5s", InFlight::Wait(5_000))])
    }

    pub(crate) fn missing(&mut self) -> Option<Missing> {
        let given = self.options.expression(Name::Missing).given()?;
        let option = Name::Missing.text();
        let message = match written(given) {
            Written::Text(text) if text.value() == "execute" => return Some(Missing::Execute),
            Written::Text(text) => match text.value().parse::<u16>() {
                Ok(status @ 400..=499) => say(option, "a status is a number without quotes", &status.to_string()),
                _ if near(&text.value(), ["execute"]).is_some() => {
                    say(option, &format!("`{}` is no choice", text.value()), "\"execute\"")
                }
                _ => no_choice(given, "`missing` is a 4xx status, such as `428`, or `\"execute\"`"),
            },
            Written::Number(number) => match status(&number) {
                Some(status @ 400..=499) => return Some(Missing::Refuse(status)),
                _ => {
                    say(option, &format!("{number} is no 4xx status, and a missing key is the client's mistake"), "400")
                }
            },
            Written::Word(word) if near(&word, ["execute"]).is_some() => {
                say(option, "a choice is in quotes", "\"execute\"")
            }
            Written::Word(_) | Written::Other => {
                say(option, "a status is written as a number", "428").replace("428`", "428` or `\"execute\"`")
            }
        };
        self.errors.at(given, message);
        None
    }

    pub(crate) fn replay_status(&mut self) -> Option<u16> {
        let given = self.options.expression(Name::ReplayStatus).given()?;
        let number = match written(given) {
            Written::Number(number) => number,
            Written::Text(text) if status(&text.value()).is_some_and(|status| (200..=299).contains(&status)) => {
                let message = say("replay_status", "a status is a number without quotes", &text.value());
                self.errors.at(text, message);
                return None;
            }
            _ => {
                self.errors.at(given, say("replay_status", "a status is written as a number", "200"));
                return None;
            }
        };
        let problem = match status(&number) {
            Some(204 | 205) => format!("{number} has no body, and the recorded body is replayed"),
            Some(206) => "206 answers a request for a part".to_owned(),
            Some(status @ 200..=299) => return Some(status),
            Some(304) => "304 has no body, and is no success".to_owned(),
            _ => format!("{number} is no 2xx status, and it stands for a success"),
        };
        self.errors.at(given, say("replay_status", &problem, "200"));
        None
    }

    pub(crate) fn record(&mut self) -> Option<Record> {
        let given = self.options.expression(Name::Record).given()?;
        let value = peeled(given);
        let message = match written(value) {
            Written::Text(text) => match text.value().as_str() {
                "success" => return Some(Record::Success),
                "final" => return Some(Record::Final),
                other => match near(other, ["success", "final"]) {
                    Some(meant) => say("record", &format!("`{other}` is no choice"), &format!("\"{meant}\"")),
                    // One word is a choice that there is not, rather than a function.
                    None if other.contains("::") && syn::parse_str::<syn::ExprPath>(other).is_ok() => {
                        say("record", "a function is named without quotes", other)
                    }
                    None => no_choice(given, CHOICES_OF_RECORD),
                },
            },
            // A keyword cannot be the name of a function.
            Written::Word(word) if word == "final" => say("record", "a choice is in quotes", "\"final\""),
            _ => match value {
                Expr::Path(path) => return Some(Record::Chosen(path.clone())),
                Expr::Closure(_) => {
                    "`record` is the path of a function: write the closure as a `fn` and name it".to_owned()
                }
                Expr::Call(call) if call.args.is_empty() => {
                    "`record` is the path of a function, without a call: leave out the `()`".to_owned()
                }
                _ => CHOICES_OF_RECORD.to_owned(),
            },
        };
        self.errors.at(given, message);
        None
    }

    pub(crate) fn operation(&mut self) -> Option<String> {
        let given = self.options.expression(Name::Operation).given()?;
        let problem = match written(given) {
            Written::Text(text) => match text.value() {
                name if name.trim().is_empty() => "the operation has no name",
                name if name.contains(char::is_control) => "the operation's name has a control character in it",
                name => return Some(name),
            },
            _ => "the operation is a name in quotes",
        };
        let write = match written(given) {
            Written::Word(word) => format!("\"{word}\""),
            _ => Name::Operation.example().to_owned(),
        };
        self.errors.at(given, say("operation", problem, &write));
        None
    }

    pub(crate) fn key(&mut self) -> Option<Key> {
        let given = self.options.expression(Name::Key).given()?;
        if let Written::Text(text) = written(given) {
            return match source::key(&text.value()) {
                Ok(source) => Some(Key::Source(source)),
                Err(malformed) => self.quoted(Name::Key, text, malformed.say("key", "")),
            };
        }
        let evaluated = self.evaluate(Name::Key, given)?;
        if expression::is_constant(&evaluated) {
            let message = "every request would have the same key: name where the key comes from, as in `key = ";
            self.errors.at(given, format!("{message}{}`", Name::Key.example()));
            return None;
        }
        Some(Key::Expression(evaluated))
    }

    pub(crate) fn scope(&mut self) -> Option<Scope> {
        let given = self.options.expression(Name::Scope).given()?;
        if let Written::Text(text) = written(given) {
            return match source::scope(&text.value()) {
                Ok(header) => Some(Scope::Header(header)),
                Err(malformed) => self.quoted(Name::Scope, text, malformed.say("scope", "")),
            };
        }
        if matches!(peeled(given), Expr::Lit(_)) {
            let message = "every request would have the same scope: name whose key it is, as in `scope = ";
            self.errors.at(given, format!("{message}{}`", Name::Scope.example()));
            return None;
        }
        self.evaluate(Name::Scope, given).map(Scope::Expression)
    }

    pub(crate) fn fingerprint(&mut self) -> Option<Fingerprint> {
        const CHOICES: [&str; 3] = ["body", "json", "none"];
        let given = self.options.expression(Name::Fingerprint).given()?;
        if let Written::Text(text) = written(given) {
            let word = text.value();
            let message = match word.as_str() {
                "body" => return Some(Fingerprint::Body),
                "json" => return Some(Fingerprint::Json),
                "none" => return Some(Fingerprint::None),
                word => match near(word, CHOICES) {
                    Some(meant) => say("fingerprint", &format!("`{word}` is no choice"), &format!("\"{meant}\"")),
                    None => no_choice(
                        given,
                        "`fingerprint` is `\"body\"`, `\"json\"`, `\"none\"`, or an expression over the handler's arguments",
                    ),
                },
            };
            return self.quoted(Name::Fingerprint, text, message);
        }
        if let Written::Word(word) = written(given)
            && CHOICES.contains(&word.as_str())
            && !self.bindings.contains(&word)
        {
            self.errors.at(given, say("fingerprint", "a choice is in quotes", &format!("\"{word}\"")));
            return None;
        }
        let evaluated = self.evaluate(Name::Fingerprint, given)?;
        if expression::is_constant(&evaluated) {
            let message =
                "every request would have the same fingerprint: name an argument, or write `fingerprint = \"none\"`";
            self.errors.at(given, message);
            return None;
        }
        Some(Fingerprint::Expression(evaluated))
    }

    pub(crate) fn state(&mut self) -> Option<Type> {
        let Slot::Given(given) = &self.options.state else { return None };
        match known::peeled(given) {
            Type::Infer(_) | Type::ImplTrait(_) | Type::TraitObject(_) | Type::Never(_) => {
                self.errors.at(given, say("state", "the router's state has a name", Name::State.example()));
                None
            }
            _ => Some(given.clone()),
        }
    }

    pub(super) fn evaluate(&mut self, name: Name, value: &Expr) -> Option<Evaluated> {
        expression::evaluate(name.text(), value, self.function?, self.bindings, self.errors)
    }

    /// Text that is wrong. If it begins with an argument, it is an expression that has quotes too many.
    pub(super) fn quoted<T>(&mut self, name: Name, text: &LitStr, message: String) -> Option<T> {
        let value = text.value();
        let first = value.split(|letter: char| !(letter.is_alphanumeric() || letter == '_')).next().unwrap_or_default();
        let expression = self.bindings.iter().any(|binding| binding == first) && syn::parse_str::<Expr>(&value).is_ok();
        let message =
            if expression { say(name.text(), "an expression is written without quotes", &value) } else { message };
        self.errors.at(text, message);
        None
    }
}

const CHOICES_OF_RECORD: &str =
    "`record` is `\"success\"`, `\"final\"`, or the path of a function over the response's head, without quotes";

/// A message for a value that is none of the choices.
fn no_choice(given: &Expr, choices: &str) -> String {
    match written(given) {
        Written::Text(text) => format!("`{}` is no choice: {choices}", text.value()),
        _ => choices.to_owned(),
    }
}

/// A status, whatever integer type its suffix names.
fn status(number: &str) -> Option<u16> {
    syn::parse_str::<syn::LitInt>(number).ok()?.base10_parse().ok()
}
