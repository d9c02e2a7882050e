// What the core may use of its surroundings: the parts of WebAssembly and of the encoding interface that Node and
// browsers share. Only `tsconfig.core.json` reads this file; everywhere else the platform's own types apply.

declare namespace WebAssembly {
  class Module {
    constructor(bytes: Uint8Array | ArrayBuffer);
  }
  class Instance {
    constructor(module: Module, imports?: Record<string, Record<string, unknown>>);
    readonly exports: Record<string, unknown>;
  }
  class Memory {
    constructor(descriptor: {initial: number; maximum?: number; shared?: boolean});
    readonly buffer: ArrayBuffer;
    grow(pages: number): number;
  }
  function validate(bytes: Uint8Array | ArrayBuffer): boolean;
}

declare class TextDecoder {
  constructor(label?: 'utf-8', options?: {readonly fatal?: boolean});
  decode(bytes: Uint8Array): string;
}

declare class TextEncoder {
  encode(text?: string): Uint8Array<ArrayBuffer>;
}

declare function atob(text: string): string;
