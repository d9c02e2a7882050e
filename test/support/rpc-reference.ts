import {RPC_AREAS} from '../../src/node/rpc/methods/index.ts';
import {describeMethods} from '../../src/node/rpc/openrpc.ts';

type Method = ReturnType<typeof describeMethods>['methods'][number];

const INTRODUCTION = `# JSON-RPC of the node

<!-- written by scripts/reference.mjs from the description of the methods: npm run reference -->

\`POST\` to any path, HTTP Basic, one request or an array of up to 1000; parameters stand in order. The same calls, and those
under "Websocket", go over \`/ws\`: the client shows its password in the header or calls \`authenticate\` with name and password
first. The machine-readable description is at \`/openrpc.json\`; \`pkt rpc help METHOD\` shows one entry. Parameters in brackets
may be left out. "All": the limited user may call it too.
`;

/** A word or two on what a parameter is. */
function kind(schema: unknown): string {
  const {type, anyOf, enum: values} = schema as {type?: string; anyOf?: readonly unknown[]; enum?: readonly unknown[]};
  if (values !== undefined) return values.join(', ');
  if (anyOf !== undefined) return 'boolean';
  return type ?? 'anything';
}

function row({name, params, result, summary, 'x-role': role}: Method): string {
  const shown = params.map(({name: param, required, schema}) => {
    const text = `\`${param}\` ${kind(schema)}`;
    return required ? text : `[${text}]`;
  });
  const cells = [`\`${name}\``, shown.join('<br>'), role === 'limited' ? 'all' : 'admin', result.description, summary];
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
}

/** docs/rpc.md */
export function rpcReference(): string {
  const areas = new Map<string, Method[]>();
  for (const method of describeMethods(RPC_AREAS, '').methods) {
    const area = method.tags[0]!.name;
    areas.set(area, [...(areas.get(area) ?? []), method]);
  }
  const tables = [...areas].map(([area, methods]) => {
    if (methods.every(({result}) => result.description === 'never')) {
      const names = methods.map(({name}) => `\`${name}\``).sort();
      return `## ${area}\n\nKnown to clients and refused with −1, most of them because a wallet is asked for:\n${names.join(', ')}.`;
    }
    const rows = methods.toSorted((a, b) => (a.name < b.name ? -1 : 1)).map(row);
    return [`## ${area}`, '', '| Method | Parameters | Who | Result | |', '|---|---|---|---|---|', ...rows].join('\n');
  });
  return `${INTRODUCTION}\n${tables.join('\n\n')}\n`;
}
