/** WebAssembly modules compiled while `work` runs. */
export function compiledDuring(work: () => void): number {
  const {Module} = WebAssembly;
  let count = 0;
  WebAssembly.Module = class extends Module {
    constructor(bytes: Uint8Array<ArrayBuffer>) {
      super(bytes);
      count++;
    }
  };
  try {
    work();
  } finally {
    WebAssembly.Module = Module;
  }
  return count;
}
