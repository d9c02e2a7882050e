import {assert} from '../errors.ts';

const compiled = new Map<string, WebAssembly.Module>();

/** Decodes base64 text into bytes; works in Node and in browsers. */
function decodeBase64(text: string): Uint8Array<ArrayBuffer> {
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

/** Compiles an embedded kernel once per thread. A `WebAssembly.Module` may be posted to other threads. */
export function compileKernel(name: string, base64: string): WebAssembly.Module {
  let module = compiled.get(name);
  if (module === undefined) {
    module = new WebAssembly.Module(decodeBase64(base64));
    compiled.set(name, module);
  }
  return module;
}

/**
 * Instantiates a kernel over a memory. Kernels are flat functions over addresses: they import `env.memory`, `env.base`,
 * where their working addresses begin (threads that share a memory have a base each), and `env.abort`, which is called
 * for a trap inside the language's own library and never returns.
 */
export function instantiateKernel<Exports>(module: WebAssembly.Module, memory: WebAssembly.Memory, base = 0): Exports {
  const abort = (): never => {
    assert(false, 'a kernel never aborts');
  };
  const instance = new WebAssembly.Instance(module, {env: {memory, abort, base}});
  return instance.exports as Exports;
}
