use url::form_urlencoded;

/// The parameters of a request, each given at most once (RFC 6749, section 3.1).
#[derive(Debug)]
pub(super) struct Parameters(Vec<(String, String)>);

/// A parameter was given more than once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Repeated;

impl Parameters {
    /// From the query of a URL, or a form.
    pub(super) fn parse(encoded: &[u8]) -> Self {
        Self(form_urlencoded::parse(encoded).into_owned().collect())
    }

    /// The value of a parameter; an empty one is none.
    pub(super) fn one(&self, name: &str) -> Result<Option<&str>, Repeated> {
        let mut values = self.0.iter().filter(|(given, _)| given == name).map(|(_, value)| value.as_str());
        let value = values.next();
        if values.next().is_some() { Err(Repeated) } else { Ok(value.filter(|value| !value.is_empty())) }
    }

    /// The name of a parameter that is given more than once, known or not.
    pub(super) fn repeated(&self) -> Option<&str> {
        let twice =
            |(place, (name, _)): (usize, &(String, String))| self.0[..place].iter().any(|(other, _)| other == name);
        self.0.iter().enumerate().find(|given| twice(*given)).map(|(_, (name, _))| name.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::{Parameters, Repeated};

    #[test]
    fn a_parameter_has_one_value_or_none() {
        let parameters = Parameters::parse(b"a=1&b=x+y%26z&c=&d=1&d=1&e");
        assert_eq!(parameters.one("a"), Ok(Some("1")));
        assert_eq!(parameters.one("b"), Ok(Some("x y&z")));
        assert_eq!((parameters.one("c"), parameters.one("e"), parameters.one("z")), (Ok(None), Ok(None), Ok(None)));
        assert_eq!(parameters.one("d"), Err(Repeated));
        assert_eq!(parameters.repeated(), Some("d"));
        assert_eq!(Parameters::parse(b"a=1&b=1").repeated(), None);
        assert_eq!(Parameters::parse(b"c=&c=").one("c"), Err(Repeated));
    }
}
