// Where things lie in the memory of an announcement kernel. Below 64 KiB are the kernel's own working addresses
// (assembly/layout.ts), up to 128 KiB its static data.

/** Inputs and digests of hashes, one 256-byte slot each. */
export const INPUT_A = 0x20000;
export const INPUT_B = 0x20100;
export const DIGEST_A = 0x20200;
export const DIGEST_B = 0x20300;
export const HEADER = 0x20400;
/** Nonces, addresses or indices, and item numbers, handed to and from the kernel: up to 256 × u32 each. */
export const LIST = 0x20800;
export const NUMBERS = 0x21000;
/** RandHash memory images, 2048 words each, of the first and of the second table. */
export const IMAGE_1 = 0x22000;
export const IMAGE_2 = 0x24000;
/** A program being generated, 2048 words, and the generator's working memory. */
export const PROGRAM = 0x28000;
export const GENERATOR = 0x2a000;
/** Decoded programs for the interpreter, 0x2e800 bytes each. */
export const DECODED_1 = 0x30000;
export const DECODED_2 = 0x60000;
/** Announcements found or being checked, 512 × 1024 bytes. */
export const FOUND = 0x90000;
/** States of a batch, 2112 bytes apart. */
export const BATCH = 0x110000;
export const BATCH_LENGTH = 256;
export const STATE_STRIDE = 2112;
/** Items of the first table that announcements of a batch prove, 1024 bytes each. */
export const PROVED_ITEMS = 0x198000;
/** The 16383 hashes of the first table's tree, leaves first. */
export const TREE = 0x1d8000;
export const TREE_ROOT: number = TREE + 16382 * 64;
/** 8192 items of 1024 bytes. */
export const TABLE = 0x2d8000;
/** States after the program ran, 2048 bytes for each of the 1792 memory windows, of the second and of the first table. */
export const KEPT_2 = 0xad8000;
export const KEPT_1 = 0xe58000;
/** What a miner needs; a checker keeps the states of both tables at once. */
export const MINER_PAGES = 0xe6;
export const CHECKER_PAGES = 0x11e;
/** The four states that a search works on. */
export const STATES = 0x1000;
/** RandHash buffers of slot s: first half at HALVES + s · 2 · HALF_STRIDE, second half HALF_STRIDE behind it. */
export const HALVES = 0x5000;
export const HALF_STRIDE = 3072;
