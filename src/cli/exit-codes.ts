// How `pkt` ends, beside 0 (done).
/** Something that was checked is not valid. */
export const EXIT_INVALID = 1;
/** Wrong use, or a file that cannot be read or written. */
export const EXIT_USAGE = 2;
/** A bug of the program; it prints where. */
export const EXIT_BUG = 70;
/** Ended by Ctrl-C or SIGTERM, or because nobody reads the output any more. */
export const EXIT_INTERRUPTED = 130;
