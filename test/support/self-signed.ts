import {generateKeyPairSync, sign} from 'node:crypto';

/** One element of DER: tag, length, content. */
function der(tag: number, ...contents: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(contents);
  const {length} = content;
  const head = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255];
  return Buffer.concat([Uint8Array.of(tag, ...head), content]);
}

const sequence = (...contents: readonly Uint8Array[]): Buffer => der(0x30, ...contents);
const time = (text: string): Buffer => der(0x18, Buffer.from(text));
/** ecdsa-with-SHA256 */
const ALGORITHM = sequence(der(0x06, Buffer.from('2a8648ce3d040302', 'hex')));
/** CN = localhost */
const NAME = sequence(
  der(0x31, sequence(der(0x06, Buffer.from('550403', 'hex')), der(0x0c, Buffer.from('localhost')))),
);
/** subjectAltName: DNS localhost, IP 127.0.0.1 */
const EXTENSIONS = der(
  0xa3,
  sequence(
    sequence(
      der(0x06, Buffer.from('551d11', 'hex')),
      der(0x04, sequence(der(0x82, Buffer.from('localhost')), der(0x87, Uint8Array.of(127, 0, 0, 1)))),
    ),
  ),
);

/** A key and a certificate for localhost signed with it, PEM. */
export function selfSigned(): {readonly key: Buffer; readonly cert: Buffer} {
  const {publicKey, privateKey} = generateKeyPairSync('ec', {namedCurve: 'P-256'});
  const body = sequence(
    der(0xa0, der(0x02, Uint8Array.of(2))),
    der(0x02, Uint8Array.of(1)),
    ALGORITHM,
    NAME,
    sequence(time('20200101000000Z'), time('21200101000000Z')),
    NAME,
    publicKey.export({type: 'spki', format: 'der'}),
    EXTENSIONS,
  );
  const signature = sign('sha256', body, privateKey);
  const bytes = sequence(body, ALGORITHM, der(0x03, Uint8Array.of(0), signature));
  const lines = bytes.toString('base64').match(/.{1,64}/g)!;
  const cert = ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n');
  return {key: Buffer.from(privateKey.export({type: 'pkcs8', format: 'pem'})), cert: Buffer.from(cert)};
}
