/** What a thread that applies a layer and the one that gives it the bytes say to each other. */
import { type ErrorKind, type ErrorSite, messageOf, RuntError } from "../../errors.ts";
import type { AppliedLayer, ApplyOptions, LayerProgress } from "./apply.ts";

/** What can be sent of the options. */
export interface ThreadOptions extends Omit<ApplyOptions, "onProgress" | "signal" | "compressedDigest"> {
  /** The blob's digest is known: of one that is not compressed, the diffID too. */
  readonly hashedBySender: boolean;
}

/** To the thread. Buffers are lent: the thread has them until it gives them back. */
export type ToThread =
  | { readonly type: "apply"; readonly options: ThreadOptions }
  | { readonly type: "chunk"; readonly buffer: ArrayBuffer; readonly length: number }
  | { readonly type: "end" }
  /** The bytes will not come; or nobody wants the layer any more. */
  | { readonly type: "abort" };

/** From the thread; "applied" and "failed" are the last of a layer. */
export type FromThread =
  | { readonly type: "back"; readonly buffer: ArrayBuffer }
  | { readonly type: "progress"; readonly progress: LayerProgress }
  | { readonly type: "applied"; readonly layer: AppliedLayer }
  | { readonly type: "failed"; readonly error: SentError };

/** An error without its class and its cause, which do not survive the journey. */
export interface SentError {
  readonly message: string;
  readonly stack: string;
  /** Of a RuntError. */
  readonly kind?: ErrorKind;
  readonly site?: ErrorSite;
}

export function sendableError(error: unknown): SentError {
  const sent = { message: messageOf(error), stack: error instanceof Error ? (error.stack ?? "") : "" };
  return error instanceof RuntError ? { ...sent, kind: error.kind, site: error.site } : sent;
}

export function errorFrom({ message, stack, kind, site }: SentError): Error {
  const error = kind && site ? new RuntError(kind, message, site) : new Error(message);
  error.stack = stack;
  return error;
}
