/** What plugins answer when they fail. @see CNI spec 1.1.0, section 5, Error */
import { optionalText, uint32 } from "../runtime/leaves.ts";
import { defaulted, type Infer, object, Refusal, read } from "../runtime/schema.ts";

const PluginFailure = object(() => ({
  code: defaulted(uint32, () => 0),
  msg: optionalText,
  details: optionalText,
}));
export type PluginFailure = Infer<typeof PluginFailure>;

/** The codes that say what the runtime is to do. */
export const failureCodes = {
  incompatibleVersion: 1,
  unsupportedField: 2,
  unknownContainer: 3,
  invalidEnvironment: 4,
  io: 5,
  decode: 6,
  invalidConfig: 7,
  /** Something passing: ask again. */
  tryAgain: 11,
  notAvailable: 50,
  limitedConnectivity: 51,
} as const;

/** Undefined where a plugin that failed did not say why. */
export function readPluginFailure(text: string): PluginFailure | undefined {
  try {
    const failure = read(PluginFailure, JSON.parse(text));
    return failure instanceof Refusal || (failure.code === 0 && !failure.msg) ? undefined : failure;
  } catch {
    return undefined;
  }
}
