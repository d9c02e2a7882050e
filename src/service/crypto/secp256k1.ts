// ECDSA verification by well-kept libraries: native code where it loads, WebAssembly otherwise. Which one runs decides only the
// speed: a test holds all of them to the plain one.
import {createRequire} from 'node:module';
import {verify as verifyInWasm} from 'tiny-secp256k1';
import type {SignatureVerifier} from '../../core/consensus/index.ts';

export interface LoadedVerifier extends SignatureVerifier {
  readonly name: 'native' | 'wasm';
}

/** The part of the native library that is used. It has no types of its own. */
interface NativeBindings {
  signatureNormalize(signature: Uint8Array): Uint8Array;
  ecdsaVerify(signature: Uint8Array, hash: Uint8Array, publicKey: Uint8Array): boolean;
}

/** Only these forms of keys reach the libraries; some would take others too. */
function isPlainKey(publicKey: Uint8Array): boolean {
  const [head] = publicKey;
  return (publicKey.length === 33 && (head === 2 || head === 3)) || (publicKey.length === 65 && head === 4);
}

function createVerifier(name: LoadedVerifier['name'], verify: SignatureVerifier['verify']): LoadedVerifier {
  return {
    name,
    verify: (signature, publicKey, hash) => {
      if (!isPlainKey(publicKey)) return false;
      try {
        return verify(signature, publicKey, hash);
      } catch {
        // A point that is not on the curve, or a number out of range.
        return false;
      }
    },
  };
}

/** WebAssembly: loads everywhere. */
export const WASM_VERIFIER: LoadedVerifier = createVerifier('wasm', (signature, publicKey, hash) =>
  verifyInWasm(hash, publicKey, signature),
);

/** Native code, or undefined where it does not load. */
export function loadNativeVerifier(): LoadedVerifier | undefined {
  let native: NativeBindings;
  try {
    // The package's main file would fall back to slow JavaScript without saying so.
    native = createRequire(import.meta.url)('secp256k1/bindings.js') as NativeBindings;
  } catch {
    return undefined;
  }
  return createVerifier('native', (signature, publicKey, hash) =>
    // The library takes the lower S alone; the higher one is as good.
    native.ecdsaVerify(native.signatureNormalize(signature.slice()), hash, publicKey),
  );
}

/** The fastest that loads. */
export function loadVerifier(): LoadedVerifier {
  return loadNativeVerifier() ?? WASM_VERIFIER;
}
