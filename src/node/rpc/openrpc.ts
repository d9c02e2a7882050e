import type {RpcMethod} from './method.ts';

/** The description of all methods in the OpenRPC format. */
export function describeMethods(methods: readonly RpcMethod[], version: string): object {
  return {
    openrpc: '1.3.2',
    info: {title: 'PKT node', version},
    methods: methods.map(({name, summary, role, result, paramSchemas}) => ({
      name,
      summary,
      paramStructure: 'by-position',
      params: paramSchemas,
      result: {name: 'result', schema: {}, description: result},
      'x-role': role,
    })),
  };
}
