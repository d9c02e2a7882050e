import type {RpcArea} from './method.ts';
import {createSubscriber} from './notifications.ts';
import {sessionMethods} from './session-methods.ts';

const WEBSOCKET_AREA = 'Websocket';

interface MethodDescription {
  readonly name: string;
  readonly tags: readonly {readonly name: string}[];
  readonly summary: string;
  readonly paramStructure: 'by-position';
  readonly params: readonly {readonly name: string; readonly required: boolean; readonly schema: unknown}[];
  readonly result: {readonly name: string; readonly schema: unknown; readonly description: string};
  readonly 'x-role': string;
}

export interface RpcDescription {
  readonly openrpc: string;
  readonly info: {readonly title: string; readonly version: string};
  readonly methods: readonly MethodDescription[];
}

/** The description of all methods in the OpenRPC format; a tag says what a method is about, "Websocket" that it exists there alone. */
export function describeMethods(areas: readonly RpcArea[], version: string): RpcDescription {
  const nobody = createSubscriber({send: () => {}, deliver: () => Promise.resolve()});
  const all = [...areas, {name: WEBSOCKET_AREA, methods: sessionMethods(nobody)}];
  return {
    openrpc: '1.3.2',
    info: {title: 'PKT node', version},
    methods: all.flatMap(({name: area, methods}) =>
      methods.map(({name, summary, role, result, paramSchemas}) => ({
        name,
        tags: [{name: area}],
        summary,
        paramStructure: 'by-position' as const,
        params: paramSchemas,
        result: {name: 'result', schema: {}, description: result},
        'x-role': role,
      })),
    ),
  };
}
