//! The switches of a file and of the environment.

use deedbook_core::{Error, ErrorKind, Result};

use super::{Capture, Kind, Names, Switch};

/// Names the file; without it `deedbook.toml` is read where there is one.
const FILE_VARIABLE: &str = "DEEDBOOK_CONFIG";

pub(super) fn load(capture: Capture, variable: impl Fn(&str) -> Option<String>) -> Result<Capture> {
    let mut capture = capture;
    file::read(&mut capture, variable(FILE_VARIABLE))?;
    environment(&mut capture, variable)?;
    Ok(capture)
}

fn environment(capture: &mut Capture, variable: impl Fn(&str) -> Option<String>) -> Result<()> {
    kind(&mut capture.requests, "DEEDBOOK_CAPTURE_REQUESTS", &variable)?;
    kind(&mut capture.sign_ins, "DEEDBOOK_CAPTURE_SIGN_INS", &variable)?;
    names(&mut capture.methods, variable("DEEDBOOK_CAPTURE_REQUESTS_METHODS"));
    Ok(())
}

fn kind(kind: &mut Kind, prefix: &str, variable: &impl Fn(&str) -> Option<String>) -> Result<()> {
    match variable(prefix).as_deref() {
        None => {}
        Some("on") => kind.switch = Switch::On,
        Some("off") => kind.switch = Switch::Off,
        Some(_) => return Err(refused(format!("found {prefix} set to neither; expected \"on\" or \"off\""))),
    }
    names(&mut kind.include, variable(&format!("{prefix}_INCLUDE")));
    names(&mut kind.exclude, variable(&format!("{prefix}_EXCLUDE")));
    Ok(())
}

/// Patterns with commas between them; the empty text is the empty list.
fn names(names: &mut Names, text: Option<String>) {
    if let Some(text) = text {
        *names = Names::new(text.split(',').map(str::trim).filter(|pattern| !pattern.is_empty()));
    }
}

fn refused(message: String) -> Error {
    Error::new(ErrorKind::Invalid, message)
}

#[cfg(feature = "config")]
mod file {
    use std::io;

    use deedbook_core::{Error, ErrorKind, Result};
    use serde::Deserialize;

    use super::{Capture, Kind, Names, Switch, refused};

    const DEFAULT_PATH: &str = "deedbook.toml";

    /// What of the file concerns capture; other sections are for others.
    #[derive(Deserialize)]
    struct File {
        capture: Option<Section>,
    }

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Section {
        requests: Option<Requests>,
        sign_ins: Option<SignIns>,
    }

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Requests {
        switch: Option<Switch>,
        methods: Option<Vec<String>>,
        include: Option<Vec<String>>,
        exclude: Option<Vec<String>>,
    }

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct SignIns {
        switch: Option<Switch>,
        include: Option<Vec<String>>,
        exclude: Option<Vec<String>>,
    }

    pub(super) fn read(capture: &mut Capture, named: Option<String>) -> Result<()> {
        let path = named.as_deref().unwrap_or(DEFAULT_PATH);
        match std::fs::read_to_string(path) {
            Ok(text) => apply(capture, path, &text),
            Err(error) if error.kind() == io::ErrorKind::NotFound && named.is_none() => Ok(()),
            Err(error) => {
                Err(Error::new(ErrorKind::Io, format!("cannot read the settings {path:?}")).with_source(error))
            }
        }
    }

    pub(super) fn apply(capture: &mut Capture, path: &str, text: &str) -> Result<()> {
        let file: File =
            toml::from_str(text).map_err(|error| refused(format!("{path}: {}", error.to_string().trim())))?;
        let Some(section) = file.capture else { return Ok(()) };
        if let Some(Requests { switch, methods, include, exclude }) = section.requests {
            set(&mut capture.requests, switch, include, exclude);
            replace(&mut capture.methods, methods);
        }
        if let Some(SignIns { switch, include, exclude }) = section.sign_ins {
            set(&mut capture.sign_ins, switch, include, exclude);
        }
        Ok(())
    }

    fn set(kind: &mut Kind, switch: Option<Switch>, include: Option<Vec<String>>, exclude: Option<Vec<String>>) {
        kind.switch = switch.unwrap_or(kind.switch);
        replace(&mut kind.include, include);
        replace(&mut kind.exclude, exclude);
    }

    fn replace(names: &mut Names, patterns: Option<Vec<String>>) {
        if let Some(patterns) = patterns {
            *names = Names::new(patterns);
        }
    }
}

#[cfg(not(feature = "config"))]
mod file {
    use deedbook_core::Result;

    use super::{Capture, FILE_VARIABLE, refused};

    /// A file that is named but cannot be read is refused; one that happens to lie there is somebody else's.
    pub(super) fn read(_capture: &mut Capture, named: Option<String>) -> Result<()> {
        match named {
            None => Ok(()),
            Some(path) => Err(refused(format!(
                "{FILE_VARIABLE} names {path:?}, but this program was built without the feature \"config\" of the crate \
                 deedbook"
            ))),
        }
    }
}

#[cfg(all(test, feature = "config"))]
mod tests {
    use super::*;

    fn none(_: &str) -> Option<String> {
        None
    }

    #[test]
    fn the_file_changes_what_it_names_and_the_environment_has_the_last_word() {
        let mut capture = Capture::default();
        let text = "
            [server]
            listen = \"127.0.0.1:7400\"
            [capture.requests]
            methods = [\"*\"]
            exclude = [\"/health\"]
            [capture.sign_ins]
            switch = \"off\"
        ";
        file::apply(&mut capture, "deedbook.toml", text).unwrap();
        assert!(capture.methods.match_any("GET") && !capture.requests.wants("/health"));
        assert_eq!(capture.sign_ins.switch, Switch::Off);
        environment(&mut capture, |name| match name {
            "DEEDBOOK_CAPTURE_REQUESTS_EXCLUDE" => Some("/a/*, /b".to_owned()),
            "DEEDBOOK_CAPTURE_SIGN_INS" => Some("on".to_owned()),
            _ => None,
        })
        .unwrap();
        assert!(capture.requests.wants("/health") && !capture.requests.wants("/a/1") && !capture.requests.wants("/b"));
        assert_eq!(capture.sign_ins.switch, Switch::On);
    }

    #[test]
    fn broken_settings_tell_where_and_what() {
        let check = |text: &str, words: &str| {
            let error = file::apply(&mut Capture::default(), "deedbook.toml", text).unwrap_err();
            assert!(error.to_string().contains(words), "{error}");
        };
        check("[capture.requests]\nswitched = true", "unknown field `switched`");
        check("[capture.requests]\nswitch = \"maybe\"", "expected `on` or `off`");
        check("[capture", "deedbook.toml: ");
        let variable = |name: &str| (name == "DEEDBOOK_CAPTURE_SIGN_INS").then(|| "yes".to_owned());
        let error = environment(&mut Capture::default(), variable).unwrap_err();
        assert!(error.to_string().contains("expected \"on\" or \"off\""), "{error}");
    }

    #[test]
    fn a_file_that_is_named_must_be_there() {
        let missing = load(Capture::default(), |name| (name == FILE_VARIABLE).then(|| "/nowhere/x.toml".to_owned()));
        assert_eq!(missing.unwrap_err().kind(), ErrorKind::Io);
        assert!(load(Capture::default(), none).is_ok());
    }
}
