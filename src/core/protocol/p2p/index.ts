// Owns: the messages between nodes as bytes. Does not own: conversations (node/p2p), sockets, what blocks and transactions
// inside messages mean (primitives).
// Main steps: FrameReader cuts the stream into frames, decodePayload reads the known ones, encodeMessage writes.
export {MESSAGE_ERRORS, MessageError, type MessageErrorCode} from './errors.ts';
export {encodeFrame, encodeMessage, FRAME_HEAD_BYTES, type Frame, FrameReader} from './frame.ts';
export {
  COMMANDS,
  type Command,
  decodePayload,
  encodePayload,
  type FilterRequest,
  INVENTORY,
  type InventoryItem,
  isCommand,
  type LocatorPayload,
  MAX_PAYLOAD_BYTES,
  type Message,
  MIN_PROTOCOL_VERSION,
  maxPayload,
  type NetAddress,
  type Payloads,
  PROTOCOL_VERSION,
  type RejectPayload,
  SERVICE,
  type SeenAddress,
  type VersionPayload,
  WITNESS_FLAG,
} from './messages.ts';
