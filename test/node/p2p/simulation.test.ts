import {deepEqual, equal, ok} from 'node:assert/strict';
import {test} from 'node:test';
import {createPktreg} from '../../../src/core/params/index.ts';
import {mineOn} from '../../support/easy-blocks.ts';
import {Lab, type LabNode, seeded} from '../../support/peer-lab.ts';

const SHORT = createPktreg({money: {coinbaseMaturity: 5, stewardExpiry: 60}});
const NODES = 6;
const STEPS = 80;

/** Nodes that mine, join and part at random; at the end they must agree whatever has happened. */
async function simulate(lab: Lab, seed: number): Promise<LabNode[]> {
  const random = seeded(seed);
  const pick = <Item>(items: readonly Item[]): Item => items[Math.floor(random() * items.length)]!;
  const nodes: LabNode[] = [];
  for (let i = 0; i < NODES; i++) nodes.push(await lab.node());
  const mine = async (node: LabNode): Promise<void> => {
    const {hash, height} = node.chain.tip;
    const tag = 1 + nodes.indexOf(node);
    await node.chain.accept(mineOn({network: SHORT, tag}, (await node.chain.block(hash))!, height + 1));
  };
  for (let step = 0; step < STEPS; step++) {
    const [node, other] = [pick(nodes), pick(nodes)];
    const chance = random();
    if (chance < 0.45) for (let count = 1 + Math.floor(random() * 6); count > 0; count--) await mine(node);
    else if (chance < 0.75 && node !== other) lab.connect(node, other);
    else if (chance < 0.9) node.hub.disconnect(pick(node.hub.peers())?.id ?? 0);
    await lab.run(pick([250, 1000, 5000, 40_000]));
  }
  for (let i = 1; i < NODES; i++) lab.connect(nodes[i]!, nodes[i - 1]!);
  await lab.run(5000);
  // Of branches with equal work everyone keeps its own; one block more decides.
  await mine(nodes.reduce((a, b) => (b.chain.height > a.chain.height ? b : a)));
  await lab.run(5000);
  return nodes;
}

for (const seed of [1, 26, 65]) {
  test(`nodes that mine, join and part at random agree in the end (${seed})`, async (t) => {
    const lab = new Lab(t, SHORT);
    const nodes = await simulate(lab, seed);
    const [first] = nodes as [LabNode];
    ok(first.chain.height > 30, `${first.chain.height}`);
    for (const {chain, hub, failures, bans} of nodes) {
      deepEqual(chain.tip, first.chain.tip);
      deepEqual(failures, []);
      equal(bans.size, 0, 'nobody is banned for being honest');
      const {blocks, requests} = hub.load;
      deepEqual({blocks, requests}, {blocks: 0, requests: 0});
      ok(hub.count >= 1);
    }
  });
}
