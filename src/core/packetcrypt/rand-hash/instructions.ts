// The instruction set of RandHash.   spec §4.2–§4.4, §5.4, §5.5
// One table: the generator draws from it, the interpreters decode by it, the compiler lowers by it, tests walk over it.

export const MAX_PROGRAM_WORDS = 2048;
/** One cycle may execute this many instructions; one more and the program fails. */
export const MAX_OPERATIONS = 20000;

/** Words of an operand and words of the result: 2_1 is two one-word operands and one result. */
export type ArithmeticClass = '1_1' | '2_1' | '2_2' | '4_2' | '4_4';

const ROWS = {
  '1_1': [
    ['POPCNT8', 1, 8],
    ['POPCNT16', 2, 16],
    ['POPCNT32', 3, 32],
    ['CLZ8', 4, 8],
    ['CLZ16', 5, 16],
    ['CLZ32', 6, 32],
    ['CTZ8', 7, 8],
    ['CTZ16', 8, 16],
    ['CTZ32', 9, 32],
    ['BSWAP16', 10, 16],
    ['BSWAP32', 11, 32],
  ],
  '2_1': [
    ['ADD8', 12, 8],
    ['ADD16', 13, 16],
    ['ADD32', 14, 32],
    ['SUB8', 15, 8],
    ['SUB16', 16, 16],
    ['SUB32', 17, 32],
    ['SHLL8', 18, 8],
    ['SHLL16', 19, 16],
    ['SHLL32', 20, 32],
    ['SHRL8', 21, 8],
    ['SHRL16', 22, 16],
    ['SHRL32', 23, 32],
    ['SHRA8', 24, 8],
    ['SHRA16', 25, 16],
    ['SHRA32', 26, 32],
    ['ROTL8', 27, 8],
    ['ROTL16', 28, 16],
    ['ROTL32', 29, 32],
    ['MUL8', 30, 8],
    ['MUL16', 31, 16],
    ['MUL32', 32, 32],
    ['AND', 33, 32],
    ['OR', 34, 32],
    ['XOR', 35, 32],
  ],
  '2_2': [
    ['ADD8C', 36, 8],
    ['ADD16C', 37, 16],
    ['ADD32C', 38, 32],
    ['SUB8C', 39, 8],
    ['SUB16C', 40, 16],
    ['SUB32C', 41, 32],
    ['MUL8C', 42, 8],
    ['MUL16C', 43, 16],
    ['MUL32C', 44, 32],
    ['MULSU8C', 45, 8],
    ['MULSU16C', 46, 16],
    ['MULSU32C', 47, 32],
    ['MULU8C', 48, 8],
    ['MULU16C', 49, 16],
    ['MULU32C', 50, 32],
  ],
  '4_2': [
    ['ADD64', 51, 64],
    ['SUB64', 52, 64],
    ['SHLL64', 53, 64],
    ['SHRL64', 54, 64],
    ['SHRA64', 55, 64],
    ['ROTL64', 56, 64],
    ['ROTR64', 57, 64],
    ['MUL64', 58, 64],
  ],
  '4_4': [
    ['ADD64C', 59, 64],
    ['SUB64C', 60, 64],
    ['MUL64C', 61, 64],
    ['MULSU64C', 62, 64],
    ['MULU64C', 63, 64],
  ],
} as const;

export type ArithmeticName = (typeof ROWS)[ArithmeticClass][number][0];

/** Opcodes of the instructions that are not arithmetic. */
export const IN = 64;
export const MEMORY = 65;
export const LOOP = 66;
export const IF_LIKELY = 67;
export const IF_RANDOM = 68;
export const JMP = 69;
export const END = 70;

/** What a class of arithmetic instructions has in common; `cost` is charged to the generator's budget. */
export interface ClassShape {
  readonly operands: 1 | 2;
  /** Operands are register pairs, named by their high word. */
  readonly pairs: boolean;
  /** Words pushed, least significant first. */
  readonly results: 1 | 2 | 4;
  readonly cost: number;
  /** The class is the contiguous opcodes first .. first + count - 1. */
  readonly first: number;
  readonly count: number;
}

export const CLASSES: Readonly<Record<ArithmeticClass, ClassShape>> = Object.freeze({
  '1_1': {operands: 1, pairs: false, results: 1, cost: 1, first: 1, count: ROWS['1_1'].length},
  '2_1': {operands: 2, pairs: false, results: 1, cost: 2, first: 12, count: ROWS['2_1'].length},
  '2_2': {operands: 2, pairs: false, results: 2, cost: 4, first: 36, count: ROWS['2_2'].length},
  '4_2': {operands: 2, pairs: true, results: 2, cost: 8, first: 51, count: ROWS['4_2'].length},
  '4_4': {operands: 2, pairs: true, results: 4, cost: 16, first: 59, count: ROWS['4_4'].length},
});

export interface Arithmetic extends ClassShape {
  readonly name: ArithmeticName;
  readonly opcode: number;
  readonly class: ArithmeticClass;
  /** Width of the independent lanes of a word, in bits; 64 works on pairs. */
  readonly lane: 8 | 16 | 32 | 64;
}

/** The arithmetic instructions in the order of their opcodes, 1 .. 63. */
export const ARITHMETIC: readonly Arithmetic[] = Object.freeze(
  (Object.keys(ROWS) as ArithmeticClass[]).flatMap((key) =>
    ROWS[key].map(([name, opcode, lane]) => Object.freeze({...CLASSES[key], name, opcode, class: key, lane})),
  ),
);

const BY_OPCODE: readonly (Arithmetic | undefined)[] = [undefined, ...ARITHMETIC];

/** The arithmetic instruction of a word; undefined for control instructions and opcodes that do not exist. */
export function arithmeticOf(word: number): Arithmetic | undefined {
  return BY_OPCODE[word & 0xff];
}

/** Names of all opcodes, for listings. */
export const INSTRUCTION_NAMES: readonly string[] = Object.freeze([
  'INVALID_ZERO',
  ...ARITHMETIC.map((row) => row.name),
  ...['IN', 'MEMORY', 'LOOP', 'IF_LIKELY', 'IF_RANDOM', 'JMP', 'END', 'INVALID_BIG'],
]);

// Fields of an instruction word.   spec §4.3

export function opcodeOf(word: number): number {
  return word & 0xff;
}

export function registerA(word: number): number {
  return (word >>> 9) & 0x1ff;
}

export function registerB(word: number): number {
  return (word >>> 20) & 0x1ff;
}

export function hasImmediate(word: number): boolean {
  return (word & (1 << 18)) !== 0;
}

/** Words to skip behind a JMP. */
export function skipOf(word: number): number {
  return word >>> 8;
}

/** A MEMORY instruction reads word (base + (loop variable + carry) * step) mod 256. */
export function memoryFields(word: number): {base: number; step: number; carry: number} {
  return {base: word >>> 17, step: (word >>> 13) & 15, carry: (word >>> 9) & 15};
}

/** Low 32 bits of a word's immediate, as a signed number.   spec §4.3 */
export function immediateLow(word: number): number {
  if (!isPattern(word)) return word >> 20;
  // All ones with two single bits cleared; a bit named twice stays.
  return ~((1 << ((word >>> 20) & 31)) ^ (1 << ((word >>> 25) & 31)));
}

/** High 32 bits of a word's immediate, as a signed number. */
export function immediateHigh(word: number): number {
  if (!isPattern(word)) return word >> 31;
  const topCleared = (word & (1 << 30)) !== 0;
  const topSet = word >>> 31 !== 0;
  return topCleared && !topSet ? 0x7fffffff : -1;
}

function isPattern(word: number): boolean {
  return (word & (1 << 19)) !== 0;
}
