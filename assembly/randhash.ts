// Program generation and interpretation on their own; the announcement kernel contains them too.
export {expandChunks} from './expand';
export {GENERATOR_SCRATCH, generateProgram} from './rand-gen';
export {interpretCycle, interpretProgram} from './rand-hash';
export {DECODED_BYTES, decodeProgram} from './rand-hash-decode';
