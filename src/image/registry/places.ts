/**
 * The servers of one repository: registries.conf says at which registries it is, and for each of them hosts.toml or
 * certs.d how that is reached.
 */

import { type Reference, repositoryName } from "../reference/reference.ts";
import { endpointsOf, entryFor, refuseBlocked } from "../registries-conf/endpoints.ts";
import { readRegistriesConf } from "../registries-conf/read.ts";
import type { Capability, RegistryHost } from "./host.ts";
import { hostsOf } from "./hosts.ts";
import type { RegistrySettings } from "./options.ts";
import { Session } from "./session.ts";
import type { Transport } from "./transport.ts";

/** A registry that a repository is at. */
export interface Place {
  readonly domain: string;
  /** The repository there. */
  readonly path: string;
  readonly standing: "mirror" | "registry";
  /** What it is good for, at most. */
  readonly uses: "reading" | "writing" | "both";
  /** With what registries.conf adds for it. */
  readonly settings: RegistrySettings;
}

/**
 * Where `reference` is read, and where it is written: the latter always where its name says, as with podman.
 * @throws {RuntError} PermissionDenied where registries.conf does not want it used; InvalidArgument for one that cannot
 *   be understood
 */
export async function placesOf(reference: Reference, settings: RegistrySettings): Promise<Place[]> {
  const conf = await readRegistriesConf(settings.registriesConf);
  const { domain, path } = reference;
  const places = endpointsOf(conf, reference).map(({ standing, insecure, ...at }): Place => {
    const isOwn = at.domain === domain && at.path === path && standing === "registry";
    // Who trusts a registry blindly means the one that stands for it too.
    const trusts = insecure || (standing === "registry" && settings.insecure.has(domain));
    return {
      ...at,
      standing,
      uses: isOwn ? "both" : "reading",
      settings: trusts ? trusting(settings, at.domain) : settings,
    };
  });
  if (places.some(({ uses }) => uses === "both")) return places;
  const entry = entryFor(conf, repositoryName(reference));
  const own = entry?.insecure ? trusting(settings, domain) : settings;
  return [...places, { domain, path, standing: "registry", uses: "writing", settings: own }];
}

/**
 * The settings for a registry as a whole, with what registries.conf adds.
 * @throws {RuntError} as `placesOf`
 */
export async function settingsAt(domain: string, settings: RegistrySettings): Promise<RegistrySettings> {
  const conf = await readRegistriesConf(settings.registriesConf);
  const entry = entryFor(conf, domain);
  refuseBlocked(entry, domain, "login");
  return entry?.insecure ? trusting(settings, domain) : settings;
}

function trusting(settings: RegistrySettings, domain: string): RegistrySettings {
  return { ...settings, insecure: new Set([...settings.insecure, domain]) };
}

/** The servers of a place. @throws {RuntError} InvalidArgument as `hostsOf` */
export async function sessionsAt(
  { domain, path, standing, uses, settings }: Place,
  transport: Transport,
): Promise<Session[]> {
  const hosts = await hostsOf(domain, settings);
  return hosts.map((host) => {
    const usable = uses === "both" ? host : limited(host, uses);
    return new Session({ host: usable, domain, path, standing, transport, settings });
  });
}

function limited(host: RegistryHost, uses: "reading" | "writing"): RegistryHost {
  const fits = (capability: Capability) => (capability === "push") === (uses === "writing");
  return { ...host, capabilities: new Set([...host.capabilities].filter(fits)) };
}
