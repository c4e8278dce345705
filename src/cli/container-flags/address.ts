/** Addresses of the internet protocol, as far as flags have to tell them from other texts. */

/**
 * 4, 6, or 0 for what is no address.
 * Every command loads the flags, and node:net takes a millisecond, so that is loaded for the few that have an address.
 */
export function ipVersion(text: string): number {
  return process.getBuiltinModule("node:net").isIP(text);
}
