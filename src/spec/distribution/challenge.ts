/** The WWW-Authenticate header: which proofs a server takes. @see RFC 9110 section 11.6.1; distribution-spec token flow */

/** One way to prove who one is. */
export interface Challenge {
  /** Lower case: "bearer", "basic". */
  readonly scheme: string;
  /** By lower-case name: realm, service, scope, error. */
  readonly parameters: ReadonlyMap<string, string>;
}

const SPACE = /[ \t,]*/y;
const TOKEN = /[!#$%&'*+.^_`|~0-9A-Za-z-]+/y;
const EQUALS = /[ \t]*=[ \t]*/y;
const QUOTED = /"((?:[^"\\]|\\[\s\S])*)"/y;
/** A value without quotes; wider than the standard, as servers also write bare URLs. */
const BARE = /[^\s,"]+/y;
/** What may follow a scheme instead of parameters: base64 of some handshake. */
const TOKEN68 = /[A-Za-z0-9._~+/-]+=*(?=[ \t]*(?:,|$))/y;

/**
 * Reads one header, which may hold several challenges; a comma divides both challenges and parameters, and
 * may stand within quotes. Reading stops where the text is no longer well formed.
 */
export function parseChallenges(header: string): Challenge[] {
  const challenges: { scheme: string; parameters: Map<string, string> }[] = [];
  let offset = 0;
  const take = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = offset;
    const found = pattern.exec(header);
    if (found !== null) offset += found[0].length;
    return found;
  };
  for (;;) {
    take(SPACE);
    const name = take(TOKEN)?.[0];
    if (name === undefined) return challenges;
    const current = challenges.at(-1);
    if (current !== undefined && take(EQUALS) !== null) {
      const quoted = take(QUOTED)?.[1];
      const value = quoted === undefined ? take(BARE)?.[0] : quoted.replaceAll(/\\([\s\S])/g, "$1");
      if (value === undefined) return challenges;
      if (!current.parameters.has(name.toLowerCase())) current.parameters.set(name.toLowerCase(), value);
    } else {
      challenges.push({ scheme: name.toLowerCase(), parameters: new Map() });
      take(/[ \t]*/y);
      take(TOKEN68);
    }
  }
}
