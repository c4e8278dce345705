/** Pulls what a name means, and tries what else it may mean where that is not to be had. */
import { RuntError } from "../errors.ts";
import { type Pulled, type PullOptions, pullImage } from "./pull.ts";
import { parseReference } from "./reference/reference.ts";
import { registriesConfPlaces } from "./registries-conf/places.ts";
import { checkPolicy, policyFile } from "./registries-conf/policy.ts";
import { type ChooseRegistry, meaningsOf, namesToTry, rememberChoice } from "./registries-conf/short-name.ts";
import { openRegistry } from "./registry/client.ts";
import type { RegistryOptions } from "./registry/options.ts";
import type { Stores } from "./stores.ts";

export interface PullByNameOptions extends PullOptions {
  readonly registry?: RegistryOptions | undefined;
  /** Asks a person which of several registries is meant, where registries.conf(5) wants that. */
  readonly choose?: ChooseRegistry | undefined;
}

/** Where registries.conf(5) is for these options. */
export function placesFor({ registriesConf, environment = process.env }: RegistryOptions = {}) {
  return registriesConf ?? registriesConfPlaces(environment);
}

/**
 * Pulls the image that `text` means.
 * @throws {RuntError} as `pullImage`; of several registries that were tried, what each of them said
 */
export async function pullByName(stores: Stores, text: string, options: PullByNameOptions): Promise<Pulled> {
  const { registry: how, choose, onProgress, signal } = options;
  const places = placesFor(how);
  const meanings = await meaningsOf(text, places);
  const { names, isChosen } = await namesToTry(text, meanings, choose);
  const failures: RuntError[] = [];
  for (const name of names) {
    onProgress?.({ type: "trying", text, name, by: meanings.by, file: meanings.file });
    try {
      const reference = parseReference(name);
      await checkPolicy(reference, policyFile(how?.environment ?? process.env));
      await using registry = await openRegistry(reference, how);
      const pulled = await pullImage(stores, registry, reference, options);
      // What cannot be remembered is asked again.
      if (isChosen) await rememberChoice(text, name, places).catch(() => {});
      return pulled;
    } catch (error) {
      if (signal?.aborted || !(error instanceof RuntError)) throw error;
      failures.push(error);
    }
  }
  throw together(text, failures);
}

function together(text: string, failures: readonly RuntError[]): RuntError {
  const last = failures.at(-1)!;
  if (failures.length === 1) return last;
  const what = `${text} was tried at ${failures.length} registries: ${failures.map(({ message }) => message).join("; ")}`;
  return new RuntError(last.kind, what, last.site, last);
}
