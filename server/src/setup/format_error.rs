/// Error for a configuration that cannot be read or changed.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FormatError {
    #[error("line {line}, column {column}: {reason}")]
    Malformed { line: usize, column: usize, reason: String },
    #[error("\"{0}\" is not a group of settings")]
    NotASection(String),
    #[error("its content is not an object")]
    NotAnObject,
    #[error("\"{0}\" is in it more than once")]
    Repeated(String),
}
