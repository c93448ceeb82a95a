// SPDX-License-Identifier: MIT OR Apache-2.0
//! ELF: as much of a 64-bit little-endian program as the floor's proof asks about.
//!
//! Man: elf(5).

use crate::failure::Failure;

pub(crate) const ET_EXEC: u16 = 2;
pub(crate) const PT_DYNAMIC: u32 = 2;
pub(crate) const PT_INTERP: u32 = 3;
pub(crate) const PT_GNU_STACK: u32 = 0x6474_e551;
pub(crate) const PF_X: u32 = 1;
pub(crate) const PF_W: u32 = 2;

const SHT_SYMTAB: u32 = 2;
const SHT_NOBITS: u32 = 8;
const SHF_WRITE: u64 = 1;
const SHF_ALLOC: u64 = 2;
const SHF_EXECINSTR: u64 = 4;

/// A program's tables.
#[derive(Debug)]
pub(crate) struct Elf {
    pub(crate) kind: u16,
    pub(crate) segments: Vec<Segment>,
    pub(crate) sections: Vec<Section>,
    /// The symbol table, without its empty first entry; empty in a stripped program.
    pub(crate) symbols: Vec<Symbol>,
}

/// One program header.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Segment {
    pub(crate) kind: u32,
    pub(crate) flags: u32,
}

/// One section header.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Section {
    kind: u32,
    flags: u64,
    address: u64,
    offset: u64,
    size: u64,
    link: u32,
}

/// One symbol.
#[derive(Debug, Clone)]
pub(crate) struct Symbol {
    pub(crate) name: String,
    /// Whether another file would have to bring it.
    pub(crate) undefined: bool,
}

/// What the program's memory is made of, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Sizes {
    pub(crate) text: u64,
    pub(crate) read_only: u64,
    pub(crate) data: u64,
    pub(crate) bss: u64,
}

impl Elf {
    /// Reads a program's bytes.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, Failure> {
        if bytes.get(..6) != Some(b"\x7fELF\x02\x01") {
            return Err("it is not a 64-bit little-endian ELF file".into());
        }
        let segments =
            table(bytes, (32, 54, 56), |at| Ok(Segment { kind: u32_at(bytes, at)?, flags: u32_at(bytes, at + 4)? }))?;
        let sections = table(bytes, (40, 58, 60), |at| section(bytes, at))?;
        let symbols = symbols(bytes, &sections)?;
        Ok(Self { kind: u16_at(bytes, 16)?, segments, sections, symbols })
    }

    /// Adds up the sections that become memory.
    pub(crate) fn sizes(&self) -> Sizes {
        let mut sizes = Sizes::default();
        for section in self.sections.iter().filter(|section| section.flags & SHF_ALLOC != 0) {
            let part = if section.kind == SHT_NOBITS {
                &mut sizes.bss
            } else if section.flags & SHF_EXECINSTR != 0 {
                &mut sizes.text
            } else if section.flags & SHF_WRITE != 0 {
                &mut sizes.data
            } else {
                &mut sizes.read_only
            };
            *part += section.size;
        }
        sizes
    }
}

/// One section as it lies in memory.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Content<'a> {
    address: u64,
    flags: u64,
    size: u64,
    bytes: &'a [u8],
}

/// What a program brings into memory. Two links of one program agree in it, whether they are stripped or not.
pub(crate) fn memory(bytes: &[u8]) -> Result<Vec<Content<'_>>, Failure> {
    let elf = Elf::parse(bytes)?;
    let mut memory = Vec::new();
    for section in elf.sections.iter().filter(|section| section.flags & SHF_ALLOC != 0) {
        let size = if section.kind == SHT_NOBITS { 0 } else { section.size };
        let range = usize::try_from(section.offset)?..usize::try_from(section.offset.saturating_add(size))?;
        let bytes = bytes.get(range).ok_or("it ends before one of its sections does")?;
        memory.push(Content { address: section.address, flags: section.flags, size: section.size, bytes });
    }
    Ok(memory)
}

/// The path of the program that loads a dynamically linked one.
pub(crate) fn interpreter(bytes: &[u8]) -> Result<Option<String>, Failure> {
    Elf::parse(bytes)?;
    let places = table(bytes, (32, 54, 56), |at| Ok((u32_at(bytes, at)?, u64_at(bytes, at + 8)?)))?;
    let place = places.into_iter().find(|(kind, _)| *kind == PT_INTERP);
    place.map(|(_, offset)| text_at(bytes, offset)).transpose()
}

/// A header table: `places` are where the file header keeps its offset, its entry's size and their count.
fn table<T>(
    bytes: &[u8],
    (offset, size, count): (u64, u64, u64),
    entry: impl Fn(u64) -> Result<T, Failure>,
) -> Result<Vec<T>, Failure> {
    let (offset, size) = (u64_at(bytes, offset)?, u64::from(u16_at(bytes, size)?));
    (0..u64::from(u16_at(bytes, count)?)).map(|index| entry(offset.saturating_add(index * size))).collect()
}

fn section(bytes: &[u8], at: u64) -> Result<Section, Failure> {
    Ok(Section {
        kind: u32_at(bytes, at + 4)?,
        flags: u64_at(bytes, at + 8)?,
        address: u64_at(bytes, at + 16)?,
        offset: u64_at(bytes, at + 24)?,
        size: u64_at(bytes, at + 32)?,
        link: u32_at(bytes, at + 40)?,
    })
}

fn symbols(bytes: &[u8], sections: &[Section]) -> Result<Vec<Symbol>, Failure> {
    let mut symbols = Vec::new();
    for table in sections.iter().filter(|section| section.kind == SHT_SYMTAB) {
        let names = usize::try_from(table.link).ok().and_then(|link| sections.get(link));
        let names = names.ok_or("its symbol table has no names")?;
        // The first entry is empty and undefined by definition.
        for index in 1..table.size / 24 {
            let at = table.offset.saturating_add(index * 24);
            let name = text_at(bytes, names.offset.saturating_add(u64::from(u32_at(bytes, at)?)))?;
            symbols.push(Symbol { name, undefined: u16_at(bytes, at + 6)? == 0 });
        }
    }
    Ok(symbols)
}

fn array_at<const N: usize>(bytes: &[u8], at: u64) -> Result<[u8; N], Failure> {
    let found = usize::try_from(at).ok().and_then(|at| bytes.get(at..)?.first_chunk::<N>());
    found.copied().ok_or_else(|| format!("it ends before byte {at}, which its headers name").into())
}

fn u16_at(bytes: &[u8], at: u64) -> Result<u16, Failure> {
    array_at(bytes, at).map(u16::from_le_bytes)
}

fn u32_at(bytes: &[u8], at: u64) -> Result<u32, Failure> {
    array_at(bytes, at).map(u32::from_le_bytes)
}

fn u64_at(bytes: &[u8], at: u64) -> Result<u64, Failure> {
    array_at(bytes, at).map(u64::from_le_bytes)
}

fn text_at(bytes: &[u8], at: u64) -> Result<String, Failure> {
    let rest = usize::try_from(at).ok().and_then(|at| bytes.get(at..)).ok_or("a name lies behind its end")?;
    let name = rest.split(|byte| *byte == 0).next().unwrap_or_default();
    Ok(String::from_utf8_lossy(name).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_program_has_a_main_and_text() {
        let elf = Elf::parse(&std::fs::read("/proc/self/exe").unwrap()).unwrap();
        assert!(elf.symbols.iter().any(|symbol| symbol.name == "main" && !symbol.undefined));
        assert!(elf.symbols.iter().any(|symbol| symbol.undefined));
        assert!(elf.sizes().text > 1000);
    }

    #[test]
    fn our_own_loader_is_a_file_and_the_loader_has_none() {
        let loader = interpreter(&std::fs::read("/proc/self/exe").unwrap()).unwrap().unwrap();
        assert_eq!(interpreter(&std::fs::read(loader).unwrap()).unwrap(), None);
    }

    #[test]
    fn a_changed_byte_of_its_text_is_seen_and_a_changed_name_is_not() {
        let bytes = std::fs::read("/proc/self/exe").unwrap();
        let before = memory(&bytes).unwrap();
        assert!(before.len() > 3);
        let elf = Elf::parse(&bytes).unwrap();
        let at = |wanted: u32| usize::try_from(elf.sections.iter().find(|s| s.kind == wanted).unwrap().offset).unwrap();
        let changed = |at: usize| {
            let mut copy = bytes.clone();
            copy[at + 40] ^= 1;
            copy
        };
        assert_eq!(memory(&changed(at(SHT_SYMTAB))).unwrap(), before);
        assert_ne!(memory(&changed(at(1))).unwrap(), before);
    }

    #[test]
    fn a_file_that_is_cut_short_is_an_error_at_every_length() {
        let bytes = std::fs::read("/proc/self/exe").unwrap();
        for length in 0..300 {
            assert!(Elf::parse(&bytes[..length]).is_err(), "{length}");
        }
    }
}
