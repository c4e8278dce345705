/**
 * nftables, in the language of nft(8): commands go to libnftables, which parses them and makes one transaction of each
 * call. The library is opened when the first command is given. @see libnftables(3)
 */
import { I32, I64, SystemLibrary, Text, U32 } from "./ffi.ts";

const libraryFile = "libnftables.so.1";
/** `<nftables/libnftables.h>` */
const NFT_CTX_DEFAULT = 0;
const NFT_CTX_OUTPUT_JSON = 1 << 4;

/** What nftables refuses, in its own words. */
export class NftablesError extends Error {
  override readonly name = "NftablesError";
  /** The first line of what libnftables says, without the command and its pointer to the place. */
  readonly reason: string;

  constructor(reason: string, commands: string) {
    super(`nftables: ${reason} (${commands.length > 200 ? `${commands.slice(0, 200)}…` : commands})`);
    this.reason = reason;
  }
}

/** The library is not installed. */
export class NftablesMissing extends Error {
  override readonly name = "NftablesMissing";

  constructor(cause: unknown) {
    super(`${libraryFile}: cannot be opened; on Debian it comes with the package libnftables1`, { cause });
  }
}

/** nftables of the network namespace that this process was in when the first command was given. */
class Nftables {
  readonly #library: SystemLibrary;
  readonly #context: number;

  constructor() {
    try {
      this.#library = new SystemLibrary(libraryFile);
    } catch (error) {
      throw new NftablesMissing(error);
    }
    this.#context = this.#library.call("nft_ctx_new", I64, [U32], [NFT_CTX_DEFAULT]) as number;
    if (this.#context === 0) throw new NftablesError("no context", "nft_ctx_new");
    this.#int("nft_ctx_buffer_output");
    this.#int("nft_ctx_buffer_error");
  }

  run(commands: string, outputFlags: number): string {
    this.#library.call("nft_ctx_output_set_flags", I32, [I64, U32], [this.#context, outputFlags]);
    const types = [I64, Text] as const;
    const failed = this.#library.call("nft_run_cmd_from_buffer", I32, types, [this.#context, commands]);
    const output = this.#text("nft_ctx_get_output_buffer");
    const error = this.#text("nft_ctx_get_error_buffer");
    if (failed) throw new NftablesError(reasonOf(error), commands);
    return output;
  }

  #int(funcName: string): void {
    this.#library.call(funcName, I32, [I64], [this.#context]);
  }

  #text(funcName: string): string {
    return this.#library.call(funcName, Text, [I64], [this.#context]) as string;
  }
}

let opened: Nftables | undefined;

/** "Could not process rule: No such file or directory" from the lines that libnftables prints. */
function reasonOf(error: string): string {
  const line = error.split("\n").find((text) => text.includes("rror:")) ?? error.split("\n")[0] ?? "";
  return line.replace(/^.*?[Ee]rror: /, "").trim() || "unknown error";
}

/**
 * Runs commands, separated by newlines, as one transaction: all of them happen, or none.
 * @throws {NftablesMissing | NftablesError}
 */
export function nft(commands: string): void {
  opened ??= new Nftables();
  opened.run(commands, 0);
}

/**
 * What a `list` command prints, as the objects of libnftables-json(5).
 * @throws {NftablesMissing | NftablesError}
 */
export function nftList(command: string): Record<string, unknown>[] {
  opened ??= new Nftables();
  const text = opened.run(command, NFT_CTX_OUTPUT_JSON);
  return text === "" ? [] : (JSON.parse(text) as { nftables: Record<string, unknown>[] }).nftables;
}
