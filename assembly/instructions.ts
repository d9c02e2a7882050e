// Opcodes of RandHash, as in src/core/packetcrypt/rand-hash/instructions.ts; a test compares the two.   spec §4.4

export const POPCNT8: u32 = 1,
  POPCNT16: u32 = 2,
  POPCNT32: u32 = 3,
  CLZ8: u32 = 4,
  CLZ16: u32 = 5,
  CLZ32: u32 = 6,
  CTZ8: u32 = 7,
  CTZ16: u32 = 8,
  CTZ32: u32 = 9;
export const BSWAP16: u32 = 10,
  BSWAP32: u32 = 11;

export const ADD8: u32 = 12,
  ADD16: u32 = 13,
  ADD32: u32 = 14,
  SUB8: u32 = 15,
  SUB16: u32 = 16,
  SUB32: u32 = 17;
export const SHLL8: u32 = 18,
  SHLL16: u32 = 19,
  SHLL32: u32 = 20,
  SHRL8: u32 = 21,
  SHRL16: u32 = 22,
  SHRL32: u32 = 23;
export const SHRA8: u32 = 24,
  SHRA16: u32 = 25,
  SHRA32: u32 = 26,
  ROTL8: u32 = 27,
  ROTL16: u32 = 28,
  ROTL32: u32 = 29;
export const MUL8: u32 = 30,
  MUL16: u32 = 31,
  MUL32: u32 = 32,
  AND: u32 = 33,
  OR: u32 = 34,
  XOR: u32 = 35;

export const ADD8C: u32 = 36,
  ADD16C: u32 = 37,
  ADD32C: u32 = 38,
  SUB8C: u32 = 39,
  SUB16C: u32 = 40,
  SUB32C: u32 = 41;
export const MUL8C: u32 = 42,
  MUL16C: u32 = 43,
  MUL32C: u32 = 44,
  MULSU8C: u32 = 45,
  MULSU16C: u32 = 46,
  MULSU32C: u32 = 47;
export const MULU8C: u32 = 48,
  MULU16C: u32 = 49,
  MULU32C: u32 = 50;

export const ADD64: u32 = 51,
  SUB64: u32 = 52,
  SHLL64: u32 = 53,
  SHRL64: u32 = 54,
  SHRA64: u32 = 55,
  ROTL64: u32 = 56,
  ROTR64: u32 = 57,
  MUL64: u32 = 58;
export const ADD64C: u32 = 59,
  SUB64C: u32 = 60,
  MUL64C: u32 = 61,
  MULSU64C: u32 = 62,
  MULU64C: u32 = 63;

export const IN: u32 = 64,
  MEMORY: u32 = 65,
  LOOP: u32 = 66,
  IF_LIKELY: u32 = 67,
  IF_RANDOM: u32 = 68,
  JMP: u32 = 69,
  END: u32 = 70;

export const MAX_PROGRAM_WORDS: u32 = 2048;
export const MAX_OPERATIONS: u32 = 20000;

/** Results below zero; src/core/packetcrypt/rand-hash/rand-hash-kernel.ts gives them their codes. */
export const TOO_BIG: i32 = -1,
  TOO_LONG: i32 = -3,
  BAD_OPCODE: i32 = -5,
  BAD_OPERAND: i32 = -6,
  BAD_STRUCTURE: i32 = -7;
