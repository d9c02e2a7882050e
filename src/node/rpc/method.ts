import {z} from 'zod';
import {RpcError} from './errors.ts';
import type {RpcNode} from './rpc-node.ts';

/** 'limited' users may ask but not change anything that costs money or disturbs the node. */
export type RpcRole = 'admin' | 'limited';

/** What a call knows besides its parameters. */
export interface RpcCall {
  readonly role: RpcRole;
  /** Ends when the client has gone or the node stops: long polls listen to it. */
  readonly signal: AbortSignal;
}

/** One method: what it takes, who may call it, what it does. */
export interface RpcMethod {
  readonly name: string;
  readonly role: RpcRole;
  readonly summary: string;
  /** What the result is, in words. */
  readonly result: string;
  readonly paramNames: readonly string[];
  /** JSON schemas of the parameters, in order. */
  readonly paramSchemas: readonly {readonly name: string; readonly required: boolean; readonly schema: unknown}[];
  /** Throws RpcError. */
  run(node: RpcNode, params: readonly unknown[], call: RpcCall): Promise<unknown>;
}

/** Methods about one thing. */
export interface RpcArea {
  readonly name: string;
  readonly methods: readonly RpcMethod[];
}

interface Definition<Shape extends z.ZodRawShape> {
  readonly name: string;
  readonly role?: RpcRole;
  readonly summary: string;
  readonly result: string;
  /** In order; those that may be left out have a default or are optional. */
  readonly params?: Shape;
  run(node: RpcNode, params: z.output<z.ZodObject<Shape>>, call: RpcCall): unknown;
}

function problem({issues: [issue]}: z.ZodError): string {
  return issue === undefined ? 'wrong parameters' : `parameter ${issue.path.join('.')}: ${issue.message}`;
}

/** A method whose parameters are checked before it runs. Without a role only the admin may call it. */
export function defineMethod<Shape extends z.ZodRawShape>(definition: Definition<Shape>): RpcMethod {
  const {name, role = 'admin', summary, result, run} = definition;
  const shape = definition.params ?? ({} as Shape);
  const schema = z.object(shape);
  const paramNames = Object.keys(shape);
  return {
    name,
    role,
    summary,
    result,
    paramNames,
    get paramSchemas() {
      return paramNames.map((param) => {
        const field = shape[param] as z.ZodType;
        return {
          name: param,
          required: !field.safeParse(undefined).success,
          schema: z.toJSONSchema(field, {io: 'input', unrepresentable: 'any'}),
        };
      });
    },
    run: async (node, params, call) => {
      if (params.length > paramNames.length) {
        throw new RpcError(
          'ErrRPCInvalidParams',
          `${name} takes ${paramNames.length} parameters, got ${params.length}`,
        );
      }
      const given = Object.fromEntries(params.map((value, i) => [paramNames[i]!, value === null ? undefined : value]));
      const parsed = schema.safeParse(given);
      if (!parsed.success) throw new RpcError('ErrRPCInvalidParams', problem(parsed.error));
      return run(node, parsed.data, call);
    },
  };
}
