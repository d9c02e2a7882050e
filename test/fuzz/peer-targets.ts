import {equal, ok} from 'node:assert/strict';
import {concatBytes} from '../../src/core/bytes/index.ts';
import {PKT} from '../../src/core/params/index.ts';
import {
  COMMANDS,
  type Command,
  encodeFrame,
  encodeMessage,
  encodePayload,
  maxPayload,
} from '../../src/core/protocol/p2p/index.ts';
import type {PeerEvent} from '../../src/node/p2p/peer.ts';
import {MESSAGE_SAMPLES} from '../support/message-samples.ts';
import {OWN_NONCE, PeerBench, REMOTE_VERSION} from '../support/peers.ts';
import {mutateBytes} from './mutate.ts';
import type {Random} from './random.ts';
import type {FuzzTarget} from './target.ts';

/** Messages of one case; a case is one connection. */
const MESSAGES = 25;
/** All but the one that may come only once. */
const LATER_COMMANDS = COMMANDS.filter((command) => command !== 'version');

/** Too long a payload ends the connection, so most are cut. */
function fitting(command: Command, payload: Uint8Array, random: Random): Uint8Array {
  return random.toss(40) ? payload : payload.subarray(0, maxPayload(command));
}

/** Bytes as a hostile peer may send them: good messages, damaged payloads in good frames, damaged frames, noise. */
function hostileBytes(random: Random): Uint8Array {
  const command = random.pick(random.toss(20) ? COMMANDS : LATER_COMMANDS);
  const payload = encodePayload(command, MESSAGE_SAMPLES[command]);
  switch (random.below(6)) {
    case 0:
      return encodeFrame(PKT.magic, command, fitting(command, mutateBytes(payload, random), random));
    case 1:
      return encodeFrame(PKT.magic, random.pick(['sendcmpct', 'alert', 'x']), random.bytes(random.below(100)));
    case 2:
      return random.toss(16) ? mutateBytes(encodeFrame(PKT.magic, command, payload), random) : new Uint8Array(0);
    case 3:
      return encodeFrame(PKT.magic, command, fitting(command, random.bytes(random.below(100)), random));
    default:
      return encodeFrame(PKT.magic, command, payload);
  }
}

/** Holds the events of one connection to what is promised of them. */
class Witness {
  received = 0;
  sent = 0;
  #ready = false;
  #ended = false;

  see(events: readonly PeerEvent[]): void {
    for (const event of events) {
      equal(this.#ended, false, 'nothing comes after the end');
      if (event.type === 'send') {
        this.sent += encodeMessage(PKT.magic, event.message.command, event.message.payload as never).length;
      } else if (event.type === 'ready') {
        equal(this.#ready, false, 'ready comes once');
        this.#ready = true;
      } else if (event.type === 'message') {
        ok(this.#ready, 'messages come when the greeting is done');
      } else {
        this.#ended = true;
      }
    }
    // Greeting, reject and pings of our own; everything else answers something at least as long.
    ok(this.sent <= this.received + 1200, `${this.sent} bytes sent for ${this.received}`);
  }

  get ended(): boolean {
    return this.#ended;
  }
}

function talk(random: Random): void {
  const bench = new PeerBench({direction: random.pick(['inbound', 'outbound'])});
  const witness = new Witness();
  witness.see(bench.peer.open(bench.nowMs));
  const hear = (bytes: Uint8Array): void => {
    witness.received += bytes.length;
    const cut = random.below(bytes.length + 1);
    witness.see(bench.push(bytes.subarray(0, cut)));
    witness.see(bench.push(bytes.subarray(cut)));
  };
  if (!random.toss(4)) {
    const nonce = random.toss(50) ? OWN_NONCE : random.edgeBig();
    hear(encodeMessage(PKT.magic, 'version', {...REMOTE_VERSION, nonce}));
    if (!random.toss(8)) hear(encodeMessage(PKT.magic, 'verack', undefined));
  }
  for (let i = 0; i < MESSAGES && !witness.ended; i++) {
    hear(random.toss(10) ? concatBytes(hostileBytes(random), hostileBytes(random)) : hostileBytes(random));
    if (random.toss(4)) witness.see(bench.tickAfter(random.below(random.toss(20) ? 400_000 : 20_000)));
    equal(bench.peer.isClosed, witness.ended);
    ok(Number.isFinite(bench.peer.pausedUntilMs(bench.nowMs)));
    ok(bench.score.at(bench.nowMs) < 250, 'the score ends a connection before it grows');
  }
}

export const PEER_TARGETS: readonly FuzzTarget[] = [{name: 'peer', cases: 4000, run: talk}];
