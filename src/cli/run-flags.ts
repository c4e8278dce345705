/** Flags of `run` and `create` beside those that say what the container is. */
import { foregroundOptions } from "./foreground-options.ts";
import { registryOptions } from "./images.ts";
import type { OptionSpecs } from "./option.ts";

const { tlsVerify, creds, authfile, certDir } = registryOptions;
const inImage = <T extends object>(spec: T) => ({ ...spec, group: "Image" }) as const;

export const createFlags = {
  attach: {
    type: "strings",
    short: "a",
    value: "stream",
    summary: "stdin, stdout, stderr: only these are attached",
  },
  cidfile: {
    type: "string",
    value: "file",
    summary: "write the container's ID to this file, which must not exist",
  },
  quiet: { type: "boolean", short: "q", summary: "do not tell how the image comes" },
  tlsVerify: inImage(tlsVerify),
  creds: inImage(creds),
  authfile: inImage(authfile),
  certDir: inImage(certDir),
} as const satisfies OptionSpecs;

export const runFlags = {
  detach: { type: "boolean", short: "d", summary: "in the background: print its ID, and leave it" },
  ...foregroundOptions,
  pidfile: { type: "string", value: "file", summary: "write the pid of its first process to this file" },
  replace: { type: "boolean", summary: "remove a container that has that name already" },
  ...createFlags,
} as const satisfies OptionSpecs;
