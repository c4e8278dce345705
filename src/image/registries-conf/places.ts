/**
 * Where registries.conf(5) of containers/image is: the file that podman, buildah and skopeo read, its drop-ins, and the
 * aliases that a user's own choices have made.
 */
import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

import { isPrivileged } from "../snapshots.ts";

type Environment = Readonly<Record<string, string | undefined>>;

export interface RegistriesConfPlaces {
  readonly file: string;
  /** Somebody has named it, so that it must be there. */
  readonly isNamed: boolean;
  /** Of drop-ins, later ones over earlier ones. */
  readonly directories: readonly string[];
  /** Written when a user has chosen one of several registries. */
  readonly aliases: string;
}

const SYSTEM = "/etc/containers";

/** As containers/image finds them: a user's own file is instead of the machine's, with its drop-ins. */
export function registriesConfPlaces(environment: Environment): RegistriesConfPlaces {
  const home = environment.HOME || homedir();
  const own = join(home, ".config/containers");
  const named = environment.CONTAINERS_REGISTRIES_CONF || environment.REGISTRIES_CONFIG_PATH || undefined;
  const ownFile = join(own, "registries.conf");
  const isOwn = named === undefined && existsSync(ownFile);
  const cache = environment.XDG_CACHE_HOME || join(home, ".cache");
  return {
    file: named ?? (isOwn ? ownFile : join(SYSTEM, "registries.conf")),
    isNamed: named !== undefined,
    directories: [...(isOwn ? [] : [join(SYSTEM, "registries.conf.d")]), join(own, "registries.conf.d")],
    aliases: join(isPrivileged() ? "/var/cache" : cache, "containers/short-name-aliases.conf"),
  };
}
