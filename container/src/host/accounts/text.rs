// SPDX-License-Identifier: MIT OR Apache-2.0
//! Lines of /etc/passwd and /etc/group, whoever wrote them. Pure.
//!
//! A line counts that a C library would read too: with as many fields as it takes, numbers of digits alone that somebody can
//! have, no NUL byte, and a name that is none of a comment or of NIS ("+", "-"). Others are passed over. Of several lines of
//! one name or number the first counts.
//!
//! Man: passwd(5), group(5).

/// A line of passwd(5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Account<'a> {
    pub(super) name: &'a [u8],
    pub(super) uid: u32,
    pub(super) gid: u32,
    /// The directory; empty where none is said.
    pub(super) home: &'a [u8],
}

/// A line of group(5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Group<'a> {
    pub(super) name: &'a [u8],
    pub(super) gid: u32,
    members: &'a [u8],
}

impl Group<'_> {
    /// Whether it lists this user.
    pub(super) fn has(&self, user: &[u8]) -> bool {
        self.members.split(|byte| *byte == b',').any(|member| member.trim_ascii() == user)
    }
}

/// The lines of passwd(5) that count.
pub(super) fn accounts(text: &[u8]) -> impl Iterator<Item = Account<'_>> {
    lines(text).filter_map(|line| {
        let mut fields = line.split(|byte| *byte == b':');
        let name = name(fields.next()?)?;
        let (uid, gid) = (number(fields.nth(1)?)?, number(fields.next()?)?);
        let home = fields.nth(1).unwrap_or_default();
        Some(Account { name, uid, gid, home })
    })
}

/// The lines of group(5) that count.
pub(super) fn groups(text: &[u8]) -> impl Iterator<Item = Group<'_>> {
    lines(text).filter_map(|line| {
        let mut fields = line.split(|byte| *byte == b':');
        let name = name(fields.next()?)?;
        let gid = number(fields.nth(1)?)?;
        Some(Group { name, gid, members: fields.next().unwrap_or_default() })
    })
}

/// A C library ends a string at a NUL byte, and so a line in its midst.
fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|byte| *byte == b'\n').filter(|line| !line.contains(&0))
}

fn name(field: &[u8]) -> Option<&[u8]> {
    (!field.is_empty() && !field.starts_with(b"#") && !field.starts_with(b"+") && !field.starts_with(b"-"))
        .then_some(field)
}

/// A number that somebody can have: the largest is how the kernel says "none".
fn number(field: &[u8]) -> Option<u32> {
    let digits = Some(field).filter(|field| !field.is_empty() && field.iter().all(u8::is_ascii_digit))?;
    str::from_utf8(digits).ok()?.parse().ok().filter(|number| *number != u32::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PASSWD: &[u8] = b"root:x:0:0:root:/root:/bin/sh\n\
        # comment:x:1:1::/:\n\
        +nis:x:2:2::/:\n\
        +\n\
        -not:x:3:3::/:\n\
        :x:4:4::/:\n\
        short:x:5\n\
        bare:x:6:7\n\
        minus:x:-1:7::/:\n\
        plus:x:+8:7::/:\n\
        space:x: 9:7::/:\n\
        max:x:4294967295:7::/:\n\
        over:x:4294967296:0::/:\n\
        far:x:18446744073709551616:0::/:\n\
        most:x:4294967294:10::/most\n\
        web:x:33:34:Web, the:/var/www:/bin/false:more\n\
        web:x:0:0::/root:\n\
        n\0l:x:35:35::/:\n\
        b\xffd:x:36:36::/b\xff:\n\
        last:x:37:38::/last:";

    #[test]
    fn a_line_that_nobody_would_read_is_no_account() {
        let found: Vec<_> = accounts(PASSWD)
            .map(|Account { name, uid, gid, home }| {
                format!("{} {uid} {gid} {}", String::from_utf8_lossy(name), String::from_utf8_lossy(home))
            })
            .collect();
        let expected = [
            "root 0 0 /root",
            "bare 6 7 ",
            "most 4294967294 10 /most",
            "web 33 34 /var/www",
            "web 0 0 /root",
            "b\u{fffd}d 36 36 /b\u{fffd}",
            "last 37 38 /last",
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn members_are_whole_names() {
        let text = b"adm:x:4:syslog,web\nempty:x:5:\nbare:x:6\nodd:x:7:,web ,x\nno:x:8:webs,we:web\nno:x:nine:web\n";
        let of = |user: &[u8]| groups(text).filter(|group| group.has(user)).map(|group| group.gid).collect::<Vec<_>>();
        assert_eq!(of(b"web"), [4, 7]);
        assert_eq!(of(b"syslog"), [4]);
        assert_eq!(groups(text).map(|group| group.gid).collect::<Vec<_>>(), [4, 5, 6, 7, 8]);
    }

    #[test]
    fn a_line_as_long_as_the_file_may_be_is_a_line() {
        let text = [b"wheel:x:10:".to_vec(), b"web,".repeat(3 << 20), b"last".to_vec()].concat();
        assert!(groups(&text).next().unwrap().has(b"last"));
        assert!(accounts(&vec![b':'; 16 << 20]).next().is_none());
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(text in proptest::collection::vec(any::<u8>(), 0..300)) {
            for account in accounts(&text) {
                prop_assert!(!account.name.is_empty() && account.uid != u32::MAX && account.gid != u32::MAX);
            }
            for group in groups(&text) {
                let _ = group.has(b"x");
            }
        }

        #[test]
        fn what_is_written_is_read_back_among_whatever_else(
            lines in proptest::collection::vec(("[a-z_][a-z0-9_.-]{0,8}", 0..u32::MAX, 0..u32::MAX, "/[ -9;-~]{0,8}"), 0..8),
            noise in proptest::collection::vec("[^:\n]{0,4}(:[^:\n]{0,4})?", 8),
        ) {
            let line = |(name, uid, gid, home): &(String, u32, u32, String)| format!("{name}:x:{uid}:{gid}::{home}:/bin/sh");
            let text: Vec<String> = lines.iter().map(line).zip(&noise).map(|(line, noise)| format!("{noise}\n{line}")).collect();
            let text = text.join("\n");
            let read: Vec<_> = accounts(text.as_bytes())
                .map(|Account { name, uid, gid, home }| {
                    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
                    (text(name), uid, gid, text(home))
                })
                .collect();
            prop_assert_eq!(read, lines);
        }
    }
}
