import assert from 'node:assert/strict';
import {describe, it} from 'node:test';
import {wasmFeatures} from '../../../src/core/wasm/features.ts';
import {PADDED_LENGTH, writePadded, writeSigned, writeSigned64, writeUnsigned} from '../../../src/core/wasm/leb128.ts';
import {ModuleWriter} from '../../../src/core/wasm/module-writer.ts';
import {I32, I64, WASM} from '../../../src/core/wasm/opcodes.ts';

type Writer = (bytes: Uint8Array, at: number) => number;

function written(write: Writer): number[] {
  const bytes = new Uint8Array(16).fill(0xee);
  return [...bytes.subarray(0, write(bytes, 0))];
}

/** Reads back LEB128 of either kind. */
function read(bytes: readonly number[], isSigned: boolean): bigint {
  const value = bytes.reduce((sum, byte, i) => sum | (BigInt(byte & 0x7f) << BigInt(7 * i)), 0n);
  return isSigned ? BigInt.asIntN(7 * bytes.length, value) : value;
}

describe('LEB128', () => {
  const edges = [0, 1, 63, 64, 127, 128, 8191, 8192, 624485, 2 ** 27, 2 ** 31 - 1];

  it('writes the examples of the specification', () => {
    assert.deepEqual(
      written((b, at) => writeUnsigned(b, at, 624485)),
      [0xe5, 0x8e, 0x26],
    );
    assert.deepEqual(
      written((b, at) => writeSigned(b, at, -123456)),
      [0xc0, 0xbb, 0x78],
    );
  });

  it('reads back, in the shortest form', () => {
    for (const value of [...edges, 2 ** 31, 2 ** 32 - 1]) {
      const bytes = written((b, at) => writeUnsigned(b, at, value));
      assert.equal(read(bytes, false), BigInt(value));
      assert.ok(bytes.length === 1 || bytes.at(-1) !== 0, `${value} is not padded`);
    }
    for (const value of edges.flatMap((edge) => [edge, -edge - 1])) {
      assert.equal(
        read(
          written((b, at) => writeSigned(b, at, value)),
          true,
        ),
        BigInt(value),
      );
    }
    for (const high of [0, -1, 1, -2, 0x7fffffff, -0x80000000, 0x12345678]) {
      for (const low of edges.flatMap((edge) => [edge, -edge - 1])) {
        const value = BigInt.asIntN(64, (BigInt(high) << 32n) | BigInt(low >>> 0));
        assert.equal(
          read(
            written((b, at) => writeSigned64(b, at, low, high)),
            true,
          ),
          value,
          `${high}:${low}`,
        );
      }
    }
  });

  it('pads to a fixed length', () => {
    for (const value of [...edges, 2 ** 32 - 1]) {
      const bytes = new Uint8Array(PADDED_LENGTH);
      writePadded(bytes, 0, value);
      assert.equal(read([...bytes], false), BigInt(value));
    }
  });
});

describe('ModuleWriter', () => {
  it('writes a module that runs', () => {
    const module = new ModuleWriter();
    const binary = module.type([I32, I32], [I32]);
    module.importMemory('env', 'memory', {pages: 1, shared: false});
    const add = module.declareFunction(binary, 'add');
    module.declareFunction(binary, 'addStored');
    module.declareFunction(module.type([], [I64]), 'constant');
    const {code} = module;
    module.body([]);
    code.get(0);
    code.get(1);
    code.op(WASM.i32_add);
    module.endBody();
    module.body([[2, I32]]);
    code.get(0);
    code.memory(WASM.i32_load, 1000);
    code.get(1);
    code.call(add);
    module.endBody();
    module.body([]);
    code.i64(0x89abcdef, 0x01234567);
    module.endBody();
    const memory = new WebAssembly.Memory({initial: 1});
    const {exports} = new WebAssembly.Instance(new WebAssembly.Module(module.finish()), {env: {memory}});
    const call = exports as Record<string, (...args: number[]) => unknown>;
    new DataView(memory.buffer).setUint32(1004, 40, true);
    assert.equal(call['add']!(1, 2), 3);
    assert.equal(call['addStored']!(4, 2), 42);
    assert.equal(call['constant']!(), 0x0123456789abcdefn);
  });

  it('grows beyond its first buffer', () => {
    const module = new ModuleWriter();
    module.declareFunction(module.type([], [I32]), 'sum');
    module.body([]);
    module.code.i32(0);
    for (let i = 0; i < 20000; i++) {
      module.code.i32(1);
      module.code.op(WASM.i32_add);
    }
    module.endBody();
    const {exports} = new WebAssembly.Instance(new WebAssembly.Module(module.finish()));
    assert.equal((exports['sum'] as () => number)(), 20000);
  });

  it('refuses to finish without the declared bodies', () => {
    const module = new ModuleWriter();
    module.declareFunction(module.type([], []));
    assert.throws(() => module.finish(), /bug/);
  });
});

describe('wasmFeatures', () => {
  it('finds what every supported Node has', () => {
    const {simd, threads, relaxedSimd} = wasmFeatures();
    assert.deepEqual([simd, threads, typeof relaxedSimd], [true, true, 'boolean']);
    assert.equal(wasmFeatures(), wasmFeatures());
  });
});
