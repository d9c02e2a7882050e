/**
 * How outside data is judged.   spec, introduction and Appendix B
 *
 * strict  what both public implementations accept; for miners, pools, shares and everything we produce
 * node    exactly what the node software of the network accepts, quirks included; for blocks of the chain
 */
export type Profile = 'strict' | 'node';

export function checkProfile(profile: unknown): asserts profile is Profile {
  if (profile !== 'strict' && profile !== 'node') {
    throw new TypeError(`"profile" expected 'strict' or 'node', got ${String(profile)}`);
  }
}
