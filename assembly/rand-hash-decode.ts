// RandHash programs decoded for the interpreter.   spec §4.3, §4.6, §5.3
//
// A decoded program is one region of DECODED_BYTES. It holds addresses into itself, so it is used where it was made,
// and the interpreter writes to it: one user at a time.
//   CODE       records of 16 bytes: four words, the first an opcode
//   VARIABLES  one word per stack position
//   CONSTANTS  8 bytes per immediate operand
//   KINDS      one byte per stack position: 1 a variable, 0 a marker (while decoding)
//   FRAMES     32 bytes per open frame (while decoding)
//
//   arithmetic      opcode | address of a | address of b | address of the result; low words of pairs
//   IN              opcode | byte offset | - | address of the result
//   MEMORY          opcode | byte offset of carry and base | bytes per count | address of the result
//   LOOP            opcode | address of its END
//   IF_LIKELY       opcode | address of a | bits to test | address of the else arm        (IF_RANDOM too)
//   END_LOOP        opcode | first variable | variables | instructions of the frame || count | times | body | 1 for the outermost
//   END_ARM         opcode | first variable | variables | instructions of the frame || - | - | next record | -
import {
  ADD8, BAD_OPCODE, BAD_OPERAND, BAD_STRUCTURE, END, IF_LIKELY, IF_RANDOM, IN, JMP, LOOP, MAX_PROGRAM_WORDS, MEMORY,
  TOO_BIG,
} from "./instructions";

export const CODE: usize = 0;
const VARIABLES: usize = 0x10000;
const CONSTANTS: usize = 0x18400;
const KINDS: usize = 0x1c400;
const FRAMES: usize = 0x1e800;
export const DECODED_BYTES: usize = 0x2e800;

export const RECORD: usize = 16;
/** Opcodes of the two kinds of END, in records only. */
export const END_LOOP: u32 = 69;
export const END_ARM: u32 = 70;

const FRAME_BYTES: usize = 32;
const IN_LOOP: u32 = 0;
const IN_THEN: u32 = 1;
const IN_ELSE: u32 = 2;

// Fields of an open frame.
const KIND: usize = 0;
const MARKER: usize = 4; // stack position
const TARGET: usize = 8; // word where the else arm must begin, or end
const OPENER: usize = 12; // record of the LOOP or IF
const COUNT: usize = 16; // times, of a loop
const OPERATIONS: usize = 20; // instructions of the frame itself
const THEN_END: usize = 24; // record of the END of the then arm, in the else arm

let kinds: usize = 0;
let variables: usize = 0;
let height: u32 = 0; // of the stack

/** Opcodes that exist; classes as in the instruction table. */
// @ts-ignore: decorator
@inline
function resultsOf(opcode: u32): u32 {
  return opcode < 36 ? 1 : opcode < 59 ? 2 : 4;
}

/** Whether a register names a variable, or a pair of them. */
// @ts-ignore: decorator
@inline
function names(register: u32, pair: bool): bool {
  if (register >= height || load<u8>(kinds + register) == 0) return false;
  return !pair || (register > 0 && load<u8>(kinds + register - 1) != 0);
}

// @ts-ignore: decorator
@inline
function addressOf(register: u32, pair: bool): u32 {
  return <u32>variables + 4 * (pair ? register - 1 : register);
}

// @ts-ignore: decorator
@inline
function push(count: u32): u32 {
  const address = <u32>variables + 4 * height;
  store<u32>(kinds + height, 0x01010101);
  height += count;
  return address;
}

/** 64-bit immediate of a word.   spec §4.3 */
function immediate(word: u32): i64 {
  if ((word & (1 << 19)) == 0) return <i64>(<i32>word >> 20);
  const p = word >> 20;
  let v: u64 = (<u64>((p >> 10) & 1) << 63) - 1;
  v ^= (<u64>1 << ((p >> 5) & 31)) ^ (<u64>1 << (p & 31));
  return <i64>(v | (<u64>(p >> 11) << 63));
}

// @ts-ignore: decorator
@inline
function record(at: usize, opcode: u32, a: u32, b: u32, c: u32): void {
  store<u32>(at, opcode);
  store<u32>(at, a, 4);
  store<u32>(at, b, 8);
  store<u32>(at, c, 12);
}

// @ts-ignore: decorator
@inline
function openFrame(frame: usize, kind: u32, target: u32, opener: usize): void {
  store<u32>(frame, kind, KIND);
  store<u32>(frame, height, MARKER);
  store<u32>(frame, target, TARGET);
  store<u32>(frame, <u32>opener, OPENER);
  store<u32>(frame, 0, OPERATIONS);
  store<u8>(kinds + height, 0);
  height++;
}

/** The word behind the jump at `pc`'s target, or 0 if there is no jump. */
// @ts-ignore: decorator
@inline
function jumpTarget(words: usize, count: u32, pc: u32): u32 {
  if (pc >= count) return 0;
  const word = load<u32>(words + 4 * <usize>pc);
  return (word & 0xff) == JMP ? pc + 1 + (word >> 8) : 0;
}

/**
 * Checks a program and decodes it; accepts what checkProgram of src/core/packetcrypt/rand-hash/rand-hash-check.ts accepts, and
 * refuses the rest with the same code.
 *   words   `count` words
 *   decoded DECODED_BYTES, 16-byte aligned
 * returns 0, or TOO_BIG, BAD_OPCODE, BAD_OPERAND, BAD_STRUCTURE
 */
export function decodeProgram(words: usize, count: u32, decoded: usize): i32 {
  if (count > MAX_PROGRAM_WORDS) return TOO_BIG;
  kinds = decoded + KINDS;
  variables = decoded + VARIABLES;
  height = 0;
  const noFrame = decoded + FRAMES - FRAME_BYTES;
  let frame = noFrame;
  let constant = decoded + CONSTANTS;
  let at = decoded + CODE;
  let pc: u32 = 0;
  while (pc < count) {
    const word = load<u32>(words + 4 * <usize>pc);
    const opcode = word & 0xff;
    if (opcode == 0 || opcode > END) return BAD_OPCODE;
    if (pc == 0 ? opcode != LOOP : frame == noFrame) return BAD_STRUCTURE;
    if (pc != 0) store<u32>(frame, load<u32>(frame, OPERATIONS) + 1, OPERATIONS);
    const registerA = (word >> 9) & 0x1ff;
    if (opcode < IN) {
      const pair = opcode >= 51;
      if (!names(registerA, pair)) return BAD_OPERAND;
      let b: u32 = 0;
      if (opcode >= ADD8) {
        if ((word & (1 << 18)) != 0) {
          store<i64>(constant, immediate(word));
          b = <u32>constant;
          constant += 8;
        } else {
          const registerB = (word >> 20) & 0x1ff;
          if (!names(registerB, pair)) return BAD_OPERAND;
          b = addressOf(registerB, pair);
        }
      }
      const a = addressOf(registerA, pair);
      record(at, opcode, a, b, push(resultsOf(opcode)));
      at += RECORD;
      pc += 1;
    } else if (opcode == IN) {
      record(at, opcode, (<u32>immediate(word) & 255) << 2, 0, push(1));
      at += RECORD;
      pc += 1;
    } else if (opcode == MEMORY) {
      const step = (word >> 13) & 15;
      record(at, opcode, 4 * ((word >> 17) + ((word >> 9) & 15) * step), 4 * step, push(1));
      at += RECORD;
      pc += 1;
    } else if (opcode == LOOP) {
      const times = immediate(word);
      if (times < 1 || times > 2047) return BAD_OPERAND;
      frame += FRAME_BYTES;
      openFrame(frame, IN_LOOP, 0, at);
      store<u32>(frame, <u32>times, COUNT);
      store<u32>(at, LOOP);
      at += RECORD;
      pc += 1;
    } else if (opcode == IF_LIKELY || opcode == IF_RANDOM) {
      if (!names(registerA, false) || immediate(word) != 2) return BAD_OPERAND;
      const target = jumpTarget(words, count, pc + 1);
      if (target == 0) return BAD_STRUCTURE;
      store<u32>(frame, load<u32>(frame, OPERATIONS) + 1, OPERATIONS); // one of the two jumps
      frame += FRAME_BYTES;
      record(at, IF_LIKELY, addressOf(registerA, false), opcode == IF_LIKELY ? 7 : 1, 0);
      openFrame(frame, IN_THEN, target, at);
      at += RECORD;
      pc += 2;
    } else if (opcode == END) {
      const kind = load<u32>(frame, KIND), opener = <usize>load<u32>(frame, OPENER);
      const marker = load<u32>(frame, MARKER);
      const kindOfEnd = kind == IN_LOOP ? END_LOOP : END_ARM;
      record(at, kindOfEnd, <u32>variables + 4 * (marker + 1), height - marker - 1, load<u32>(frame, OPERATIONS));
      height = marker;
      const next = at + 2 * RECORD;
      if (kind == IN_LOOP) {
        const isOutermost = frame == noFrame + FRAME_BYTES;
        record(at + RECORD, 0, load<u32>(frame, COUNT), <u32>(opener + RECORD), isOutermost ? 1 : 0);
        store<u32>(opener, <u32>at, 4);
        frame -= FRAME_BYTES;
        pc += 1;
      } else if (kind == IN_ELSE) {
        if (load<u32>(frame, TARGET) != pc + 1) return BAD_STRUCTURE;
        store<u32>(at + RECORD, <u32>next, 8);
        store<u32>(<usize>load<u32>(frame, THEN_END) + RECORD, <u32>next, 8);
        frame -= FRAME_BYTES;
        pc += 1;
      } else {
        const target = jumpTarget(words, count, pc + 1);
        if (target == 0 || load<u32>(frame, TARGET) != pc + 2) return BAD_STRUCTURE;
        store<u32>(opener, <u32>next, 12);
        openFrame(frame, IN_ELSE, target, opener);
        store<u32>(frame, <u32>at, THEN_END);
        pc += 2;
      }
      at = next;
    } else {
      return BAD_STRUCTURE; // a jump that belongs to nothing
    }
  }
  return count == 0 || frame != noFrame ? BAD_STRUCTURE : 0;
}
