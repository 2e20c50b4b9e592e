//! A file of a client: read, kept as a backup, and replaced as a whole.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use super::folders::Folders;

/// End of the name of a backup.
const BACKUP: &str = ".before-mcp-multiplayer";

/// A file that somebody else's program reads, as it was when it was opened.
#[derive(Debug)]
pub(crate) struct ConfigFile {
    path: PathBuf,
    /// The file itself, if `path` is a symbolic link.
    target: PathBuf,
    text: Option<String>,
}

/// Error for a file that cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FileError {
    #[error("it is a link to a file that does not exist")]
    DanglingLink,
    #[error("it is read-only")]
    ReadOnly,
    #[error("another program has changed it just now; try again")]
    Changed,
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl ConfigFile {
    /// Reads a file, which need not exist.
    pub(crate) fn open(path: PathBuf) -> Result<Self, FileError> {
        let target = match path.canonicalize() {
            Ok(target) => target,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                if path.is_symlink() {
                    return Err(FileError::DanglingLink);
                }
                path.clone()
            }
            Err(error) => return Err(error.into()),
        };
        Ok(Self { text: read(&target)?, path, target })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The content; empty if the file does not exist.
    pub(crate) fn text(&self) -> &str {
        self.text.as_deref().unwrap_or_default()
    }

    pub(super) fn exists(&self) -> bool {
        self.text.is_some()
    }

    /// Path of the backup, which is beside the file.
    pub(super) fn backup_path(&self) -> PathBuf {
        let mut path = self.path.clone().into_os_string();
        path.push(BACKUP);
        path.into()
    }

    /// Reads the backup; `None` if there is none.
    pub(super) fn backup(&self) -> io::Result<Option<String>> {
        read(&self.backup_path())
    }

    /// Keeps the content as the backup, in place of an older one. Does nothing if the file does not exist.
    pub(super) fn back_up(&self) -> Result<(), FileError> {
        let Some(text) = &self.text else { return Ok(()) };
        write(&self.backup_path(), text, Some(&self.target))?;
        Ok(())
    }

    pub(super) fn remove_backup(&self) -> io::Result<()> {
        fs::remove_file(self.backup_path())
    }

    /// Replaces the content, so that readers see the old or the new one. The file keeps its mode, and a link stays a link.
    pub(super) fn replace(&self, text: &str, keep_backup: bool) -> Result<(), FileError> {
        self.check_writable()?;
        if keep_backup {
            self.back_up()?;
        }
        if let Some(folder) = self.target.parent() {
            fs::create_dir_all(folder)?;
        }
        write(&self.target, text, self.exists().then_some(&*self.target))?;
        Ok(())
    }

    /// Removes the file, and the folders around it that are empty then, up to one of the user's own, such as the home directory.
    pub(super) fn remove(&self, folders: &Folders) -> Result<(), FileError> {
        self.check_writable()?;
        fs::remove_file(&self.target)?;
        let around = self.path.ancestors().skip(1).take_while(|folder| folders.is_below_home(folder));
        for folder in around {
            // Fails if something else is in it.
            if fs::remove_dir(folder).is_err() {
                break;
            }
        }
        Ok(())
    }

    /// Checks that the file may be written, and is as it was when it was opened.
    pub(super) fn check_writable(&self) -> Result<(), FileError> {
        if read(&self.target)? != self.text {
            return Err(FileError::Changed);
        }
        // Whoever made it so does not expect it to change, although a program that replaces files could.
        if self.exists() && fs::metadata(&self.target)?.permissions().readonly() {
            return Err(FileError::ReadOnly);
        }
        Ok(())
    }
}

fn read(path: &Path) -> io::Result<Option<String>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) if error.kind() == ErrorKind::InvalidData => {
            Err(io::Error::new(ErrorKind::InvalidData, "it is not text in UTF-8; save it as UTF-8 with an editor"))
        }
        Err(error) => Err(error),
    }
}

/// Writes a file beside `path` and renames it, with the mode of another file.
fn write(path: &Path, text: &str, like: Option<&Path>) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let new = path.with_file_name(name);
    let written = write_new(&new, text, like).and_then(|()| fs::rename(&new, path));
    if written.is_err() {
        // The first error says more than one about a file that is left over.
        let _ = fs::remove_file(&new);
    }
    written
}

fn write_new(path: &Path, text: &str, like: Option<&Path>) -> io::Result<()> {
    let mut file = private(like.is_some()).write(true).create_new(true).open(path)?;
    file.write_all(text.as_bytes())?;
    if let Some(like) = like {
        file.set_permissions(fs::metadata(like)?.permissions())?;
    }
    File::sync_all(&file)
}

/// Options for a file that nobody else can read until it has its mode.
fn private(is_private: bool) -> OpenOptions {
    #[cfg_attr(not(unix), expect(unused_mut, reason = "only Unix has modes"))]
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    if is_private {
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    }
    #[cfg(not(unix))]
    let _ = is_private;
    options
}

#[cfg(test)]
mod tests {
    use super::{ConfigFile, FileError};

    #[test]
    fn a_change_of_another_program_is_not_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mcp.json");
        for before in [None, Some("{}")] {
            if let Some(before) = before {
                std::fs::write(&path, before).unwrap();
            }
            let file = ConfigFile::open(path.clone()).unwrap();
            std::fs::write(&path, "{ \"theirs\": 1 }").unwrap();
            assert!(matches!(file.replace("{ \"ours\": 1 }", true), Err(FileError::Changed)), "{before:?}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), "{ \"theirs\": 1 }");
            assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "no backup and nothing half written");
            std::fs::remove_file(&path).unwrap();
        }
    }
}
