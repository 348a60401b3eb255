//! Quoting words of a command line for a shell.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

/// Returns a text as one word for a shell, printable and quoted only where that is necessary.
pub fn shell_word(text: &OsStr) -> String {
    let bytes = text.as_bytes();
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"_./:@%+=,-".contains(byte);
    if !bytes.is_empty() && bytes.iter().all(plain) {
        return String::from_utf8_lossy(bytes).into_owned();
    }
    match text.to_str().filter(|text| super::unprintable(text).is_none()) {
        Some(text) => format!("'{}'", text.replace('\'', r"'\''")),
        // bash, zsh and POSIX 2024 read this form.
        None => {
            let mut word = "$'".to_owned();
            for byte in bytes {
                match byte {
                    b'\'' | b'\\' => word.extend(['\\', char::from(*byte)]),
                    0x20..0x7f => word.push(char::from(*byte)),
                    _ => word.push_str(&format!("\\{byte:03o}")),
                }
            }
            word + "'"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bash_reads_each_word_as_it_was_meant() {
        let texts: [&[u8]; 11] = [
            b"/srv/mirror",
            b"s3://bucket/a-b",
            b"",
            b"my mirror",
            b"it's",
            b"~/m",
            b"a`b$c\"d",
            b"a\nb'\\",
            "ä 中".as_bytes(),
            "a\u{202e}b".as_bytes(),
            b"\xff1",
        ];
        for text in texts.map(OsStr::from_bytes) {
            let word = shell_word(text);
            assert!(super::super::unprintable(&word).is_none(), "{word:?}");
            let mut bash = std::process::Command::new("bash");
            let output = bash.args(["-c", &format!("printf %s {word}")]).output().unwrap();
            assert_eq!(OsStr::from_bytes(&output.stdout), text, "{word}");
        }
        assert_eq!(shell_word(OsStr::new("/srv/m.1")), "/srv/m.1");
        assert_eq!(shell_word(OsStr::new("")), "''");
    }
}
