import {assert} from '../errors.ts';
import {CodeWriter} from './code-writer.ts';
import {WASM} from './opcodes.ts';

const HEADER = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00];
const SECTION = {type: 1, import: 2, function: 3, export: 7, code: 10} as const;
const FUNCTION_TYPE = 0x60;
const KIND_FUNCTION = 0;
const KIND_MEMORY = 2;
const LIMITS_SHARED = 3;

/** Memory an import asks for, in pages of 64 KiB; a shared memory always has a maximum. */
export interface MemoryImport {
  readonly pages: number;
  readonly shared: boolean;
}

/** Largest maximum a 32-bit memory may have, in pages. */
const MAX_PAGES = 65536;

interface FunctionType {
  readonly parameters: readonly number[];
  readonly results: readonly number[];
}

/**
 * Writes a WebAssembly module. Declare types, the memory, functions and exports first, then write the bodies in the
 * order of their declaration: `body(locals)`, instructions on `code`, `endBody()`. `finish()` gives the module.
 */
export class ModuleWriter {
  readonly code: CodeWriter = new CodeWriter(16384);
  private readonly types: FunctionType[] = [];
  private readonly functions: number[] = [];
  private readonly exported: {name: string; index: number}[] = [];
  private memoryImport: {module: string; name: string; limits: MemoryImport} | undefined;
  private bodies = 0;
  private codeSection = -1;
  private bodyMark = -1;

  type(parameters: readonly number[], results: readonly number[]): number {
    return this.types.push({parameters, results}) - 1;
  }

  importMemory(module: string, name: string, limits: MemoryImport): void {
    this.memoryImport = {module, name, limits};
  }

  /** Declares a function and gives its index; with a name it is exported. */
  declareFunction(type: number, name?: string): number {
    const index = this.functions.push(type) - 1;
    if (name !== undefined) this.exported.push({name, index});
    return index;
  }

  /** Begins the next function's body; `locals` are runs of [count, value type] behind the parameters. */
  body(locals: readonly (readonly [count: number, type: number])[]): void {
    if (this.codeSection < 0) this.writeDeclarations();
    const code = this.code;
    this.bodyMark = code.openSize();
    const runs = locals.filter(([count]) => count > 0);
    code.unsigned(runs.length);
    for (const [count, type] of runs) {
      code.unsigned(count);
      code.byte(type);
    }
  }

  endBody(): void {
    this.code.op(WASM.end);
    this.code.closeSize(this.bodyMark);
    this.bodies += 1;
  }

  finish(): Uint8Array<ArrayBuffer> {
    assert(this.codeSection >= 0 && this.bodies === this.functions.length, 'every declared function has a body');
    this.code.closeSize(this.codeSection);
    return this.code.bytes.slice(0, this.code.length);
  }

  private writeDeclarations(): void {
    for (const value of HEADER) this.code.byte(value);
    this.section(SECTION.type, this.types.length, () => {
      for (const {parameters, results} of this.types) {
        this.code.byte(FUNCTION_TYPE);
        for (const list of [parameters, results]) {
          this.code.unsigned(list.length);
          for (const type of list) this.code.byte(type);
        }
      }
    });
    this.section(SECTION.import, this.memoryImport === undefined ? 0 : 1, () => this.writeMemoryImport());
    this.section(SECTION.function, this.functions.length, () => {
      for (const type of this.functions) this.code.unsigned(type);
    });
    this.section(SECTION.export, this.exported.length, () => {
      for (const {name, index} of this.exported) {
        this.name(name);
        this.code.byte(KIND_FUNCTION);
        this.code.unsigned(index);
      }
    });
    this.code.byte(SECTION.code);
    this.codeSection = this.code.openSize();
    this.code.unsigned(this.functions.length);
  }

  private writeMemoryImport(): void {
    const {module, name, limits} = this.memoryImport!;
    this.name(module);
    this.name(name);
    this.code.byte(KIND_MEMORY);
    this.code.byte(limits.shared ? LIMITS_SHARED : 0);
    this.code.unsigned(limits.pages);
    if (limits.shared) this.code.unsigned(MAX_PAGES);
  }

  private section(id: number, count: number, write: () => void): void {
    if (count === 0) return;
    this.code.byte(id);
    const mark = this.code.openSize();
    this.code.unsigned(count);
    write();
    this.code.closeSize(mark);
  }

  /** Names are ASCII. */
  private name(text: string): void {
    this.code.unsigned(text.length);
    for (let i = 0; i < text.length; i++) this.code.byte(text.charCodeAt(i));
  }
}
