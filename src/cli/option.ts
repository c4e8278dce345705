/** Options as data: what a command file says of them, and the values that its `run` gets. */

interface Common {
  /** One letter, without the dash. */
  readonly short?: string;
  /** One line of help, lower case, no full stop. */
  readonly summary: string;
  /** Title under which help has it; "Options" by default. */
  readonly group?: string;
  /** Accepted, but in no help and no completion: obsolete ones that callers still pass. */
  readonly hidden?: true;
}

/** One option. Its key in the command's `options` is its long name in camelCase. */
export type OptionSpec =
  | (Common & { readonly type: "boolean"; readonly default?: true })
  | (Common & { readonly type: "string"; readonly value: string; readonly default?: string })
  | (Common & { readonly type: "integer"; readonly value: string; readonly default?: number })
  /** May be given many times; each adds one. */
  | (Common & { readonly type: "strings"; readonly value: string })
  | (Common & {
      readonly type: "choice";
      readonly value: string;
      readonly choices: readonly string[];
      readonly default?: string;
      /** The whole error for another word, where callers know one. */
      readonly otherwise?: (word: string) => string;
    });

export type OptionSpecs = Readonly<Record<string, OptionSpec>>;

type ValueOf<S extends OptionSpec> = S extends { type: "boolean" }
  ? boolean
  : S extends { type: "integer" }
    ? number
    : S extends { type: "strings" }
      ? readonly string[]
      : S extends { type: "choice"; choices: readonly (infer C)[] }
        ? C
        : string;

/** Keys whose value is always there. */
type Given<O extends OptionSpecs> = {
  [K in keyof O]: O[K] extends { type: "boolean" | "strings" } | { default: unknown } ? K : never;
}[keyof O];

/** The values of `O`: absent where neither the caller nor a default gave one. */
export type OptionValues<O extends OptionSpecs> = {
  readonly [K in Given<O>]: ValueOf<O[K]>;
} & {
  readonly [K in Exclude<keyof O, Given<O>>]?: ValueOf<O[K]>;
};

/** "consoleSocket" → "console-socket". */
export function longName(key: string): string {
  return key.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** Every name that stands for an option, long and short, with its key. */
export function namesOf(options: OptionSpecs): Map<string, string> {
  const names = new Map<string, string>();
  for (const [key, spec] of Object.entries(options)) {
    names.set(longName(key), key);
    if (spec.short) names.set(spec.short, key);
  }
  return names;
}

/** What help puts for the value, "" for a boolean. */
export function placeholder(spec: OptionSpec): string {
  return spec.type === "boolean" ? "" : spec.value;
}
