use url::form_urlencoded;

/// Parameters of a request, of which each may be given only once (RFC 6749, section 3.1).
#[derive(Debug)]
pub(super) struct Parameters(Vec<(String, String)>);

/// Error: a parameter is given more than once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RepeatedParameter;

impl Parameters {
    /// Parses the query of a URL, or a form.
    pub(super) fn parse(encoded: &[u8]) -> Self {
        Self(form_urlencoded::parse(encoded).into_owned().collect())
    }

    /// Returns the value of a parameter. An empty value counts as none.
    pub(super) fn get(&self, name: &str) -> Result<Option<&str>, RepeatedParameter> {
        let mut values = self.0.iter().filter(|(other, _)| other == name).map(|(_, value)| value.as_str());
        let value = values.next();
        if values.next().is_some() { Err(RepeatedParameter) } else { Ok(value.filter(|value| !value.is_empty())) }
    }

    /// Returns the name of a parameter that is given more than once, including parameters that the relay does not use.
    pub(super) fn find_repeated(&self) -> Option<&str> {
        let is_repeated =
            |(index, (name, _)): (usize, &(String, String))| self.0[..index].iter().any(|(other, _)| other == name);
        self.0.iter().enumerate().find(|parameter| is_repeated(*parameter)).map(|(_, (name, _))| name.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::{Parameters, RepeatedParameter};

    #[test]
    fn a_parameter_has_at_most_one_value() {
        let parameters = Parameters::parse(b"a=1&b=x+y%26z&c=&d=1&d=1&e");
        assert_eq!(parameters.get("a"), Ok(Some("1")));
        assert_eq!(parameters.get("b"), Ok(Some("x y&z")));
        assert_eq!((parameters.get("c"), parameters.get("e"), parameters.get("z")), (Ok(None), Ok(None), Ok(None)));
        assert_eq!(parameters.get("d"), Err(RepeatedParameter));
        assert_eq!(parameters.find_repeated(), Some("d"));
        assert_eq!(Parameters::parse(b"a=1&b=1").find_repeated(), None);
        assert_eq!(Parameters::parse(b"c=&c=").get("c"), Err(RepeatedParameter));
    }
}
