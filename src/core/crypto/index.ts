// Owns: the hashes, ciphers and curves PacketCrypt is built from, one plain function each over a maintained library.
// Does not own: how PacketCrypt combines them, secret keys and signing, the fast kernels.
export {expand, keyStream, xorKeyStream} from './chacha20.ts';
export {verifyEd25519} from './ed25519.ts';
export {
  compress32,
  compress64,
  dsha256,
  type HashStream,
  hash160,
  PLAIN_SHA256,
  ripemd160,
  type Sha256,
  sha1,
  sha256,
  startSha256,
  useSha256,
} from './hash.ts';
export {poly1305} from './poly1305.ts';
export {isSecp256k1Key, randomSecp256k1Key, secp256k1PublicKey, verifySecp256k1} from './secp256k1.ts';
export {sipHash} from './siphash.ts';
export {x25519, x25519Base} from './x25519.ts';
