import {
  arithmeticOf,
  END,
  hasImmediate,
  IF_LIKELY,
  IF_RANDOM,
  IN,
  INSTRUCTION_NAMES,
  immediateHigh,
  immediateLow,
  JMP,
  LOOP,
  MEMORY,
  memoryFields,
  opcodeOf,
  registerA,
  registerB,
  skipOf,
} from '../../../src/core/packetcrypt/rand-hash/instructions.ts';

/** A program as text, one line per word: position, word, instruction indented by its depth, operands. */
export function listProgram(program: Uint32Array): string {
  let depth = 0;
  const lines: string[] = [];
  for (const [pc, word] of program.entries()) {
    const opcode = opcodeOf(word);
    if (opcode === END) depth -= 1;
    const text = `${'  '.repeat(depth)}${INSTRUCTION_NAMES[opcode]!.padEnd(9)}${operandsOf(word)}`;
    lines.push(`${String(pc).padStart(4)} ${word.toString(16).padStart(8, '0')} ${text}`.trimEnd());
    const opensElse = opcode === JMP && opcodeOf(program[pc - 1]!) === END;
    if (opcode === LOOP || opcode === IF_LIKELY || opcode === IF_RANDOM || opensElse) depth += 1;
  }
  return `${lines.join('\n')}\n`;
}

function operandsOf(word: number): string {
  const arithmetic = arithmeticOf(word);
  if (arithmetic !== undefined) {
    const name = (register: number): string => (arithmetic.pairs ? `r${register - 1}:r${register}` : `r${register}`);
    const a = name(registerA(word));
    if (arithmetic.operands === 1) return a;
    return `${a} ${hasImmediate(word) ? `imm ${immediateOf(word)}` : name(registerB(word))}`;
  }
  switch (opcodeOf(word)) {
    case IN:
      return `index ${immediateLow(word) & 255}`;
    case MEMORY: {
      const {base, step, carry} = memoryFields(word);
      return `base ${base} step ${step} carry ${carry}`;
    }
    case LOOP:
      return `count ${immediateLow(word)}`;
    case IF_LIKELY:
    case IF_RANDOM:
      return `r${registerA(word)}`;
    case JMP:
      return `skip ${skipOf(word)}`;
    default:
      return '';
  }
}

function immediateOf(word: number): bigint {
  return (BigInt(immediateHigh(word)) << 32n) | BigInt(immediateLow(word) >>> 0);
}
