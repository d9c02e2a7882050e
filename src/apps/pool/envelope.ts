// Answers in the envelope that handlers and the paymaker share.   pool spec §2.1
import type {FastifyReply, FastifyRequest} from 'fastify';
import type {PoolEnvelope} from '../../core/protocol/pool/index.ts';
import {type Refusal, sendRefusal} from '../../service/http/public-server.ts';

/** What stands for "no result". Existing announcement miners and handlers cannot read '', existing block miners cannot read null. */
export type NoResult = null | '';

/** A header that is given once, or the first of several. */
export function headerOf(request: FastifyRequest, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value[0] : value;
}

export function sendEnvelope(reply: FastifyReply, status: number, envelope: PoolEnvelope<unknown>): FastifyReply {
  return reply
    .code(status)
    .type('application/json')
    .send(Buffer.from(JSON.stringify(envelope)));
}

export function envelopeRefusal(result: NoResult, status: number, text: string, warn: readonly string[] = []): Refusal {
  return {status, type: 'application/json', body: JSON.stringify({result, error: [text], warn})};
}

export function refuseInEnvelope(
  reply: FastifyReply,
  result: NoResult,
  status: number,
  text: string,
  warn: readonly string[] = [],
): FastifyReply {
  return sendRefusal(reply, envelopeRefusal(result, status, text, warn));
}
