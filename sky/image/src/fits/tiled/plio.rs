//! PLIO_1: run-length line lists of IRAF masks, 16-bit words.
//!
//! Each word holds an instruction in its top 4 bits and a number in the other 12. Source: FITS standard 4.0,
//! section 10.4.3.

use super::TiledError;

const CODEC: &str = "PLIO_1";
/// Words before the first instruction in the lists that are written.
const HEADER: usize = 7;
/// The largest number that a word holds, and so the longest run.
const LONGEST: usize = 4095;
/// The largest pixel value of a list: 24 bits.
pub const MAX_VALUE: i32 = (1 << 24) - 1;

// Instructions, in the top four bits.
const ZEROS: u16 = 0;
const SET_HIGH: u16 = 1;
const RAISE: u16 = 2;
const LOWER: u16 = 3;
const RUN: u16 = 4;
const ZEROS_THEN_ONE: u16 = 5;
const RAISE_AND_SET: u16 = 6;
const LOWER_AND_SET: u16 = 7;

/// Decodes one line list into `out`, whose length is the number of pixels in the tile; pixels after the end of the
/// list are 0.
///
/// - `words`: the list, in the machine's byte order.
///
/// # Errors
/// [`TiledError::Truncated`] when the list is shorter than its header says; [`TiledError::Damaged`] for a header length
/// or an instruction that does not exist.
pub fn decode(words: &[i16], out: &mut [i32]) -> Result<(), TiledError> {
    let damaged = |what, found: i64| TiledError::Damaged { codec: CODEC, what, found };
    let wanted = out.len();
    let short = |done| TiledError::Truncated { codec: CODEC, bytes: 2 * words.len(), done, wanted };
    let (first, length) = match words.first_chunk::<5>() {
        // Lists of before 2000 have their length in the third word and a header of three words.
        _ if words.get(2).is_some_and(|&w| w > 0) => (3, i64::from(words[2])),
        Some(head) => (i64::from(head[1]), (i64::from(head[4]) << 15) + i64::from(head[3])),
        None => return Err(short(0)),
    };
    let first = usize::try_from(first).map_err(|_| damaged("the header length", first))?;
    let length = usize::try_from(length).map_err(|_| damaged("the list length", length))?;
    let list = words.get(..length).ok_or_else(|| short(0))?;
    let mut instructions = list.get(first..).ok_or_else(|| damaged("the header length", first as i64))?.iter();
    let mut at = 0usize;
    let mut value = 1i32;
    while let Some(&word) = instructions.next() {
        if at >= wanted {
            break;
        }
        let number = i32::from(word) & 0xFFF;
        let run = number as usize;
        match (word as u16) >> 12 {
            instruction @ (ZEROS | RUN | ZEROS_THEN_ONE) => {
                let end = (at + run).min(wanted);
                out[at..end].fill(if instruction == RUN { value } else { 0 });
                if instruction == ZEROS_THEN_ONE && run > 0 && at + run <= wanted {
                    out[end - 1] = value;
                }
                at = end;
            }
            SET_HIGH => {
                let &high = instructions.next().ok_or_else(|| short(at))?;
                value = (i32::from(high) << 12).wrapping_add(number);
            }
            RAISE => value = value.wrapping_add(number),
            LOWER => value = value.wrapping_sub(number),
            instruction @ (RAISE_AND_SET | LOWER_AND_SET) => {
                value = value.wrapping_add(if instruction == RAISE_AND_SET { number } else { -number });
                out[at] = value;
                at += 1;
            }
            instruction => return Err(damaged("an instruction", i64::from(instruction))),
        }
    }
    out[at..].fill(0);
    Ok(())
}

/// Codes one tile as a line list, word for word as CFITSIO does, save that one pixel after a multiple of 4095 zeros keeps
/// those zeros (CFITSIO's list loses 4095 of them: its instruction overflows).
///
/// - `pixels`: the tile, first axis fastest, each in 0..=[`MAX_VALUE`].
///
/// # Errors
/// [`TiledError::Unrepresentable`] for a value outside that range.
pub fn encode(pixels: &[i32]) -> Result<Vec<i16>, TiledError> {
    if let Some(&value) = pixels.iter().find(|v| !(0..=MAX_VALUE).contains(*v)) {
        return Err(TiledError::Unrepresentable { codec: CODEC, value: i64::from(value), range: "0 to 16777215" });
    }
    if pixels.is_empty() {
        return Ok(Vec::new());
    }
    let mut list: Vec<u16> = vec![0, HEADER as u16, (-100i16) as u16, 0, 0, 0, 0];
    let mut high = 1i32;
    let mut zeros = 0usize;
    for run in pixels.chunk_by(|a, b| a == b) {
        match run {
            [0, ..] => zeros += run.len(),
            [value, ..] => {
                write_run(&mut list, &mut high, *value, zeros, run.len());
                zeros = 0;
            }
            [] => {}
        }
    }
    write_zeros(&mut list, zeros);
    list[3] = (list.len() % 32768) as u16;
    list[4] = (list.len() / 32768) as u16;
    Ok(list.into_iter().map(|word| word as i16).collect())
}

fn write_zeros(list: &mut Vec<u16>, mut zeros: usize) {
    while zeros > 0 {
        list.push((ZEROS << 12) | zeros.min(LONGEST) as u16);
        zeros = zeros.saturating_sub(LONGEST);
    }
}

/// Writes `zeros` zeros and then `count` pixels of `value`, which becomes the current high value.
fn write_run(list: &mut Vec<u16>, high: &mut i32, value: i32, zeros: usize, mut count: usize) {
    let step = value - *high;
    if step != 0 {
        *high = value;
        if step.unsigned_abs() as usize > LONGEST {
            list.push((SET_HIGH << 12) | (value & 0xFFF) as u16);
            list.push((value >> 12) as u16);
        } else {
            let instruction = if step < 0 { LOWER } else { RAISE };
            let word = (instruction << 12) | step.unsigned_abs() as u16;
            if count == 1 && zeros == 0 {
                // The single-pixel forms differ from the plain steps by one bit.
                list.push(word | (RUN << 12));
                return;
            }
            list.push(word);
        }
    }
    if zeros > 0 {
        write_zeros(list, zeros);
        if count == 1
            && let Some(last) = list.last_mut()
            && usize::from(*last) < LONGEST
        {
            // A run of n zeros and one pixel is one instruction, whose number counts that pixel too.
            *last += (ZEROS_THEN_ONE << 12) | 1;
            return;
        }
    }
    while count > 0 {
        list.push((RUN << 12) | count.min(LONGEST) as u16);
        count = count.saturating_sub(LONGEST);
    }
}
