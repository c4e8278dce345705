/** What the image commands have in common: their store, their options, names and IDs as people read them. */

import { messageOf, RuntError } from "../errors.ts";
import type { StoredImage } from "../image/find.ts";
import type { RegistryOptions } from "../image/registry/options.ts";
import type { ImageStore } from "../image/store.ts";
import type { Platform } from "../spec/image/platform.ts";
import type { Context } from "./command.ts";
import type { OptionSpecs } from "./option.ts";
import { writeAll } from "./output.ts";

/**
 * The images that the command is about.
 * @param needs "files": it makes, reads or deletes files of layers. An ordinary user's command starts anew then, in a user
 *   namespace, so that nothing should have been read or said before.
 */
export async function openImages(
  { dataRoot, log }: Context,
  needs: "names" | "files" = "names",
): Promise<ImageStore> {
  if (needs === "files" && process.geteuid!() !== 0) {
    (await import("../engine/ordinary-user.ts")).enterUserNamespace();
  }
  const [{ ImageStore }, { defaultImageRoot }, { imageEventsOf }] = await Promise.all([
    import("../image/store.ts"),
    import("../image/stores.ts"),
    import("../engine/image-events.ts"),
  ]);
  const root = dataRoot ?? defaultImageRoot();
  return await ImageStore.open(root, imageEventsOf(root, log));
}

/** Options of every command that asks a registry. */
export const registryOptions = {
  tlsVerify: {
    type: "boolean",
    default: true,
    summary: "verify the registry's certificate; =false also allows plain HTTP",
  },
  creds: {
    type: "string",
    value: "user[:password]",
    summary: "who to be at the registry, instead of what login stored",
  },
  authfile: {
    type: "string",
    value: "file",
    summary: "where login stored it, instead of docker's and podman's places",
  },
  certDir: {
    type: "string",
    value: "dir",
    summary: "with <host>/*.crt and client certificates, or <host>/hosts.toml",
  },
} as const satisfies OptionSpecs;

interface RegistryOptionValues {
  readonly tlsVerify: boolean;
  readonly creds?: string;
  readonly authfile?: string;
  readonly certDir?: string;
}

/** What they say about the registry of a name. @throws {RuntError} InvalidArgument */
export async function toRegistryOptions(values: RegistryOptionValues): Promise<RegistryOptions> {
  const [{ credentialOf }, { credentialsFromFiles }, { version }] = await Promise.all([
    import("../image/registry/credentials/credential.ts"),
    import("../image/registry/credentials/source.ts"),
    import("./version.ts"),
  ]);
  const { tlsVerify, creds, authfile, certDir } = values;
  return {
    userAgent: `runt/${version}`,
    ...(creds !== undefined && { credential: credentialOf(...(await splitCreds(creds))) ?? invalidCreds() }),
    ...(authfile !== undefined && { credentials: credentialsFromFiles([authfile], process.env) }),
    ...(!tlsVerify && { verify: "nothing" }),
    ...(certDir !== undefined && { hostDirectories: [certDir] }),
  };
}

async function splitCreds(creds: string): Promise<[username: string, password: string]> {
  const colon = creds.indexOf(":");
  if (colon >= 0) return [creds.slice(0, colon), creds.slice(colon + 1)];
  const { askPassword } = await import("./ask.ts");
  return [creds, await askPassword("Password: ")];
}

function invalidCreds(): never {
  throw new RuntError("InvalidArgument", "--creds must be user:password", { operation: "login" });
}

/** `--platform`. */
export const platformOption = {
  platform: { type: "string", value: "os/arch[/variant]", summary: "for another machine than this one" },
} as const satisfies OptionSpecs;

/** @throws {RuntError} InvalidArgument */
export async function toPlatform(text: string | undefined): Promise<Platform | undefined> {
  if (text === undefined) return undefined;
  return (await import("../image/platform/platform.ts")).parsePlatform(text);
}

/** `--platform` of verbs that take several: once for each, or with commas. @throws {RuntError} InvalidArgument */
export async function toPlatforms(texts: readonly string[]): Promise<Platform[] | undefined> {
  const { parsePlatform } = await import("../image/platform/platform.ts");
  return texts.length === 0 ? undefined : texts.flatMap((text) => text.split(",")).map(parsePlatform);
}

/** "sha256:ab12…" as people read it: twelve digits, or all of it. */
export function shownId(digest: string, length: "short" | "whole"): string {
  return length === "whole" ? digest : digest.slice(digest.indexOf(":") + 1).slice(0, 12);
}

/** The name as people write it: "busybox:latest". A name that another tool wrote stays as it is. */
export async function shownName(name: string): Promise<string> {
  const [{ familiarName }, { parsed }] = await Promise.all([
    import("../image/reference/reference.ts"),
    import("../image/inspect.ts"),
  ]);
  const reference = parsed(name);
  return reference ? familiarName(reference) : name;
}

/** Repository and tag of each name of an image, "<none>" where it has none. */
export async function repositoriesAndTags(image: StoredImage): Promise<[repository: string, tag: string][]> {
  const pairs: [string, string][] = [];
  for (const name of image.names) {
    const shown = await shownName(name);
    const [named] = shown.split("@", 1) as [string];
    const colon = named.lastIndexOf(":");
    if (colon > named.lastIndexOf("/")) pairs.push([named.slice(0, colon), named.slice(colon + 1)]);
    else pairs.push([named, "<none>"]);
  }
  return pairs.length > 0 ? pairs : [["<none>", "<none>"]];
}

/**
 * Does something for each operand; one that fails does not stop the others.
 * @returns the exit status
 */
export async function forEach(
  operands: readonly string[],
  work: (operand: string) => Promise<void>,
): Promise<number> {
  let status = 0;
  for (const operand of operands) {
    try {
      await work(operand);
    } catch (error) {
      if (operands.length === 1) throw error;
      writeAll(2, `error: ${messageOf(error)}\n`);
      status = 1;
    }
  }
  return status;
}
