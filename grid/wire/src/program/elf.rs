//! As much of an ELF file as tells how a program is linked. The file may be anybody's: nothing in it is believed.

use std::fs::File;
use std::io::Read;

const LOADED_BY: u32 = 3;
const DYNAMIC_SYMBOLS: u32 = 11;
const DYNAMIC: u32 = 6;
const NEEDED: u64 = 1;

/// A 64-bit little-endian program of this machine.
pub(super) struct Elf<'a> {
    bytes: &'a [u8],
    sections: Vec<Section<'a>>,
}

struct Section<'a> {
    name: u32,
    kind: u32,
    link: u32,
    content: &'a [u8],
}

fn number<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at.checked_add(N)?)?.try_into().ok()
}

fn half(bytes: &[u8], at: usize) -> Option<u16> {
    number(bytes, at).map(u16::from_le_bytes)
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    number(bytes, at).map(u32::from_le_bytes)
}

fn long(bytes: &[u8], at: usize) -> Option<u64> {
    number(bytes, at).map(u64::from_le_bytes)
}

fn part(bytes: &[u8], offset: u64, length: u64) -> Option<&[u8]> {
    let from = usize::try_from(offset).ok()?;
    bytes.get(from..from.checked_add(usize::try_from(length).ok()?)?)
}

fn text(bytes: &[u8], at: u64) -> Option<String> {
    let rest = bytes.get(usize::try_from(at).ok()?..)?;
    let end = rest.iter().position(|byte| *byte == 0)?;
    Some(String::from_utf8_lossy(&rest[..end]).into_owned())
}

impl<'a> Elf<'a> {
    /// `None` for what is no program, or one of another machine.
    pub(super) fn new(bytes: &'a [u8]) -> Option<Self> {
        let mut own = [0; 20];
        File::open("/proc/self/exe").ok()?.read_exact(&mut own).ok()?;
        // Class, byte order and machine as of this program.
        let same = bytes.get(..6)? == &own[..6] && bytes.get(18..20)? == &own[18..20];
        let little = own[4] == 2 && own[5] == 1;
        if !same || !little || !bytes.starts_with(b"\x7fELF") {
            return None;
        }
        let mut elf = Self { bytes, sections: Vec::new() };
        elf.sections = elf.all_sections().unwrap_or_default();
        Some(elf)
    }

    /// What loads its libraries; `None` for a program that has none.
    pub(super) fn interpreter(&self) -> Option<String> {
        let (offset, size, count) = (long(self.bytes, 32)?, half(self.bytes, 54)?, half(self.bytes, 56)?);
        let table = part(self.bytes, offset, u64::from(size) * u64::from(count))?;
        let mut headers = table.chunks_exact(usize::from(size).max(1));
        let header = headers.find(|header| word(header, 0) == Some(LOADED_BY))?;
        text(part(self.bytes, long(header, 8)?, long(header, 32)?)?, 0)
    }

    /// Names of the libraries that it needs.
    pub(super) fn libraries(&self) -> Vec<String> {
        let Some((section, names)) = self.with_names(DYNAMIC) else { return Vec::new() };
        let entries = section.content.chunks_exact(16);
        let needed = entries.filter(|entry| long(entry, 0) == Some(NEEDED));
        needed.filter_map(|entry| text(names, long(entry, 8)?)).collect()
    }

    /// Names of what it takes from libraries.
    pub(super) fn imports(&self) -> Vec<String> {
        let Some((section, names)) = self.with_names(DYNAMIC_SYMBOLS) else { return Vec::new() };
        let symbols = section.content.chunks_exact(24);
        let missing = symbols.filter(|symbol| half(symbol, 6) == Some(0));
        missing.filter_map(|symbol| text(names, word(symbol, 0)?.into())).filter(|name| !name.is_empty()).collect()
    }

    /// Whether Go's compiler made it.
    pub(super) fn is_go(&self) -> bool {
        let Some(at) = half(self.bytes, 62) else { return false };
        let Some(names) = self.sections.get(usize::from(at)).map(|section| section.content) else { return false };
        let mut all = self.sections.iter().filter_map(|section| text(names, section.name.into()));
        all.any(|name| matches!(name.as_str(), ".go.buildinfo" | ".gopclntab" | ".note.go.buildid"))
    }

    fn with_names(&self, kind: u32) -> Option<(&Section<'a>, &'a [u8])> {
        let section = self.sections.iter().find(|section| section.kind == kind)?;
        Some((section, self.sections.get(section.link as usize)?.content))
    }

    fn all_sections(&self) -> Option<Vec<Section<'a>>> {
        let (offset, size, count) = (long(self.bytes, 40)?, half(self.bytes, 58)?, half(self.bytes, 60)?);
        let table = part(self.bytes, offset, u64::from(size) * u64::from(count))?;
        let section = |header: &[u8]| {
            Some(Section {
                name: word(header, 0)?,
                kind: word(header, 4)?,
                link: word(header, 40)?,
                // A section without bytes in the file keeps its number.
                content: part(self.bytes, long(header, 24)?, long(header, 32)?).unwrap_or_default(),
            })
        };
        table.chunks_exact(usize::from(size).max(1)).map(section).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own() -> Vec<u8> {
        std::fs::read(std::env::current_exe().unwrap()).unwrap()
    }

    #[test]
    fn this_program_tells_how_it_is_linked() {
        let bytes = own();
        let elf = Elf::new(&bytes).unwrap();
        assert!(elf.interpreter().unwrap().contains("ld-"));
        assert!(elf.imports().iter().any(|name| name == "write"));
        assert!(!elf.is_go());
    }

    #[test]
    fn no_damage_upsets_the_reader() {
        let bytes = own();
        for length in (0..200).chain([1000, 4096, bytes.len() - 1]) {
            if let Some(elf) = Elf::new(&bytes[..length]) {
                let _ = (elf.interpreter(), elf.libraries(), elf.imports(), elf.is_go());
            }
        }
        // Each byte of the header, and each of the tables' beginnings, as large as can be.
        let mut damaged = bytes.clone();
        let tables = [long(&bytes, 32).unwrap(), long(&bytes, 40).unwrap()].map(|at| at as usize);
        for at in (6..64).chain(tables[0]..tables[0] + 200).chain(tables[1]..tables[1] + 2000) {
            let Some(before) = damaged.get(at).copied() else { continue };
            damaged[at] = 0xff;
            if let Some(elf) = Elf::new(&damaged) {
                let _ = (elf.interpreter(), elf.libraries(), elf.imports(), elf.is_go());
            }
            damaged[at] = before;
        }
    }
}
